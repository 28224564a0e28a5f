import Model
import Quantities
import Virtualization

/// The fluid engine for fleets: demand that changes over time, placement, consolidation, migration, power.
public enum FleetEngine {
  /// Runs one replication of a model that has a fleet.
  ///
  /// - Throws: `RunInterrupted` when cancelled, `FleetError` when a VM finds no host.
  public static func run(
    model: SimulationModel, replication: Int, isCancelled: () -> Bool = { false }
  ) throws -> RunResult {
    guard let fleet = model.fleet else { preconditionFailure("the model has no fleet") }
    let report: FleetReport
    switch fleet.policies.semantics {
    case .cloudSimCompatible:
      report = try CompatibleEngine(
        model: fleet, duration: model.duration, seed: model.seed, replication: replication
      ).run(isCancelled: isCancelled)
    case .standard:
      report = try FleetSimulation(model: model, fleet: fleet, replication: replication).run(isCancelled: isCancelled)
    }
    var completed = [Double](repeating: 0, count: model.workloads.count)
    for vm in fleet.vmClass.indices {
      completed[fleet.vmClasses[Int(fleet.vmClass[vm])].workload] += report.vmCompleted[vm]
    }
    let workloads = model.workloads.enumerated().map { index, workload in
      RunResult.WorkloadRow(
        name: workload.name, shape: workload.utilization == nil ? workload.shape.name : "utilization",
        completed: Int64(completed[index].rounded()),
        throughput: workload.shape.name == "idle" ? 0 : completed[index] / model.window.seconds,
        meanLatency: nil, quantiles: [])
    }
    return RunResult(
      model: model, replication: replication, fleet: RunResult.Fleet(model: fleet, report: report), workloads: workloads
    )
  }
}
