import Statistics
import Testing

/// The Kolmogorov-Smirnov statistic times the root of the sample size.
func kolmogorovDistance(_ values: [Double], _ cumulative: (Double) -> Double) -> Double {
  var worst = 0.0
  for (index, value) in values.sorted().enumerated() {
    let expected = cumulative(value)
    worst = max(worst, Double(index + 1) / Double(values.count) - expected)
    worst = max(worst, expected - Double(index) / Double(values.count))
  }
  return worst * Double(values.count).squareRoot()
}

/// The limit that Kolmogorov's distribution exceeds with probability 0.001.
let kolmogorovLimit = 1.9495

/// Expects counts that pass Pearson's test at 99.9 %, over classes with at least ten expected values, tails joined.
func expectCounts(
  _ values: [Int], sourceLocation: SourceLocation = #_sourceLocation, probability: (Int) -> Double
) throws {
  var statistic = 0.0
  var classes = 0.0
  var expected = 0.0
  var observed = 0.0
  var left = Double(values.count)
  var seen = 0.0
  let counts = Dictionary(grouping: values) { $0 }.mapValues(\.count)
  for value in 0... {
    let share = Double(values.count) * probability(value)
    expected += share
    observed += Double(counts[value] ?? 0)
    left -= share
    if left < 10 { break }
    guard expected >= 10 else { continue }
    statistic += (observed - expected) * (observed - expected) / expected
    seen += observed
    classes += 1
    expected = 0
    observed = 0
  }
  let rest = Double(values.count) - seen
  let restExpected = expected + left
  statistic += (rest - restExpected) * (rest - restExpected) / restExpected
  guard classes > 0 else { return }
  let allowed = try ChiSquared.quantile(probability: 0.999, degreesOfFreedom: classes)
  #expect(statistic < allowed, sourceLocation: sourceLocation)
}

/// Expects that mean and variance lie in the 99.9 % intervals of a sample.
func expectMoments(
  _ values: [Double], mean: Double, variance: Double, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let center = try meanInterval(of: values, confidence: 0.999).interval
  #expect(center.lower <= mean && mean <= center.upper, sourceLocation: sourceLocation)
  let squares = try meanInterval(of: values.map { ($0 - mean) * ($0 - mean) }, confidence: 0.999).interval
  #expect(squares.lower <= variance && variance <= squares.upper, sourceLocation: sourceLocation)
}
