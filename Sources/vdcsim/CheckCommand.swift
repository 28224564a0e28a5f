import ArgumentParser
import Documents
import Experiments
import Model

/// `vdcsim check`.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Check scenarios, designs, profiles, guests and step catalogues without running anything.",
    usage: "vdcsim check <file> ... [<options>]")

  @Argument(help: "Documents.")
  var files: [String]

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  @OptionGroup var library: LibraryOptions

  @OptionGroup var traces: TraceOptions

  func run() async throws {
    var worst: ExitCode?
    var libraries: [String?: Library] = [:]
    for file in files {
      do {
        try await reportingFailures { try check(file, &libraries) }
      } catch let code as ExitCode {
        worst = worst ?? code
      }
    }
    if let worst { throw worst }
  }

  /// The library as documents of a folder see it, read once for all of them.
  private func documents(of folder: String?, _ libraries: inout [String?: Library]) throws -> Library {
    if let known = libraries[folder] { return known }
    let read = try LibraryLoader.load(
      folder: LibraryLoader.locate(explicit: library.folder), scenarioFolder: folder, digest: Digest.sha256)
    libraries[folder] = read
    return read
  }

  private func check(_ file: String, _ libraries: inout [String?: Library]) throws {
    var documents = try self.documents(of: scenarioFolder(of: file), &libraries)
    let (kind, warnings) = try DocumentKind.check(path: file, library: documents)
    for warning in warnings where !quiet { printError("\(warning)") }
    if kind == .scenario {
      let scenario = try ScenarioReader.read(path: file).scenario
      guard TraceLoader.areStated(in: scenario) else {
        if !quiet { print("\(file): scenario without faults as far as it shows without its trace") }
        return
      }
      let loaded = try TraceLoader.load(scenario, folder: FileAccess.folder(of: file), cache: traces.cache)
      for warning in loaded.warnings where !quiet { printError("\(warning)") }
      documents.demands = loaded.sets
      _ = try Experiment(
        scenario: scenario, library: documents, designs: scenario.comparison?.designs ?? [],
        overrides: ModelOverrides(), replications: 1)
      _ = try SimulationModel(scenario: scenario, library: documents)
    }
    if kind == .experiment {
      // All points have the same names in them; the first shows whether they are known.
      let experiment = try ExperimentReader.read(path: file)
      var library = try self.documents(of: experiment.folder, &libraries)
      let scenario = experiment.plan.points[0].scenario
      if TraceLoader.areStated(in: scenario) {
        library.demands = try TraceLoader.load(scenario, folder: experiment.folder, cache: traces.cache).sets
        _ = try Experiment(
          scenario: scenario, library: library, designs: experiment.plan.designs, overrides: ModelOverrides(),
          replications: 1)
      }
    }
    if !quiet { print("\(file): \(kind.rawValue) without faults") }
  }

  /// Only scenarios have a library of their own beside them; a design's folder is part of one.
  private func scenarioFolder(of file: String) -> String? {
    let bytes = try? FileAccess.read(file)
    let isScenario = bytes.map { (try? ScenarioReader.read(bytes: $0, file: file)) != nil } ?? false
    return isScenario ? FileAccess.folder(of: file) : nil
  }
}
