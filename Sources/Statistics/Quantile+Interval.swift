import CGSL

extension Quantile {
  /// An interval that covers a quantile of the distribution from which independent values were drawn, whatever the
  /// distribution is.
  ///
  /// Its ends are order statistics. How many values fall below the quantile is binomial; each end is placed so that its
  /// tail has a probability of at most half of what the confidence leaves. The confidence is therefore at least the given.
  ///
  /// - Parameters:
  ///   - values: ascending, none of them NaN.
  ///   - probability: of the quantile, in (0, 1).
  ///   - confidence: probability that the interval covers the quantile, in (0, 1).
  /// - Throws: `StatisticsError.outOfRange` for other arguments, `.tooFewValues` when not even all values suffice.
  /// - Complexity: O(log n)
  public static func interval(
    ofSorted values: [Double], probability: Double, confidence: Double
  ) throws(StatisticsError) -> Interval {
    let ranks = try intervalRanks(count: values.count, probability: probability, confidence: confidence)
    return Interval(lower: values[ranks.lower], upper: values[ranks.upper])
  }

  /// The indices, from zero, of the order statistics that bound a quantile.
  ///
  /// - Parameters:
  ///   - count: how many independent values were drawn.
  ///   - probability: of the quantile, in (0, 1).
  ///   - confidence: probability that the interval covers the quantile, in (0, 1).
  /// - Throws: `StatisticsError.outOfRange` for other arguments, `.tooFewValues` when no two values suffice.
  /// - Complexity: O(log n)
  public static func intervalRanks(
    count: Int, probability: Double, confidence: Double
  ) throws(StatisticsError) -> (lower: Int, upper: Int) {
    try checkProbability(probability)
    try checkConfidence(confidence)
    Library.prepare()
    let tail = (1 - confidence) / 2
    // More than rounding errors of the library, so that equality on paper counts as such.
    let limit = tail * (1 + 1e-9)
    let needed = (PortableMath.log(tail) / PortableMath.log(max(probability, 1 - probability)) - 1e-9).rounded(.up)
    guard Double(count) >= needed, count <= Int(Int32.max) else {
      throw .tooFewValues(count: count, needed: Int(min(needed, 0x1p62)))
    }
    let size = UInt32(count)
    // Index i is below the quantile when more than i values are: P(B ≤ i) must be small.
    let lower = firstIndex(in: 0..<size) { gsl_cdf_binomial_P($0, probability, size) > limit }
    // Index i is above it when at most i values are below: P(B > i) must be small.
    let upper = firstIndex(in: 0..<size) { gsl_cdf_binomial_Q($0, probability, size) <= limit }
    return (Int(lower) - 1, Int(upper))
  }

  /// The first index from which a condition holds that, once it holds, holds for all greater ones.
  private static func firstIndex(in range: Range<UInt32>, where condition: (UInt32) -> Bool) -> UInt32 {
    var lower = range.lowerBound
    var upper = range.upperBound
    while lower < upper {
      let middle = lower + (upper - lower) / 2
      if condition(middle) { upper = middle } else { lower = middle + 1 }
    }
    return lower
  }
}
