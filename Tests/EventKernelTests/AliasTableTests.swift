import Testing

@testable import EventKernel

/// Fits at confidence 99.9 % with fixed seeds.
@Suite struct AliasTableTests {
  @Test(
    arguments: [
      [1], [1, 1, 1, 1], [1, 2, 3, 4], [0, 5, 0], [1e-300, 1e-290], [3, 0, 0, 0, 0, 0, 1e-9], [1e300, 2e300, 1e250],
      (1...1000).map { 1 / Double($0) }, (0..<64).map { Double(($0 * 37) % 11) },
    ] as [[Double]])
  func tableHoldsTheWeights(weights: [Double]) {
    let table = AliasTable(weights: weights)
    let total = weights.reduce(0, +)
    #expect(table.count == weights.count)
    for (probability, weight) in zip(table.probabilities, weights) {
      #expect((probability - weight / total).magnitude < 1e-14)
      #expect(weight > 0 || probability == 0)
    }
  }

  @Test func drawsFollowTheWeights() throws {
    let weights: [Double] = [5, 0, 1, 20, 0.5, 3, 0, 10]
    let table = AliasTable(weights: weights)
    var stream = RandomStream(seed: 8, replication: 0, entity: 0, purpose: 2)
    let values = (0..<5_000).map { _ in table.sample(using: &stream) }
    #expect(values.allSatisfy { weights[$0] > 0 })
    let total = weights.reduce(0, +)
    try expectCounts(values) { $0 < weights.count ? weights[$0] / total : 0 }
  }

  @Test func weightsThatAreNoneStopTheProgram() async {
    await #expect(processExitsWith: .failure) { _ = AliasTable(weights: []) }
    await #expect(processExitsWith: .failure) { _ = AliasTable(weights: [0, 0]) }
    await #expect(processExitsWith: .failure) { _ = AliasTable(weights: [1, -1]) }
    await #expect(processExitsWith: .failure) { _ = AliasTable(weights: [1, .infinity]) }
  }
}
