import Model
import Testing
import Virtualization

/// The two engines face each other: on the shipped scenarios their means agree within 2 %.
///
/// The tolerance is the one that the design of the engines demands; means are over two replications with fixed seeds, so
/// that the sampling error of the exit-level engine is below it.
struct EngineAgreementTests {
  static let cases: [(scenario: String, design: String)] = [
    ("compare-hypervisors", "bare-metal"), ("compare-hypervisors", "container"),
    ("compare-hypervisors", "kvm-virtio"), ("compare-hypervisors", "kvm-shadow"),
    ("one-vm", "bare-metal"), ("one-vm", "kvm-virtio"), ("one-vm", "kvm-shadow"),
    ("fork-heavy", "bare-metal"), ("fork-heavy", "kvm-virtio"), ("fork-heavy", "kvm-shadow"),
    ("fork-heavy", "xen-pv"), ("fork-heavy", "kvm-pvm"),
  ]

  static let metrics: [SummaryMetric] = [
    .throughput, .latencyMean, .guestCPU, .virtualizationCPU, .virtualizationOverhead, .exitsPerRequest, .utilization,
  ]

  @Test("Means, and exits by reason above 1 %, agree within 2 %", arguments: cases)
  func agreement(scenario name: String, design: String) throws {
    let edits = name == "compare-hypervisors" ? ["duration=4 s"] : []
    let model = try Support.model(try Support.shipped(name, edits: edits), design: design)
    let exit = try (1...2).map { try Support.exit(model, replication: $0) }
    let fluid = try Support.fluid(model)
    for metric in Self.metrics {
      let values = exit.compactMap { $0.value(of: metric) }
      guard let expected = fluid.value(of: metric), !values.isEmpty else {
        #expect(values.isEmpty && fluid.value(of: metric) == nil, "\(metric.name) is there in one engine only")
        continue
      }
      let mean = values.reduce(0, +) / Double(values.count)
      #expect(
        abs(mean - expected) <= 0.02 * abs(expected) + 1e-12,
        "\(name) on \(design): \(metric.name) is \(mean) at exit and \(expected) at fluid fidelity")
    }
    let simulated = Self.byReason(exit[0])
    let expected = Self.byReason(fluid)
    let all = simulated.values.reduce(0, +)
    for (reason, count) in simulated where count > 0.01 * all {
      let other = expected[reason] ?? 0
      #expect(abs(count - other) <= 0.02 * other, "\(name) on \(design): \(reason) \(count) against \(other)")
    }
  }

  static func byReason(_ result: RunResult) -> [String: Double] {
    result.exits.reduce(into: [:]) { $0["\($1.operation)/\($1.step)", default: 0] += Double($1.exits) }
  }
}
