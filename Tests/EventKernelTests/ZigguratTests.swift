import Foundation
import Statistics
import Testing

@testable import EventKernel

/// Fits at confidence 99.9 % with fixed seeds.
@Suite struct ZigguratTests {
  private func check(
    _ layers: InlineArray<257, Double>, density: (Double) -> Double, inverse: (Double) -> Double,
    tail: (Double) -> Double
  ) {
    let start = layers[1]
    let area = start * density(start) + tail(start)
    #expect((layers[0] * density(start) - area).magnitude < 1e-15 * area)
    var width = start
    for index in 1..<255 {
      width = inverse(density(width) + area / width)
      // Errors grow on the way up, where the density is flat.
      #expect((layers[index + 1] - width).magnitude < 1e-12 * width)
      #expect(layers[index + 1] < layers[index])
    }
    // The uppermost layer ends at the top of the density.
    #expect((density(width) + area / width - 1).magnitude < 1e-12)
    #expect(layers[256] == 0)
  }

  @Test func layersHaveEqualAreas() {
    check(Ziggurat.exponential, density: { exp(-$0) }, inverse: { -log($0) }, tail: { exp(-$0) })
    check(
      Ziggurat.normal, density: { exp(-0.5 * $0 * $0) }, inverse: { (-2 * log($0)).squareRoot() },
      tail: { (Double.pi / 2).squareRoot() * erfc($0 / 2.0.squareRoot()) })
  }

  /// Values on both sides of the start of the tail, and where layers are thin, occur as often as they should.
  @Test func rareValuesOccurAsOftenAsTheyShould() {
    var stream = RandomStream(seed: 12, replication: 0, entity: 0, purpose: 4)
    let count = 100_000
    let exponentials = (0..<count).map { _ in stream.nextExponential() }
    let normals = (0..<count).map { _ in stream.nextNormal() }
    func expectShare(_ observed: Int, _ probability: Double, sourceLocation: SourceLocation = #_sourceLocation) {
      let expected = Double(count) * probability
      // The quantile of the normal distribution that 99.9 % do not exceed in magnitude, and half a step.
      let allowed = 3.2905 * (expected * (1 - probability)).squareRoot() + 0.5
      #expect((Double(observed) - expected).magnitude < allowed, sourceLocation: sourceLocation)
    }
    for bound in [0.001, 0.06, 1, 5, 7, 7.6971, 8.2] {
      expectShare(exponentials.count { $0 > bound }, exp(-bound))
    }
    for bound in [0.005, 0.2, 1, 3, 3.5, 3.6541, 3.8] {
      expectShare(normals.count { $0.magnitude > bound }, erfc(bound / 2.0.squareRoot()))
      expectShare(normals.count { $0 > bound }, erfc(bound / 2.0.squareRoot()) / 2)
    }
    #expect(exponentials.allSatisfy { $0 > 0 } && normals.allSatisfy { $0 != 0 })
  }

  /// The tails alone, which a sample of the whole hardly reaches.
  @Test func tailsHaveTheirDistribution() {
    var stream = RandomStream(seed: 13, replication: 0, entity: 0, purpose: 4)
    let start = Ziggurat.normal[1]
    let whole = erfc(start / 2.0.squareRoot())
    let values = (0..<4_000).map { index in stream.nextNormalTail(isNegative: index % 2 == 1) }
    #expect(values.enumerated().allSatisfy { ($1 < 0) == ($0 % 2 == 1) })
    #expect(kolmogorovDistance(values.map(\.magnitude)) { 1 - erfc($0 / 2.0.squareRoot()) / whole } < kolmogorovLimit)
  }
}
