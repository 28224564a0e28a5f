import Documents
import Model
import Testing
import Virtualization

@testable import Datacenter

/// The fleet engine faces the exit-level engine on `four-hosts.yaml`, under every shipped design.
struct FleetAgreementTests {
  static func scenario(_ design: String, _ edits: [String] = []) throws -> Scenario {
    let chosen = try Support.shipped("four-hosts").comparison?.designs.first { $0.name == design }
    let profile = chosen?.profile.map { ["hosts.node.profile=\($0)"] } ?? []
    return try Support.shipped("four-hosts", edits: profile + edits)
  }

  static func fleet(_ scenario: Scenario, design: String? = nil) throws -> RunResult {
    let model = try Support.model(scenario, design: design, fidelity: .fluid)
    let result = try FleetEngine.run(model: model, replication: 1)
    try result.checkConservation()
    return result
  }

  /// Figures of two runs at exit fidelity that differ from the fleet's by more than the engines' design allows: 2 % of
  /// means, and of exits by reason above 1 %.
  ///
  /// Two runs of 31,200 requests scatter by 0.4 % in their number and by 0.5 % in the work drawn, one standard deviation, and
  /// all designs see the same draws. A single host has a few thousand of them: three standard deviations of the work, whose
  /// variation is at most 1, come on top there.
  static func differences(_ runs: [RunResult], _ fleet: RunResult) -> [String] {
    var found: [String] = []
    func compare(_ name: String, _ simulated: Double, _ expected: Double, scatter: Double = 0) {
      if abs(simulated - expected) > (0.02 + scatter) * abs(expected) + 1e-12 {
        found.append("\(name) \(simulated) at exit fidelity, \(expected) of the fleet")
      }
    }
    for metric in [
      SummaryMetric.throughput, .guestCPU, .virtualizationCPU, .virtualizationOverhead, .exitsPerRequest, .utilization,
      .servicesCPU,
    ] {
      let values = runs.compactMap { $0.value(of: metric) }
      guard !values.isEmpty else { continue }
      compare(metric.name, values.reduce(0, +) / Double(values.count), fleet.value(of: metric) ?? 0)
    }
    // Hosts differ by their mixes.
    for host in fleet.hosts.indices {
      let busy = runs.map { Double($0.hosts[host].virtualization.reduce(0, +)) / Double($0.hosts[host].guest) }
      let expected = Double(fleet.hosts[host].virtualization.reduce(0, +)) / Double(fleet.hosts[host].guest)
      let requests = runs.reduce(0) { $0 + $1.vms.reduce(0) { $0 + ($1.host == host ? Double($1.completed) : 0) } }
      compare(
        "overhead of \(fleet.hosts[host].name)", busy.reduce(0, +) / Double(busy.count), expected,
        scatter: 3 / requests.squareRoot())
    }
    let (simulated, expected) = (EngineAgreementTests.byReason(runs[0]), EngineAgreementTests.byReason(fleet))
    let (done, others) = (Double(runs[0].workloads.reduce(0) { $0 + $1.completed }), completed(fleet))
    let all = simulated.values.reduce(0, +)
    for (reason, count) in simulated.sorted(by: { $0.key < $1.key }) where count > 0.01 * all {
      compare(reason, count / done, expected[reason, default: 0] / others)
    }
    return found
  }

  private static func completed(_ result: RunResult) -> Double {
    Double(result.workloads.reduce(0) { $0 + $1.completed })
  }

  @Test("Fleet and exit-level engine agree within 2 % on four hosts", arguments: AllDesignsTests.designs)
  func agreement(design: String) throws {
    let scenario = try Self.scenario(design)
    let model = try Support.model(scenario, design: design)
    #expect(model.fleet == nil && model.fidelity == .exit)
    let fleet = try Self.fleet(scenario, design: design)
    // Both place the VMs alike, in several mixes.
    #expect(model.vms.map(\.host) == fleet.vms.map(\.host))
    #expect(Set(fleet.hosts.indices.map { host in fleet.vms.filter { $0.host == host }.map(\.workload) }).count == 3)
    let found = Self.differences(try (1...2).map { try Support.exit(model, replication: $0) }, fleet)
    #expect(found.isEmpty, "\(design): \(found)")
  }
}
