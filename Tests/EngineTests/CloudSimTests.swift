import Documents
import Foundation
import Model
import Testing

@testable import Datacenter

/// Where the trace and CloudSim's output are.
enum CloudSimReference {
  static let data = "\(Support.root)/../shared/data"
  static let isThere =
    FileManager.default.fileExists(atPath: "\(data)/planetlab/20110303.tar.xz")
    && FileManager.default.fileExists(atPath: "\(data)/cloudsim-3.0.3/20110303_thr_ticks.csv")
}

/// The PlanetLab experiment against what CloudSim 3.0.3 prints for it. The trace is no part of the project: without it the
/// tests are skipped.
@Suite(.enabled(if: CloudSimReference.isThere, "needs ../shared/data with the trace and CloudSim's output"))
struct CloudSimTests {
  static func model(_ name: String, edits: [String] = [], day: String = "20110303") throws -> SimulationModel {
    let scenario = try Support.shipped(
      "planetlab-\(name)", edits: ["trace=\(CloudSimReference.data)/planetlab/\(day).tar.xz"] + edits)
    var library = try Support.library.get()
    library.demands = try TraceLoader.load(scenario, folder: "\(Support.root)/scenarios").sets
    return try SimulationModel(scenario: scenario, library: library)
  }

  static func report(_ name: String, edits: [String] = [], day: String = "20110303") throws -> FleetReport {
    let result = try FleetEngine.run(model: try model(name, edits: edits, day: day), replication: 1)
    try result.checkConservation()
    return try #require(result.fleet).report
  }

  /// What the corrections are held against, run once.
  private static let unmended = ["thr-mmt", "lr-mmt"].reduce(into: [:]) { $0[$1] = try? report($1) }

  /// The rows of a reference file, each split at the commas.
  static func rows(_ file: String) throws -> [[Substring]] {
    let text = try String(contentsOfFile: "\(CloudSimReference.data)/cloudsim-3.0.3/\(file)", encoding: .utf8)
    return text.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
  }

  @Test(
    "Energy to CloudSim's last digit, and every migration", arguments: [("npa", "2410.80", 0), ("dvfs", "802.75", 0)])
  func printed(name: String, energy: String, migrations: Int) throws {
    let report = try Self.report(name)
    #expect(String(format: "%.2f", report.kilowattHours) == energy)
    #expect(report.migrations.count == migrations)
  }

  @Test(
    "The summaries of results-20110303.csv",
    arguments: [
      ("iqr-mmt", "189.98", 26282, "4.82", 5868), ("mad-mmt", "185.79", 26556, "5.05", 5828),
      ("lrr-mmt", "163.48", 27859, "5.86", 5053),
    ])
  func summaries(name: String, energy: String, migrations: Int, shortTime: String, shutdowns: Int) throws {
    let report = try Self.report(name)
    #expect(String(format: "%.2f", report.kilowattHours) == energy)
    #expect(report.migrations.count == migrations)
    #expect(String(format: "%.2f", report.shortTime * 100) == shortTime)
    #expect(report.shutdowns == shutdowns)
  }

  @Test("Equal to CloudSim at every tick, to the last digit", arguments: ["thr", "lr"])
  func ticks(name: String) throws {
    let report = try Self.report("\(name)-mmt")
    let reference = try Self.rows("20110303_\(name)_ticks.csv").dropFirst()
    #expect(report.ticks.count == reference.count)
    for (tick, row) in zip(report.ticks, reference) {
      let same =
        tick.time == Double(row[0]) && tick.activeHosts == Int(row[1]) && tick.allocated == Double(row[2])
        && tick.energy / (3600 * 1000) == Double(row[3]) && tick.migrations == Int(row[4])
      #expect(same, "\(tick) against \(row)")
      guard same else { return }
    }
    let total = name == "thr" ? 192.6230702104301 : 163.47721709836688
    #expect(report.kilowattHours == total)
  }

  @Test("VMs start on the hosts that CloudSim gives them", arguments: [("thr-mmt", "thr"), ("dvfs", "dvfs")])
  func placement(name: String, file: String) throws {
    let report = try Self.report(name)
    let reference = try Self.rows("20110303_\(file)_initial.csv")
    #expect(report.initialHosts.count == reference.count)
    for row in reference {
      #expect(report.initialHosts[try #require(Int(row[0]))] == Int32(row[1]), "vm \(row[0])")
    }
  }

  @Test(
    "Idle VMs kept: within 1 % of CloudSim with only that changed",
    arguments: [("dvfs", 927.99, 0), ("thr-mmt", 253.76, 41634), ("lr-mmt", 221.38, 44405)])
  func idleKept(name: String, energy: Double, migrations: Int) throws {
    let report = try Self.report(name, edits: ["policies.end_idle_vms=false"])
    #expect(abs(report.kilowattHours - energy) <= 0.01 * energy)
    #expect(abs(Double(report.migrations.count - migrations)) <= 0.01 * Double(migrations))
  }

  @Test("Other days run unchanged", arguments: ["20110306", "20110322", "20110420"])
  func otherDays(day: String) throws {
    let report = try Self.report("thr-mmt", day: day)
    #expect(report.kilowattHours > 50 && report.migrations.count > 1000)
    #expect(report.ticks.count == 287)
  }

  @Test("Each correction by itself changes what it is about", arguments: CompatibleCorrection.allCases)
  func corrections(_ correction: CompatibleCorrection) throws {
    let name = correction == .regression ? "lr-mmt" : "thr-mmt"
    let plain = try #require(Self.unmended[name])
    let report = try Self.report(name, edits: ["policies.corrections=[\(correction.rawValue)]"])
    switch correction {
    case .energy:
      // Only the account changes: the same moves, a tick more at the end.
      #expect(report.migrations.vm == plain.migrations.vm && report.violation == plain.violation)
      #expect(report.energy > plain.energy && report.energy < 1.05 * plain.energy)
    case .emptyHosts:
      #expect(report.migrations.vm == plain.migrations.vm)
      // Nearly 800 idle hosts, most of the day.
      #expect(report.kilowattHours > plain.kilowattHours + 1000)
    case .memory: #expect(report.kilowattHours > 1.2 * plain.kilowattHours)
    case .bandwidth:
      #expect(report.migrations.count != plain.migrations.count)
      // Shares of an interface make migrations longer.
      func mean(_ report: FleetReport) -> Double {
        let times = zip(report.migrations.started, report.migrations.ended).map { $1 - $0 }.filter(\.isFinite)
        return times.reduce(0, +) / Double(times.count)
      }
      #expect(mean(report) > mean(plain))
    case .movingShares: #expect(report.degradation < plain.degradation)
    case .placementPower, .evacuation, .regression: #expect(report.energy != plain.energy)
    }
  }
}
