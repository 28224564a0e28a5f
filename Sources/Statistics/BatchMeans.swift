/// The mean of one long, correlated sequence of observations and its confidence interval, from the means of equal batches.
public struct BatchMeans: Sendable, Hashable {
  /// The mean of all observations in the batches.
  public let mean: Double
  /// The Student-t interval of the mean, as if the batch means were independent.
  public let interval: Interval
  /// How many batches there are.
  public let batchCount: Int
  /// The correlation of neighbouring batch means, in von Neumann's form, in which its expected value is zero for
  /// independent means; zero when all means are equal.
  public let lagOneAutocorrelation: Double
  /// Whether the batch means pass as independent: their lag-1 autocorrelation is not significantly positive at the level
  /// of 5 %, one-sided. If they don't, the interval is too narrow, and the batches must be longer.
  public let areUncorrelated: Bool

  /// Divides observations into batches of equal size; what is left at the end is ignored.
  ///
  /// - Parameters:
  ///   - values: finite observations in the order of time, after the warm-up; at least as many as batches.
  ///   - batchCount: at least 8, where the test of the autocorrelation begins to hold.
  ///   - confidence: probability that the interval covers the true mean, in (0, 1).
  /// - Throws: `StatisticsError` for other arguments.
  /// - Complexity: O(n)
  public init(of values: [Double], batchCount: Int = 20, confidence: Double) throws(StatisticsError) {
    guard batchCount >= 8 else {
      throw .outOfRange(argument: "number of batches", value: Double(batchCount), expected: "at least 8")
    }
    guard values.count >= batchCount else { throw .tooFewValues(count: values.count, needed: batchCount) }
    let size = values.count / batchCount
    let means = try BatchMeans.means(of: Array(values.prefix(size * batchCount)), batchSize: size)
    (mean, interval) = try meanInterval(of: means, confidence: confidence)
    self.batchCount = batchCount
    var squares = 0.0
    for value in means { squares += (value - mean) * (value - mean) }
    var steps = 0.0
    for index in 1..<batchCount {
      let step = means[index] - means[index - 1]
      steps += step * step
    }
    lagOneAutocorrelation = squares > 0 ? 1 - steps / (2 * squares) : 0
    let count = Double(batchCount)
    let deviation = ((count - 2) / (count * count - 1)).squareRoot()
    areUncorrelated = lagOneAutocorrelation <= deviation * (try Normal.quantile(probability: 0.95))
  }

  /// The means of consecutive batches; what is left at the end is ignored.
  static func means(of values: [Double], batchSize: Int) throws(StatisticsError) -> [Double] {
    var means: [Double] = []
    var tally = Tally()
    for value in values {
      guard value.isFinite else {
        throw .outOfRange(argument: "a value of the sequence", value: value, expected: "a finite number")
      }
      tally.add(value)
      guard tally.count == batchSize else { continue }
      means.append(tally.mean)
      tally = Tally()
    }
    return means
  }
}
