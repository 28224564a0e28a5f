import Model
import Virtualization

/// What the ranges of assumed prices leave open in a comparison of two designs.
///
/// The expectation of the difference is computed twice: with the assumed prices that speak against the design (steps that it
/// takes more often than the baseline dear, the others cheap), and with those that speak for it. A step has one price
/// under both designs. How often steps are taken comes from the expectation at the means.
public struct AssumedRanges: Sendable {
  /// The bounds of the difference to the baseline by metric.
  public let differences: [SummaryMetric: ClosedRange<Double>]

  /// Whether the sign of a metric's difference is open. Quantiles, for which there is no expectation, follow the mean.
  public func leavesOpen(_ metric: SummaryMetric) -> Bool {
    let known = metric.quantile == nil ? metric : .latencyMean
    guard let range = differences[known] else { return false }
    let least = 1e-9 * max(abs(range.lowerBound), abs(range.upperBound))
    return range.lowerBound < -least && range.upperBound > least
  }

  /// Computes the bounds for each design of a comparison.
  ///
  /// - Parameters:
  ///   - designs: the designs in the order of the comparison.
  ///   - baseline: the index of the baseline.
  ///   - scenario: what is run; fleets are left out.
  ///   - overrides: what the command line changes.
  /// - Returns: the bounds by label of the design; empty for a fleet.
  /// - Complexity: four expectations for each design but the baseline.
  public static func find(
    designs: [DesignReference], baseline: Int, scenario: Scenario, library: Library, overrides: ModelOverrides
  ) throws -> [String: AssumedRanges] {
    guard !scenario.isFleet else { return [:] }
    func expect(_ design: DesignReference, ends: [String: RangeEnd] = [:]) throws -> RunResult {
      var choice = overrides
      choice.design = design
      choice.fidelity = .fluid
      choice.assumedEnds = ends
      return try LocalRunner.run(
        SimulationModel(scenario: scenario, library: library, overrides: choice), replication: 1,
        isCancelled: { false })
    }
    let base = try expect(designs[baseline])
    var found: [String: AssumedRanges] = [:]
    for (index, design) in designs.enumerated() where index != baseline {
      let own = try expect(design)
      let (more, fewer) = steps(of: own, against: base)
      let dear = Dictionary(uniqueKeysWithValues: more.map { ($0, RangeEnd.high) } + fewer.map { ($0, .low) })
      let cheap = dear.mapValues { $0 == .high ? RangeEnd.low : .high }
      let ends: [(RunResult, RunResult)]
      do {
        ends = try [dear, cheap].map { (try expect(design, ends: $0), try expect(designs[baseline], ends: $0)) }
      } catch is ModelFaults {
        // At an end of its range a price may be more than the scenario can hold: then there is no expectation.
        continue
      }
      var differences: [SummaryMetric: ClosedRange<Double>] = [:]
      for metric in Comparison.metrics {
        let values = ends.compactMap { own, base in
          own.value(of: metric).flatMap { value in base.value(of: metric).map { value - $0 } }
        }
        guard values.count == 2 else { continue }
        differences[metric] = min(values[0], values[1])...max(values[0], values[1])
      }
      found[own.design] = AssumedRanges(differences: differences)
    }
    return found
  }

  /// The steps that a design takes more often than the baseline, and those that it takes less often, per guest work.
  private static func steps(of own: RunResult, against base: RunResult) -> (more: [String], fewer: [String]) {
    func counts(_ result: RunResult) -> [String: Double] {
      let guest = max(1, result.vms.reduce(0.0) { $0 + Double($1.guest) })
      return result.exits.reduce(into: [:]) { $0[$1.step, default: 0] += Double($1.count) / guest }
    }
    let (mine, others) = (counts(own), counts(base))
    let all = Set(mine.keys).union(others.keys).sorted()
    return (
      all.filter { mine[$0, default: 0] > others[$0, default: 0] },
      all.filter { mine[$0, default: 0] < others[$0, default: 0] }
    )
  }
}
