import Documents
import EventKernel
import Foundation
import Model
import Testing

@testable import Datacenter

/// Fleets under the default policies: sharing, placement, energy, costs, migration.
struct FleetTests {
  private func run(_ scenario: Scenario, design: String? = nil) throws -> RunResult {
    let model = try Support.model(scenario, design: design, fidelity: .fluid)
    let result = try FleetEngine.run(model: model, replication: 1)
    try result.checkConservation()
    return result
  }

  private func scenario(
    hosts: String = "{count: 1, cores: 4}", vms: String, workloads: String, policies: String = "{placement: first-fit}",
    duration: String = "1 h"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: test
      duration: \(duration)
      hosts:
      \(hosts)
      vms:
      \(vms)
      workloads:
      \(workloads)
      policies: \(policies)
      power:
        linear: {watts: [100 W, 200 W], source: test}
      """)
  }

  private static let node = """
      - {name: node, count: 2, cpu: {cores: 4, frequency: 2000 MHz}, memory: {size: 16 GiB}, power: linear, design: bare-metal, profile: cascade-lake-pvm-paper}
    """

  @Test("A cap in processors bounds a fleet's VM")
  func cap() throws {
    let scenario = try Support.scenario(
      """
      scenario: cap
      duration: 1 h
      hosts:
        - name: a
          cpu: {cores: 4, frequency: 2 GHz}
          memory: {size: 16 GiB}
          design: ideal
          profile: cascade-lake-pvm-paper
      vms:
        - {name: v, vcpus: 2, memory: {size: 1 GiB}, workload: w, cpu: {cap: 0.5}}
      workloads:
        w: {utilization: 1}
      """)
    let result = try run(scenario)
    let used = result.vms.reduce(0.0) { $0 + Double($1.guest + $1.stall) } * 1e-9
    #expect(abs(used - 1800) < 1e-3, "\(used) s")
  }

  @Test("Energy and utilization of constant demand: closed form")
  func constant() throws {
    let result = try run(
      try scenario(
        hosts: Self.node,
        vms: "  - {name: vm, count: 2, vcpus: 2, memory: {size: 1 GiB}, workload: half}",
        workloads: "  half: {utilization: 0.5}"))
    // Two VMs of two half-busy vCPUs on the first host: 2 of 4 cores; the second host is idle.
    let report = try #require(result.fleet).report
    #expect(abs(report.hostEnergy[0] - 150 * 3600) < 1)
    #expect(abs(report.hostEnergy[1] - 100 * 3600) < 1)
    #expect(abs(report.vmRequested[0] - 3600) < 1e-6)
    #expect(abs(report.vmGuest[0] + report.vmStall[0] - 3600) < 60)
    #expect(report.vmSteal[0] == 0)
  }

  @Test("Power between two points of a curve lies on the line between them")
  func powerCurve() {
    let curve = PowerCurve(
      name: "curve", watts: [100, 160, 200], sleepWatts: 0, sleepTime: .zero, wakeTime: .zero, source: "test")
    let points: [(Double, Double)] = [(0, 100), (0.25, 130), (0.5, 160), (0.75, 180), (1, 200), (1.5, 200), (-1, 100)]
    for (utilization, watts) in points {
      #expect(abs(curve.power(at: utilization) - watts) < 1e-9, "\(utilization)")
    }
  }

  @Test("Scarce CPU: reservations first, the rest by weight")
  func weights() throws {
    let result = try run(
      try scenario(
        hosts: """
            - {name: node, cpu: {cores: 2, frequency: 1000 MHz}, memory: {size: 16 GiB}, power: linear, design: bare-metal, profile: cascade-lake-pvm-paper}
          """,
        vms: """
            - {name: a, vcpus: 2, memory: {size: 1 GiB}, cpu: {weight: 1}, workload: full}
            - {name: b, vcpus: 2, memory: {size: 1 GiB}, cpu: {weight: 3}, workload: full}
            - {name: c, vcpus: 1, memory: {size: 1 GiB}, cpu: {weight: 1, reservation: 400 MHz}, workload: light}
          """,
        workloads: "  full: {utilization: 1}\n  light: {utilization: 0.4}",
        policies: "{placement: {rule: first-fit, cpu_allocation_ratio: 4}}"))
    let report = try #require(result.fleet).report
    func busy(_ vm: Int) -> Double { (report.vmGuest[vm] + report.vmStall[vm]) / 3600 }
    // c asks for about 400 of 2,000 MHz and has them reserved; a and b share the rest as 1 to 3.
    #expect(abs(busy(2) - 0.4) < 0.01)
    #expect(abs(busy(0) - 0.4) < 0.01)
    #expect(abs(busy(1) - 1.2) < 0.01)
    #expect(abs(report.hostGuest[0] + report.hostVirtualization.reduce(0) { $0 + $1[0] } - 2 * 3600) < 1e-3)
    #expect(abs(report.hostShort[0] - 3600) < 1e-6)
  }

  @Test("Scarce CPU is divided as on a single host: by threads' weights, nobody below its reservation")
  func sharesAsOnOneHost() throws {
    // Weights of all threads: 2, 6, 4, 1 on 4 cores; demands 2, 2, 2, 1; d has 0.9 reserved. What d leaves of its even
    // share is nothing: 4 - 0.9 = 3.1 for a, b, c at 2 : 6 : 4, of which b takes no more than 1.55 and c 1.033.
    let vms = """
        - {name: a, vcpus: 2, memory: {size: 1 GiB}, cpu: {weight: 1}, workload: full}
        - {name: b, vcpus: 2, memory: {size: 1 GiB}, cpu: {weight: 3}, workload: full}
        - {name: c, vcpus: 4, memory: {size: 1 GiB}, cpu: {weight: 1}, workload: half}
        - {name: d, vcpus: 1, memory: {size: 1 GiB}, cpu: {weight: 1, reservation: 900 MHz}, workload: full}
      """
    let result = try run(
      try scenario(
        hosts: """
            - {name: node, cpu: {cores: 4, frequency: 1000 MHz}, memory: {size: 16 GiB}, power: linear, design: bare-metal, profile: cascade-lake-pvm-paper}
          """, vms: vms,
        workloads: "  full: {utilization: 1}\n  half: {utilization: 0.5}",
        policies: "{placement: {rule: first-fit, cpu_allocation_ratio: 4}}"))
    let report = try #require(result.fleet).report
    let busy = (0..<4).map { (report.vmGuest[$0] + report.vmStall[$0]) / 3600 }
    let expected = [3.1 * 2 / 12, 3.1 * 6 / 12, 3.1 * 4 / 12, 0.9]
    for (vm, (found, share)) in zip(busy, expected).enumerated() {
      #expect(abs(found - share) < 0.001, "\(vm): \(found) instead of \(share)")
    }
  }

  @Test("A workload full of exits takes more of the host under shadow than under nested paging")
  func overhead() throws {
    let workloads = "  forks: {utilization: 0.5, per_cpu_second: {page_fault: 20000, context_switch: 20000}}"
    func virtualization(_ design: String, axis: String) throws -> Double {
      let hosts = Self.node.replacingOccurrences(of: "design: bare-metal", with: "design: {name: \(design)\(axis)}")
      let result = try run(
        try scenario(
          hosts: hosts, vms: "  - {name: vm, vcpus: 2, memory: {size: 1 GiB}, workload: forks}", workloads: workloads))
      return try #require(result.value(of: .virtualizationOverhead))
    }
    let nested = try virtualization("kvm-virtio", axis: "")
    let shadow = try virtualization("kvm-virtio", axis: ", paging: shadow")
    #expect(nested > 0 && shadow > 2 * nested)
  }

  @Test(
    "Fleet and exit-level engine agree within 2 % on four hosts",
    arguments: ["bare-metal", "container", "kvm-virtio", "kvm-shadow"])
  func agreement(design: String) throws {
    func text(_ policies: String) -> String {
      """
      scenario: four
      duration: 6 s
      hosts:
        - name: node
          count: 4
          cpu: {cores: 4, frequency: 2.5 GHz}
          memory: {size: 16 GiB}
          design: bare-metal
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: 8, vcpus: 1, memory: {size: 4 GiB}, workload: calls}
      workloads:
        calls:
          arrivals: {process: poisson, rate: 2000/s}
          service: {distribution: exponential, mean: 250 us}
          per_request: {syscall: 50, cpuid: 1, msr_write: 1}
      \(policies)
      """
    }
    let exact = try Support.exit(try Support.model(try Support.scenario(text("")), design: design))
    let fleet = try run(try Support.scenario(text("policies: {placement: worst-fit}")), design: design)
    for metric in [SummaryMetric.guestCPU, .virtualizationCPU, .utilization] {
      let expected = try #require(exact.value(of: metric))
      let value = try #require(fleet.value(of: metric))
      #expect(abs(value - expected) <= 0.02 * expected + 1e-12, "\(metric.name): \(value) against \(expected)")
    }
  }

  @Test("Indexed placement finds what a scan of all hosts finds", arguments: PlacementPolicy.Rule.allCases)
  func placement(rule: PlacementPolicy.Rule) throws {
    var policies = FleetPolicies()
    policies.placement.rule = rule
    let curve = PowerCurve(name: "c", watts: [50, 80, 90, 130, 200], sleepWatts: 0, source: "test")
    var hosts = [
      FleetModel.HostClass(
        name: "a", count: 40, cores: 4, coreSpeed: 2000, memory: 16 << 30, bandwidth: 0, power: curve, representative: 0
      ),
      FleetModel.HostClass(
        name: "b", count: 30, cores: 8, coreSpeed: 2500, memory: 64 << 30, bandwidth: 0, power: curve, representative: 0
      ),
    ]
    for index in hosts.indices { hosts[index].processorRatio = 2 }
    hosts[1].memoryRatio = 1.25
    var random = RandomStream(seed: 7, replication: 1, entity: 0, purpose: 0)
    let classes = (0..<300).map { number in
      FleetModel.VMClass(
        name: "vm\(number)", count: 1, vcpus: 1 + random.nextInteger(below: 4), speed: 0,
        memory: Int64(1 + random.nextInteger(below: 6)) << 30, bandwidth: 0, workload: 0)
    }
    let model = FleetModel(
      hostClasses: hosts, vmClasses: classes, series: classes.map { _ in -1 }, demands: [], policies: policies)
    var placer = Placer(model: model, seed: 1, replication: 1)
    for vm in classes {
      let before = placer.rooms
      let chosen = placer.place(vm) { _ in 0 }
      func promise(_ host: Int) -> Double { placer.promise(vm, on: hosts[Int(model.hostClass[host])]) }
      let fitting = before.indices.filter { before[$0].memory >= Double(vm.memory) && before[$0].cpu >= promise($0) }
      guard let chosen else {
        #expect(fitting.isEmpty)
        continue
      }
      #expect(fitting.contains(chosen))
      func increase(_ host: Int) -> Double {
        let total = hosts[Int(model.hostClass[host])].capacity
        return curve.power(at: (before[host].promised + promise(host)) / total)
          - curve.power(at: before[host].promised / total)
      }
      switch rule {
      case .firstFit: #expect(chosen == fitting.first)
      case .bestFit: #expect(before[chosen].memory == fitting.map { before[$0].memory }.min())
      case .worstFit: #expect(before[chosen].memory == fitting.map { before[$0].memory }.max())
      case .powerAware: #expect(abs(increase(chosen) - (fitting.map(increase).min() ?? 0)) < 1e-9)
      case .random, .roundRobin, .filterAndWeigh: break
      }
    }
    // Nothing is promised twice.
    for host in placer.rooms.indices { #expect(placer.rooms[host].memory >= 0 && placer.rooms[host].cpu >= 0) }
  }

  @Test("Affinity shares a host, anti-affinity keeps apart, requirements hold")
  func privateCloud() throws {
    let result = try run(try Support.shipped("private-cloud"))
    let fleet = try #require(result.fleet)
    func hosts(_ group: String) -> [Int32] {
      fleet.model.vmClass.indices.filter { fleet.model.vmClasses[Int(fleet.model.vmClass[$0])].name == group }
        .map { fleet.report.vmHost[$0] }
    }
    func kind(_ host: Int32) -> String { fleet.model.hostClasses[Int(fleet.model.hostClass[Int(host)])].name }
    #expect(Set(hosts("database")).count == 6)
    #expect(hosts("database").allSatisfy { kind($0) == "flash" })
    #expect(Set(hosts("service")).count == 1)
    #expect(hosts("cache").allSatisfy { kind($0) == "edge" })
  }

  @Test(
    "Distinct writes make a geometric series of rounds, writes to random pages fewer", arguments: [0.25, 0.5, 0.75])
  func rounds(intensity: Double) throws {
    func migration(_ more: String) throws -> FleetReport.Migrations {
      let bandwidth = 125e6
      let scenario = try Support.scenario(
        """
        scenario: test
        duration: 30 min
        hosts:
          - {name: node, count: 2, cpu: {cores: 2, frequency: 2 GHz}, memory: {size: 16 GiB},
             nics: [{name: eth0, bandwidth: 1 Gbit/s}], design: ideal, profile: cascade-lake-pvm-paper}
        vms:
          - {name: vm, count: 2, vcpus: 1, memory: {size: 2 GiB}, workload: busy}
        workloads: {busy: {utilization: 1}}
        policies:
          placement: worst-fit
          consolidation: {overload: thr, threshold: 1, sleep: false}
          migration: {mechanism: pre-copy, bandwidth_share: 1, downtime_target: 30 ms, round_limit: 100,
                      dirty_rate: \(bandwidth * intensity / 4096)/s\(more)}
        """)
      let migrations = try #require(try run(scenario).fleet).report.migrations
      try #require(migrations.count > 0)
      return migrations
    }
    let memory = Double(2 << 30)
    for (more, isDistinct) in [(", distinct_writes: true", true), ("", false)] {
      var (left, sent, rounds) = (memory, memory, 1)
      while left / 125e6 > 0.03 {
        let written = intensity * left
        left = isDistinct ? written : memory * (1 - exp(-written / memory))
        sent += left
        rounds += 1
      }
      let found = try migration(more)
      #expect(Int(found.rounds[0]) == rounds)
      #expect(abs(found.bytes[0] - sent) < 1e-6 * sent, "\(found.bytes[0]) instead of \(sent)")
    }
  }
}
