import Quantities
import Tables
import Virtualization

/// The CSV tables of one or several runs; the only place that knows their columns.
public enum ResultTables {
  static let identity = [
    Column(name: "scenario", type: .text, unit: nil, meaning: "name of the scenario"),
    Column(name: "design", type: .text, unit: nil, meaning: "hypervisor design, with overridden axes in brackets"),
    Column(name: "profile", type: .text, unit: nil, meaning: "cost profile"),
    Column(name: "replication", type: .integer, unit: nil, meaning: "number of the replication, from 1"),
  ]

  /// The columns that say which run a row is about.
  public static var runColumns: [Column] { identity }

  /// `summary.csv`.
  public static let summary = TableSchema(
    name: "summary",
    columns: identity + [
      Column(name: "metric", type: .text, unit: nil, meaning: "what is reported"),
      Column(name: "value", type: .real, unit: nil, meaning: "its value"),
      Column(name: "unit", type: .text, unit: nil, meaning: "the value's unit"),
      Column(name: "workload", type: .text, unit: nil, meaning: "workload that the figure is about, or all"),
    ])

  /// `exits.csv`.
  public static let exits = TableSchema(
    name: "exits",
    columns: identity + [
      Column(name: "host", type: .text, unit: nil, meaning: "host; in fleets the group of hosts"),
      Column(
        name: "vm", type: .text, unit: nil,
        meaning: "VM on whose behalf the step happened; in fleets the group of VMs"),
      Column(name: "operation", type: .text, unit: nil, meaning: "guest operation"),
      Column(name: "step", type: .text, unit: nil, meaning: "transition step"),
      Column(name: "place", type: .text, unit: nil, meaning: "where the CPU time was spent"),
      Column(name: "count", type: .integer, unit: "steps", meaning: "how often the step happened"),
      Column(name: "cpu_seconds", type: .real, unit: "seconds", meaning: "CPU time of the step"),
      Column(name: "exits", type: .integer, unit: "exits", meaning: "VM exits that the steps stand for"),
      Column(name: "kind", type: .text, unit: nil, meaning: "whether the price is measured, published or assumed"),
      Column(name: "reason", type: .text, unit: nil, meaning: "why the guest exits; empty for steps that are no exits"),
    ])

  /// `hosts.csv`.
  public static let hosts = TableSchema(
    name: "hosts",
    columns: identity + [
      Column(name: "host", type: .text, unit: nil, meaning: "host"),
      Column(name: "cores", type: .integer, unit: "cores", meaning: "cores"),
      Column(name: "guest_seconds", type: .real, unit: "seconds", meaning: "CPU time of the guests' own work"),
    ]
      + Place.allCases.map {
        Column(
          name: "\($0.name)_virtualization_seconds", type: .real, unit: "seconds",
          meaning: "CPU time of virtualization at place \($0.name)")
      }
      + [
        Column(
          name: "services_seconds", type: .real, unit: "seconds",
          meaning: "CPU time of what runs beside the guests, by service in services.csv"),
        Column(name: "idle_seconds", type: .real, unit: "seconds", meaning: "idle time of all cores"),
        Column(name: "utilization_ratio", type: .real, unit: "ratio", meaning: "busy share of all cores"),
        Column(
          name: "energy_kwh", type: .real, unit: "kWh", meaning: "energy, in fleets whose hosts name power curves"),
        Column(name: "active_seconds", type: .real, unit: "seconds", meaning: "time with VMs, in fleets"),
        Column(
          name: "asleep_seconds", type: .real, unit: "seconds",
          meaning: "time asleep, in fleets"),
        Column(
          name: "short_seconds", type: .real, unit: "seconds",
          meaning: "time in which it gave less than was asked for, in fleets"),
        Column(
          name: "shadow_table_bytes", type: .integer, unit: "bytes", meaning: "memory of the guests' shadow page tables"
        ),
      ])

  /// `vms.csv`.
  public static let vms = TableSchema(
    name: "vms",
    columns: identity + [
      Column(name: "host", type: .text, unit: nil, meaning: "host, the last one in fleets; empty if it never ran"),
      Column(name: "vm", type: .text, unit: nil, meaning: "VM"),
      Column(name: "workload", type: .text, unit: nil, meaning: "workload"),
      Column(name: "vcpus", type: .integer, unit: "vCPUs", meaning: "vCPUs"),
      Column(name: "guest_seconds", type: .real, unit: "seconds", meaning: "vCPU time of the guest's own work"),
      Column(
        name: "stall_seconds", type: .real, unit: "seconds", meaning: "vCPU time held by virtualization's steps"),
      Column(name: "steal_seconds", type: .real, unit: "seconds", meaning: "vCPU time runnable without a core"),
      Column(
        name: "halted_seconds", type: .real, unit: "seconds", meaning: "vCPU time halted or waiting for a swapped page"),
      Column(name: "backend_seconds", type: .real, unit: "seconds", meaning: "CPU time of the VM's backends"),
      Column(name: "completed", type: .integer, unit: "count", meaning: "requests, iterations or batches ended"),
      Column(name: "exits", type: .integer, unit: "exits", meaning: "VM exits"),
      Column(
        name: "requested_seconds", type: .real, unit: "seconds", meaning: "CPU time that the guest asked for, in fleets"
      ),
      Column(name: "migrations", type: .integer, unit: "count", meaning: "times that the VM was moved, in fleets"),
      Column(name: "shadow_table_bytes", type: .integer, unit: "bytes", meaning: "memory of its shadow page tables"),
      Column(
        name: "nodes", type: .text, unit: nil,
        meaning: "memory nodes on which its vCPUs run; empty where all memory is alike"),
      Column(
        name: "remote_memory_ratio", type: .real, unit: "ratio",
        meaning: "share of its references to memory that go to another node than the vCPU's"),
      Column(
        name: "spin_seconds", type: .real, unit: "seconds",
        meaning: "part of the guest's own time spent spinning for locks"
      ),
    ])

  /// `requests.csv`.
  public static let requests = TableSchema(
    name: "requests",
    columns: identity + [
      Column(name: "workload", type: .text, unit: nil, meaning: "workload"),
      Column(name: "quantile", type: .real, unit: "ratio", meaning: "probability of the quantile"),
      Column(name: "latency_seconds", type: .real, unit: "seconds", meaning: "latency at that quantile"),
    ])

  /// `provenance.csv`.
  public static let provenance = TableSchema(
    name: "provenance",
    columns: identity + [
      Column(name: "step", type: .text, unit: nil, meaning: "transition step"),
      Column(name: "mean", type: .real, unit: nil, meaning: "mean cost"),
      Column(name: "unit", type: .text, unit: nil, meaning: "unit of the mean"),
      Column(name: "kind", type: .text, unit: nil, meaning: "measured, published or assumed"),
      Column(name: "source", type: .text, unit: nil, meaning: "source, or reason of the assumption"),
      Column(name: "stated_by", type: .text, unit: nil, meaning: "profile that states the price"),
      Column(name: "range_low_ns", type: .real, unit: "ns", meaning: "lower end of an assumed mean"),
      Column(name: "range_high_ns", type: .real, unit: "ns", meaning: "upper end of an assumed mean"),
    ])

  /// `services.csv`.
  public static let services = TableSchema(
    name: "services",
    columns: identity + [
      Column(name: "host", type: .text, unit: nil, meaning: "host"),
      Column(name: "service", type: .text, unit: nil, meaning: "what runs beside the guests"),
      Column(name: "runs_in", type: .text, unit: nil, meaning: "host, or privileged_domain"),
      Column(name: "threads", type: .integer, unit: "threads", meaning: "threads"),
      Column(name: "wakeups", type: .integer, unit: "count", meaning: "times that it woke up"),
      Column(name: "cpu_seconds", type: .real, unit: "seconds", meaning: "its CPU time"),
    ])

  /// All tables of runs.
  public static let schemas = [summary, exits, hosts, vms, memory, requests, provenance, services]

  /// Makes all tables of the given runs, rows in the order of the runs.
  public static func make(_ results: [RunResult]) -> [Table] {
    var tables = schemas.map { Table(schema: $0) }
    for result in results {
      for (index, rows) in rows(of: result).enumerated() {
        for row in rows { tables[index].append(row) }
      }
    }
    if results.contains(where: { $0.fleet != nil }) { return tables + fleetTables(results) }
    var series = Table(schema: timeseries)
    for result in results {
      let run: [CellValue] = [
        .text(result.scenario), .text(result.design), .text(result.profile), .integer(Int64(result.replication)),
      ]
      for row in balloonSeries(of: result, run: run) { series.append(row) }
    }
    return series.rows.isEmpty ? tables : tables + [series]
  }

  /// Seconds as an exact decimal.
  private static func seconds(_ nanoseconds: Int64) -> CellValue { .decimal(value: nanoseconds, scale: 9) }

  private static func fleetCells(ofHost host: Int, in result: RunResult) -> [CellValue] {
    guard let fleet = result.fleet else { return [.empty, .empty, .empty, .empty] }
    let group = fleet.model.hostClasses[Int(fleet.model.hostClass[host])]
    return [
      group.power == nil ? .empty : .real(fleet.report.hostEnergy[host] / (3600 * 1000)),
      .real(fleet.report.hostActive[host]), .real(fleet.report.hostAsleep[host]), .real(fleet.report.hostShort[host]),
    ]
  }

  private static func fleetCells(ofVM vm: Int, in result: RunResult) -> [CellValue] {
    guard let fleet = result.fleet else { return [.empty, .empty] }
    return [.real(fleet.report.vmRequested[vm]), .integer(Int64(fleet.report.vmMigrations[vm]))]
  }

  private static func nodeCells(of vm: RunResult.VMRow) -> [CellValue] {
    guard let home = vm.home else { return [.empty, .empty] }
    return [.text(home.nodes.map(String.init).joined(separator: " ")), .real(home.remoteShare)]
  }

  /// Rows in the order of `schemas`.
  private static func rows(of result: RunResult) -> [[[CellValue]]] {
    let run: [CellValue] = [.text(result.scenario), .text(result.design), .text(result.profile)]
    let number = CellValue.integer(Int64(result.replication))
    let all = run + [number]
    /// Rows about a host name the host's own design and profile.
    func own(_ host: Int) -> [CellValue] {
      [run[0], .text(result.hosts[host].design), .text(result.hosts[host].profile), number]
    }
    let summary: [[CellValue]] = result.summary.map { row in
      let value = row.nanoseconds.map(seconds) ?? .real(row.value)
      return all + [.text(row.metric.name), value, .text(row.unit), .text(row.workload)]
    }
    let fleet = result.fleet?.model
    let firstHosts = fleet.map { fleet in
      fleet.hostClasses.indices.map { fleet.hostClass.firstIndex(of: Int32($0)) ?? 0 }
    }
    let exits: [[CellValue]] = result.exits.map { row in
      own(firstHosts?[row.host] ?? row.host) + [
        .text(fleet?.hostClasses[row.host].name ?? result.hosts[row.host].name),
        .text(fleet?.vmClasses[row.vm].name ?? result.vms[row.vm].name), .text(row.operation.name),
        .text(row.step), .text(row.place.name), .integer(row.count), seconds(row.nanoseconds),
        .integer(row.exits), .text(row.kind.rawValue), row.reason.map { .text($0.rawValue) } ?? .empty,
      ]
    }
    let hosts: [[CellValue]] = result.hosts.indices.map { index in
      let host = result.hosts[index]
      let capacity = Int64(host.cores) * result.window.nanoseconds
      let utilization = capacity > 0 ? 1 - Double(host.idle) / Double(capacity) : 0
      return own(index) + [.text(host.name), .integer(Int64(host.cores)), seconds(host.guest)]
        + host.virtualization.map(seconds) + [seconds(host.services), seconds(host.idle), .real(utilization)]
        + fleetCells(ofHost: index, in: result) + [.integer(host.shadowTables)]
    }
    let vms: [[CellValue]] = result.vms.enumerated().map { index, vm in
      (vm.host < 0 ? all : own(vm.host)) + [
        .text(vm.host < 0 ? "" : result.hosts[vm.host].name), .text(vm.name), .text(result.workloads[vm.workload].name),
        .integer(Int64(vm.vcpus)), seconds(vm.guest), seconds(vm.stall), seconds(vm.steal), seconds(vm.halted),
        seconds(vm.backend), .integer(vm.completed), .integer(vm.exits),
      ] + fleetCells(ofVM: index, in: result) + [.integer(vm.shadowTables)] + nodeCells(of: vm) + [seconds(vm.spin)]
    }
    let memory: [[CellValue]] = result.vms.compactMap { vm in
      vm.memory.map { own(vm.host) + [.text(result.hosts[vm.host].name), .text(vm.name)] + cells(of: $0) }
    }
    let requests: [[CellValue]] = result.workloads.flatMap { workload in
      workload.quantiles.map {
        all + [.text(workload.name), .real($0.probability), .real($0.seconds)]
      }
    }
    let provenance: [[CellValue]] = result.provenance.map { row in
      all + [
        .text(row.step), .real(row.mean), .text(row.unit), .text(row.kind.rawValue), .text(row.source),
        .text(row.profile), row.range.map { .real($0.lowerBound) } ?? .empty,
        row.range.map { .real($0.upperBound) } ?? .empty,
      ]
    }
    let services: [[CellValue]] = result.services.map { row in
      own(row.host) + [
        .text(result.hosts[row.host].name), .text(row.name), .text(row.home.rawValue), .integer(Int64(row.threads)),
        .integer(row.wakeups), seconds(row.nanoseconds),
      ]
    }
    return [summary, exits, hosts, vms, memory, requests, provenance, services]
  }
}
