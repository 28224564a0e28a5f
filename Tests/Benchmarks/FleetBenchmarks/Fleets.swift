import Datacenter
import Documents
import Experiments
import Foundation
import Model
import Virtualization

/// Fleets to measure, and how they are run.
enum Fleets {
  static let library = LibraryLoader.locate()
  /// Traces that are no part of the project; rows that need them are left out where they are not.
  static let data = "\(library)/../../shared/data"

  /// A shipped scenario with edits, loaded up to the model.
  static func model(_ name: String, _ edits: [String]) throws -> SimulationModel {
    let scenario = try ScenarioReader.read(
      path: "\(library)/\(name).yaml", edits: edits.compactMap { DocumentEdit($0) }
    ).scenario
    return try model(scenario)
  }

  private static func model(_ scenario: Scenario) throws -> SimulationModel {
    var documents = try LibraryLoader.load(folder: library)
    documents.demands = try TraceLoader.load(scenario, folder: library).sets
    return try SimulationModel(scenario: scenario, library: documents)
  }

  /// `million-vms.yaml` with another number of VMs, and a host for every ten of them.
  static func cloud(vms: Int, duration: String, series: Int = 1000) throws -> SimulationModel {
    try model(
      "million-vms",
      [
        "duration=\(duration)", "hosts.node.count=\(max(1, vms / 10))", "vms.small.count=\(vms * 6 / 10)",
        "vms.medium.count=\(vms * 3 / 10)", "vms.large.count=\(vms / 10)",
        "workloads.office.utilization.series=\(series)",
      ])
  }

  /// Runs a model and gives its report.
  static func report(_ model: SimulationModel) throws -> FleetReport {
    guard let fleet = try FleetEngine.run(model: model, replication: 1).fleet else { fatalError("no fleet") }
    return fleet.report
  }

  /// From the documents to the bytes of all result files, as `vdcsim run` does it. Returns the report.
  static func endToEnd(_ load: () throws -> SimulationModel) throws -> FleetReport {
    let model = try load()
    let result = try FleetEngine.run(model: model, replication: 1)
    let manifest = Manifest(
      scenario: model.scenario, scenarioDigest: "", seed: model.seed, replications: 1, fidelity: model.fidelity,
      designs: [model.designLabel], profiles: [:], traces: [:], commandLine: [], tables: [], warnings: [])
    let files = ResultFiles.make(results: [result], comparison: nil, manifest: manifest)
    guard let fleet = result.fleet, files.allSatisfy({ !$0.bytes.isEmpty }) else { fatalError("no results") }
    return fleet.report
  }

  /// A week of SURF's Lisa cluster in OpenDC's format: its fragments drive one VM for each task.
  static func surfWeek(tasks: String) throws -> SimulationModel {
    try model(
      ScenarioReader.read(
        bytes: Array(
          """
          scenario: surf-week
          duration: 7 d
          hosts:
            - name: node
              count: 400
              cpu: {cores: 16, frequency: 2100 MHz}
              memory: {size: 256 GiB}
              power: ibm-x3550-x5670
              design: kvm-virtio
              profile: cascade-lake-pvm-paper
          vms:
            - {name: task, vcpus: 16, memory: {size: 4 GiB}, trace: surf, workload: demand}
          traces:
            surf: {format: opendc}
          workloads:
            demand: {utilization: trace}
          policies:
            placement: {rule: first-fit, cpu_allocation_ratio: 64}
          """.utf8), file: "surf-week.yaml", edits: [DocumentEdit(key: "trace", value: tasks)]
      ).scenario)
  }
}
