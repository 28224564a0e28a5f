import Statistics

/// The lock of a VM's shadow tables as a closed queue: vCPUs that compute, take the lock, hold it for a fixed time and let
/// it go; who waits spins in the order of coming.
///
/// With exponential times `Z` between letting go and taking and holds of length `h`, the mean busy period of `n` takers is
/// `h Σ_k C(n−1, k) Π_{i≤k} (e^(ih/Z) − 1)`, the finite-source M/D/1 queue; the rest follows from it.
/// [L. Takács, Introduction to the Theory of Queues, 1962, chapter 5]
public enum ShadowLock {
  /// What a lock guards.
  public enum Grain: String, CaseIterable, Sendable, Hashable {
    /// All shadow tables of a VM: whatever changes them takes it.
    case vm
    /// A table, or a list of entries, each of which has its own. A lock of the VM is left for what is common to all: making
    /// and tearing down of tables.
    case table
  }

  /// What takers of the lock meet.
  public struct Solution: Sendable, Hashable {
    /// Mean time that a taker waits, in the unit of the hold.
    public let wait: Double
    /// Probability that it waits at all.
    public let waits: Double
    /// Mean number of others that hold or wait when it comes, which is also the number that it leaves waiting.
    public let others: Double
  }

  /// Solves the queue.
  ///
  /// - Parameters:
  ///   - takers: vCPUs that may take it, at least 1.
  ///   - think: mean time between letting go and the next attempt, in any unit.
  ///   - hold: time of a hold, in the same unit.
  /// - Complexity: O(takers).
  public static func solve(takers: Int, think: Double, hold: Double) -> Solution {
    guard takers > 1, hold > 0 else { return Solution(wait: 0, waits: 0, others: 0) }
    let siblings = Double(takers - 1)
    guard think > 0 else { return Solution(wait: siblings * hold, waits: 1, others: siblings) }
    var term = 1.0
    var sum = 1.0
    for number in 1..<takers {
      let factor = PortableMath.exp(Double(number) * hold / think) - 1
      term *= factor * Double(takers - number) / Double(number)
      sum += term
    }
    guard sum.isFinite else {
      return Solution(wait: max(0, Double(takers) * hold - think - hold), waits: 1, others: siblings)
    }
    let count = Double(takers)
    // Cycle time n/X with X = U/h and U/(1 − U) = n h sum / Z.
    let wait = max(0, count * (hold + think / (count * sum)) - think - hold)
    let waits = 1 - 1 / sum
    // Those found waiting cost a hold each, the one that holds half a one.
    let others = min(siblings, max(waits, wait / hold + waits / 2))
    return Solution(wait: wait, waits: waits, others: others)
  }
}

extension CompiledDesign {
  /// The design with waits for the lock of the shadow tables that last `mean` nanoseconds each.
  public func waiting(_ mean: Double) -> CompiledDesign {
    guard let path = cost(of: .lockWait), let charge = path.synchronous.first else { return self }
    let wait = StepCharge(
      step: charge.step, place: charge.place, count: 1, exitsPerStep: 0, stepMean: mean, distribution: .deterministic,
      kind: charge.kind)
    return replacing(
      .lockWait,
      by: OperationCost(steps: [OperationCost.PathStep(charge: wait, role: .synchronous)], bareHost: path.bareHostMean))
  }
}
