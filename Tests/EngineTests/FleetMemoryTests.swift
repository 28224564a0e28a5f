import Documents
import Foundation
import Model
import Quantities
import Testing
import Virtualization

@testable import Datacenter

/// Memory that hosts of a fleet promise more than once.
struct FleetMemoryTests {
  private func text(_ policies: String, workload: String, hosts: String = "", vms: String = "", count: Int = 3)
    -> String
  {
    """
    scenario: memory
    duration: 600 s
    hosts:
      - {name: node, cpu: {cores: 4, frequency: 2.5 GHz}, memory: {size: 10 GiB, swap: {latency: 100 us}}, \(hosts)design: kvm-virtio, profile: cascade-lake-pvm-paper}
    vms:
      - {name: vm, count: \(count), vcpus: 1, memory: {size: 4 GiB\(vms)}, workload: load}
    workloads:
      load:
        \(workload)
        memory: {working_set: 4 GiB, page_references: 20000/s, reuse_skew: 1}
    \(policies)
    """
  }

  private func run(_ scenario: Scenario) throws -> RunResult {
    let result = try FleetEngine.run(model: try Support.model(scenario, fidelity: .fluid), replication: 1)
    try result.checkConservation()
    return result
  }

  @Test(
    "A fleet whose VMs are busy does what the fluid engine finds for the same host: swap, and balloon before it",
    arguments: ["", ", balloon: {target: 3.5 GiB, latency: 50 us}"])
  func sameAsSingleHost(vms: String) throws {
    let fleet = try run(
      try Support.scenario(
        text(
          "policies: {placement: {rule: first-fit, memory_allocation_ratio: 2}}", workload: "utilization: 1", vms: vms))
    )
    let single = try Support.fluid(
      try Support.model(
        try Support.scenario(text("fidelity: fluid", workload: "batch: {work: 1000 h, threads: 1}", vms: vms)),
        fidelity: .fluid))
    func seconds(_ vms: [RunResult.VMRow], _ part: (RunResult.VMRow) -> Int64) -> Double {
      vms.reduce(0.0) { $0 + Double(part($1)) } * 1e-9
    }
    for part in [\RunResult.VMRow.guest, \.stall, \.halted] {
      let (own, other) = (seconds(fleet.vms) { $0[keyPath: part] }, seconds(single.vms) { $0[keyPath: part] })
      // Ticks that fall into the faults' own steps are left out.
      #expect(abs(own - other) <= 1e-3 * other, "\(own) against \(other)")
    }
    #expect(seconds(fleet.vms) { $0.halted } > 50)
    for operation in [GuestOperation.swapIn, .guestSwapIn] {
      func count(_ result: RunResult) -> Int64 {
        result.exits.reduce(0) { $0 + ($1.operation == operation ? $1.count : 0) }
      }
      #expect(abs(count(fleet) - count(single)) <= 8)
      #expect((count(fleet) > 0) == (operation == .swapIn || !vms.isEmpty))
    }
    let swapped = try #require(fleet.value(of: .swappedMemory))
    let ballooned = try #require(fleet.value(of: .balloonedMemory))
    #expect(swapped > 0 && (ballooned > 0) == !vms.isEmpty)
  }

  @Test("Merging saves the shared part of each further VM, and its scanner is work of the host")
  func merging() throws {
    let scenario = try Support.scenario(
      text(
        "policies: {placement: {rule: first-fit, memory_allocation_ratio: 2}}", workload: "utilization: 0.5",
        vms: ", image: {name: debian, shared: 0.6}"
      ).replacingOccurrences(
        of: "swap: {latency: 100 us}", with: "swap: {latency: 100 us}, merging: {scanned_pages: 25000/s}"))
    let result = try run(scenario)
    let merged = try #require(result.value(of: .mergedMemory))
    #expect(abs(merged - 2 * 0.6 * 4 * 1_073_741_824) < 1)
    #expect(result.value(of: .swappedMemory) == 0)
    let scans = result.exits.filter { $0.operation == .memoryScan }
    #expect(scans.reduce(0) { $0 + $1.count } == 25000 * 600)
    let cost = try #require(
      try Support.model(scenario, fidelity: .fluid).hosts[0].design.cost(of: .memoryScan)
    ).asynchronousMean
    let seconds = scans.reduce(0.0) { $0 + Double($1.nanoseconds) } * 1e-9
    #expect(abs(seconds - 25000 * 600 * cost * 1e-9) < 1e-6 * seconds)
  }

  @Test("A VM that is half busy is not slowed in what it does, only busier; without faults nothing changes")
  func halfBusy() throws {
    let crowded = try run(
      try Support.scenario(
        text("policies: {placement: {rule: first-fit, memory_allocation_ratio: 2}}", workload: "utilization: 0.3")))
    let alone = try run(
      try Support.scenario(
        text(
          "policies: {placement: {rule: first-fit, memory_allocation_ratio: 2}}", workload: "utilization: 0.3", count: 2
        )))
    let (first, second) = (try #require(crowded.fleet).report, try #require(alone.fleet).report)
    #expect(abs(first.vmGuest[0] - second.vmGuest[0]) < 1e-6)
    #expect(first.vmStall[0] > second.vmStall[0])
    #expect(alone.value(of: .swappedMemory) == 0 && !alone.exits.contains { $0.operation == .swapIn })
    #expect(crowded.value(of: .unserved) == 0)
  }

  @Test("Faults end when a VM leaves: the rest have their memory back")
  func departure() throws {
    let scenario = try Support.scenario(
      text(
        "policies: {placement: {rule: first-fit, memory_allocation_ratio: 2}}\ntraces: {t: {}}",
        workload: "utilization: trace"
      )
      .replacingOccurrences(of: "count: 3, ", with: "trace: t, "))
    var builder = TraceSetBuilder(unit: .seconds(100))
    for end: Int64 in [600, 600, 300] {
      let number = Array("vm".utf8).withUnsafeBufferPointer {
        builder.add(name: $0, start: 0, end: end * 1_000_000_000, vcpus: 1)
      }
      builder.select(number)
      for _ in 0..<end / 100 { builder.append(100, units: 1) }
    }
    var library = try Support.library.get()
    library.demands = ["t": try #require(builder.finish(order: .given)?.evened())]
    let result = try FleetEngine.run(
      model: SimulationModel(scenario: scenario, library: library), replication: 1)
    try result.checkConservation()
    let report = try #require(result.fleet).report
    let all = try run(
      try Support.scenario(
        text("policies: {placement: {rule: first-fit, memory_allocation_ratio: 2}}", workload: "utilization: 1")))
    let swapped = try #require(all.fleet).report
    // Half of the time crowded, half of it with memory for both.
    #expect(abs(report.swappedMemory - swapped.swappedMemory / 2) < 1e-6 * swapped.swappedMemory)
    let crowded = swapped.vmGuest[0] / 2
    #expect(report.vmGuest[0] > crowded + 280 && report.vmGuest[0] < crowded + 301)
  }

  @Test("Each group of hosts has ratios of its own, by every rule", arguments: PlacementPolicy.Rule.allCases)
  func ratiosOfHosts(rule: PlacementPolicy.Rule) throws {
    let scenario = try Support.scenario(
      """
      scenario: ratios
      duration: 60 s
      hosts:
        - {name: plain, count: 2, cpu: {cores: 4, frequency: 2 GHz}, memory: {size: 16 GB}, design: bare-metal, profile: cascade-lake-pvm-paper}
        - {name: dense, count: 2, cpu: {cores: 4, frequency: 2 GHz}, memory: {size: 16 GB, swap: {latency: 1 ms}}, cpu_allocation_ratio: 2, memory_allocation_ratio: 1.5, design: bare-metal, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, count: 20, vcpus: 1, memory: {size: 4 GB}, workload: light}
      workloads:
        light: {utilization: 0.1}
      policies: {placement: \(rule.rawValue)}
      """)
    let fleet = try #require(try run(scenario).fleet)
    // 4 on each plain host, by both CPU and memory; 6 on each dense one, by memory.
    var counts = [0, 0, 0, 0]
    for host in fleet.report.vmHost { counts[Int(host)] += 1 }
    #expect(counts == [4, 4, 6, 6])
  }

  private func faults(_ text: String, design: String? = nil) -> [String] {
    Support.faults { _ = try Support.model(try Support.scenario(text), design: design, fidelity: .fluid) }
  }

  @Test("A ratio that nothing makes up for is refused where it stands")
  func refused() {
    let plain = text(
      "policies: {placement: {rule: first-fit, memory_allocation_ratio: 1.5}}", workload: "utilization: 1")
    #expect(
      faults(plain.replacingOccurrences(of: ", swap: {latency: 100 us}", with: "")) == [
        "hosts 'node' promise 1.5 times their memory; expected swap: {latency: ...} in it, for what merging and balloons do "
          + "not make up for"
      ])
    #expect(faults(plain, design: "kvm-passthrough").contains { $0.contains("cannot overcommit memory") })
    #expect(
      faults(plain.replacingOccurrences(of: "1.5}", with: "21}")) == [
        "test.yaml:11:66: error: expected a number from 0.01 to 20, found '21'"
      ])
  }
}
