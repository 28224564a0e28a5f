import Foundation
import Statistics
import Testing

@testable import EventKernel

@Suite struct DistributionTests {
  private func isClose(_ value: Double, _ expected: Double) -> Bool {
    (value - expected).magnitude <= 1e-12 * expected.magnitude
  }

  @Test(arguments: [
    (Distribution.deterministic(mean: 4), 4, 0, 0), (.uniform(lower: 2, upper: 8), 5, 3, 0.34641016151377546),
    (.exponential(mean: 3), 3, 9, 1), (.erlang(shape: 4, mean: 6), 6, 9, 0.5),
    (.gamma(mean: 5, coefficientOfVariation: 2), 5, 100, 2),
    (.hyperexponential(mean: 2, coefficientOfVariation: 3), 2, 36, 3),
    (.lognormal(mean: 10, coefficientOfVariation: 0.3), 10, 9, 0.3), (.exponential(mean: 0), 0, 0, 0),
    (.weibull(mean: 4, coefficientOfVariation: 0.5), 4, 4, 0.5),
    (.pareto(mean: 2, coefficientOfVariation: 3), 2, 36, 3),
    (.empirical(values: [1, 4, 9], weights: [2, 1, 1]), 3.75, 10.6875, 0.87177978870813469),
    (.empirical(values: [5], weights: [0.1]), 5, 0, 0), (.empirical(values: [0, 8], weights: [1, 0]), 0, 0, 0),
    // From SciPy's truncated normal distribution.
    (
      .truncatedNormal(parentMean: 0, parentStandardDeviation: 1), 0.7978845608028654, 0.3633802276324186,
      0.7555106397628669
    ),
    (
      .truncatedNormal(parentMean: 1, parentStandardDeviation: 2), 2.018320867674067, 1.9447017427854685,
      0.6909335655898531
    ),
    (
      .truncatedNormal(parentMean: 5, parentStandardDeviation: 1), 5.000001486719941, 0.9999925663980851,
      0.1999991971698681
    ),
    (.truncatedNormal(parentMean: 3, parentStandardDeviation: 0.2), 3, 0.04, 0.2 / 3),
  ])
  func momentsInClosedForm(distribution: Distribution, mean: Double, variance: Double, variation: Double) {
    #expect(isClose(distribution.mean, mean))
    #expect(isClose(distribution.variance, variance))
    #expect(isClose(distribution.coefficientOfVariation, variation))
  }

  @Test(arguments: [
    Distribution.uniform(lower: 2, upper: 8), .exponential(mean: 3), .erlang(shape: 1, mean: 2),
    .erlang(shape: 4, mean: 6), .gamma(mean: 5, coefficientOfVariation: 0.2),
    .gamma(mean: 5, coefficientOfVariation: 1.5), .hyperexponential(mean: 2, coefficientOfVariation: 1.3),
    .hyperexponential(mean: 2, coefficientOfVariation: 2), .lognormal(mean: 10, coefficientOfVariation: 0.3),
    .weibull(mean: 3, coefficientOfVariation: 0.2), .weibull(mean: 3, coefficientOfVariation: 1.4),
    .pareto(mean: 7, coefficientOfVariation: 0.2), .truncatedNormal(parentMean: 0, parentStandardDeviation: 2),
    .truncatedNormal(parentMean: 1, parentStandardDeviation: 2),
    .truncatedNormal(parentMean: 8, parentStandardDeviation: 2),
    .empirical(values: [1, 4, 9, 0.5], weights: [2, 1, 0, 7]),
  ])
  func samplesHaveTheMomentsOfTheirDistribution(distribution: Distribution) throws {
    let sampler = Sampler(distribution)
    var stream = RandomStream(seed: 5, replication: 0, entity: 0, purpose: 1)
    let values = (0..<6_000).map { _ in sampler.sample(using: &stream) }
    #expect(values.allSatisfy { $0 >= 0 && $0.isFinite })
    try expectMoments(values, mean: distribution.mean, variance: distribution.variance)
  }

  private func values(of distribution: Distribution) -> [Double] {
    let sampler = Sampler(distribution)
    var stream = RandomStream(seed: 7, replication: 0, entity: 0, purpose: 1)
    return (0..<4_000).map { _ in sampler.sample(using: &stream) }
  }

  /// Kolmogorov-Smirnov at 99.9 %, here and below.
  @Test(arguments: [(0.5, 2.2360679774997897), (0.7, 1.4624245730468178), (2, 0.52272320087706331)])
  func weibullFits(shape: Double, variation: Double) {
    #expect(isClose(Distribution.weibullCoefficientOfVariation(shape: shape), variation))
    let scale = 3 / tgamma(1 + 1 / shape)
    let values = values(of: .weibull(mean: 3, coefficientOfVariation: variation))
    #expect(kolmogorovDistance(values) { 1 - exp(-pow($0 / scale, shape)) } < kolmogorovLimit)
  }

  @Test(arguments: [0.06, 0.5, 0.75, 1, 3.6, 25, 150, 250, 1e4])
  func weibullShapeAndVariationAreInverse(shape: Double) {
    let variation = Distribution.weibullCoefficientOfVariation(shape: shape)
    let inverse = Distribution.inverseWeibullShape(coefficientOfVariation: variation)
    #expect((inverse * shape - 1).magnitude < 1e-9)
  }

  @Test func paretoFits() {
    // A shape of 2.25 has the variation 4/3, and with a least value of 5 the mean 9.
    let values = values(of: .pareto(mean: 9, coefficientOfVariation: 4.0 / 3))
    #expect(values.allSatisfy { $0 >= 5 - 1e-14 })
    #expect(kolmogorovDistance(values) { 1 - pow(5 / max(5, $0), 2.25) } < kolmogorovLimit)
  }

  @Test func truncatedNormalFits() {
    func normal(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
    let values = values(of: .truncatedNormal(parentMean: 1, parentStandardDeviation: 2))
    #expect(kolmogorovDistance(values) { 1 - (1 - normal(($0 - 1) / 2)) / normal(0.5) } < kolmogorovLimit)
  }

  @Test func empiricalDrawsItsValuesByWeight() throws {
    let values = values(of: .empirical(values: [40, 10, 30, 20], weights: [1, 0.5, 0, 3]))
    try expectCounts(values.map { Int($0) / 10 - 1 }) { $0 < 4 ? [0.5, 3, 0, 1][$0] / 4.5 : 0 }
  }

  @Test func degenerateDistributions() {
    var stream = RandomStream(seed: 5, replication: 0, entity: 0, purpose: 1)
    #expect(Sampler(.deterministic(mean: 7.5)).sample(using: &stream) == 7.5)
    #expect(Sampler(.uniform(lower: 3, upper: 3)).sample(using: &stream) == 3)
    #expect(Sampler(.exponential(mean: 0)).sample(using: &stream) == 0)
    #expect(Sampler(.gamma(mean: 4, coefficientOfVariation: 1e-200)).sample(using: &stream) == 4)
    #expect((Sampler(.lognormal(mean: 4, coefficientOfVariation: 0)).sample(using: &stream) - 4).magnitude < 1e-14)
    #expect(Sampler(.weibull(mean: 0, coefficientOfVariation: 2)).sample(using: &stream) == 0)
    for variation in [1e-100, 1e-9] {
      for distribution in [
        Distribution.weibull(mean: 4, coefficientOfVariation: variation),
        .pareto(mean: 4, coefficientOfVariation: variation),
      ] {
        #expect((Sampler(distribution).sample(using: &stream) - 4).magnitude < 1e-6)
      }
    }
    #expect(Sampler(.empirical(values: [3], weights: [2])).sample(using: &stream) == 3)
  }

  /// Balanced means: the rare phase, though rare, contributes half of the mean.
  @Test func extremeHyperexponentialKeepsItsMean() throws {
    let sampler = Sampler(.hyperexponential(mean: 1, coefficientOfVariation: 1e6))
    var stream = RandomStream(seed: 5, replication: 0, entity: 0, purpose: 1)
    let values = (0..<4_000).map { _ in sampler.sample(using: &stream) }
    try expectMoments(values, mean: 0.5, variance: 0.25)
  }

  @Test func parametersOutOfRangeStopTheProgram() async {
    await #expect(processExitsWith: .failure) {
      _ = Sampler(.hyperexponential(mean: 1, coefficientOfVariation: 1))
    }
    await #expect(processExitsWith: .failure) { _ = Sampler(.empirical(values: [1, 2], weights: [1])) }
    await #expect(processExitsWith: .failure) { _ = Sampler(.pareto(mean: 1, coefficientOfVariation: .nan)) }
  }
}
