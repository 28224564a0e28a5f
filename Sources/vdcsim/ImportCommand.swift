import ArgumentParser
import Documents
import Experiments
import Foundation
import Tables

/// `vdcsim import`.
struct ImportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Turn what other tools recorded into documents.",
    subcommands: [
      ImportPerfKVMStat.self, ImportKVMStatistics.self, ImportExitCounts.self, ImportPlanetLab.self, ImportGWA.self,
      ImportOpenDC.self, ImportAzure.self, ImportSWF.self,
    ])
}

/// Where an imported workload goes.
struct ImportOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The document; replaced if vdcsim wrote it (default: standard output).", valueName: "file"))
  var output: String?

  @Option(help: "Name of the workload (default: that of the file, or 'imported').")
  var name: String?

  func validate() throws {
    if let name, !Self.isName(name) {
      throw ValidationError(
        "--name \(name): expected letters, digits, '-', '_' and '.', beginning with a letter or digit")
    }
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.first, first.isASCII, first.isLetter || first.isNumber else { return false }
    return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
  }

  /// The first words of every document that an import writes.
  private static let marker = "# Rates of guest operations, imported"

  /// Writes a profile as a workload document. A file's workload is named after the file, as libraries want it.
  func write(_ profile: ExitProfile) throws {
    let stem = output.map { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
    let name = name ?? stem.flatMap { Self.isName($0) ? $0 : nil } ?? "imported"
    let document = profile.document(name: name)
    for (name, _) in profile.unknown { printError("warning: exit '\(name)' is not known and was not attributed") }
    guard let output else {
      print(document, terminator: "")
      return
    }
    try ResultFile.write([(ResultFile(path: output, marker: Self.marker), Array(document.utf8))])
    print("workload '\(name)': \(output)")
  }
}

/// `vdcsim import perf-kvm-stat`.
struct ImportPerfKVMStat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perf-kvm-stat",
    abstract: "Import a text report of `perf kvm stat report` as a workload.",
    discussion: """
      Record with `perf kvm stat record -p PID sleep 10`, report with `perf kvm stat report --event=vmexit > FILE`. The \
      report does not say how long the recording took or how many vCPUs the guest has: state both.
      """)

  @Argument(help: "The report.")
  var file: String

  @Option(help: "How long the recording took, in seconds.")
  var seconds: Double

  @Option(help: "vCPUs of the guest.")
  var vcpus: Int = 1

  @OptionGroup var options: ImportOptions

  func validate() throws { try checkInterval(seconds, vcpus: vcpus) }

  func run() async throws {
    try await reportingFailures {
      try options.write(try PerfReport.read(path: file, seconds: seconds, vcpus: vcpus))
    }
  }
}

/// `vdcsim import kvm-stats`.
struct ImportKVMStatistics: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kvm-stats",
    abstract: "Import KVM's statistics of a running VM over an interval as a workload.",
    discussion: """
      Reads /sys/kernel/debug/kvm twice (as root, with debugfs mounted), and the guest's CPU time from /proc. With \
      --before and --after it compares two copies of that folder, taken with `cp -r`.
      """)

  @Option(help: "Interval in seconds.")
  var seconds: Double = 10

  @Option(help: ArgumentHelp("The VM's folder, when several are running.", valueName: "pid-fd"))
  var vm: String?

  @Option(help: ArgumentHelp("Folder of the statistics.", valueName: "dir"))
  var folder: String = KVMStatistics.standardFolder

  @Option(help: ArgumentHelp("A copy of the folder from the start of the interval.", valueName: "dir"))
  var before: String?

  @Option(help: ArgumentHelp("A copy of the folder from its end.", valueName: "dir"))
  var after: String?

  @OptionGroup var options: ImportOptions

  func validate() throws {
    try checkInterval(seconds, vcpus: 1)
    if (before == nil) != (after == nil) { throw ValidationError("--before and --after: expected both or neither") }
  }

  func run() async throws {
    try await reportingFailures {
      let first: KVMStatistics.Snapshot
      let second: KVMStatistics.Snapshot
      if let before, let after {
        first = try KVMStatistics.snapshot(folder: before, processes: nil)
        second = try KVMStatistics.snapshot(folder: after, processes: nil)
      } else {
        first = try KVMStatistics.snapshot(folder: folder)
        try await Task.sleep(for: .seconds(seconds))
        second = try KVMStatistics.snapshot(folder: folder)
      }
      do {
        try options.write(try KVMStatistics.profile(from: first, to: second, vm: vm, seconds: seconds))
      } catch let error as ImportError {
        printError("error: \(error)")
        throw ExitCodes.faultyDocument
      }
    }
  }
}

/// `vdcsim import exit-counts`.
struct ImportExitCounts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exit-counts",
    abstract: "Import a table of exit counts and guest operations as a workload.",
    discussion: """
      The table is CSV with the columns workload, guest_seconds, exit_reason_name or exit_reason_code, and exit_count; \
      page_faults, context_switches, forks and syscalls become operations. --where chooses rows; windows that are left \
      are added up.
      """)

  @Argument(help: "The table.")
  var file: String

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp("Take only rows whose column has this value; may be repeated.", valueName: "column=value"))
  var conditions: [String] = []

  @Option(help: "Guest system that was observed.")
  var guest: String = "linux"

  @OptionGroup var options: ImportOptions

  @OptionGroup var library: LibraryOptions

  func validate() throws {
    if let malformed = conditions.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
      throw ValidationError("--where \(malformed): expected COLUMN=VALUE")
    }
  }

  func run() async throws {
    try await reportingFailures {
      let chosen = conditions.map { condition in
        let parts = condition.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (column: String(parts[0]), value: String(parts[1]))
      }
      let documents = try LibraryLoader.load(
        folder: LibraryLoader.locate(explicit: library.folder), digest: Digest.sha256)
      guard let system = documents.guests[guest] else {
        throw ValidationError(
          "--guest \(guest): expected one of \(documents.guests.keys.sorted().joined(separator: ", "))")
      }
      try options.write(try ExitCountTable.read(path: file, conditions: chosen, guest: system))
    }
  }
}

/// Intervals are finite and positive, guests have vCPUs.
private func checkInterval(_ seconds: Double, vcpus: Int) throws {
  if !(seconds.isFinite && seconds > 0 && seconds <= 1e7) {
    throw ValidationError("--seconds \(seconds): expected a number above 0, at most 10000000")
  }
  if !(1...4096).contains(vcpus) { throw ValidationError("--vcpus \(vcpus): expected a number from 1 to 4096") }
}
