import ArgumentParser
import Documents
import Experiments
import Model
import Tables
import TextTable
import Virtualization

/// `vdcsim sweep`.
struct SweepCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sweep",
    abstract: "Run a scenario over a grid of values of its keys.",
    usage: "vdcsim sweep <experiment> [<options>]",
    discussion: """
      An experiment is a document: a scenario, designs, and for each axis of the grid the keys that take its values. \
      sweep.csv has one row per run and metric, with the values of the axes in columns of their own. The table on \
      standard output shows the first metric, or the CPU time of the first operation where only operations are asked \
      for, in the mean over replications. All points see the same random numbers. --set changes the scenario before \
      the axes do; --replications above 1 takes the place of the experiment's.
      """)

  @Argument(help: "The experiment's file, or the name of an experiment of the library.")
  var experiment: String

  @OptionGroup var options: CommonOptions

  func run() async throws {
    try await reportingFailures { try await perform() }
  }

  private func perform() async throws {
    let libraryFolder = LibraryLoader.locate(explicit: options.library.folder)
    let path = try libraryPath(
      of: experiment, "experiment", among: try ExperimentReader.paths(library: libraryFolder))
    var edits = options.settings.compactMap { DocumentEdit($0) }
    if let seed = options.seed { edits.append(DocumentEdit(key: "seed", value: "\(seed)")) }
    let read = try ExperimentReader.read(path: path, edits: edits)
    var documents = try LibraryLoader.load(folder: libraryFolder, scenarioFolder: read.folder, digest: Digest.sha256)
    let first = read.plan.points[0].scenario
    let traces = try TraceLoader.load(
      first, folder: read.folder, cache: options.traces.cache, digest: Digest.sha256)
    documents.demands = traces.sets
    let library = documents
    let profile = try options.profile.map { try Inputs.profile($0, library: library) }
    var sweep = try Sweep(
      plan: read.plan, library: library, overrides: ModelOverrides(profile: profile, fidelity: options.fidelity),
      replications: options.replications > 1 ? options.replications : nil)
    let directory = ResultDirectory(path: options.output ?? "reports/\(ScenarioRun.fileName(read.plan.name))")
    try directory.check()
    let warnings = traces.warnings.map(\.description)
    for warning in warnings where !options.quiet { printError(warning) }
    for remark in traces.remarks where options.verbose { printError("\(remark)") }
    for remark in sweep.experiment.remarks where !options.quiet { printError(ScenarioRun.line(remark)) }

    Interruption.install()
    if options.verbose { printError("\(sweep.experiment.count) runs, \(options.jobCount) at a time") }
    let progress = Progress(isQuiet: options.quiet)
    do {
      try await sweep.run(
        with: LocalRunner(
          jobs: options.jobCount, isCancelled: { Interruption.isRequested },
          progress: { progress.update(done: $0, all: $1) }))
    } catch {
      progress.clear()
      throw error
    }
    if options.check { for result in sweep.results { try result.checkConservation() } }
    if Interruption.isRequested { throw RunInterrupted() }
    let found = ScenarioRun.distinct(sweep.results.flatMap(\.outcomeWarnings))
    for warning in found where !options.quiet { printError("warning: \(warning)") }
    let csv = sweep.table.csv()
    let manifest = manifest(
      of: sweep, read, seed: first.seed, traces: traces.digests,
      warnings: warnings + sweep.experiment.warnings + found, csv: csv)
    try directory.write(
      files: [(name: "sweep.csv", bytes: csv), (name: "manifest.json", bytes: Array(manifest.json.utf8))])
    if options.json {
      print(Self.json(of: sweep.table))
    } else if !options.quiet {
      show(sweep, directory: directory.path)
    }
  }

  /// The rows of a table as JSON objects.
  private static func json(of table: Table) -> String {
    let rows = table.rows.map { row in
      let fields = zip(table.schema.columns, row).map { column, cell in
        switch cell {
        case .text(let text): "\(Manifest.quoted(column.name)): \(Manifest.quoted(text))"
        case .integer(let value): "\(Manifest.quoted(column.name)): \(value)"
        case .real(let value): "\(Manifest.quoted(column.name)): \(value)"
        case .decimal, .empty: "\(Manifest.quoted(column.name)): null"
        }
      }
      return "  {" + fields.joined(separator: ", ") + "}"
    }
    return "[\n" + rows.joined(separator: ",\n") + "\n]"
  }

  private func manifest(
    of sweep: Sweep, _ read: ExperimentReader.Experiment, seed: UInt64, traces: [String: String], warnings: [String],
    csv: [UInt8]
  ) -> Manifest {
    Manifest(
      scenario: read.plan.name, scenarioDigest: Digest.sha256(read.bytes), seed: seed,
      replications: sweep.experiment.replications, fidelity: sweep.experiment.models[0].fidelity,
      designs: sweep.designs, profiles: Manifest.profiles(of: sweep.experiment.models), traces: traces,
      commandLine: ScenarioRun.commandLine(), tables: [("sweep.csv", Digest.sha256(csv))],
      warnings: warnings)
  }

  private func show(_ sweep: Sweep, directory: String) {
    let plan = sweep.plan
    let operation = plan.metrics.isEmpty ? plan.operations.first : nil
    let metric = plan.metrics.first ?? .throughput
    let figure: (RunResult) -> Double? = { result in
      guard let operation else { return result.value(of: metric) }
      return result.exits.reduce(0) { $0 + ($1.operation == operation ? Double($1.nanoseconds) * 1e-9 : 0) }
    }
    // Where an axis changes the scenario's own design, each point has another one.
    let columns =
      plan.designs.isEmpty && sweep.designs.count > 1
      ? [(title: operation?.name ?? metric.name, designs: sweep.designs)]
      : sweep.designs.map { (title: $0, designs: [$0]) }
    // Long designs and values have a number in the table and stand below it.
    var legend: [String] = []
    func shown(_ texts: [String], of what: String) -> [String] {
      guard texts.contains(where: { $0.count > Self.widest }) else { return texts }
      for (number, text) in texts.enumerated() { legend.append("\(what) [\(number + 1)]: \(text)") }
      return texts.indices.map { "[\($0 + 1)]" }
    }
    let titles = shown(columns.map(\.title), of: "design")
    let values = plan.axes.map { axis in
      Dictionary(zip(axis.values, shown(axis.values, of: axis.name))) { first, _ in first }
    }
    let table = TextTable<Int> { point in
      plan.axes.indices.map { axis in
        let value = plan.points[point].values[axis]
        return Column(title: plan.axes[axis].name, value: values[axis][value] ?? value, align: .left)
      }
        + columns.indices.map { column in
          let mean = columns[column].designs.lazy.compactMap { sweep.mean(at: point, design: $0, figure) }.first
          return Column(title: titles[column], value: mean.map { Self.text($0) } ?? "-", align: .right)
        }
    }
    let what = operation.map { "CPU seconds of \($0.name)" } ?? "\(metric.name) (\(metric.unit))"
    print("\(plan.name): \(plan.title)")
    print("\(what):")
    print(table.string(for: Array(plan.points.indices), style: Style.simple) ?? "")
    if !legend.isEmpty { print(legend.joined(separator: "\n")) }
    print("results: \(directory)")
  }

  /// Characters of a design or a value in the table, at most.
  private static let widest = 26

  /// A figure with four digits or so.
  private static func text(_ value: Double) -> String {
    let size = abs(value)
    return SummaryText.decimal(value, digits: size >= 1000 ? 0 : size >= 10 ? 2 : size >= 0.01 || size == 0 ? 4 : 7)
  }
}
