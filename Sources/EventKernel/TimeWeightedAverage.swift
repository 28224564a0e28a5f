/// The average over time of a level that changes in steps, such as a queue's length; exact up to the final division.
public struct TimeWeightedAverage: Sendable, Hashable {
  /// The current level.
  public private(set) var level: Int64
  private var start: Int64
  private var last: Int64
  private var integral: Int128 = 0

  /// Starts to observe at `time` nanoseconds.
  public init(level: Int64 = 0, at time: Int64 = 0) {
    self.level = level
    start = time
    last = time
  }

  /// The level becomes `level` at `time` nanoseconds, which must not lie before the last change.
  public mutating func update(level: Int64, at time: Int64) {
    accumulate(until: time)
    self.level = level
  }

  /// The mean level from the start of observation to `time` nanoseconds, which must not lie before the last change; the
  /// current level when no time has passed.
  public func mean(until time: Int64) -> Double {
    var copy = self
    copy.accumulate(until: time)
    let elapsed = Int128(time) - Int128(start)
    guard elapsed > 0 else { return Double(level) }
    let (whole, rest) = copy.integral.quotientAndRemainder(dividingBy: elapsed)
    return Double(Int64(whole)) + Double(rest) / Double(elapsed)
  }

  /// Forgets everything before `time` nanoseconds except the level: the observation starts anew, as after a warm-up.
  public mutating func reset(at time: Int64) {
    precondition(time >= last, "a level is observed forward in time")
    start = time
    last = time
    integral = 0
  }

  private mutating func accumulate(until time: Int64) {
    precondition(time >= last, "a level is observed forward in time")
    integral += Int128(level) * (Int128(time) - Int128(last))
    last = time
  }
}
