import Datacenter
import Documents
import Foundation
import Machine
import Model
import Virtualization

/// Reading documents and running models in tests.
enum Support {
  /// The project's root.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  static let library: Result<Library, any Error> = Result {
    try LibraryLoader.load(folder: "\(root)/scenarios")
  }

  static func scenario(_ text: String) throws -> Scenario {
    try ScenarioReader.read(bytes: Array(text.utf8), file: "test.yaml").scenario
  }

  static func shipped(_ name: String, edits: [String] = []) throws -> Scenario {
    try ScenarioReader.read(
      path: "\(root)/scenarios/\(name).yaml", edits: edits.compactMap { DocumentEdit($0) }
    ).scenario
  }

  static func model(
    _ scenario: Scenario, design: String? = nil, axes: [DesignAxis: String] = [:], fidelity: Fidelity = .exit
  ) throws -> SimulationModel {
    let location = SourceLocation(file: "test", line: 1, column: 1)
    let reference = design.map { DesignReference(name: $0, overrides: axes, location: location) }
    return try SimulationModel(
      scenario: scenario, library: library.get(), overrides: ModelOverrides(design: reference, fidelity: fidelity))
  }

  static func exit(_ model: SimulationModel, replication: Int = 1) throws -> RunResult {
    let result = try ExitEngine.run(model: model, replication: replication)
    try result.checkConservation()
    return result
  }

  static func fluid(_ model: SimulationModel) throws -> RunResult {
    let result = FluidEngine.run(model: model, replication: 1)
    try result.checkConservation()
    return result
  }

  static func run(_ model: SimulationModel, _ fidelity: Fidelity) throws -> RunResult {
    try fidelity == .exit ? exit(model) : fluid(model)
  }

  /// How much of a fault's place is told.
  enum FaultPlace { case none, line, column }

  /// Why `make` cannot make a model; nothing where it can.
  static func faults(_ place: FaultPlace = .none, _ make: () throws -> Void) -> [String] {
    do {
      try make()
      return []
    } catch let error as ModelFaults {
      return error.faults.map { fault in
        switch place {
        case .none: fault.message
        case .line: "\(fault.location.line): \(fault.message)"
        case .column: "\(fault.location.line):\(fault.location.column): \(fault.message)"
        }
      }
    } catch {
      return ["\(error)"]
    }
  }

  /// A host and one VM around a workload given in YAML (indented by four).
  static func oneVM(
    _ workload: String, vcpus: Int = 1, cores: Int = 4, duration: String = "10 s", warmup: String = "1 s",
    design: String = "bare-metal"
  ) throws -> Scenario {
    try scenario(
      """
      scenario: test
      duration: \(duration)
      warmup: \(warmup)
      hosts:
        - name: node
          cpu: {cores: \(cores), frequency: 2.5 GHz}
          memory: {size: 64 GiB}
          nics: [{name: eth0, bandwidth: 100 Gbit/s}]
          design: \(design)
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, vcpus: \(vcpus), memory: {size: 1 GiB}, nic: eth0, workload: work}
      workloads:
        work:
      \(workload)
      """)
  }
}
