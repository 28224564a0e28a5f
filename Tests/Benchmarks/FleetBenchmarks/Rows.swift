import Foundation
import Model

/// A figure with the limit it is held to.
struct Figure {
  let name: String
  let value: Double
  let unit: String
  /// The most that is allowed, or the least where `isFloor`; nil for a figure that only informs.
  var limit: Double?
  var isFloor = false

  var isMissed: Bool {
    guard let limit else { return false }
    return isFloor ? value < limit : value > limit
  }

  var text: String {
    func short(_ number: Double) -> String {
      abs(number) >= 100 ? "\(Int(number.rounded()))" : "\((number * 1000).rounded() / 1000)"
    }
    guard let limit else { return "\(name) \(short(value)) \(unit)" }
    let relation = isFloor ? "at least" : "at most"
    return "\(name) \(short(value)) \(unit) (\(relation) \(short(limit)): \(isMissed ? "missed" : "met"))"
  }
}

/// What is measured: each in a process of its own, so that peak memory is that of one row.
enum Row: String, CaseIterable {
  case planetLabDay = "thr-mmt-day"
  case cloudDay = "cloud-day"
  case millionVMs = "million-vms"
  case placement
  case surfWeek = "surf-week"
  case slope

  var title: String {
    switch self {
    case .planetLabDay: "PlanetLab 20110303, THR-MMT 0.8: from the archive to the result files"
    case .cloudDay: "10,000 hosts, 100,000 VMs, 24 h at 300 s, no migration, after loading"
    case .millionVMs: "million-vms.yaml: 100,000 hosts, 1,000,000 VMs"
    case .placement: "placing 1,000,000 VMs on 100,000 hosts by best fit, with their first sample"
    case .surfWeek: "surf_week: from 2.3 million fragments to the result files"
    case .slope: "from 1,000 to 1,000,000 VMs, one host for every ten"
    }
  }

  /// Why the row can't be measured here; nil when it can.
  var obstacle: String? {
    let file: String
    switch self {
    case .planetLabDay: file = "planetlab/20110303.tar.xz"
    case .surfWeek: file = "surf_week/fragments.csv.xz"
    default: return nil
    }
    return FileManager.default.fileExists(atPath: "\(Fleets.data)/\(file)") ? nil : "there is no ../shared/data/\(file)"
  }

  /// Measures; `isWhole` simulates all seven days of the million VMs.
  func measure(isWhole: Bool) throws -> [Figure] {
    switch self {
    case .planetLabDay:
      let (seconds, report) = try Usage.timed {
        try Fleets.endToEnd {
          try Fleets.model("planetlab-thr-mmt", ["trace=\(Fleets.data)/planetlab/20110303.tar.xz"])
        }
      }
      let peak = Usage.peakMegabytes
      return [
        Figure(name: "CPU", value: seconds, unit: "s", limit: 0.25),
        Figure(name: "peak memory", value: peak, unit: "MB", limit: 150),
        Figure(name: "migrations", value: Double(report.migrations.count), unit: ""),
        Figure(name: "of CloudSim's 24 s", value: seconds / 24 * 100, unit: "%"),
      ]
    case .cloudDay:
      let model = try Fleets.cloud(vms: 100_000, duration: "1 d")
      let (seconds, report) = try Usage.timed { try Fleets.report(model) }
      return [
        Figure(name: "CPU", value: seconds, unit: "s", limit: 1),
        Figure(name: "peak memory", value: Usage.peakMegabytes, unit: "MB", limit: 300),
        Figure(name: "VM updates", value: Double(report.vmUpdates) / 1e6, unit: "million"),
        Figure(name: "of CloudSim Plus's 93 s", value: seconds / 93 * 100, unit: "%"),
      ]
    case .millionVMs:
      let start = try Usage.timed { try Fleets.report(Fleets.cloud(vms: 1_000_000, duration: "1 s")) }
      let all = try Usage.timed {
        try Fleets.report(Fleets.cloud(vms: 1_000_000, duration: isWhole ? "7 d" : "1 d"))
      }
      let peak = Usage.peakMegabytes
      let updates = Double(all.value.vmUpdates - start.value.vmUpdates)
      let rate = updates / (all.seconds - start.seconds)
      let yardstick = Yardstick.sweep(bytes: 1_000_000 * 64)
      return [
        Figure(name: isWhole ? "all 7 days" : "a slice of 1 of 7 days", value: all.seconds, unit: "CPU s"),
        Figure(name: "rate", value: rate / 1e6, unit: "million VM updates/s", limit: 50, isFloor: true),
        Figure(name: "peak memory", value: peak, unit: "MB", limit: 4000),
        Figure(name: "an update takes", value: 1e9 / rate / yardstick, unit: "times a sweep over 64 bytes"),
      ]
    case .placement:
      let model = try Fleets.cloud(vms: 1_000_000, duration: "1 s")
      let (seconds, _) = try Usage.timed { try Fleets.report(model) }
      return [
        Figure(name: "CPU", value: seconds, unit: "s", limit: 10),
        Figure(
          name: "that is", value: seconds / Yardstick.sort(count: 1_000_000), unit: "times sorting 1,000,000 numbers"),
      ]
    case .surfWeek:
      let folder = "\(Fleets.data)/surf_week"
      let (seconds, _) = try Usage.timed { try Fleets.endToEnd { try Fleets.surfWeek(tasks: folder) } }
      return [
        Figure(name: "CPU", value: seconds, unit: "s", limit: 1),
        Figure(name: "peak memory", value: Usage.peakMegabytes, unit: "MB"),
        Figure(name: "of OpenDC's 2.02 s", value: seconds / 2.02 * 100, unit: "%"),
      ]
    case .slope:
      var figures: [Figure] = []
      for (vms, days) in [(1000, 350), (10_000, 35), (100_000, 3), (1_000_000, 1)] {
        let start = try Usage.timed { try Fleets.report(Fleets.cloud(vms: vms, duration: "1 s", series: 100)) }
        let all = try Usage.timed { try Fleets.report(Fleets.cloud(vms: vms, duration: "\(days) d", series: 100)) }
        figures.append(
          Figure(
            name: "\(vms) VMs: \(Int((start.seconds * 1000).rounded())) ms to the first sample, then",
            value: (all.seconds - start.seconds) * 1e9 / Double(all.value.vmUpdates - start.value.vmUpdates),
            unit: "ns a VM update"))
      }
      return figures
    }
  }
}
