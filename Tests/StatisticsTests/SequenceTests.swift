import Foundation
import Statistics
import Testing

/// Uniform numbers of Knuth's linear congruential generator, so that other programs can compute the same sequences.
private func uniforms(_ count: Int) -> [Double] {
  var state: UInt64 = 12345
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 33) * 0x1p-31
  }
}

@Suite struct WarmUpTests {
  @Test func transientIsFound() throws {
    // The least criterion by NumPy over all truncations.
    let values = uniforms(503).enumerated().map { $1 + 10 * pow(0.95, Double($0)) }
    #expect(try WarmUp.mser5(values) == 95)
  }

  @Test func truncationInTheSecondHalfIsRejected() throws {
    let values = uniforms(503).enumerated().map { $1 + Double($0) }
    #expect(try WarmUp.mser5(values) == nil)
  }

  @Test func stepEndsWhereItEnds() throws {
    let values = [Double](repeating: 9, count: 25) + [Double](repeating: 2, count: 75)
    #expect(try WarmUp.mser5(values) == 25)
  }

  @Test func constantOutputHasNoWarmUp() throws {
    #expect(try WarmUp.mser5([Double](repeating: 0.1, count: 50)) == 0)
  }

  @Test func sequencesThatAreNone() {
    #expect(throws: StatisticsError.tooFewValues(count: 49, needed: 50)) { try WarmUp.mser5(uniforms(49)) }
    #expect(throws: StatisticsError.self) { try WarmUp.mser5(uniforms(60) + [.nan]) }
  }
}

@Suite struct BatchMeansTests {
  private func isClose(_ value: Double, _ expected: Double) -> Bool {
    (value - expected).magnitude <= 1e-10 * expected.magnitude
  }

  // Both from NumPy and SciPy.
  @Test func independentValues() throws {
    let batches = try BatchMeans(of: uniforms(503), confidence: 0.95)
    #expect(batches.batchCount == 20)
    #expect(isClose(batches.mean, 0.49326429892890145))
    #expect(isClose(batches.interval.halfWidth, 0.022095314530824122))
    #expect(isClose(batches.lagOneAutocorrelation, 0.12922251970211807))
    #expect(batches.areUncorrelated)
  }

  @Test func correlatedValuesAreSeen() throws {
    var level = 0.0
    let values = uniforms(503).map { value in
      level = 0.97 * level + (value - 0.5)
      return level
    }
    let batches = try BatchMeans(of: values, batchCount: 25, confidence: 0.9)
    #expect(isClose(batches.mean, -0.08584993710079722))
    #expect(isClose(batches.interval.halfWidth, 0.2692627009561551))
    #expect(isClose(batches.lagOneAutocorrelation, 0.5610777647293654))
    #expect(!batches.areUncorrelated)
  }

  @Test func equalValuesAreUncorrelated() throws {
    let batches = try BatchMeans(of: [Double](repeating: 3, count: 16), batchCount: 8, confidence: 0.9)
    #expect(batches.interval == Interval(lower: 3, upper: 3))
    #expect(batches.lagOneAutocorrelation == 0 && batches.areUncorrelated)
  }

  @Test func sequencesThatAreNone() {
    #expect(throws: StatisticsError.tooFewValues(count: 19, needed: 20)) {
      try BatchMeans(of: uniforms(19), confidence: 0.9)
    }
    let expected = StatisticsError.outOfRange(argument: "number of batches", value: 7, expected: "at least 8")
    #expect(throws: expected) { try BatchMeans(of: uniforms(70), batchCount: 7, confidence: 0.9) }
    #expect(throws: StatisticsError.self) { try BatchMeans(of: uniforms(70), confidence: 0) }
    #expect(throws: StatisticsError.self) { try BatchMeans(of: uniforms(79) + [.infinity], confidence: 0.9) }
  }
}
