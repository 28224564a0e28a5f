import Tables
import Virtualization

extension ResultTables {
  /// `timeseries.csv`.
  public static let timeseries = TableSchema(
    name: "timeseries",
    columns: identity + [
      Column(name: "time_seconds", type: .real, unit: "seconds", meaning: "simulated time"),
      Column(name: "entity", type: .text, meaning: "what the value is about: fleet, or a VM"),
      Column(
        name: "metric", type: .text,
        meaning:
          "active_hosts, allocated_mhz, energy_kwh (so far) or migrations (started so far); balloon_bytes of a VM"),
      Column(name: "value", type: .real, meaning: "the metric's value then"),
    ])

  /// `migrations.csv`.
  public static let migrations = TableSchema(
    name: "migrations",
    columns: identity + [
      Column(name: "vm", type: .text, meaning: "VM"),
      Column(name: "source", type: .text, meaning: "host that it left"),
      Column(name: "target", type: .text, meaning: "host that it went to"),
      Column(name: "start_seconds", type: .real, unit: "seconds", meaning: "when it began"),
      Column(name: "end_seconds", type: .real, unit: "seconds", meaning: "when the VM ran on its target; empty if not"),
      Column(name: "rounds", type: .integer, meaning: "rounds of copying, the last among them"),
      Column(name: "sent_bytes", type: .real, unit: "bytes", meaning: "bytes sent"),
      Column(name: "downtime_seconds", type: .real, unit: "seconds", meaning: "time without a running VM"),
      Column(
        name: "outcome", type: .text,
        meaning: "completed, capped (rounds used up), cancelled (the VM ended) or under_way"),
    ])

  /// The tables that only fleets fill.
  static func fleetTables(_ results: [RunResult]) -> [Table] {
    var series = Table(schema: timeseries)
    var moves = Table(schema: migrations)
    for result in results {
      guard let fleet = result.fleet else { continue }
      let run: [CellValue] = [
        .text(result.scenario), .text(result.design), .text(result.profile), .integer(Int64(result.replication)),
      ]
      for tick in fleet.report.ticks {
        for (metric, value) in [
          ("active_hosts", Double(tick.activeHosts)), ("allocated_mhz", tick.allocated),
          ("energy_kwh", tick.energy / (3600 * 1000)), ("migrations", Double(tick.migrations)),
        ] {
          series.append(run + [.real(tick.time), .text("fleet"), .text(metric), .real(value)])
        }
      }
      let all = fleet.report.migrations
      for index in 0..<all.count {
        let source = Int(all.source[index])
        moves.append(
          run + [
            .text(fleet.model.vmName(Int(all.vm[index]))), .text(source < 0 ? "" : fleet.model.hostName(source)),
            .text(fleet.model.hostName(Int(all.target[index]))), .real(all.started[index]),
            all.ended[index].isFinite ? .real(all.ended[index]) : .empty, .integer(Int64(all.rounds[index])),
            .real(all.bytes[index]), .real(all.downtime[index]), .text(all.outcome[index].name),
          ])
      }
    }
    return [series, moves]
  }
}

extension FleetReport.Outcome {
  /// The name in tables.
  var name: String {
    switch self {
    case .underWay: "under_way"
    case .completed: "completed"
    case .capped: "capped"
    case .cancelled: "cancelled"
    }
  }
}
