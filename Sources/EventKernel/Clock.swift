/// Simulated time, which only moves forward.
public struct Clock: Sendable {
  /// The current time in nanoseconds.
  public private(set) var now: Int64

  /// Creates a clock that stands at `start` nanoseconds.
  public init(start: Int64 = 0) {
    now = start
  }

  /// Moves to `time` nanoseconds, which must not lie before `now`.
  public mutating func advance(to time: Int64) {
    precondition(time >= now, "the clock cannot go back")
    now = time
  }
}
