import Model
import Quantities
import Virtualization

/// Reads validation cases.
public enum CaseReader {
  /// Reads a case with its scenario.
  ///
  /// - Throws: `DiagnosticError` with every fault of the file at once.
  public static func read(path: String) throws(DiagnosticError) -> ValidationCase {
    let root = try DocumentParser.parse(try FileAccess.read(path), file: path)
    var reader = DocumentReader()
    let result = read(root, folder: FileAccess.folder(of: path), &reader)
    _ = try reader.finish()
    guard let result else { preconditionFailure("a case without faults was not read") }
    return result
  }

  /// The case documents of a library, sorted by name.
  public static func paths(library folder: String) throws(DiagnosticError) -> [String] {
    try FileAccess.documents(in: "\(folder)/cases")
  }

  static func read(_ root: DocumentNode, folder: String, _ reader: inout DocumentReader) -> ValidationCase? {
    let known = ["case", "title", "calibrated_on", "scenario", "runs", "quantities"]
    guard let fields = reader.fields(of: root, in: "the case", known: known, ignoring: "x-") else { return nil }
    let name = reader.required("case", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    let calibration = reader.required("calibrated_on", in: fields, .prose)
    let scenario = reader.required("scenario", in: fields, .node("a scenario, or the name of its file"))
    let runs = reader.required("runs", in: fields, .node("a mapping of runs"))
    guard let scenario, let runs, let base = document(scenario, folder: folder, &reader) else { return nil }
    let made = readRuns(runs, of: base, &reader)
    // A run with faults still has its name.
    let names = (reader.entries(of: runs) ?? []).map(\.key)
    let quantities = reader.required(
      "quantities", in: fields, .list(of: .quantity(of: names), "a list of at least one quantity", minimum: 1))
    guard let name, let title, let calibration, let quantities else { return nil }
    return ValidationCase(name: name, title: title, calibration: calibration, runs: made, quantities: quantities)
  }

  /// The scenario's own document: in place, or in a file beside the case.
  private static func document(
    _ node: DocumentNode, folder: String, _ reader: inout DocumentReader
  ) -> DocumentNode? {
    guard case .text(let name) = node.content else { return node }
    guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
      reader.error(at: node.location, "expected a file in the folder of the case, found \(Wording.quoted(name))")
      return nil
    }
    do throws(DiagnosticError) {
      return try DocumentParser.parse(try FileAccess.read("\(folder)/\(name)"), file: "\(folder)/\(name)")
    } catch {
      if case .invalid(let diagnostics) = error {
        reader.take(diagnostics)
      } else {
        reader.error(at: node.location, "scenario \(Wording.quoted(name)) cannot be read")
      }
      return nil
    }
  }

  private static func readRuns(
    _ node: DocumentNode, of scenario: DocumentNode, _ reader: inout DocumentReader
  ) -> [ValidationCase.Run] {
    (reader.entries(of: node) ?? []).compactMap { entry in
      var edits: [DocumentEdit] = []
      if case .mapping = entry.value.content {
        guard let fields = reader.fields(of: entry.value, in: "a run", known: ["set"]) else { return nil }
        for change in fields["set"].flatMap({ reader.entries(of: $0) }) ?? [] {
          guard case .text(let value) = change.value.content else {
            reader.error(at: change.value.location, "expected a value, found \(change.value.found)")
            continue
          }
          edits.append(DocumentEdit(key: change.key, value: value))
        }
      } else if case .nothing = entry.value.content {
      } else {
        reader.error(at: entry.value.location, "expected a mapping with set, found \(entry.value.found)")
      }
      do throws(DiagnosticError) {
        var changed = scenario
        try DocumentEdit.apply(edits, to: &changed)
        return ValidationCase.Run(name: entry.key, scenario: try ScenarioReader.read(changed).scenario)
      } catch {
        guard case .invalid(let diagnostics) = error else { return nil }
        reader.take(diagnostics)
        return nil
      }
    }
  }
}

extension Expectation where Value == ValidationCase.Quantity {
  /// One comparison.
  fileprivate static func quantity(of runs: [String]) -> Expectation {
    Expectation("a mapping of a quantity") { reader, node in
      let known = [
        "name", "reference", "count", "operations", "unit", "source", "row", "measure", "tolerance", "why", "role",
        "miss", "skip",
      ]
      guard let fields = reader.fields(of: node, in: "a quantity", known: known) else { return nil }
      let name = reader.required("name", in: fields, .prose)
      let source = reader.required("source", in: fields, .prose)
      let row = reader.optional("row", in: fields, .prose)
      let measure = reader.required("measure", in: fields, .measure(of: runs))
      let why = reader.required("why", in: fields, .prose)
      let role = reader.optional("role", in: fields, Expectation<ValidationCase.Role>.choice("role"))
      let miss = reader.optional("miss", in: fields, .prose)
      let skip = reader.optional("skip", in: fields, .prose)
      let unit = reader.optional("unit", in: fields, .prose)
      var reference: (value: Double, unit: String)?
      var tolerance: ValidationCase.Tolerance?
      let isPoisson = fields["tolerance"].map { $0.isText("poisson") } ?? false
      if fields["count"] != nil {
        let count = reader.required("count", in: fields, .count)
        let operations = reader.required("operations", in: fields, .count)
        if let count, let operations, operations > 0 {
          reference = (count / operations, "per operation")
          if isPoisson { tolerance = .poisson(events: count, operations: operations) }
        }
      } else {
        reference = reader.required("reference", in: fields, .referenceValue)
        if isPoisson {
          reader.error(at: fields.location, "a tolerance of 'poisson' needs 'count' and 'operations'")
        }
      }
      if !isPoisson {
        tolerance = reader.required("tolerance", in: fields, .percentage).map { .relative($0) }
      }
      guard let name, let source, let measure, let why, let reference, let tolerance else { return nil }
      return ValidationCase.Quantity(
        name: name, reference: reference.value, unit: unit ?? reference.unit,
        source: row.map { "\(source) [\($0)]" } ?? source, measure: measure, tolerance: tolerance, reason: why,
        role: role ?? .predicted, explanation: miss ?? "", skip: skip)
    }
  }
}

extension DocumentNode {
  fileprivate func isText(_ wanted: String) -> Bool {
    if case .text(let text) = content { return text == wanted }
    return false
  }
}

extension Expectation where Value == (value: Double, unit: String) {
  /// A number, or a time, which is taken in nanoseconds.
  fileprivate static var referenceValue: Expectation {
    Expectation("a number, or a time such as 0.06 us") { reader, node in
      if case .text(let text) = node.content, let time = try? TimeSpan.parse(text) {
        return (Double(time.nanoseconds), "ns")
      }
      return reader.read(node, Expectation<Double>.real("a number, or a time such as 0.06 us") { $0.isFinite })
        .map { ($0, "") }
    }
  }
}

extension Expectation where Value == Double {
  /// A share such as `20 %`.
  fileprivate static var percentage: Expectation {
    Expectation("a share such as 20 %, or poisson") { reader, node in
      if case .text(let text) = node.content, text.hasSuffix("%"),
        let value = try? Number.parseReal(text.dropLast().filter { !$0.isWhitespace }), value > 0, value <= 1000
      {
        return value / 100
      }
      reader.error(at: node.location, "expected a share such as 20 %, or poisson, found \(node.found)")
      return nil
    }
  }
}

extension Expectation where Value == ValidationCase.Measure {
  /// How a value is found in runs.
  fileprivate static func measure(of runs: [String]) -> Expectation {
    Expectation("a mapping of a measure") { reader, node in
      for (key, make) in [("ratio", Value.ratio), ("difference", Value.difference)] where node[key] != nil {
        guard let fields = reader.fields(of: node, in: "a measure", known: [key]) else { return nil }
        let two = Expectation<[Value]>.list(of: .measure(of: runs), "a list of two measures", minimum: 2)
        guard let parts = reader.required(key, in: fields, two), parts.count == 2 else {
          reader.error(at: node.location, "expected two measures in '\(key)'")
          return nil
        }
        return make(parts[0], parts[1])
      }
      guard
        let fields = reader.fields(
          of: node, in: "a measure", known: ["run", "metric", "exits", "per", "time", "share", "walks", "migrations"])
      else {
        return nil
      }
      guard let run = reader.required("run", in: fields, .word("run", among: runs)) else { return nil }
      let stated = ["metric", "exits", "time", "share", "walks", "migrations"].filter { fields[$0] != nil }
      guard stated.count == 1 else {
        reader.error(
          at: node.location, "expected exactly one of metric, exits, time, share, walks or migrations in a measure")
        return nil
      }
      switch stated[0] {
      case "metric":
        let names = SummaryMetric.allCases.map(\.name)
        return reader.required("metric", in: fields, .word("metric", among: names)).flatMap { name in
          SummaryMetric.allCases.first { $0.name == name }.map { .metric(run: run, $0) }
        }
      case "share":
        let place = Expectation<String>.word("place", among: Place.allCases.map(\.name))
        let names = reader.required("share", in: fields, .list(of: place, "a list of places", minimum: 1))
        return names.map { names in .share(run: run, places: Place.allCases.filter { names.contains($0.name) }) }
      case "walks":
        return reader.required("walks", in: fields, Expectation<ValidationCase.WalkFigure>.choice("figure of walks"))
          .map { .walks(run: run, $0) }
      case "migrations":
        return reader.required(
          "migrations", in: fields, Expectation<ValidationCase.MigrationFigure>.choice("figure of migrations")
        ).map { .migrations(run: run, $0) }
      case "time":
        return reader.required("time", in: fields, .word("time", among: ["operation"])).map { _ in
          .processorTime(run: run)
        }
      default:
        let known = ExitReason.allCases.map(\.rawValue) + ["all"]
        let reasons = reader.required(
          "exits", in: fields, .list(of: .word("exit reason", among: known), "a list of exit reasons", minimum: 1))
        if reader.optional("per", in: fields, .word("unit", among: ["second"])) != nil {
          return reasons.map { .exitRate(run: run, reasons: $0.compactMap { ExitReason(rawValue: $0) }) }
        }
        return reasons.map { .exits(run: run, reasons: $0.compactMap { ExitReason(rawValue: $0) }) }
      }
    }
  }
}
