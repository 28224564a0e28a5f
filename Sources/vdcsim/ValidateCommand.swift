import ArgumentParser
import Documents
import Experiments
import Machine
import Model
import Tables
import TextTable

/// `vdcsim validate`.
struct ValidateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Compare simulated with measured and published quantities.",
    usage: "vdcsim validate [<case> ...] [<options>]",
    discussion: """
      A case is a document: a scenario, what its prices were calibrated on, and quantities with their references, sources \
      and tolerances. Without arguments all cases of the library are run. Quantities that were used for calibration, \
      or are only shown, are not counted; in the headline every case weighs the same. The exit code is 0 even with misses, unless \
      --strict is given.
      """)

  @Argument(help: "Names of cases of the library, or files.")
  var cases: [String] = []

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Directory of validate.csv; replaced whole if vdcsim wrote it.", valueName: "dir"))
  var output = "reports/validate"

  @Option(help: "Runs at a time (default: all cores).")
  var jobs: Int?

  @Flag(help: "Exit with code 1 when a predicted quantity is missed.")
  var strict = false

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  @OptionGroup var library: LibraryOptions

  func run() async throws {
    let validation = try await reportingFailures { try await validate() }
    if strict, validation.counted.contains(where: { $0.verdict == .miss }) { throw ExitCode(1) }
  }

  private func validate() async throws -> Validation {
    let folder = LibraryLoader.locate(explicit: library.folder)
    let all = try CaseReader.paths(library: folder)
    let paths = try cases.isEmpty ? all : cases.map { try libraryPath(of: $0, "case", among: all) }
    let documents = try LibraryLoader.load(folder: folder, digest: Digest.sha256)
    let read = try paths.map { try CaseReader.read(path: $0) }
    let directory = ResultDirectory(path: output)
    try directory.check()
    Interruption.install()
    let runner = LocalRunner(
      jobs: jobs ?? CommonOptions.allCores, isCancelled: { Interruption.isRequested }, progress: { _, _ in })
    let validation = try await Validation.run(read, library: documents, runner: runner)
    if Interruption.isRequested { throw RunInterrupted() }
    let manifest = Manifest.ofTables([validation.table], about: "validation")
    try directory.write(files: [(name: "validate.csv", bytes: validation.table.csv()), manifest])
    if !quiet { show(validation, read) }
    return validation
  }

  private func show(_ validation: Validation, _ cases: [ValidationCase]) {
    for one in cases {
      print(Explanation.wrapped("\(one.name): \(one.title)").joined(separator: "\n"))
      let rows = validation.rows.filter { $0.caseName == one.name }
      let table = TextTable<Validation.Row> { row in
        let mark = row.quantity.role == .predicted ? row.verdict.rawValue : "(\(row.quantity.role.rawValue))"
        return [
          Column(title: "quantity", value: String(row.quantity.name.prefix(38)), align: .left),
          Column(title: "reference", value: Self.number(row.quantity.reference, row.quantity.unit), align: .right),
          Column(
            title: "simulated", value: row.simulated.map { Self.number($0, row.quantity.unit) } ?? "-", align: .right),
          Column(
            title: "error",
            value: row.relativeError.map { SummaryText.decimal($0 * 100, digits: 1) + "%" } ?? "-", align: .right),
          Column(title: "verdict", value: mark, align: .left),
        ]
      }
      print(table.string(for: rows, style: Style.simple) ?? "")
    }
    let counted = validation.counted
    let within = counted.count { $0.verdict == .within }
    if let headline = validation.headline {
      print(
        "\(within) of \(counted.count) predicted quantities within their tolerance; "
          + "\(SummaryText.decimal(headline * 100, digits: 1))% with equal cases")
    }
    print("results: \(output)")
  }

  private static func number(_ value: Double, _ unit: String) -> String {
    guard unit == "ns" else { return SummaryText.decimal(value, digits: abs(value) < 10 ? 3 : 1) }
    if value >= 1e6 { return "\(SummaryText.decimal(value / 1e6)) ms" }
    return value >= 1000 ? "\(SummaryText.decimal(value / 1000)) us" : "\(SummaryText.decimal(value)) ns"
  }
}
