import Model
import Testing
import Virtualization

/// Notification suppression emerges from the ring: near one bell per batch at low load, near none at saturation.
struct DoorbellTests {
  private func bells(rate: Double, packets: Int, vcpus: Int = 1) throws -> Double {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: \(rate)/s}
          service: {distribution: exponential, mean: 40 us}
          per_request: {net_tx: {count: \(packets), size: 100 B}}
      """, vcpus: vcpus, duration: "6 s", warmup: "1 s", design: "kvm-virtio")
    let result = try Support.exit(try Support.model(scenario))
    let bells = result.exits.filter { $0.operation == .doorbell && $0.step == "bell_exit" }.reduce(0) { $0 + $1.count }
    return Double(bells) / Double(result.workloads[0].completed)
  }

  @Test("Low load: one bell per batch")
  func low() throws { #expect(try bells(rate: 100, packets: 1) > 0.99) }

  @Test("A busy worker is not rung")
  func high() throws {
    // Twenty packets of 1.5 us hold the worker for 30 us a request; at 32,000 requests a second it is busy 96 %.
    #expect(try bells(rate: 32_000, packets: 20, vcpus: 4) < 0.06)
  }

  @Test("Between them: (1 − ρ)/(1 + λD) with the worker's load ρ and waking time D, within 3 %")
  func formula() throws {
    // One packet: 1.5 us on the worker; D = 1.2 us of the bell and 2 us of waking. The departures of a processor-sharing
    // queue are Poisson, so that the formula's assumption holds; 1 % is left for the bell's own occupation.
    for rate in [5000.0, 15_000] {
      let expected = (1 - rate * 1.5e-6) / (1 + rate * 3.2e-6)
      let simulated = try bells(rate: rate, packets: 1, vcpus: 2)
      #expect(abs(simulated - expected) < 0.03 * expected, "\(simulated) against \(expected)")
    }
  }

  @Test("A worker that only sends, in both engines: (1 − ρ)/(1 + λD)", arguments: [0.05, 0.3, 0.6, 0.8])
  func overTheLoad(load: Double) throws {
    // 3 % as above; a vCPU of sixteen that rings sends nothing meanwhile. Bells of a second are a sample of some 20,000.
    let rate = load / 1.5e-6
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: \(Int(rate))/s}
          service: {distribution: exponential, mean: 4 us}
          per_request: {net_tx: {count: 1, size: 100 B}}
      """, vcpus: 16, cores: 24, duration: load < 0.1 ? "5 s" : "2100 ms", warmup: "100 ms", design: "kvm-virtio")
    let model = try Support.model(scenario)
    let expected = (1 - load) / (1 + rate * 3.2e-6)
    for result in [try Support.exit(model), try Support.fluid(model)] {
      let bells = result.exits.reduce(0) { $0 + ($1.operation == .doorbell && $1.step == "bell_exit" ? $1.count : 0) }
      let share = Double(bells) / Double(result.workloads[0].completed)
      #expect(abs(share - expected) < 0.03 * expected, "\(share) against \(expected)")
    }
  }
}
