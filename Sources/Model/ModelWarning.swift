import Virtualization

/// A remark for the user on what a scenario asks for.
public struct ModelWarning: Sendable, Hashable {
  /// The key or item that it is about; nil where it is about no place of the scenario.
  public let location: SourceLocation?
  /// The remark, without a full stop.
  public let message: String
}
