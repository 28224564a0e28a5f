import Foundation
import Model
import Testing

@testable import Datacenter
@testable import Documents

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
    let archive = try ArchiveReader(path: "\(CloudSimReference.data)/cloudsim-3.0.3/\(file)", bounds: TraceLimits())
    guard try archive.next() else { return [] }
    var bytes = [UInt8](repeating: 0, count: 8 << 20)
    var count = 0
    while true {
      let read = try bytes.withUnsafeMutableBytes {
        try archive.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[count...]), line: 1)
      }
      guard read > 0 else { break }
      count += read
    }
    let text = String(decoding: bytes[..<count], as: UTF8.self)
    return text.split(whereSeparator: \.isNewline).dropFirst().map { $0.split(separator: ",") }
  }

  @Test(
    "All that CloudSim prints of a policy, to its last digit: energy, migrations, SLA, its factors, shutdowns",
    arguments: ["npa", "dvfs", "thr", "iqr", "mad", "lr", "lrr"])
  func summaries(policy: String) throws {
    let report = try Self.report(["npa", "dvfs"].contains(policy) ? policy : "\(policy)-mmt")
    let row = try #require(
      Self.rows("results-20110303.csv").first { $0[0] == "CloudSim 3.0.3" && $0[2] == policy }?.map(String.init))
    #expect(String(format: "%.2f", report.kilowattHours) == row[5])
    #expect("\(report.migrations.count)" == row[6])
    #expect(String(format: "%.5f", report.violation * 100) == row[7])
    #expect(String(format: "%.2f", report.degradation * 100) == row[8])
    #expect(String(format: "%.2f", report.shortTime * 100) == row[9])
    #expect(String(format: "%.2f", report.overallViolation * 100) == row[10])
    #expect(String(format: "%.2f", report.averageViolation * 100) == row[11])
    #expect("\(report.shutdowns)" == row[12])
  }

  @Test("Every migration at CloudSim's time, from and to its hosts, in its order", arguments: ["thr", "lr"])
  func migrations(policy: String) throws {
    let made = try Self.report("\(policy)-mmt").migrations
    // The report has them in the order in which they began.
    let order = made.ended.indices.sorted { (made.ended[$0], $0) < (made.ended[$1], $1) }
    let reference = try Self.rows("20110303_\(policy)_migrations.csv.gz")
    try #require(order.count == reference.count)
    for (index, row) in zip(order, reference) {
      let same =
        made.ended[index] == Double(row[0]) && made.vm[index] == Int32(row[1]) && made.source[index] == Int32(row[2])
        && made.target[index] == Int32(row[3])
      #expect(same, "vm \(made.vm[index]) at \(made.ended[index]) s against \(row)")
      guard same else { return }
    }
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
