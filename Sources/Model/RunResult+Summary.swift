import Quantities
import Virtualization

/// The figures of `summary.csv`.
public enum SummaryMetric: String, CaseIterable, Sendable {
  case throughput, latencyMean, latencyP50, latencyP95, latencyP99, latencyP999
  case guestCPU, virtualizationCPU, virtualizationOverhead, overheadAssumed, exitsPerRequest, steal, utilization,
    servicesCPU
  case slaViolation
  case energy, migrations, migrationDegradation, overloadTime, unserved, hostShutdowns, endedVMs
  case migrationDowntime, hostWakeups, asleepTime, transitionTime
  case waitedVMs, waitingTime, unplacedVMs
  case mergedMemory, balloonedMemory, swappedMemory
  case lockSpin

  /// The name in tables.
  public var name: String {
    switch self {
    case .throughput: "throughput"
    case .latencyMean: "latency_mean"
    case .latencyP50: "latency_p50"
    case .latencyP95: "latency_p95"
    case .latencyP99: "latency_p99"
    case .latencyP999: "latency_p999"
    case .guestCPU: "guest_cpu"
    case .virtualizationCPU: "virtualization_cpu"
    case .virtualizationOverhead: "virtualization_overhead"
    case .overheadAssumed: "overhead_assumed"
    case .exitsPerRequest: "exits_per_request"
    case .steal: "steal"
    case .utilization: "utilization"
    case .servicesCPU: "services_cpu"
    case .slaViolation: "sla_violation"
    case .energy: "energy"
    case .migrations: "migrations"
    case .migrationDegradation: "migration_degradation"
    case .overloadTime: "overload_time"
    case .unserved: "unserved"
    case .hostShutdowns: "host_shutdowns"
    case .endedVMs: "ended_vms"
    case .migrationDowntime: "migration_downtime"
    case .hostWakeups: "host_wakeups"
    case .asleepTime: "hosts_asleep"
    case .transitionTime: "hosts_in_transition"
    case .waitedVMs: "waited_vms"
    case .waitingTime: "waiting_time"
    case .unplacedVMs: "unplaced_vms"
    case .mergedMemory: "memory_merged"
    case .balloonedMemory: "memory_ballooned"
    case .swappedMemory: "memory_swapped"
    case .lockSpin: "lock_spin"
    }
  }

  /// The unit in tables; the throughput of a batch is `cpu_seconds/s` instead.
  public var unit: String {
    switch self {
    case .throughput: "1/s"
    case .latencyMean, .latencyP50, .latencyP95, .latencyP99, .latencyP999, .guestCPU, .virtualizationCPU, .steal,
      .servicesCPU:
      "seconds"
    case .virtualizationOverhead, .overheadAssumed, .utilization, .slaViolation: "ratio"
    case .migrationDegradation, .overloadTime, .unserved: "ratio"
    case .exitsPerRequest, .migrations, .hostShutdowns, .endedVMs, .waitedVMs, .unplacedVMs, .hostWakeups: "count"
    case .waitingTime, .migrationDowntime, .asleepTime, .transitionTime, .lockSpin: "seconds"
    case .mergedMemory, .balloonedMemory, .swappedMemory: "bytes"
    case .energy: "kWh"
    }
  }

  /// The quantile that the metric reports, if it is one.
  public var quantile: Double? {
    switch self {
    case .latencyP50: 0.5
    case .latencyP95: 0.95
    case .latencyP99: 0.99
    case .latencyP999: 0.999
    default: nil
    }
  }
}

/// One row of `summary.csv`.
public struct SummaryRow: Sendable, Hashable {
  /// The figure.
  public let metric: SummaryMetric
  /// A whole number of nanoseconds where the figure is a CPU time that 64 bits can hold, so that sums stay exact.
  public let nanoseconds: Int64?
  /// The value in the unit given.
  public let value: Double
  /// The unit.
  public let unit: String
  /// The workload that the figure is about; `all` for the whole run.
  public let workload: String
}

/// Collects the figures of a whole run or of some of its workloads.
struct SummaryFigures {
  /// The workload, or `all`.
  let label: String
  private(set) var rows: [SummaryRow] = []

  init(label: String) { self.label = label }

  mutating func add(_ metric: SummaryMetric, _ value: Double?, unit: String? = nil, nanoseconds: Int64? = nil) {
    guard let value else { return }
    rows.append(
      SummaryRow(metric: metric, nanoseconds: nanoseconds, value: value, unit: unit ?? metric.unit, workload: label))
  }

  /// Adds a CPU time in nanoseconds. A large fleet's in a year exceeds 64 bits.
  mutating func add(_ metric: SummaryMetric, time: Int128) {
    add(metric, Double(time) * 1e-9, nanoseconds: Int64(exactly: time))
  }

  /// Adds what VMs did and what virtualization cost them; `requests` is what exits are counted by, 0 for nothing.
  mutating func addProcessorTimes(vms: [RunResult.VMRow], steps: [RunResult.ExitRow], requests: Int64) {
    addProcessorTimes(
      guest: vms.reduce(0) { $0 + Int128($1.guest) }, virtualization: steps.reduce(0) { $0 + Int128($1.nanoseconds) },
      vms: vms, steps: steps, requests: requests)
  }

  /// As above, with the CPU times of those who know them by other rows.
  mutating func addProcessorTimes(
    guest: Int128, virtualization: Int128, vms: [RunResult.VMRow], steps: [RunResult.ExitRow], requests: Int64
  ) {
    let spin = vms.reduce(Int128(0)) { $0 + Int128($1.spin) }
    add(.guestCPU, time: guest)
    add(.virtualizationCPU, time: virtualization)
    // Spinning is the guest's time, but no work.
    if guest > spin { add(.virtualizationOverhead, Double(virtualization) / Double(guest - spin)) }
    let all = steps.reduce(Int128(0)) { $0 + Int128($1.nanoseconds) }
    let assumed = steps.reduce(Int128(0)) { $0 + ($1.kind == .assumed ? Int128($1.nanoseconds) : 0) }
    if all > 0 { add(.overheadAssumed, Double(assumed) / Double(all)) }
    if requests > 0 { add(.exitsPerRequest, Double(steps.reduce(0) { $0 + $1.exits }) / Double(requests)) }
    add(.steal, time: vms.reduce(0) { $0 + Int128($1.steal) })
    if spin > 0 { add(.lockSpin, time: spin) }
  }
}

extension RunResult {
  /// The summary of the whole run and, where there are several, of each workload.
  public var summary: [SummaryRow] {
    if let fleet { return summary(of: fleet) }
    let all = Array(workloads.indices)
    var rows = summary(of: all, label: "all")
    if workloads.count > 1 {
      for index in all { rows += summary(of: [index], label: workloads[index].name) }
    }
    return rows
  }

  /// The value of one metric for the whole run, or nil where it does not apply.
  public func value(of metric: SummaryMetric) -> Double? {
    (fleet.map { summary(of: $0) } ?? summary(of: Array(workloads.indices), label: "all")).first {
      $0.metric == metric
    }?.value
  }

  /// The figures over some workloads. Throughput and latency are taken over the first shape present of requests,
  /// programs and batches; idle VMs have neither.
  private func summary(of indices: [Int], label: String) -> [SummaryRow] {
    var figures = SummaryFigures(label: label)
    let leading = ["requests", "program", "batch"].first { shape in
      indices.contains { workloads[$0].shape == shape }
    }
    let counted = indices.filter { workloads[$0].shape == leading }.map { workloads[$0] }
    let completed = counted.reduce(0) { $0 + $1.completed }
    if leading != nil {
      figures.add(
        .throughput, counted.reduce(0) { $0 + $1.throughput }, unit: leading == "batch" ? "cpu_seconds/s" : nil)
      if completed > 0 && counted.allSatisfy({ $0.meanLatency != nil || $0.completed == 0 }) {
        let sum = counted.reduce(0.0) { $0 + Double($1.completed) * ($1.meanLatency ?? 0) }
        figures.add(.latencyMean, sum / Double(completed))
      }
      for metric in SummaryMetric.allCases {
        guard let probability = metric.quantile, counted.count == 1 else { continue }
        figures.add(metric, counted[0].quantiles.first { $0.probability == probability }?.seconds)
      }
    }
    let chosen = Set(indices)
    figures.addProcessorTimes(
      vms: vms.filter { chosen.contains($0.workload) }, steps: exits.filter { chosen.contains(vms[$0.vm].workload) },
      requests: leading == "batch" ? 0 : completed)
    if label == "all" {
      let capacity = hosts.reduce(0.0) { $0 + Double($1.cores) } * Double(window.nanoseconds)
      let idle = hosts.reduce(0.0) { $0 + Double($1.idle) }
      if capacity > 0 { figures.add(.utilization, 1 - idle / capacity) }
      if !services.isEmpty {
        figures.add(.servicesCPU, time: services.reduce(0) { $0 + Int128($1.nanoseconds) })
      }
    }
    if counted.count == 1 { figures.add(.slaViolation, counted[0].violation) }
    return figures.rows
  }
}
