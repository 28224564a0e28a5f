import Documents
import Experiments
import Machine
import Model
import Tables
import Virtualization

/// Runs an experiment on a scenario, writes its results, and prints its summary.
struct ScenarioRun {
  let inputs: Inputs
  let options: CommonOptions
  let designs: [DesignReference]
  let baseline: String?

  func perform() async throws -> [RunResult] {
    let overrides = ModelOverrides(profile: inputs.profile, fidelity: options.fidelity)
    let experiment = try Experiment(
      scenario: inputs.scenario, library: inputs.library, designs: designs, overrides: overrides,
      replications: options.replications)
    let directory = ResultDirectory(path: options.output ?? "reports/\(Self.fileName(inputs.scenario.name))")
    try directory.check()
    for warning in inputs.warnings where !options.quiet { printError(warning) }
    for remark in inputs.remarks where options.verbose { printError(remark) }
    for remark in experiment.remarks where !options.quiet { printError(Self.line(remark)) }

    Interruption.install()
    if options.verbose { printError("\(experiment.count) runs, \(options.jobCount) at a time") }
    let progress = Progress(isQuiet: options.quiet)
    let runner = LocalRunner(
      jobs: options.jobCount, isCancelled: { Interruption.isRequested },
      progress: { progress.update(done: $0, all: $1) })
    let results: [RunResult]
    do {
      results = try await runner.run(experiment)
    } catch {
      progress.clear()
      throw error
    }
    if options.check { for result in results { try result.checkConservation() } }
    let found = Self.distinct(results.flatMap(\.outcomeWarnings))
    for warning in found where !options.quiet { printError("warning: \(warning)") }
    let comparison = designs.isEmpty ? nil : try compare(results, in: experiment, overrides: overrides)
    let breakdown = designs.isEmpty ? nil : Breakdown(results: results)
    let table = comparison?.table(scenario: inputs.scenario.name, baseline: baselineLabel(in: experiment) ?? "")
    let files = ResultFiles.make(
      results: results, comparison: table, breakdown: breakdown?.table(scenario: inputs.scenario.name),
      manifest: manifest(of: experiment, warnings: inputs.warnings + experiment.warnings + found))
    if Interruption.isRequested { throw RunInterrupted() }
    try directory.write(files: files)
    if !options.quiet { show(results, comparison: comparison, breakdown: breakdown, directory: directory.path) }
    return results
  }

  /// The label of the baseline's model: the first whose design has the baseline's name.
  private func baselineLabel(in experiment: Experiment) -> String? {
    guard let index = designs.firstIndex(where: { $0.name == baseline }) ?? designs.indices.first else { return nil }
    return experiment.models[index].designLabel
  }

  private func compare(
    _ results: [RunResult], in experiment: Experiment, overrides: ModelOverrides
  ) throws -> Comparison {
    let ranges = try AssumedRanges.find(
      designs: designs, baseline: designs.firstIndex { $0.name == baseline } ?? 0, scenario: inputs.scenario,
      library: inputs.library, overrides: overrides)
    return try Comparison(results: results, baseline: baselineLabel(in: experiment), ranges: ranges)
  }

  /// The verdicts that assumed prices leave open.
  private func show(_ comparison: Comparison) {
    let open = comparison.rows.filter { $0.verdict == "inconclusive" }
    guard !open.isEmpty else { return }
    print("inconclusive, because assumed prices within their ranges turn the sign:")
    for design in comparison.rows.map(\.design).reduce(into: [String](), { if !$0.contains($1) { $0.append($1) } }) {
      let metrics = open.filter { $0.design == design }.map(\.metric.name)
      guard !metrics.isEmpty else { continue }
      print(Explanation.wrapped("\(design): \(metrics.joined(separator: ", "))", indent: "  ").joined(separator: "\n"))
    }
  }

  private func show(_ results: [RunResult], comparison: Comparison?, breakdown: Breakdown?, directory: String) {
    if options.json {
      print(SummaryText.json(results))
      return
    }
    let fidelity = results.first?.fidelity.rawValue ?? ""
    print(
      "\(inputs.scenario.name): \(fidelity) fidelity, \(inputs.scenario.duration) with \(inputs.scenario.warmup)"
        + " of warm-up, seed \(inputs.scenario.seed)")
    print(SummaryText.table(results))
    if let breakdown { print(BreakdownText.text(breakdown)) }
    if let comparison { show(comparison) }
    if options.verbose {
      print("\(results.reduce(0) { $0 + $1.events }) events")
    }
    print("results: \(directory)")
  }

  /// Texts in their order, each once.
  static func distinct(_ texts: [String]) -> [String] {
    texts.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  private func manifest(of experiment: Experiment, warnings: [String]) -> Manifest {
    Manifest(
      scenario: inputs.scenario.name, scenarioDigest: inputs.scenarioDigest, seed: inputs.scenario.seed,
      replications: options.replications, fidelity: experiment.models[0].fidelity,
      designs: experiment.models.map(\.designLabel), profiles: Manifest.profiles(of: experiment.models),
      traces: inputs.traceDigests, commandLine: Self.commandLine(),
      tables: [], warnings: warnings)
  }

  /// A remark with its place, as diagnostics of documents have it.
  static func line(_ remark: ModelWarning) -> String {
    guard let location = remark.location else { return "warning: \(remark.message)" }
    return Diagnostic(severity: .warning, location: location, message: remark.message).description
  }

  /// The command line without what does not change results: the program's path, output directory, jobs and verbosity.
  static func commandLine() -> [String] {
    var words: [String] = ["vdcsim"]
    var skipsNext = false
    for word in CommandLine.arguments.dropFirst() {
      if skipsNext {
        skipsNext = false
        continue
      }
      switch word {
      case "-o", "--output", "--jobs", "--library", "--trace-cache": skipsNext = true
      case "--json", "--quiet", "--verbose", "--check": continue
      case _ where ["--output=", "--jobs=", "--library=", "--trace-cache=", "-o"].contains { word.hasPrefix($0) }:
        continue
      default: words.append(word)
      }
    }
    return words
  }

  /// A scenario's name as a name of a folder.
  static func fileName(_ name: String) -> String {
    let safe = name.map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "-" }
    let text = String(safe)
    return text.hasPrefix(".") ? "_" + text.dropFirst() : text
  }
}
