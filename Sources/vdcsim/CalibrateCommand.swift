import ArgumentParser
import Calibration
import Documents
import Experiments
import Glibc
import Model
import Tables
import Virtualization

/// `vdcsim calibrate`.
struct CalibrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Measure KVM exits on this machine and write them as a cost profile.",
    usage: "vdcsim calibrate [-o <file>] [--verify] [<options>]",
    discussion: """
      Runs small guests on /dev/kvm, times every kind of exit inside and outside of them, and lets KVM's own statistics \
      prove that the exits happened. The profile takes what was not measured from its base. Beside the profile FILE.yaml \
      stand FILE.probes.csv, FILE.quantiles.csv, FILE.histograms.csv, FILE.steps.csv, FILE.covariance.csv and \
      FILE.residuals.csv.

      With --verify, guest programs are predicted on the profile by the exit-level engine and then run; verify.csv in \
      the profile's folder has the errors. Needs read and write access to /dev/kvm; without it the exit code is 69. VT-x \
      is untested.
      """)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The profile; replaced if vdcsim wrote it.", valueName: "file"))
  var output = "this-machine.yaml"

  @Flag(help: "Predict guest programs with the profile, run them, and write verify.csv.")
  var verify = false

  @Option(
    help: ArgumentHelp("With --verify: use this profile instead of calibrating first.", valueName: "name|file"))
  var profile: String?

  @Option(help: ArgumentHelp("Profile that prices what is not measured.", valueName: "name"))
  var base = "cascade-lake-pvm-paper"

  @Option(
    help: ArgumentHelp(
      "Measure only this probe; may be repeated. `vdcsim-probe list` names them.", valueName: "name"))
  var probe: [String] = []

  @Option(help: "Processes that repeat every probe; their spread weighs the fit.")
  var processes = 5

  @Option(help: "Undisturbed samples of each probe and process.")
  var samples = 61

  @Option(name: .customLong("goal-us"), help: ArgumentHelp("Length of a sample in microseconds.", valueName: "us"))
  var goal = 1000

  @Option(help: "CPU to measure on (default: the last one).")
  var cpu: Int?

  @Option(
    help: ArgumentHelp(
      "Fit the records that `vdcsim-probe run` wrote to this file, on any machine, instead of measuring.",
      valueName: "file"))
  var records: String?

  @Option(
    help: ArgumentHelp("Compare with FILE.probes.csv of an earlier calibration.", valueName: "file"))
  var against: String?

  @Option(
    help: ArgumentHelp(
      "Folder of the programs for --verify (default: cases/programs of the library).", valueName: "dir"))
  var cases: String?

  @Option(help: ArgumentHelp("The probe runner (default: vdcsim-probe beside vdcsim).", valueName: "file"))
  var runner: String?

  @Option(help: ArgumentHelp("KVM's device.", valueName: "file"))
  var device = "/dev/kvm"

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  @OptionGroup var library: LibraryOptions

  func validate() throws {
    if !(1...100).contains(processes) {
      throw ValidationError("--processes \(processes): expected a number from 1 to 100")
    }
    if !(1...10_000).contains(samples) {
      throw ValidationError("--samples \(samples): expected a number from 1 to 10000")
    }
    if !(1...1_000_000).contains(goal) {
      throw ValidationError("--goal-us \(goal): expected a number from 1 to 1000000")
    }
    if profile != nil && !verify { throw ValidationError("--profile: expected --verify with it") }
    if profile != nil && records != nil { throw ValidationError("--records: not with --profile") }
  }

  func run() async throws {
    try await reportingFailures {
      let session = try CalibrationSession(command: self)
      try session.perform()
    }
  }
}
