import Foundation
import Model
import Testing
import Virtualization

/// Front ends that leave a least time between their interrupts.
struct FrontEndModerationTests {
  private static func model(
    _ device: String, rate: Double, service: String = "10 us", design: String = "kvm-emulated",
    axes: [DesignAxis: String] = [:], fidelity: Fidelity = .exit
  ) throws -> SimulationModel {
    try Support.model(
      DeviceTests.scenario(
        """
            arrivals: {process: poisson, rate: \(rate)/s}
            service: {distribution: deterministic, mean: \(service)}
            discipline: fcfs
            per_request: {net_rx: {count: 1, size: 100 B}}
        """, nic: "{name: eth0, model: \(device)}"), design: design, axes: axes, fidelity: fidelity)
  }

  /// One write of the tail a packet and five accesses an interrupt. Without moderation a packet causes one unless the driver
  /// polls, which with service times longer than what the driver does is rare. With it one follows another after the
  /// interval `M`, or with the next packet: every `M + e^(-λM) / λ`. 3 % for sampling and for polling.
  @Test("An e1000 with QEMU's mitigation: at most 7,813 interrupts a second", arguments: [100.0, 2000, 8000])
  func mitigation(rate: Double) throws {
    for fidelity in [Fidelity.exit, .fluid] {
      let result = try Support.run(
        Self.model("e1000-mitigated", rate: rate, fidelity: fidelity), fidelity)
      let accesses = try DeviceTests.exits(result, [.mmio])
      let load = rate * 128e-6
      let share = 1 / (load + exp(-load))
      #expect(abs(accesses - (1 + 5 * share)) <= 0.03 * accesses, "\(fidelity): \(accesses), \(1 + 5 * share)")
      let interrupts = (accesses - 1) / 5 * result.workloads[0].throughput
      #expect(interrupts <= 1.01 / 128e-6)
    }
  }

  @Test("Held packets wait for half an interval on average, if one is open; both engines within 10 %")
  func delay() throws {
    func latency(_ device: String, _ fidelity: Fidelity) throws -> Double {
      let model = try Self.model(device, rate: 2000, fidelity: fidelity)
      return try #require(Support.run(model, fidelity).workloads[0].meanLatency)
    }
    let added = try latency("e1000-mitigated", .exit) - latency("e1000", .exit)
    let load = 2000 * 128e-6
    let expected = load / (1 + load) * 64e-6
    // Held packets also come in batches, whose later members wait for the first ones.
    #expect(added > 0.9 * expected && added < 1.5 * expected, "\(added) against \(expected)")
    let fluid = try latency("e1000-mitigated", .fluid)
    #expect(try abs(fluid - latency("e1000-mitigated", .exit)) < 0.1 * fluid)
  }

  @Test("vSphere's coalescing spares an idle VM: latency as without it; a busy one is interrupted less often")
  func coalescing() throws {
    func run(_ device: String, _ rate: Double) throws -> (latency: Double, kicks: Double) {
      let result = try Support.exit(
        Self.model(device, rate: rate, service: "20 us", design: "esxi-vmxnet3", axes: [.interrupts: "emulated"]))
      return (
        try #require(result.workloads[0].meanLatency), try DeviceTests.exits(result, [.externalInterrupt])
      )
    }
    let idle = try (run("vmxnet3", 100), run("vmxnet3-coalesced", 100))
    #expect(abs(idle.0.latency - idle.1.latency) < 0.01 * idle.0.latency)
    let busy = try (run("vmxnet3", 40_000), run("vmxnet3-coalesced", 40_000))
    #expect(busy.1.kicks < 0.6 * busy.0.kicks)
    // First come, first served: who is held back would have waited for those before.
    #expect(busy.1.latency < 1.1 * busy.0.latency)
  }
}
