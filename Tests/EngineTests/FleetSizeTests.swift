import Documents
import Foundation
import Model
import Quantities
import Testing

@testable import Datacenter

/// Sizes of VMs that traces tell.
struct FleetSizeTests {
  /// A file of a trace.
  typealias File = (name: String, text: String)

  private func model(
    _ files: [File], format: String, vm: String = "{name: vm, trace: t, workload: demand}", hosts: String? = nil,
    policies: String = "{placement: first-fit}"
  ) throws -> SimulationModel {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("vdcsim-sizes-\(UUID())")
    try FileManager.default.createDirectory(at: folder.appendingPathComponent("t"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for file in files {
      try file.text.write(to: folder.appendingPathComponent("t/\(file.name)"), atomically: true, encoding: .utf8)
    }
    let scenario = try Support.scenario(
      """
      scenario: sizes
      duration: 1 h
      hosts:
        - \(hosts ?? "{name: node, count: 8, cpu: {cores: 64, frequency: 2000 MHz}, memory: {size: 256 GiB}, design: bare-metal, profile: cascade-lake-pvm-paper}")
      vms:
        - \(vm)
      workloads:
        demand: {utilization: trace}
      traces:
        t: {file: t, \(format)}
      policies: \(policies)
      """)
    var library = try Support.library.get()
    library.demands = try TraceLoader.load(scenario, folder: folder.path).sets
    return try SimulationModel(scenario: scenario, library: library)
  }

  private func classes(_ model: SimulationModel) throws -> [FleetModel.VMClass] {
    let fleet = try #require(model.fleet)
    return fleet.vmClass.map { fleet.vmClasses[Int($0)] }
  }

  private static let tasks: [File] = [
    (
      "tasks.csv",
      "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\na,0,3600000,4,6000,8000\nb,0,3600000,1,2600,1000\nc,0,3600000,4,6000,8000\n"
    ), ("fragments.csv", "id,duration,cpu_usage\na,3600000,3000\nb,3600000,650\nc,3600000,6000\n"),
  ]

  @Test("Tasks of OpenDC have their cores, speed and memory, and ask for their MHz")
  func openDC() throws {
    let model = try model(Self.tasks, format: "format: opendc")
    let fleet = try #require(model.fleet)
    #expect(fleet.vmClasses.count == 2)
    #expect((0..<3).map { fleet.vmName($0) } == ["vm-1", "vm-2", "vm-3"])
    let all = try classes(model)
    #expect(all.map(\.vcpus) == [4, 1, 4] && all.map(\.speed) == [1500, 2600, 1500])
    #expect(all.map(\.memory) == [8_000_000_000, 1_000_000_000, 8_000_000_000])
    let result = try FleetEngine.run(model: model, replication: 1)
    try result.checkConservation()
    let report = try #require(result.fleet).report
    // MHz asked for over the host's 2,000 MHz, for an hour.
    for (vm, megahertz) in [3000.0, 650, 6000].enumerated() {
      #expect(abs(report.vmRequested[vm] - megahertz / 2000 * 3600) < 1e-3)
    }
    #expect(result.vms.map(\.vcpus) == [4, 1, 4])
    // Steps are told by group, not by size.
    #expect(result.exits.allSatisfy { $0.vm == 0 })
  }

  @Test("What the document states holds for all VMs of the group")
  func overridden() throws {
    let stated = try classes(
      model(
        Self.tasks, format: "format: opendc",
        vm: "{name: vm, vcpus: 2, memory: {size: 3 GB}, trace: t, workload: demand}"))
    #expect(stated.allSatisfy { $0.vcpus == 2 && $0.memory == 3_000_000_000 && $0.speed == 0 })
    let memory = try classes(
      model(Self.tasks, format: "format: opendc", vm: "{name: vm, memory: {size: 3 GB}, trace: t, workload: demand}"))
    #expect(memory.map(\.vcpus) == [4, 1, 4] && memory.allSatisfy { $0.memory == 3_000_000_000 })
    let speed = try classes(
      model(
        Self.tasks, format: "format: opendc",
        vm: "{name: vm, vcpus: 3, memory: {page: 2 MiB}, cpu: {speed: 1 GHz}, trace: t, workload: demand}"))
    #expect(speed.map(\.memory) == [8_000_000_000, 1_000_000_000, 8_000_000_000])
    #expect(speed.allSatisfy { $0.vcpus == 3 && $0.speed == 1000 })
    let few = try classes(
      model(Self.tasks, format: "format: opendc", vm: "{name: vm, count: 5, trace: t, workload: demand}"))
    #expect(few.map(\.vcpus) == [4, 1, 4, 4, 1])
  }

  @Test("Bitbrains: provisioned cores, MHz and memory, the most of a VM's rows")
  func bitbrains() throws {
    let header =
      "Timestamp [ms];CPU cores;CPU capacity provisioned [MHZ];CPU usage [MHZ];CPU usage [%];Memory capacity provisioned [KB]\n"
    let all = try classes(
      model(
        [
          ("1.csv", header + "0;2;5200;520;10;4194304\n300;4;10400;520;5;4194304\n"),
          ("2.csv", header + "0;1;2600;26;1;1048576\n300;1;2600;26;1;2097152\n"),
        ], format: "format: gwa"))
    #expect(all.map(\.vcpus) == [4, 1] && all.map(\.speed) == [2600, 2600])
    #expect(all.map(\.memory) == [4 << 30, 2 << 30])
  }

  @Test("Azure: shares of the machine; parts of a core are whole vCPUs that ask for less")
  func azure() throws {
    let model = try model(
      [
        ("vmType.csv", "vmTypeId,machineId,core,memory\n1,0,0.5,0.25\n2,0,0.0234375,0.03125\n"),
        ("vm.csv", "vmId,vmTypeId,starttime,endtime\n0,1,0,\n1,2,0,\n"),
      ], format: "format: azure, machine: {number: 0, cores: 64, memory: 256 GiB}")
    let all = try classes(model)
    #expect(all.map(\.vcpus) == [32, 2] && all.map(\.cpus) == [32, 1.5])
    #expect(all.map(\.memory) == [64 << 30, 8 << 30])
    let report = try #require(try FleetEngine.run(model: model, replication: 1).fleet).report
    #expect(abs(report.vmRequested[1] - 1.5 * 3600) < 1e-6)
  }

  @Test("SWF: processors, and memory where the log has it")
  func swf() throws {
    let rest = " -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    let all = try classes(
      model(
        [("log", "1 0 -1 3600 8 -1 1048576 8" + rest + "2 0 -1 3600 -1 -1 2097152 2" + rest)], format: "format: swf"))
    #expect(all.map(\.vcpus) == [8, 2] && all.map(\.memory) == [8 << 30, 4 << 30])
  }

  @Test("A job larger than any host is told as never placed, and waits in nobody's way")
  func oversized() throws {
    func job(_ number: Int, at time: Int, processors: Int, memory: Int = 1024) -> String {
      "\(number) \(time) -1 600 \(processors) -1 \(memory) \(processors) -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    }
    // The hosts have 64 cores and 256 GiB. The last job begins after the end.
    let log =
      job(1, at: 0, processors: 100_000) + job(2, at: 0, processors: 64) + job(3, at: 60, processors: 65)
      + job(4, at: 60, processors: 1, memory: 300 << 20) + job(5, at: 120, processors: 8)
      + job(6, at: 4000, processors: 128)
    let result = try FleetEngine.run(model: model([("log", log)], format: "format: swf"), replication: 1)
    try result.checkConservation()
    let report = try #require(result.fleet).report
    #expect(report.oversizedVMs == 3 && report.unplacedVMs == 3 && report.waitedVMs == 0 && report.endedVMs == 2)
    #expect(result.value(of: .unplacedVMs) == 3)
    #expect(result.outcomeWarnings == ["bare-metal: 3 of 6 VMs are larger than any host and were never placed"])
    #expect(report.vmRequested[0] == 0 && abs(report.vmRequested[1] - 64 * 600) < 1e-6)
    let wide = job(1, at: 0, processors: 65) + job(2, at: 9, processors: 100)
    #expect(throws: FleetError.self) {
      try FleetEngine.run(model: model([("log", wide)], format: "format: swf"), replication: 1)
    }
  }

  @Test("More samples than there is memory for are a located fault", arguments: ["interval: 1 ns", "series: 1000000"])
  func samples(key: String) throws {
    let scenario = try Support.scenario(
      """
      scenario: many
      duration: 7 d
      hosts:
        - {name: node, cpu: {cores: 4, frequency: 2 GHz}, memory: {size: 8 GiB}, design: bare-metal, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, vcpus: 1, memory: {size: 1 GiB}, workload: demand}
      workloads:
        demand: {utilization: {mean: 0.5, \(key)}}
      """)
    let found = Support.faults(.line) { _ = try Support.model(scenario, fidelity: .fluid) }
    #expect(found.count == 1 && found[0].hasPrefix("8: workload 'demand' has "), "\(found)")
  }

  @Test("What neither trace nor group tells is an error that says of how many VMs")
  func unknown() throws {
    let rest = " -1 -1 1 1 1 -1 -1 -1 -1 -1\n"
    let log: [File] = [("log", "1 0 -1 60 8 -1 -1 8" + rest + "2 0 -1 60 2000 -1 1024 2000" + rest)]
    #expect(
      Support.faults { _ = try model(log, format: "format: swf") } == [
        "trace 't' does not tell the memory of 1 of 2 VMs; expected memory: {size: ...} in vm group 'vm'"
      ])
    let scenario = try Support.scenario(
      """
      scenario: sizes
      duration: 10 s
      hosts:
        - {name: node, cpu: {cores: 2, frequency: 2000 MHz}, memory: {size: 8 GiB}, design: bare-metal, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, trace: t, workload: half}
      workloads:
        half: {utilization: 0.5}
      """)
    #expect(
      Support.faults { _ = try SimulationModel(scenario: scenario, library: Support.library.get()) } == [
        "vm group 'vm' states no vcpus, and its workload follows no trace that tells; expected vcpus"
      ])
  }

  @Test(
    "Traces of OpenDC and Bitbrains run with the sizes that they tell",
    .enabled(if: CloudSimReference.isThere, "needs ../shared/data"))
  func realTraces() throws {
    for (file, format, hosts) in [
      ("opendc-bitbrains-small", "opendc, memory_unit: KB", 40), ("bitbrains/gwa-t-12-vm.csv.xz", "gwa", 1),
    ] {
      let scenario = try ScenarioReader.read(
        bytes: Array(
          """
          scenario: real
          duration: 6 h
          hosts:
            - {name: node, count: \(hosts), cpu: {cores: 32, frequency: 2600 MHz}, memory: {size: 512 GiB}, design: kvm-virtio, profile: cascade-lake-pvm-paper}
          vms:
            - {name: vm, trace: t, workload: demand}
          workloads:
            demand: {utilization: trace, per_cpu_second: {syscall: 1000}}
          traces:
            t: {format: \(format)}
          policies: {placement: best-fit, consolidation: none}
          """.utf8),
        file: "test.yaml", edits: [DocumentEdit(key: "trace", value: "\(CloudSimReference.data)/\(file)")]
      ).scenario
      var library = try Support.library.get()
      library.demands = try TraceLoader.load(scenario, folder: "/").sets
      let result = try FleetEngine.run(model: SimulationModel(scenario: scenario, library: library), replication: 1)
      try result.checkConservation()
      #expect((result.fleet?.report.vmRequested.reduce(0, +) ?? 0) > 0)
    }
  }
}
