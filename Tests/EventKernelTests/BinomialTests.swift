import Foundation
import Statistics
import Testing

@testable import EventKernel

/// Fits at confidence 99.9 % with fixed seeds.
@Suite struct BinomialTests {
  private func logProbability(_ count: Int, _ trials: Int, _ probability: Double) -> Double {
    let (n, k) = (Double(trials), Double(count))
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(probability) + (n - k) * log1p(-probability)
  }

  @Test(arguments: [
    (1, 0.3), (12, 0.5), (40, 0.02), (40, 0.25), (40, 0.26), (40, 0.9), (25, 0.6), (300, 0.1), (5_000, 0.003),
    (5_000, 0.7), (100_000, 0.000_09),
  ])
  func fits(trials: Int, probability: Double) throws {
    var stream = RandomStream(seed: 31, replication: 0, entity: UInt32(trials), purpose: UInt16(probability * 1e4))
    let values = (0..<4_000).map { _ in stream.nextBinomial(trials: trials, probability: probability) }
    #expect(values.allSatisfy { (0...trials).contains($0) })
    let mean = Double(trials) * probability
    try expectMoments(values.map(Double.init), mean: mean, variance: mean * (1 - probability))
    try expectCounts(values) { $0 > trials ? 0 : exp(logProbability($0, trials, probability)) }
  }

  @Test func certaintiesTakeNoChances() {
    var stream = RandomStream(seed: 31, replication: 0, entity: 0, purpose: 0)
    #expect((0..<50).allSatisfy { _ in stream.nextBinomial(trials: 0, probability: 0.4) == 0 })
    #expect((0..<50).allSatisfy { _ in stream.nextBinomial(trials: 900, probability: 0) == 0 })
    #expect((0..<50).allSatisfy { _ in stream.nextBinomial(trials: 900, probability: 1) == 900 })
  }

  @Test func veryManyTrials() throws {
    var stream = RandomStream(seed: 32, replication: 0, entity: 0, purpose: 0)
    let trials = 1 << 50
    let deviation = (Double(trials) * 0.25).squareRoot()
    let scores = (0..<2_000).map { _ in
      Double(stream.nextBinomial(trials: trials, probability: 0.5) - trials / 2) / deviation
    }
    #expect(kolmogorovDistance(scores) { 0.5 * erfc(-$0 / 2.0.squareRoot()) } < kolmogorovLimit)
    // So rare that rounding 1 - p would lose it: a Poisson distribution with mean 4.
    let rare = (0..<4_000).map { _ in stream.nextBinomial(trials: trials, probability: 4 / Double(trials)) }
    try expectCounts(rare) { exp(Double($0) * log(4) - 4 - lgamma(Double($0) + 1)) }
  }

  // From arithmetic with 40 digits.
  @Test(arguments: [
    (40, 0.3, 12, -1.99089000028176422), (1_000, 0.4, 431, -5.65667185808997685),
    (1_000_000, 0.0001, 77, -5.96706267372869577), (1_000_000_000, 0.5, 500_012_345, -10.8922223210941022),
    (50, 0.25, 0, -14.3841036225890464), (50, 0.25, 50, -69.3147180559945309),
  ])
  func probabilities(trials: Int, probability: Double, count: Int, expected: Double) {
    #expect((logBinomialProbability(Double(count), trials, probability) - expected).magnitude < 1e-12)
  }
}
