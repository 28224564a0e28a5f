/// Count, mean, variance and extremes of a sequence of values in constant space.
///
/// Stable however large the mean is against the spread (Welford's recurrence, and its pairwise form for merging).
public struct Tally: Sendable, Hashable {
  /// How many values were added.
  public private(set) var count: Int64 = 0
  /// The least value; infinity when there is none.
  public private(set) var minimum = Double.infinity
  /// The greatest value; -infinity when there is none.
  public private(set) var maximum = -Double.infinity
  private var center = 0.0
  private var squares = 0.0

  /// Creates a tally of no values.
  public init() {}

  /// The arithmetic mean; NaN when there are no values.
  public var mean: Double { count > 0 ? center : .nan }

  /// The unbiased sample variance (divisor n - 1); NaN below two values.
  public var variance: Double { count > 1 ? squares / Double(count - 1) : .nan }

  /// Adds a value.
  public mutating func add(_ value: Double) {
    count += 1
    let deviation = value - center
    center += deviation / Double(count)
    squares += deviation * (value - center)
    minimum = min(minimum, value)
    maximum = max(maximum, value)
  }

  /// Adds all values of another tally.
  ///
  /// The result equals that of adding the values one by one up to rounding, so merge in a fixed order where bits matter.
  public mutating func merge(_ other: Tally) {
    guard other.count > 0 else { return }
    guard count > 0 else {
      self = other
      return
    }
    let total = Double(count) + Double(other.count)
    let deviation = other.center - center
    let weight = Double(other.count) / total
    squares += other.squares + deviation * deviation * Double(count) * weight
    center += deviation * weight
    count += other.count
    minimum = min(minimum, other.minimum)
    maximum = max(maximum, other.maximum)
  }
}
