import Model
import Testing
import Virtualization

/// Linux's receive polling (NAPI): interrupts are off while the driver has packets, and on again when it has none.
struct PollingTests {
  /// A packet takes the guest `t` = 2 us. One that comes while the driver polls, with the probability `λt` that a queue with
  /// constant service is busy, causes no interrupt: near one a packet at low load, `1 - λt` between, none beyond saturation.
  /// Each interrupt ends with an exit. 5 %, and 0.02, for sampling and for interrupts that come together.
  @Test("Interrupts per packet over the load", arguments: [5000.0, 100_000, 250_000, 350_000, 700_000])
  func interrupts(rate: Double) throws {
    let scenario = try DeviceTests.scenario(
      """
          arrivals: {process: poisson, rate: \(rate)/s}
          service: {distribution: deterministic, mean: 2100 ns}
          discipline: fcfs
          per_request: {net_rx: {count: 1, size: 100 B}}
      """, duration: "700 ms")
    let result = try Support.exit(
      Support.model(scenario, design: "kvm-passthrough", axes: [.interrupts: "emulated"]))
    let ended = result.exits.filter { $0.operation == .eoi }.reduce(0) { $0 + $1.count }
    let share = Double(ended) / (rate * 0.2)
    let expected = max(0, 1 - rate * 2e-6)
    #expect(abs(share - expected) <= 0.05 * expected + 0.02, "\(share) against \(expected)")
  }
}
