import ArgumentParser
import Documents
import Glibc
import Model

/// Options of the commands that run scenarios.
struct CommonOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Directory of the results; replaced whole if vdcsim wrote it (default: reports/<scenario>).", valueName: "dir"))
  var output: String?

  @Option(help: "Seed of all random streams, instead of the scenario's.")
  var seed: UInt64?

  @Option(help: ArgumentHelp("Cost profile for all hosts: a name of the library or a file.", valueName: "name|file"))
  var profile: String?

  @Option(help: "Engine: exit or fluid (default: by the scenario's size).")
  var fidelity: Fidelity?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Set a key of the scenario, such as duration='2 s' or hosts.node.cpu.cores=4; may be repeated.",
      valueName: "key=value"))
  var settings: [String] = []

  @Option(help: "Replications of each run, with random streams of their own.")
  var replications = 1

  @Option(help: "Runs at a time; changes the time, never the results (default: all cores).")
  var jobs: Int?

  @Flag(help: "Print the summary as JSON.")
  var json = false

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  @Flag(help: "Print remarks on documents and the number of events.")
  var verbose = false

  @Flag(help: "Check the conservation laws of the results; a violation is an internal error.")
  var check = false

  @OptionGroup var library: LibraryOptions

  @OptionGroup var traces: TraceOptions

  func validate() throws {
    if !(1...10_000).contains(replications) {
      throw ValidationError("--replications \(replications): expected a number from 1 to 10000")
    }
    if let jobs, !(1...1024).contains(jobs) {
      throw ValidationError("--jobs \(jobs): expected a number from 1 to 1024")
    }
    if let malformed = settings.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
      throw ValidationError("--set \(malformed): expected KEY=VALUE")
    }
  }

  /// Runs at a time.
  var jobCount: Int { jobs ?? Self.allCores }

  /// As many runs at a time as this machine has processors.
  static var allCores: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}

/// Where the library of documents is.
struct LibraryOptions: ParsableArguments {
  @Option(
    name: .customLong("library"),
    help: ArgumentHelp(
      "Folder of designs, profiles and guests (default: scenarios/ of this project, or $VDCSIM_LIBRARY).",
      valueName: "dir"))
  var folder: String?
}

/// How traces are kept.
struct TraceOptions: ParsableArguments {
  @Option(
    name: .customLong("trace-cache"),
    help: ArgumentHelp(
      "Folder that keeps traces in a form that loads fast, or off (default: vdcsim/traces in $XDG_CACHE_HOME or ~/.cache, "
        + "or $VDCSIM_TRACE_CACHE).",
      valueName: "dir|off"))
  var folder: String?

  /// Where traces are kept; nil where they are not.
  var cache: TraceCache? { TraceCache.locate(explicit: folder) }
}

extension Fidelity: ExpressibleByArgument {}
