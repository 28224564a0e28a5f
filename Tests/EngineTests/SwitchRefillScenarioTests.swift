import Model
import Testing
import Virtualization

@testable import Machine

/// Data of processes that take turns: what it costs after a switch, under every design alike.
struct SwitchRefillScenarioTests {
  private func scenario(design: String, switches: String, profile: String = "xeon-2003") -> String {
    """
    scenario: test
    duration: 100 s
    hosts:
      - name: node
        cpu: {cores: 1, frequency: 2.4 GHz}
        memory: {size: 16 GiB}
        design: {name: \(design)}
        profile: \(profile)
    vms:
      - {name: guest, vcpus: 1, memory: {size: 1 GiB}, guest: linux, workload: work}
    workloads:
      work: {program: {repeat: 20000, loop: {context_switch: \(switches)}}}
    """
  }

  /// Mean time of an iteration in nanoseconds.
  private func iteration(_ text: String, _ fidelity: Fidelity) throws -> Double {
    let result = try Support.run(try Support.model(try Support.scenario(text)), fidelity)
    try result.checkConservation()
    return try #require(result.workloads[0].meanLatency) * 1e9
  }

  @Test(
    "Data adds the same time under every design, in both engines",
    arguments: ["bare-metal", "xen-pv-32", "kvm-shadow"])
  func addition(design: String) throws {
    // 8 processes of 64 KiB: 512 lines, of which 64.4 % are lost, at 71.6 ns, and 16 walks of 45 cycles.
    let expected = 512 * 0.6435 * 71.6 + 16 * 45 / 2.4
    for fidelity in [Fidelity.exit, .fluid] {
      let plain = try iteration(scenario(design: design, switches: "1"), fidelity)
      let data = try iteration(
        scenario(design: design, switches: "{count: 1, processes: 8, data: 64 KiB}"), fidelity)
      #expect(abs(data - plain - expected) < 0.01 * expected, "\(fidelity): \(data - plain), expected \(expected)")
    }
  }

  @Test("A translator of kernels leaves the processes' own work alone")
  func translation() throws {
    let text = scenario(design: "vmware-workstation-bt", switches: "{count: 1, processes: 8, data: 64 KiB}")
    let result = try Support.exit(try Support.model(try Support.scenario(text)))
    #expect(result.exits.contains { $0.operation == .contextSwitch && $0.place == .hypervisor })
    #expect(result.exits.allSatisfy { $0.operation != .switchRefill || $0.place == .guest })
  }

  @Test("A profile without a cache is told to leave the data without effect")
  func warning() throws {
    let text = scenario(
      design: "bare-metal", switches: "{count: 1, processes: 8, data: 64 KiB}", profile: "xeon-e5-2014")
    let model = try Support.model(try Support.scenario(text))
    #expect(model.remarks.contains { $0.message.contains("profile 'xeon-e5-2014' has no cache") })
  }
}
