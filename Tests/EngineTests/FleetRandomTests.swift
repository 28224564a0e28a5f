import Documents
import EventKernel
import Experiments
import Model
import Quantities
import Testing

@testable import Datacenter

/// Properties of random fleets: three hypervisors, three sizes of hosts, arrivals, moves, sleep, reservations, caps, memory
/// promised more than once, devices that are shared or handed over, loads beside the guests. Debug builds check at every
/// event that hosts give no CPU, no memory beyond their ratios and no device that they lack, that no VM is in two places,
/// and that the energy is what all powers add up to.
struct FleetRandomTests {
  static func model(seed: Int) throws -> SimulationModel {
    var random = RandomStream(seed: UInt64(seed), replication: 1, entity: 0, purpose: 1)
    func pick<Choice>(_ choices: [Choice]) -> Choice { choices[random.nextInteger(below: choices.count)] }
    let mechanism = pick([
      "fixed-rate",
      "{mechanism: pre-copy, dirty_rate: 20000/s, writable_share: 0.3, auto_converge: true, switchover_time: 50 ms}",
      "{mechanism: pre-copy, dirty_rate: 100000/s, round_limit: 5}",
    ])
    // 1 is a fleet without overcommitment of memory.
    let ratio = pick(["1", "1.3", "2"])
    let cap = pick(["{limit: 1500 MHz, weight: 2}", "{reservation: 500 MHz}", "{weight: 0.5}"])
    let other = pick(["kvm-shadow", "xen-hvm", "ideal"])
    let detector = pick(ConsolidationPolicy.Overload.allCases).rawValue
    let selection = pick(ConsolidationPolicy.Selection.allCases).rawValue
    let looks =
      "consolidation: {overload: \(detector), selection: \(selection), interval: 150 s, sleep: \(pick(["true", "false"]))}\n"
      + "  migration: \(mechanism)"
    let consolidation = pick([true, true, false]) ? looks : ""
    // Devices that are handed over do not move.
    let last = consolidation.isEmpty ? "{name: kvm-passthrough, network: passthrough}" : other
    let background = pick(["{threads: 1, share: 0.3}", "{threads: 2, weight: 0.2}"])
    let scenario = try Support.scenario(
      """
      scenario: random
      duration: 3 h
      fidelity: fluid
      hosts:
        - {name: a, count: \(3 + random.nextInteger(below: 5)), cpu: {cores: 4, frequency: 2000 MHz}, memory: {size: 9 GiB, swap: {latency: 100 us}, merging: {scanned_pages: 5000/s}}, memory_allocation_ratio: \(ratio), nics: [{name: eth0, bandwidth: 1 Gbit/s}], disks: [{name: disk, model: generic-nvme}], power: linear, background: \(background), design: kvm-virtio, profile: cascade-lake-pvm-paper}
        - {name: b, count: \(2 + random.nextInteger(below: 3)), cpu: {cores: 8, frequency: 2500 MHz}, memory: {size: 48 GiB}, cpu_allocation_ratio: 3, nics: [{name: eth0, bandwidth: 10 Gbit/s}], disks: [{name: disk, model: generic-nvme}], power: linear, design: kvm-virtio, profile: cascade-lake-pvm-paper}
        - {name: c, count: 2, cpu: {cores: 4, frequency: 2500 MHz}, memory: {size: 32 GiB}, nics: [{name: eth0, bandwidth: 10 Gbit/s}], disks: [{name: disk, model: generic-nvme}], power: linear, design: \(last), profile: cascade-lake-pvm-paper}
      vms:
        - {name: came, count: 30, memory: {size: 4 GiB, image: {name: debian, shared: 0.2}}, trace: lives, workload: traced}
        - {name: stays, count: 8, vcpus: 1, memory: {size: 2 GiB, balloon: {target: 1 GiB, latency: 200 us}}, cpu: \(cap), anti_affinity: apart, workload: noisy}
        - {name: serves, count: 7, vcpus: 1, memory: {size: 1 GiB}, nic: eth0, disk: disk, workload: requests}
        - {name: tied, count: 2, vcpus: 1, memory: {size: 1 GiB}, affinity: together, workload: noisy}
      workloads:
        traced: {utilization: trace, memory: {working_set: 4 GiB, page_references: 20000/s, reuse_skew: 1}}
        noisy: {utilization: {series: 5, mean: 0.5, spread: 0.3, deviation: 0.3, correlation: 0.5}, per_cpu_second: {syscall: 10000}}
        requests: {arrivals: {process: poisson, rate: 900/s}, service: {distribution: exponential, mean: 300 us}, per_request: {net_rx: {count: 1, size: 200 B}, net_tx: {count: 40, size: 1500 B}, block_read: {count: 2, size: 8 KiB}}}
      traces:
        lives: {}
      policies:
        placement: {rule: \(pick(PlacementPolicy.Rule.allCases).rawValue), cpu_allocation_ratio: 2}
        \(consolidation)
      power:
        linear: {watts: [100 W, 200 W], sleep: {power: 10 W, enter: 20 s, wake: 40 s}, source: test}
      """)
    var builder = TraceSetBuilder(unit: .seconds(100))
    for _ in 0..<30 {
      let start = Int64(random.nextInteger(below: 90)) * 77_000_000_000
      let samples = 1 + random.nextInteger(below: 60)
      let cores = Double(1 + random.nextInteger(below: 3)) - (random.nextInteger(below: 2) == 0 ? 0.5 : 0)
      let number = Array("vm".utf8).withUnsafeBufferPointer {
        builder.add(
          name: $0, start: start, end: start + Int64(samples) * 100_000_000_000, vcpus: cores, capacity: 2000 * cores,
          memory: 0)
      }
      builder.select(number)
      for _ in 0..<samples { builder.append(Float(random.nextInteger(below: 101)), units: 1) }
    }
    let set = builder.finish(order: .given)
    var library = try Support.library.get()
    library.demands = ["lives": try #require(set?.evened())]
    return try SimulationModel(scenario: scenario, library: library)
  }

  @Test("CPU, memory and energy are conserved at every event; the fleets meet all that they are to meet")
  func conserved() throws {
    var seen: Set<String> = []
    for seed in 0..<16 {
      let model = try Self.model(seed: seed)
      let result = try FleetEngine.run(model: model, replication: 1)
      try result.checkConservation()
      let report = try #require(result.fleet).report
      #expect(report.endedVMs > 0)
      for index in 0..<report.migrations.count where report.migrations.outcome[index] != .underWay {
        #expect(report.migrations.ended[index] >= report.migrations.started[index])
        #expect(report.migrations.source[index] != report.migrations.target[index])
      }
      // VMs do no more than they ask for.
      #expect(report.vmSteal.allSatisfy { $0 >= -1e-6 } && report.done <= report.asked * (1 + 1e-12))
      if report.migrations.outcome.contains(.capped) { seen.insert("capped") }
      if report.migrations.outcome.contains(.completed) { seen.insert("completed") }
      if report.waitedVMs > 0 { seen.insert("waited") }
      if report.wakeups > 0 { seen.insert("woken") }
      if report.swappedMemory > 0 { seen.insert("swapped") }
      if report.mergedMemory > 0 { seen.insert("merged") }
      if report.balloonedMemory > 0 { seen.insert("ballooned") }
      if result.exits.contains(where: { $0.operation == .swapIn }) { seen.insert("faults") }
      if report.hostShort.contains(where: { $0 > 0 }) { seen.insert("short") }
      if result.exits.contains(where: { $0.operation == .netTx && $0.count > 0 }) { seen.insert("packets") }
      check(result, of: model, &seen)
      guard seed % 4 == 0 else { continue }
      // The same once more, to the last bit.
      let second = try #require(try FleetEngine.run(model: model, replication: 1).fleet).report
      #expect(second.energy == report.energy && second.vmHost == report.vmHost && second.vmExits == report.vmExits)
    }
    #expect(
      seen == [
        "capped", "completed", "waited", "woken", "swapped", "merged", "ballooned", "faults", "short", "packets",
        "background", "refused", "handed over",
      ], "\(seen)")
  }

  /// Works beside the guests, devices and wires of a result.
  private func check(_ result: RunResult, of model: SimulationModel, _ seen: inout Set<String>) {
    guard let fleet = result.fleet else { return }
    let classes = fleet.model.hostClasses
    for row in result.services {
      let group = classes[Int(fleet.model.hostClass[row.host])]
      guard let work = group.works.first(where: { $0.work.name == row.name }), !work.perVM else { continue }
      // No more than it asks for while its host is awake.
      let asked = work.work.demand * (result.window.seconds - fleet.report.hostAsleep[row.host])
      let had = Double(row.nanoseconds) * 1e-9
      #expect(had >= 0 && had <= asked + 1e-6, "\(row)")
      if row.name == HostWork.background {
        seen.insert("background")
        if had < 0.95 * asked { seen.insert("refused") }
      }
    }
    for (host, number) in fleet.model.hostClass.enumerated() {
      let serving = fleet.model.vmClass.indices.filter { vm in
        fleet.report.vmHost[vm] == Int32(host) && fleet.model.vmClasses[Int(fleet.model.vmClass[vm])].name == "serves"
      }
      if classes[Int(number)].hypervisor == "kvm-passthrough" {
        #expect(serving.count <= 1)
        if serving.count == 1 { seen.insert("handed over") }
      }
      // 40 packets of 1,500 bytes a request.
      guard fleet.model.policies.consolidation == nil else { continue }
      let bytes = serving.reduce(0) { $0 + fleet.report.vmCompleted[$1] } * 60_000 / result.window.seconds
      #expect(bytes <= classes[Int(number)].bandwidth * (1 + 1e-9))
    }
  }

  @Test("Any number of jobs gives the same tables")
  func jobs() async throws {
    let model = try Self.model(seed: 3)
    @Sendable func tables(_ replication: Int) throws -> String {
      "\(ResultTables.make([try FleetEngine.run(model: model, replication: replication)]).map(\.rows))"
    }
    let together = try await withThrowingTaskGroup(of: (Int, String).self) { group in
      for replication in 1...4 { group.addTask { (replication, try tables(replication)) } }
      return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
    }
    #expect(Set(together.values).count == 4)
    for replication in 1...4 { #expect(try tables(replication) == together[replication]) }
  }
}
