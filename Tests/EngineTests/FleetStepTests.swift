import Documents
import Experiments
import Foundation
import Testing
import Virtualization

@testable import Datacenter
@testable import Model

/// Virtualization's steps in fleets: counts, CPU times, and what of them is assumed.
struct FleetStepTests {
  private func run(_ scenario: Scenario, design: String? = nil) throws -> RunResult {
    let result = try FleetEngine.run(
      model: try Support.model(scenario, design: design, fidelity: .fluid), replication: 1)
    try result.checkConservation()
    return result
  }

  private static func scenario(policies: String, workload: String, count: Int = 6) throws -> Scenario {
    try Support.scenario(
      """
      scenario: steps
      duration: 600 s
      hosts:
        - {name: node, count: 3, cpu: {cores: 4, frequency: 2.5 GHz}, memory: {size: 16 GiB}, design: kvm-virtio, profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, count: \(count), vcpus: 2, memory: {size: 4 GiB}, workload: load}
      workloads:
        load: \(workload)
      \(policies)
      """)
  }

  @Test("Exits are the rate of the operation times the work that was done")
  func closedForm() throws {
    let result = try run(
      try Self.scenario(
        policies: "policies: {placement: worst-fit}", workload: "{utilization: 0.5, per_cpu_second: {cpuid: 3000}}"))
    // Six VMs of two half-busy vCPUs: 3,600 CPU seconds of work.
    let rows = result.exits.filter { $0.operation == .cpuid }
    #expect(rows.reduce(0) { $0 + $1.exits } == 3000 * 3600)
    #expect(rows.allSatisfy { $0.reason == .cpuid || $0.exits == 0 })
    let cost = try #require(result.fleet?.model.loads[0]?.design.cost(of: .cpuid)).synchronousMean
    let seconds = rows.reduce(0.0) { $0 + Double($1.nanoseconds) } * 1e-9
    #expect(abs(seconds - 3000 * 3600 * cost * 1e-9) < 1e-6 * seconds)
    // Every VM has its sixth.
    let all = result.exits.reduce(0) { $0 + $1.exits }
    #expect(result.vms.allSatisfy { abs($0.exits - all / 6) <= 1 })
    let assumed = result.exits.reduce(0) { $0 + ($1.kind == .assumed ? $1.nanoseconds : 0) }
    let time = result.exits.reduce(0) { $0 + $1.nanoseconds }
    #expect(result.value(of: .overheadAssumed) == Double(assumed) / Double(time))
  }

  @Test(
    "A fleet takes the steps that the fluid engine takes for the same hosts", arguments: ["kvm-virtio", "kvm-shadow"])
  func steady(design: String) throws {
    let workload =
      "{arrivals: {process: poisson, rate: 900/s}, service: {distribution: exponential, mean: 400 us}, "
      + "per_request: {syscall: 20, cpuid: 2, page_fault: 3, timer_program: 1}}"
    let fleet = try run(
      try Self.scenario(policies: "policies: {placement: worst-fit}", workload: workload), design: design)
    let plain = try Support.fluid(
      try Support.model(
        try Self.scenario(policies: "fidelity: fluid", workload: workload), design: design, fidelity: .fluid))
    func counts(_ result: RunResult) -> [String: Double] {
      result.exits.reduce(into: [:]) { $0["\($1.operation) \($1.step) \($1.place)", default: 0] += Double($1.count) }
    }
    let (own, expected) = (counts(fleet), counts(plain))
    #expect(Set(own.keys) == Set(expected.keys))
    for (step, count) in expected { #expect(abs((own[step] ?? 0) - count) <= 1e-6 * count + 8, "\(step)") }
    let completed = try #require(plain.workloads.first).completed
    #expect(abs(Double(fleet.workloads[0].completed - completed)) <= 1e-6 * Double(completed) + 8)
    for metric in [SummaryMetric.throughput, .exitsPerRequest, .overheadAssumed, .virtualizationOverhead] {
      let value = try #require(fleet.value(of: metric))
      let other = try #require(plain.value(of: metric))
      #expect(abs(value - other) <= 1e-5 * other, "\(metric.name)")
    }
  }

  @Test("Moved VMs in groups of hosts: steps add up to the hosts' times by place, and breakdowns have causes")
  func moved() throws {
    let result = try run(try Support.shipped("consolidation-study", edits: ["duration=3 h"]))
    #expect(result.exits.contains { $0.operation == .dirtyPage && $0.count > 0 })
    #expect(result.exits.contains { $0.host == 1 && $0.nanoseconds > 0 })
    let breakdown = Breakdown(results: [result]).rows[0]
    #expect(breakdown.cell(of: .paging).nanoseconds > 0)
    let all = result.hosts.reduce(Int128(0)) { $0 + $1.virtualization.reduce(Int128(0)) { $0 + Int128($1) } }
    #expect(breakdown.cell(of: nil).nanoseconds == all)
    let tables = ResultTables.make([result])
    let exits = try #require(tables.first { $0.schema.name == "exits" })
    #expect(exits.rows.contains { $0.contains(.text("large")) && $0.contains(.text("medium")) })
  }

  @Test("Workloads of a fleet have figures of their own, which add up")
  func byWorkload() throws {
    let result = try run(try Support.shipped("private-cloud"))
    for metric in [SummaryMetric.guestCPU, .virtualizationCPU] {
      let rows = result.summary.filter { $0.metric == metric }
      #expect(rows.map(\.workload) == ["all", "database", "web", "cache"])
      #expect(abs(rows[1...].reduce(0) { $0 + $1.value } - rows[0].value) < 1e-6 * rows[0].value)
    }
    #expect(result.summary.contains { $0.metric == .overheadAssumed && $0.workload == "web" })
  }

  @Test("CPU times beyond 64 bits of nanoseconds take several rows")
  func centuries() throws {
    let scenario = try Self.scenario(
      policies: "policies: {placement: {rule: worst-fit, cpu_allocation_ratio: 4}}",
      workload: "{utilization: 0.5, per_cpu_second: {cpuid: 1000000}}")
    let fleet = try #require(try run(scenario).fleet)
    var report = fleet.report
    report.steps = report.steps.map {
      FleetReport.Step(
        hostClass: $0.hostClass, vmClass: $0.vmClass, operation: $0.operation, charge: $0.charge,
        operations: $0.operations * 1e9)
    }
    let hosts = (0..<3).map { number in
      RunResult.HostRow(
        name: "\(number)", design: "d", profile: "p", cores: 4, guest: 0,
        virtualization: Place.allCases.map { _ in Int64.max - 7 }, idle: 0)
    }
    let rows = RunResult.exitRows(of: RunResult.Fleet(model: fleet.model, report: report), hosts: hosts)
    let place = try #require(rows.first { $0.operation == .cpuid && $0.nanoseconds > 0 }).place
    let sum = rows.reduce(Int128(0)) { $0 + ($1.place == place ? Int128($1.nanoseconds) : 0) }
    #expect(sum == 3 * (Int128(Int64.max) - 7))
  }
}
