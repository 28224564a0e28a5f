import Model
import Statistics
import Testing
import Virtualization

/// The two engines over utilization, vCPUs and I/O, for every way of virtualizing page tables.
///
/// Arrivals and service times are the same under all designs, so that throughput and utilization are compared as ratios to
/// the bare host at the same seed, which takes the sampling error of arrivals out. The 90 % interval over replications must
/// lie within the tolerance, 2 % and 10 % for mean latency; where short runs leave it wider than that (latency, haltings,
/// kicks that follow from the load), it must not lie outside. Seeds are fixed.
struct PagingGridTests {
  static let modes = ["kvm-virtio", "kvm-shadow", "kvm-agile", "xen-pv", "qemu-tcg"]
  static let replications = 4
  /// Requests of one replication.
  static let requests = 1200.0

  struct Cell: CustomStringConvertible, Sendable {
    let design: String
    let utilization: Double
    let vcpus: Int
    let hasIO: Bool
    var axes: [DesignAxis: String] = [:]
    /// More keys of the host's memory, of the VM's, and of the VM.
    var host = ""
    var guest = ""
    var more = ""
    var description: String {
      "\(design) at \(utilization) on \(vcpus) vCPUs\(hasIO ? " with I/O" : "") "
        + axes.map { "\($0.key)=\($0.value) " }.sorted().joined() + host + guest + more
    }
  }

  /// Ways of paging with their options, at one utilization.
  static let options: [Cell] = [1, 4].flatMap { vcpus in
    func cell(
      _ design: String, _ axes: [DesignAxis: String] = [:], host: String = "", guest: String = "", more: String = ""
    ) -> Cell {
      Cell(
        design: design, utilization: 0.6, vcpus: vcpus, hasIO: false, axes: axes, host: host, guest: guest, more: more)
    }
    let five = ", page_table_levels: 5"
    let huge = ", page: 2 MiB"
    let logging = ", dirty_logging: {interval: 100 ms, dirty_pages: 20000/s, writable_set: 64 MiB}"
    return [
      cell("bare-metal"), cell("kvm-pvm"), cell("kvm-on-kvm"), cell("kvm-on-kvm", [.paging: "shadow"]),
      cell("kvm-virtio", host: five, guest: five), cell("kvm-shadow", host: five, guest: five),
      cell("kvm-agile", host: five, guest: five), cell("kvm-virtio", host: huge, guest: huge),
      cell("kvm-shadow", host: huge, guest: huge), cell("kvm-virtio", host: ", transparent_huge_pages: 0.5"),
      cell("xen-pv", guest: huge), cell("qemu-tcg", guest: huge),
      cell("kvm-virtio", [.guestPageTableIsolation: "on", .hostPageTableIsolation: "on"]),
      cell("kvm-shadow", [.guestPageTableIsolation: "on"]), cell("xen-pv", [.hostPageTableIsolation: "on"]),
      cell("kvm-virtio", [.mitigations: "on"]),
      cell("kvm-virtio", [.dirtyLogging: "write_protect"], more: logging),
      cell("kvm-virtio", [.dirtyLogging: "log_buffer"], more: logging),
      cell("kvm-shadow", [.dirtyLogging: "write_protect"], more: logging),
      cell("kvm-shadow", guest: ", shadow_pages: 64"),
    ]
  }

  static let cells = modes.flatMap { design in
    [0.3, 0.6, 0.8].flatMap { utilization in
      [1, 4].flatMap { vcpus in
        [false, true].map { Cell(design: design, utilization: utilization, vcpus: vcpus, hasIO: $0) }
      }
    }
  }

  private static func scenario(_ cell: Cell, rate: Double) throws -> Scenario {
    let seconds = requests / rate
    let io = cell.hasIO ? ", net_rx: {count: 2, size: 1500 B}, net_tx: {count: 4, size: 1500 B}" : ""
    return try Support.scenario(
      """
      scenario: grid
      duration: \(Int(seconds * 1.1e6)) us
      warmup: \(Int(seconds * 0.1e6)) us
      hosts:
        - name: node
          cpu: {cores: 8, frequency: 2.5 GHz}
          memory: {size: 64 GiB\(cell.host)}
          nics: [{name: eth0, bandwidth: 100 Gbit/s}]
          design: bare-metal
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, vcpus: \(cell.vcpus), memory: {size: 4 GiB\(cell.guest)}, guest: linux, nic: eth0, workload: work\(cell.more)}
      workloads:
        work:
          arrivals: {process: poisson, rate: \(rate)/s}
          service: {distribution: gamma, mean: 800 us, cv: 0.5}
          per_request: {syscall: 20, page_fault: 3, process_creation: 1, context_switch: 2, timer_program: 2\(io)}
          memory: {working_set: 256 MiB, page_references: 1000000/s, reuse_skew: 0.9}
      """)
  }

  /// The arrival rate at which vCPUs are busy for the cell's share of time: from one that leaves all of them idle, until a
  /// step changes nothing that the rounding keeps.
  private static func rate(_ cell: Cell) throws -> Double {
    var rate = 1.0
    for _ in 0..<6 {
      let fluid = try Support.fluid(
        try Support.model(try scenario(cell, rate: rate), design: cell.design, axes: cell.axes))
      let busy = Double(fluid.vms[0].guest + fluid.vms[0].stall) / Double(fluid.window.nanoseconds)
      let before = rate
      rate *= cell.utilization * Double(cell.vcpus) / busy
      if abs(rate / before - 1) < 1e-6 { break }
    }
    return (rate * 10).rounded() / 10
  }

  /// What is compared: per completed request where it is a sum, so that the number of arrivals does not matter.
  private static func figures(_ result: RunResult, against bareHost: RunResult) -> [String: Double] {
    var figures: [String: Double] = [:]
    func ratio(_ metric: SummaryMetric) -> Double? {
      guard let value = result.value(of: metric), let other = bareHost.value(of: metric), other > 0 else { return nil }
      return value / other
    }
    figures["throughput"] = ratio(.throughput)
    figures["utilization"] = ratio(.utilization)
    figures["overhead"] = result.value(of: .virtualizationOverhead)
    figures["latency"] = result.value(of: .latencyMean)
    let all = Double(result.exits.reduce(0) { $0 + $1.exits })
    var reasons: [String: Double] = [:]
    for row in result.exits { reasons["\(row.operation)/\(row.step)", default: 0] += Double(row.exits) }
    for (reason, count) in reasons where count > 0.01 * all {
      figures[reason] = count / Double(result.workloads[0].completed)
    }
    return figures
  }

  @Test("Engines agree, accounts close, runs repeat", arguments: cells + options)
  func grid(cell: Cell) throws {
    let rate = try Self.rate(cell)
    let scenario = try Self.scenario(cell, rate: rate)
    let model = try Support.model(scenario, design: cell.design, axes: cell.axes)
    var plain = cell
    plain.more = ""
    let bareHost = try Support.model(try Self.scenario(plain, rate: rate), design: "bare-metal")
    let expected = Self.figures(try Support.fluid(model), against: try Support.fluid(bareHost))
    var samples: [String: [Double]] = [:]
    for replication in 1...Self.replications {
      let result = try Support.exit(model, replication: replication)
      if replication == 1 {
        let again = try Support.exit(model, replication: 1)
        #expect(again.exits == result.exits && again.vms == result.vms && again.hosts == result.hosts)
      }
      let native = try Support.exit(bareHost, replication: replication)
      for (name, value) in Self.figures(result, against: native) { samples[name, default: []].append(value) }
    }
    for (name, values) in samples.sorted(by: { $0.key < $1.key }) where values.count == Self.replications {
      let tally = values.reduce(into: Tally()) { $0.add($1) }
      let halfWidth =
        try StudentT.quantile(probability: 0.95, degreesOfFreedom: Double(values.count - 1))
        * (tally.variance / Double(values.count)).squareRoot()
      let other = expected[name] ?? 0
      let tolerance = (name == "latency" ? 0.1 : 0.02) * abs(other)
      let difference = abs(tally.mean - other)
      #expect(
        2 * halfWidth <= tolerance ? difference + halfWidth <= tolerance : difference <= tolerance + halfWidth,
        "\(cell): \(name) is \(tally.mean) ± \(halfWidth) at exit and \(other) at fluid fidelity")
    }
  }
}
