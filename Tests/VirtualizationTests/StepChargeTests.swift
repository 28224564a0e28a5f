import EventKernel
import Quantities
import Testing

@testable import Virtualization

/// Expected and drawn costs come from one definition.
struct StepChargeTests {
  private func charge(_ distribution: CostDistribution, count: Int = 1) -> StepCharge {
    StepCharge(
      step: "step", place: .hostKernel, count: count, exitsPerStep: 1, stepMean: 460, distribution: distribution,
      kind: .published)
  }

  @Test("A deterministic cost is its mean, to the unit, and draws nothing")
  func deterministic() {
    var stream = RandomStream(seed: 1, replication: 1, entity: 0, purpose: 0)
    var untouched = stream
    #expect(charge(.deterministic, count: 2).draw.sample(operations: 1000, using: &stream) == 920_000 << 16)
    #expect(stream.nextUInt64() == untouched.nextUInt64())
  }

  @Test("Bulk draws of a gamma cost have the mean and variance of as many single ones")
  func bulk() {
    var stream = RandomStream(seed: 3, replication: 1, entity: 0, purpose: 0)
    let charge = charge(.gamma(coefficientOfVariation: 0.5))
    let draws = 20_000
    var sum = 0.0
    var squares = 0.0
    for _ in 0..<draws {
      let value = FineTime.nanoseconds(units: charge.draw.sample(operations: 25, using: &stream))
      sum += value
      squares += value * value
    }
    let mean = sum / Double(draws)
    let deviation = (squares / Double(draws) - mean * mean).squareRoot()
    // Mean 25 × 460, deviation √25 × 0.5 × 460; bounds at four standard errors (99.99 %).
    #expect(abs(mean - 11_500) < 4 * 1150 / Double(draws).squareRoot())
    #expect(abs(deviation - 1150) < 4 * 1150 / (2 * Double(draws)).squareRoot())
  }

  @Test("Nothing happens without operations")
  func none() {
    var stream = RandomStream(seed: 3, replication: 1, entity: 0, purpose: 0)
    #expect(charge(.gamma(coefficientOfVariation: 0.5)).draw.sample(operations: 0, using: &stream) == 0)
  }
}
