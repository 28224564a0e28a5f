import Statistics
import Testing

@Suite struct QuantileIntervalTests {
  // From SciPy's binomial distribution; the first is the textbook's 2nd and 9th of ten.
  @Test(arguments: [
    (10, 0.5, 0.95, 1, 8), (100, 0.5, 0.95, 39, 60), (1000, 0.99, 0.95, 982, 996), (500, 0.9, 0.99, 431, 466),
    (60, 0.95, 0.9, 53, 59), (20, 0.5, 0.9, 5, 14),
  ])
  func ranks(count: Int, probability: Double, confidence: Double, lower: Int, upper: Int) throws {
    let ranks = try Quantile.intervalRanks(count: count, probability: probability, confidence: confidence)
    #expect(ranks == (lower, upper))
    let interval = try Quantile.interval(
      ofSorted: (0..<count).map { Double($0) * 10 }, probability: probability, confidence: confidence)
    #expect(interval == Interval(lower: Double(lower) * 10, upper: Double(upper) * 10))
  }

  @Test func equalityOnPaperCounts() throws {
    // Of four values, all lie above the median with probability 1/16, which is half of what 7/8 leaves.
    #expect(try Quantile.intervalRanks(count: 4, probability: 0.5, confidence: 0.875) == (0, 3))
  }

  @Test(arguments: [(5, 0.5, 0.95, 6), (58, 0.95, 0.9, 59), (367, 0.99, 0.95, 368), (367, 0.01, 0.95, 368)])
  func tooFewValuesNameHowManySuffice(count: Int, probability: Double, confidence: Double, needed: Int) throws {
    #expect(throws: StatisticsError.tooFewValues(count: count, needed: needed)) {
      try Quantile.intervalRanks(count: count, probability: probability, confidence: confidence)
    }
    let ranks = try Quantile.intervalRanks(count: needed, probability: probability, confidence: confidence)
    #expect(ranks.lower == 0 || ranks.upper == needed - 1)
  }

  @Test(arguments: [0, 1, -0.5, .nan])
  func probabilitiesAndConfidencesLieBetweenZeroAndOne(number: Double) {
    #expect(throws: StatisticsError.self) {
      try Quantile.intervalRanks(count: 100, probability: number, confidence: 0.9)
    }
    #expect(throws: StatisticsError.self) {
      try Quantile.intervalRanks(count: 100, probability: 0.5, confidence: number)
    }
  }
}
