import EventKernel
import Testing

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
  ])
  func samplesHaveTheMomentsOfTheirDistribution(distribution: Distribution) throws {
    let sampler = Sampler(distribution)
    var stream = RandomStream(seed: 5, replication: 0, entity: 0, purpose: 1)
    let values = (0..<6_000).map { _ in sampler.sample(using: &stream) }
    #expect(values.allSatisfy { $0 >= 0 && $0.isFinite })
    try expectMoments(values, mean: distribution.mean, variance: distribution.variance)
  }

  @Test func degenerateDistributions() {
    var stream = RandomStream(seed: 5, replication: 0, entity: 0, purpose: 1)
    #expect(Sampler(.deterministic(mean: 7.5)).sample(using: &stream) == 7.5)
    #expect(Sampler(.uniform(lower: 3, upper: 3)).sample(using: &stream) == 3)
    #expect(Sampler(.exponential(mean: 0)).sample(using: &stream) == 0)
    #expect(Sampler(.gamma(mean: 4, coefficientOfVariation: 1e-200)).sample(using: &stream) == 4)
    #expect((Sampler(.lognormal(mean: 4, coefficientOfVariation: 0)).sample(using: &stream) - 4).magnitude < 1e-14)
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
  }
}
