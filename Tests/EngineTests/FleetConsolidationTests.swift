import Documents
import EventKernel
import Foundation
import Model
import Quantities
import Testing

@testable import Datacenter

/// Consolidation, migration and sleep under the default policies. Debug builds check at every event that hosts give no CPU
/// and memory that they lack, that no VM is in two places, and that the energy is what all powers add up to.
struct FleetConsolidationTests {
  private func run(_ scenario: Scenario) throws -> RunResult {
    let result = try FleetEngine.run(model: try Support.model(scenario, fidelity: .fluid), replication: 1)
    try result.checkConservation()
    return result
  }

  private static let curve = """
    power:
      linear: {watts: [100 W, 200 W], sleep: {power: 10 W, enter: 20 s, wake: 40 s}, source: test}
    """

  private func two(
    migration: String, policy: String = "{overload: thr, threshold: 0.8}", frequency: String = "2000 MHz"
  ) throws
    -> Scenario
  {
    try Support.scenario(
      """
      scenario: two
      duration: 1 h
      hosts:
        - {name: node, count: 2, cpu: {cores: 4, frequency: \(frequency)}, memory: {size: 16 GB}, nics: [{name: eth0, bandwidth: 1 Gbit/s}], power: linear, design: ideal, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, count: 2, vcpus: 2, memory: {size: 4 GB}, workload: light}
      workloads:
        light: {utilization: 0.5}
      policies:
        placement: worst-fit
        consolidation: \(policy)
        migration: \(migration)
      \(Self.curve)
      """)
  }

  @Test("A host with little load is emptied, its VM copied at the rate given, and it sleeps: closed form")
  func evacuation() throws {
    let result = try run(try two(migration: "fixed-rate"))
    let report = try #require(result.fleet).report
    #expect(report.migrations.count == 1)
    // 4 GB over half of 125 MB/s.
    #expect(abs(report.migrations.started[0] - 300) < 1e-9)
    #expect(abs(report.migrations.ended[0] - 364) < 1e-6)
    #expect(report.vmHost[0] == report.vmHost[1])
    let source = Int(report.migrations.source[0])
    // A quarter of its CPU until 364 s, 20 s idle, then asleep.
    let load = report.hostEnergy[source] - (364 * 125 + 20 * 100 + (3600 - 384) * 10)
    #expect(abs(load) < 30, "\(load)")
    #expect(abs(report.hostAsleep[source] - (3600 - 384)) < 1e-6)
    #expect(abs(report.transitionTime - 20) < 1e-6)
    #expect(report.vmMigrations.reduce(0, +) == 1)
  }

  @Test("Pre-copy in the engine is the pre-copy of the closed form, and its downtime counts")
  func preCopy() throws {
    let migration =
      "{mechanism: pre-copy, dirty_rate: 4000/s, writable_share: 0.5, downtime_target: 100 ms, switchover_time: 30 ms}"
    let scenario = try two(migration: migration)
    let result = try run(scenario)
    let report = try #require(result.fleet).report
    let policy = try #require(scenario.policies).migration
    // A half-busy VM writes at half of the rate; ticks and notes take a little.
    let expected = PreCopy(
      memory: 4e9, bandwidth: 62.5e6, dirtyRate: 4000 * 4096 * 0.5, writable: 2e9, policy: policy
    ).run()
    let duration = report.migrations.ended[0] - report.migrations.started[0]
    #expect(abs(duration - expected.duration) < 0.002 * expected.duration)
    #expect(Int(report.migrations.rounds[0]) == expected.rounds)
    #expect(abs(report.migrations.bytes[0] - expected.bytes) < 0.002 * expected.bytes)
    #expect(abs(report.migrations.downtime[0] - expected.downtime) < 0.05 * expected.downtime)
    #expect(abs(report.downtime - report.migrations.downtime[0]) < 1e-9)
    #expect(report.degradation > 0)
    #expect(result.value(of: .migrationDowntime) == report.downtime)
  }

  @Test("Bandwidth that follows the dirtying: the rounds of the closed form, the last one without a limit")
  func adaptive() throws {
    let migration =
      "{mechanism: pre-copy, bandwidth_share: 1, dirty_rate: 2000/s, writable_share: 0.5, hot_share: 0.01, "
      + "adaptive: {minimum: 100 Mbit/s, increment: 50 Mbit/s, maximum: 500 Mbit/s}}"
    let scenario = try two(migration: migration)
    let report = try #require(try run(scenario).fleet).report
    let policy = try #require(scenario.policies).migration
    let expected = PreCopy(
      memory: 4e9, bandwidth: 125e6, dirtyRate: 2000 * 4096 * 0.5, writable: 2e9, policy: policy
    ).run()
    let duration = report.migrations.ended[0] - report.migrations.started[0]
    #expect(abs(duration - expected.duration) < 0.002 * expected.duration)
    #expect(Int(report.migrations.rounds[0]) == expected.rounds && expected.rounds > 4)
    #expect(abs(report.migrations.bytes[0] - expected.bytes) < 0.002 * expected.bytes)
    // The first round has the minimum, the last all of the interface.
    #expect(expected.duration > 4e9 / 12.5e6)
    #expect(abs(report.migrations.lastRound[0] / 125e6 - report.migrations.downtime[0]) < 1e-6)
    // Fully dirtied pages are there in every round.
    #expect(report.migrations.lastRound[0] >= 40e6)
    let stuck = PreCopy(memory: 4e9, bandwidth: 62.5e6, dirtyRate: 0, writable: 0, policy: policy).run()
    #expect(stuck.outcome == .completed && stuck.rounds > 2)
  }

  @Test("Migrations share interfaces at both ends, max-min")
  func sharing() {
    let moves = Moves(capacities: [100, 100, 100, 30], vmCount: 4, limit: 80)
    var rates = [Int: Double]()
    func add(_ vm: Int32, _ source: Int32, _ target: Int32) {
      let policy = MigrationPolicy()
      let copy = PreCopy(memory: 1, bandwidth: 0, dirtyRate: 0, writable: 0, policy: policy)
      let index = moves.add(
        Moves.Move(
          vm: vm, source: source, target: target, record: 0, cost: 0, account: 0,
          progress: PreCopy.Progress(left: 1), copy: copy, left: 1, settled: 0))
      moves[index].phase = .copying
      moves.change(moves[index])
    }
    func share() {
      moves.share { index, rate in
        rates[index] = rate
        moves[index].rate = rate
        moves[index].isFresh = false
      }
    }
    add(0, 0, 1)
    share()
    #expect(rates[0] == 80)
    add(1, 0, 2)
    add(2, 0, 3)
    add(3, 2, 1)
    share()
    // 30 to the slow target, what is left of host 0 is halved, and host 1 has room for the rest of the other's.
    #expect(rates == [2: 30, 0: 35, 1: 35, 3: 65])
    moves.remove(2)
    share()
    #expect(rates[0] == 50 && rates[1] == 50 && rates[3] == 50)
  }

  @Test("Overloaded hosts are relieved, and a sleeping host is woken only when no other has room")
  func relief() throws {
    let scenario = try Support.scenario(
      """
      scenario: relief
      duration: 4 h
      hosts:
        - {name: node, count: 3, cpu: {cores: 4, frequency: 2000 MHz}, memory: {size: 16 GB}, nics: [{name: eth0, bandwidth: 10 Gbit/s}], power: linear, design: ideal, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, count: 4, vcpus: 2, memory: {size: 2 GB}, workload: wave}
      workloads:
        wave: {utilization: {series: 1, mean: 0.3, deviation: 0, profile: [0.2, 3, 3, 3, 3, 3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]}}
      policies:
        placement: worst-fit
        consolidation: {overload: thr, threshold: 0.8}
        migration: fixed-rate
      \(Self.curve)
      """)
    let result = try run(scenario)
    let report = try #require(result.fleet).report
    // At night all four fit one host; by day two VMs are all that 80 % of a host allows... and then less than that.
    #expect(report.shutdowns >= 2 && report.wakeups >= 1)
    #expect(abs(report.transitionTime - Double(report.shutdowns * 20 + report.wakeups * 40)) < 1e-6)
    #expect(report.migrations.count >= 3)
    #expect(Set(report.vmHost).count >= 2)
  }

  @Test(
    "Detectors and selections run on a fleet with a daily wave",
    arguments: ConsolidationPolicy.Overload.allCases.filter { $0 != .threshold })
  func detectors(overload: ConsolidationPolicy.Overload) throws {
    for selection in ConsolidationPolicy.Selection.allCases {
      let result = try run(
        try Support.shipped(
          "consolidation-study",
          edits: [
            "duration=3 h", "hosts.small.count=12", "hosts.large.count=13", "vms.small.count=60", "vms.medium.count=30",
            "vms.large.count=10", "policies.consolidation.selection=\(selection.rawValue)",
            "policies.consolidation.overload=\(overload.rawValue)",
          ]))
      let report = try #require(result.fleet).report
      #expect(report.migrations.count > 0)
      #expect(report.hostAsleep.contains { $0 > 0 })
    }
  }

  @Test("Consolidation saves energy, and shadow paging makes the moved fleet dearer than nested paging")
  func study() throws {
    let moved = try run(try Support.shipped("consolidation-study", edits: ["duration=6 h"]))
    let awake = try run(
      try Support.shipped("consolidation-study", edits: ["duration=6 h", "policies.consolidation.sleep=false"]))
    let energy = try #require(moved.value(of: .energy))
    #expect(energy < 0.7 * (awake.value(of: .energy) ?? 0))
    let shadow = try FleetEngine.run(
      model: try Support.model(
        try Support.shipped(
          "consolidation-study", edits: ["duration=6 h", "hosts.0.design=kvm-shadow", "hosts.1.design=kvm-shadow"]),
        fidelity: .fluid), replication: 1)
    #expect((shadow.value(of: .virtualizationOverhead) ?? 0) > 2 * (moved.value(of: .virtualizationOverhead) ?? 1))
  }

  @Test(
    "Policies that say nothing are refused where they stand",
    arguments: [
      ("interval=1 ns", "expected an interval of at least 1 s, found 1 ns"),
      ("safety=2", "has a 'threshold', no 'safety'"),
      ("threshold=NaN", "expected a number, found 'NaN'"), ("threshold=1e300", "above 0 and up to 1"),
      ("selection=", "expected mmt, rs, mc or mu"),
    ])
  func faults(edit: String, message: String) {
    let found = Support.faults {
      _ = try Support.scenario(
        """
        scenario: faults
        duration: 1 h
        hosts:
          - {name: node, count: 2, cpu: {cores: 4, frequency: 2 GHz}, memory: {size: 16 GB}, nics: [{name: eth0, bandwidth: 1 Gbit/s}], design: ideal, profile: cascade-lake-pvm-paper}
        vms:
          - {name: vm, count: 2, vcpus: 2, memory: {size: 4 GB}, workload: light}
        workloads:
          light: {utilization: 0.5}
        policies:
          consolidation: {overload: thr, \(edit.replacingOccurrences(of: "=", with: ": "))}
        """)
    }
    #expect(found.count == 1 && found[0].contains(message), "\(found)")
  }

  @Test("A design that cannot migrate is refused where it stands")
  func passthrough() throws {
    let scenario = try Support.shipped("consolidation-study", edits: ["hosts.1.design=kvm-passthrough"])
    #expect {
      try Support.model(scenario, fidelity: .fluid)
    } throws: { "\($0)".contains("cannot migrate") }
  }
}
