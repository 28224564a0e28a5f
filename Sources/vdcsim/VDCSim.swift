import ArgumentParser
import Experiments

/// The command line.
@main
struct VDCSim: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vdcsim",
    abstract: "Simulate virtualized datacenters, down to the cost of a VM exit.",
    discussion: """
      A scenario file describes hosts, VMs and workloads; a hypervisor design says which steps each guest operation \
      takes; a cost profile prices the steps. Results are CSV tables that say which steps took the time, and where \
      each price comes from.

      Exit codes: 0 done, 64 wrong usage, 65 faulty document, 66 missing file, 69 no \
      access to /dev/kvm, 70 internal error, 73 results cannot \
      be written, 74 standard output cannot be written (files are, all the same), 130 interrupted.
      """,
    version: "vdcsim \(Manifest.version)",
    subcommands: [
      RunCommand.self, CompareCommand.self, SweepCommand.self, CheckCommand.self, ExplainCommand.self, ListCommand.self,
      CalibrateCommand.self, ImportCommand.self, ValidateCommand.self,
    ])

  /// Runs the command that the arguments name.
  static func main() async {
    StandardOutput.prepare()
    do {
      var command = try await asyncParseAsRoot()
      if var runnable = command as? any AsyncParsableCommand {
        try await runnable.run()
      } else {
        try command.run()
      }
    } catch {
      // Help, the version and completions of the shell come as errors.
      guard exitCode(for: error) == .success else {
        _ = StandardOutput.reportLoss()
        exit(withError: error)
      }
      print(fullMessage(for: error))
    }
    if StandardOutput.reportLoss() { exit(withError: ExitCodes.lostOutput) }
  }
}
