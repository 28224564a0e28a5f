import Statistics
import Testing

@Suite struct IntervalTests {
  private func isClose(_ value: Double, _ expected: Double) -> Bool {
    (value - expected).magnitude <= 1e-11 * expected.magnitude
  }

  @Test func meanIntervalOfASmallSample() throws {
    let (mean, interval) = try meanInterval(of: [10.1, 9.8, 10.4, 10, 9.9, 10.3], confidence: 0.95)
    #expect(isClose(mean, 10.083333333333333))
    #expect(isClose(interval.halfWidth, 0.24311296491391752))
    #expect(isClose(interval.center, mean))
    #expect(interval.lower < mean && mean < interval.upper)
  }

  @Test func pairedIntervalIsThatOfTheDifferences() throws {
    let (mean, interval) = try pairedInterval(
      of: [10.1, 9.8, 10.4, 10, 9.9, 10.3], minus: [9.7, 9.9, 10.1, 9.6, 9.8, 10], confidence: 0.9)
    #expect(isClose(mean, 0.23333333333333333))
    #expect(isClose(interval.halfWidth, 0.16176263712220785))
  }

  @Test func equalValuesGiveNoWidth() throws {
    let (mean, interval) = try meanInterval(of: [7, 7, 7], confidence: 0.99)
    #expect(mean == 7 && interval == Interval(lower: 7, upper: 7) && interval.halfWidth == 0)
  }

  @Test func samplesThatAreNoneAreErrors() {
    #expect(throws: StatisticsError.tooFewValues(count: 1, needed: 2)) {
      try meanInterval(of: [1], confidence: 0.95)
    }
    #expect(throws: StatisticsError.unequalCounts(first: 2, second: 3)) {
      try pairedInterval(of: [1, 2], minus: [1, 2, 3], confidence: 0.95)
    }
    #expect(throws: StatisticsError.self) { try meanInterval(of: [1, 2], confidence: 1) }
    #expect(throws: StatisticsError.self) { try meanInterval(of: [1, .infinity], confidence: 0.9) }
  }
}

@Suite struct QuantileTests {
  // The values of NumPy's and R's default.
  @Test(arguments: [(0, 1), (0.1, 1.5), (0.25, 2.5), (0.5, 6), (0.9, 24), (0.99, 31.2), (1, 32)])
  func interpolatesBetweenOrderStatistics(probability: Double, expected: Double) {
    #expect((Quantile.ofSorted([1.0, 2, 4, 8, 16, 32], probability) - expected).magnitude < 1e-12)
    #expect((Quantile.ofSorted([1, 2, 4, 8, 16, 32] as [Int64], probability) - expected).magnitude < 1e-12)
  }

  @Test func oneValueIsEveryQuantile() {
    #expect(Quantile.ofSorted([5.0], 0.3) == 5)
    #expect(Quantile.ofSorted([5] as [Int64], 1) == 5)
  }

  @Test func infinitiesAreOrdinaryEnds() {
    #expect(Quantile.ofSorted([1, 2, .infinity], 0.5) == 2)
    #expect(Quantile.ofSorted([1, .infinity, .infinity], 0.75) == .infinity)
    #expect(Quantile.ofSorted([-.infinity, -.infinity, 3], 0.25) == -.infinity)
  }

  @Test func integersFarApartDoNotOverflow() {
    #expect(Quantile.ofSorted([Int64.min, Int64.max], 0.5) == 0)
    #expect(Quantile.ofSorted([9_007_199_254_740_992, 9_007_199_254_740_996] as [Int64], 0.5) == 9_007_199_254_740_994)
  }
}
