import Quantities

/// An end of the range in which an assumed price lies.
public enum RangeEnd: Sendable, Hashable { case low, high }

extension CostProfile {
  /// The profile with the assumed prices of some steps at an end of their ranges. Prices that are measured or published,
  /// and assumptions about page walks, stay.
  public func atRangeEnds(_ ends: [String: RangeEnd]) -> CostProfile {
    func moved(_ costs: [String: StepCost]) -> [String: StepCost] {
      var costs = costs
      for (step, end) in ends {
        guard let cost = costs[step], cost.kind == .assumed, let range = cost.range else { continue }
        let bound = end == .low ? range.lowerBound : range.upperBound
        costs[step] = StepCost(
          mean: .nanoseconds(bound), distribution: cost.distribution, kind: cost.kind, source: cost.source,
          range: cost.range, location: cost.location)
      }
      return costs
    }
    return CostProfile(
      name: name, title: title, backend: backend, frequency: frequency, processors: processors, tlb: tlb, walks: walks,
      memoryNodes: memoryNodes, idleStates: idleStates, cache: cache, costs: moved(costs),
      otherBackends: otherBackends.mapValues(moved), provenance: provenance,
      bases: bases.map { $0.atRangeEnds(ends) }, digest: digest)
  }
}
