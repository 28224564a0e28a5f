import Quantities
import Virtualization

extension RunResult {
  /// The prices of all steps that the compiled designs of the model hold, by profile and step.
  static func provenance(of model: SimulationModel) -> [ProvenanceRow] {
    var rows: [String: ProvenanceRow] = [:]
    let designs =
      model.fleet.map { $0.distinctLoads.map(\.design) } ?? model.hosts.map(\.design) + model.vms.map(\.design)
      + model.vms.compactMap { $0.logged?.load.design }
    for design in designs {
      for operation in GuestOperation.allCases {
        for target in TargetState.allCases {
          guard let cost = design.cost(of: operation, target: target) else { continue }
          for charge in cost.native + cost.synchronous + cost.asynchronous + cost.waiting {
            if let origin = charge.origin {
              let row = ProvenanceRow(
                step: charge.step, mean: charge.mean / Double(max(1, charge.count)), unit: "ns", kind: charge.kind,
                source: origin.source, profile: origin.document, range: nil)
              rows["\(origin.document)/\(charge.step)/\(row.mean.bitPattern)"] = row
              continue
            }
            guard let price = design.profile.price(of: charge.step, backends: design.choice.design.backends) else {
              continue
            }
            let (mean, unit) = price.cost.mean.valueAndUnit
            rows["\(price.profile)/\(charge.step)"] = ProvenanceRow(
              step: charge.step, mean: mean, unit: unit, kind: price.cost.kind, source: price.cost.source,
              profile: price.profile, range: price.cost.range)
          }
        }
      }
    }
    if model.fleet == nil { rows.merge(idleStates(of: model)) { $1 } }
    return rows.sorted { $0.key < $1.key }.map(\.value)
  }

  /// The exit latencies of the hosts' idle states.
  private static func idleStates(of model: SimulationModel) -> [String: ProvenanceRow] {
    var rows: [String: ProvenanceRow] = [:]
    for host in model.hosts {
      guard let idle = host.processors.idleStates else { continue }
      let profile = host.design.profile
      let document = idle == profile.idleStates ? profile.name : model.scenario
      for state in idle.states {
        rows["\(document)/idle_exit/\(state.name)"] = ProvenanceRow(
          step: "idle_exit (\(state.name))", mean: state.exitLatency, unit: "ns", kind: idle.kind, source: idle.source,
          profile: document, range: nil)
      }
    }
    return rows
  }
}

extension Cost {
  /// The value as it was stated and its unit, `ns` or `cycles`.
  var valueAndUnit: (Double, String) {
    switch self {
    case .nanoseconds(let value): (value, "ns")
    case .cycles(let value): (value, "cycles")
    }
  }
}
