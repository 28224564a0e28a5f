import Foundation
import Testing

/// The machine that runs the tests.
enum LiveMachine {
  static var canBeMeasured: Bool {
    FileManager.default.isReadableFile(atPath: "/dev/kvm") && FileManager.default.isWritableFile(atPath: "/dev/kvm")
      && FileManager.default.isExecutableFile(
        atPath: Command.executable.deletingLastPathComponent().appendingPathComponent("vdcsim-probe").path)
  }
}

/// A short calibration of the machine that runs the tests: what it writes and what KVM's counters say, never times.
@Suite(
  .serialized,
  .enabled(if: LiveMachine.canBeMeasured, "no usable /dev/kvm, or the probe runner is not built"))
struct LiveCalibrationTests {
  @Test(.timeLimit(.minutes(3)))
  func aFewProbesAndTheirProfile() throws {
    try Command.withFolder { folder in
      let output = folder.appendingPathComponent("this.yaml").path
      let probes = ["loop", "port_write_user", "mmio_write_bell", "exception_return"]
      let outcome = try Command.run(
        ["calibrate", "-o", output, "--processes", "2", "--samples", "5", "--goal-us", "200"]
          + probes.flatMap { ["--probe", $0] })
      // A backend that this version does not know is told with 69.
      guard outcome.status != 69 else { return }
      #expect(outcome.status == 0, "\(outcome.errors)")
      let table = try String(contentsOfFile: folder.appendingPathComponent("this.probes.csv").path, encoding: .utf8)
        .split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
      let column = try #require(table[0].firstIndex(of: "counter_check"))
      let kept = try #require(table[0].firstIndex(of: "kept"))
      #expect(table.dropFirst().map { $0[0] }.sorted() == probes.sorted())
      for row in table.dropFirst() where (Int(row[kept]) ?? 0) > 0 {
        #expect(row[column] == "passed", "\(row.joined(separator: ","))")
      }
      #expect(try Command.run("check", output).status == 0)
    }
  }

  @Test(.timeLimit(.minutes(2)))
  func interruptionIsClean() throws {
    try Command.withFolder { folder in
      let process = Process()
      process.executableURL = Command.executable
      process.arguments = ["calibrate", "-o", folder.appendingPathComponent("this.yaml").path]
      process.currentDirectoryURL = Command.root
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      process.standardInput = FileHandle.nullDevice
      try process.run()
      let parent = process.processIdentifier
      // Interrupted in the middle of its work: as soon as its runner is there.
      while children(of: parent).isEmpty, process.isRunning { sched_yield() }
      let runners = children(of: parent)
      #expect(!runners.isEmpty)
      kill(parent, SIGINT)
      process.waitUntilExit()
      #expect(process.terminationStatus == 130)
      #expect(try Command.files(in: folder).isEmpty)
      for runner in runners { #expect(kill(runner, 0) != 0, "process \(runner) is left") }
    }
  }

  /// The processes whose parent is the given one: the fourth field of `stat`, behind the name in brackets.
  private func children(of parent: Int32) -> [Int32] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { Int32($0) }.filter { process in
      guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let bracket = stat.lastIndex(of: ")")
      else { return false }
      let fields = stat[stat.index(after: bracket)...].split(separator: " ")
      return fields.count > 1 && Int32(fields[1]) == parent
    }
  }
}
