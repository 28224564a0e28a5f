/// The run was told to stop before its end.
public struct RunInterrupted: Error {
  /// Creates the error.
  public init() {}
}
