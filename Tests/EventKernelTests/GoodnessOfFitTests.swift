import Foundation
import Statistics
import Testing

@testable import EventKernel

/// Fits at confidence 99.9 % with fixed seeds.
@Suite struct GoodnessOfFitTests {
  private let count = 4_000

  private func stream(_ entity: UInt32) -> RandomStream {
    RandomStream(seed: 2024, replication: 0, entity: entity, purpose: 9)
  }

  private func normal(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }

  /// The gamma distribution function for scale 1 and a shape that is a multiple of one half, by recurrence on the shape.
  private func gamma(_ shape: Double, _ x: Double) -> Double {
    var current = shape.truncatingRemainder(dividingBy: 1) == 0 ? 1 : 0.5
    var value = current == 1 ? 1 - exp(-x) : erf(x.squareRoot())
    while current < shape {
      value -= exp(current * log(x) - x - lgamma(current + 1))
      current += 1
    }
    return value
  }

  private func draws(_ entity: UInt32, _ draw: (inout RandomStream) -> Double) -> [Double] {
    var stream = stream(entity)
    return (0..<count).map { _ in draw(&stream) }
  }

  @Test func uniform() {
    let values = draws(1) { $0.nextUniform() }
    #expect(values.allSatisfy { $0 > 0 && $0 < 1 })
    #expect(kolmogorovDistance(values) { $0 } < kolmogorovLimit)
  }

  @Test func exponential() {
    let values = draws(2) { $0.nextExponential(mean: 5) }
    #expect(kolmogorovDistance(values) { 1 - exp(-$0 / 5) } < kolmogorovLimit)
  }

  @Test func normalDeviates() {
    let values = draws(3) { $0.nextNormal() }
    #expect(kolmogorovDistance(values, normal) < kolmogorovLimit)
    // Neighbouring deviates are independent.
    let products = stride(from: 0, to: count, by: 2).map { values[$0] * values[$0 + 1] }
    #expect(throws: Never.self) {
      let interval = try meanInterval(of: products, confidence: 0.999).interval
      #expect(interval.lower < 0 && interval.upper > 0)
    }
  }

  @Test func lognormal() {
    let values = draws(4) { $0.nextLognormal(mean: 3, coefficientOfVariation: 1.5) }
    let sigma = log(1 + 1.5 * 1.5).squareRoot()
    let mu = log(3) - sigma * sigma / 2
    #expect(kolmogorovDistance(values) { normal((log($0) - mu) / sigma) } < kolmogorovLimit)
    let direct = draws(4) { $0.nextLognormal(mu: mu, sigma: sigma) }
    #expect(zip(values, direct).allSatisfy { ($0 - $1).magnitude <= 1e-12 * $1 })
  }

  @Test(arguments: [0.5, 1, 1.5, 4, 20.5])
  func gammaDeviates(shape: Double) {
    let values = draws(UInt32(5 + 2 * shape)) { $0.nextGamma(shape: shape, scale: 2) }
    #expect(kolmogorovDistance(values) { gamma(shape, $0 / 2) } < kolmogorovLimit)
  }

  @Test(arguments: [0.01, 0.7, 3.5, 9.99, 10, 11, 27.3, 400])
  func poisson(mean: Double) throws {
    var stream = stream(UInt32(100 + mean))
    let values = (0..<count).map { _ in stream.nextPoisson(mean: mean) }
    #expect(values.allSatisfy { $0 >= 0 })
    try expectMoments(values.map(Double.init), mean: mean, variance: mean)
    try expectCounts(values) { exp(Double($0) * log(mean) - mean - lgamma(Double($0) + 1)) }
  }

  @Test func poissonProbabilities() {
    for mean in [10.0, 33.3, 5000, 1e7] {
      for offset in [-3.0, -1, 0, 1, 3] {
        let count = max(0, (mean + offset * mean.squareRoot()).rounded())
        let expected = count * log(mean) - mean - lgamma(count + 1)
        #expect((logPoissonProbability(count, mean) - expected).magnitude < 1e-13 * mean + 1e-12)
      }
    }
    #expect(logPoissonProbability(0, 12) == -12)
  }

  @Test func poissonOfNothingAndOfVeryMuch() throws {
    var stream = stream(77)
    #expect((0..<100).allSatisfy { _ in stream.nextPoisson(mean: 0) == 0 })
    let mean = 1e14
    let scores = (0..<2000).map { _ in (Double(stream.nextPoisson(mean: mean)) - mean) / mean.squareRoot() }
    #expect(kolmogorovDistance(scores, normal) < kolmogorovLimit)
  }
}
