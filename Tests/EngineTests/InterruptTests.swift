import Model
import Testing
import Virtualization

/// What the three kinds of interrupt controllers make of the same interrupts.
struct InterruptTests {
  @Test(
    "Kicks where delivery is not posted, EOI exits where the controller is emulated",
    arguments: [Fidelity.exit, .fluid])
  func controllers(fidelity: Fidelity) throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 600/s}
          service: {distribution: exponential, mean: 1 ms}
          per_request: {net_rx: 1}
      """, duration: "21 s", design: "kvm-virtio")
    func counts(_ kind: String) throws -> (kicks: Double, ends: Double, wakes: Double) {
      let model = try Support.model(
        scenario, design: "kvm-virtio", axes: [.interrupts: kind, .haltPolling: "off"], fidelity: fidelity)
      let result = try Support.run(model, fidelity)
      func count(_ step: String) -> Double {
        Double(result.exits.filter { $0.step == step }.reduce(0) { $0 + $1.count })
      }
      return (count("kick_exit"), count("eoi_exit"), count("vcpu_wakeup"))
    }
    let emulated = try counts("emulated")
    let accelerated = try counts("accelerated")
    let posted = try counts("posted")
    // 12,000 requests; ρ a little above 0.6: as many arrivals meet a running vCPU. Four standard deviations of the share
    // and of the arrivals, and what interrupts do to ρ, are within 6 %.
    #expect(abs(accelerated.kicks - 0.61 * 12_000) < 0.06 * 12_000, "\(accelerated)")
    #expect(abs(accelerated.kicks + accelerated.wakes - 12_000) < 500)
    #expect(accelerated.ends == 0 && posted.ends == 0 && posted.kicks == 0)
    // Every interrupt ends once, delivered to a running or to a halted vCPU.
    #expect(abs(emulated.ends - emulated.kicks - emulated.wakes) < 3)
    #expect(abs(emulated.kicks - accelerated.kicks) < 0.02 * 12_000)
  }
}
