/// A closed interval, such as one that holds an unknown value with some confidence.
public struct Interval: Sendable, Hashable {
  /// The lower end.
  public let lower: Double
  /// The upper end, not below the lower one.
  public let upper: Double

  /// Creates an interval. `lower` must not be above `upper`.
  public init(lower: Double, upper: Double) {
    precondition(lower <= upper, "an interval's lower end is above its upper end")
    self.lower = lower
    self.upper = upper
  }

  /// The middle.
  public var center: Double { lower + halfWidth }
  /// Half the distance between the ends.
  public var halfWidth: Double { (upper - lower) / 2 }
}

/// The mean of independent values and its two-sided Student-t confidence interval.
///
/// The interval is exact for normal values. Values that are all equal give an interval of no width.
///
/// - Parameters:
///   - values: at least two finite values.
///   - confidence: probability that the interval covers the true mean, in (0, 1).
/// - Throws: `StatisticsError` for fewer values or another confidence.
/// - Complexity: O(n)
public func meanInterval(
  of values: [Double], confidence: Double
) throws(StatisticsError) -> (mean: Double, interval: Interval) {
  guard values.count >= 2 else { throw .tooFewValues(count: values.count, needed: 2) }
  try checkConfidence(confidence)
  var tally = Tally()
  for value in values {
    guard value.isFinite else {
      throw .outOfRange(argument: "a value of the sample", value: value, expected: "a finite number")
    }
    tally.add(value)
  }
  let quantile = try StudentT.quantile(
    probability: 0.5 + confidence / 2, degreesOfFreedom: Double(values.count - 1))
  let halfWidth = quantile * (tally.variance / Double(values.count)).squareRoot()
  return (tally.mean, Interval(lower: tally.mean - halfWidth, upper: tally.mean + halfWidth))
}

/// The mean of the differences `first - second` of paired values and its two-sided Student-t confidence interval.
///
/// - Parameters:
///   - first: at least two finite values.
///   - second: as many finite values; each belongs to the one of `first` at the same index.
///   - confidence: probability that the interval covers the true mean difference, in (0, 1).
/// - Throws: `StatisticsError` for samples of different or too small sizes or another confidence.
/// - Complexity: O(n)
public func pairedInterval(
  of first: [Double], minus second: [Double], confidence: Double
) throws(StatisticsError) -> (mean: Double, interval: Interval) {
  guard first.count == second.count else { throw .unequalCounts(first: first.count, second: second.count) }
  return try meanInterval(of: zip(first, second).map { $0 - $1 }, confidence: confidence)
}
