import Model
import Quantities
import Virtualization

/// Reads experiments.
public enum ExperimentReader {
  /// Points of a grid, and runs of an experiment, at most.
  public static let limits = (points: 10_000, runs: 100_000)

  /// An experiment with what its scenario came from.
  public struct Experiment: Sendable {
    /// The grid.
    public let plan: SweepPlan
    /// The folder of the scenario, whose own library and traces it uses.
    public let folder: String
    /// The bytes of the documents, the experiment's first.
    public let bytes: [UInt8]
  }

  /// Reads an experiment with its scenario.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - edits: changes of the scenario that are made before those of the experiment.
  /// - Throws: `DiagnosticError` with every fault of the file at once.
  public static func read(path: String, edits: [DocumentEdit] = []) throws(DiagnosticError) -> Experiment {
    let bytes = try FileAccess.read(path)
    let root = try DocumentParser.parse(bytes, file: path)
    var reader = DocumentReader()
    let result = read(root, folder: FileAccess.folder(of: path), bytes: bytes, edits: edits, &reader)
    _ = try reader.finish()
    guard let result else { preconditionFailure("an experiment without faults was not read") }
    return result
  }

  /// The experiment documents of a library, sorted by name.
  public static func paths(library folder: String) throws(DiagnosticError) -> [String] {
    try FileAccess.documents(in: "\(folder)/experiments")
  }

  /// Names that columns of every run have.
  private static let taken = ["scenario", "design", "profile", "replication", "metric", "value", "unit"]

  static func read(
    _ root: DocumentNode, folder: String, bytes: [UInt8] = [], edits: [DocumentEdit] = [],
    _ reader: inout DocumentReader
  ) -> Experiment? {
    let known = ["experiment", "title", "scenario", "set", "designs", "replications", "sweep", "metrics", "operations"]
    guard let fields = reader.fields(of: root, in: "the experiment", known: known, ignoring: "x-") else { return nil }
    let name = reader.required("experiment", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    let scenario = reader.required("scenario", in: fields, .node("a scenario, or the name of its file"))
    let designs = reader.optional(
      "designs", in: fields, .list(of: .designReference, "a list of at least one design", minimum: 1))
    let replications = reader.optional("replications", in: fields, Expectation<Int>.integer(in: 1...10_000))
    let metrics = reader.optional(
      "metrics", in: fields,
      .list(of: .word("metric", among: SummaryMetric.allCases.map(\.name)), "a list of metrics", minimum: 1))
    let operations = reader.optional(
      "operations", in: fields,
      .list(of: .word("operation", among: GuestOperation.allCases.map(\.name)), "a list of operations", minimum: 1))
    let sweep = reader.required("sweep", in: fields, .node("a mapping of at least one axis"))
    let axes = sweep.map { readAxes($0, &reader) }
    var fixed = edits
    for change in fields["set"].flatMap({ reader.entries(of: $0) }) ?? [] {
      if let value = text(of: change.value, &reader) {
        fixed.append(DocumentEdit(key: change.key, value: value, origin: change.value.location))
      }
    }
    guard reader.diagnostics.isEmpty, let name, let title, let scenario, let axes, let sweep else { return nil }
    let count = axes.reduce(1) { $0.multipliedReportingOverflow(by: $1.values.count).partialValue }
    let runs = Double(count) * Double(max(1, designs?.count ?? 1)) * Double(replications ?? 1)
    guard axes.allSatisfy({ $0.values.count <= limits.points }), count <= limits.points, runs <= Double(limits.runs)
    else {
      reader.error(
        at: sweep.location,
        "expected at most \(limits.points) points and \(limits.runs) runs, found \(count) points and \(Int(runs)) runs")
      return nil
    }
    guard let base = document(scenario, folder: folder, &reader) else { return nil }
    let points = points(of: axes, base: base.root, fixed: fixed, &reader)
    guard points.count == count else { return nil }
    return Experiment(
      plan: SweepPlan(
        name: name, title: title,
        axes: axes.map { SweepPlan.Axis(name: $0.name, keys: $0.keys, values: $0.values.map(\.text)) },
        designs: designs ?? [], replications: replications ?? 1,
        metrics: metrics?.compactMap { name in SummaryMetric.allCases.first { $0.name == name } } ?? [],
        operations: operations?.compactMap { GuestOperation(name: $0) } ?? [], points: points),
      folder: base.folder, bytes: bytes + base.bytes)
  }

  // MARK: Axes

  private struct Axis {
    let name: String
    let keys: [String]
    let values: [(text: String, location: SourceLocation)]
  }

  private static func readAxes(_ node: DocumentNode, _ reader: inout DocumentReader) -> [Axis] {
    guard let entries = reader.entries(of: node) else { return [] }
    if entries.isEmpty { reader.error(at: node.location, "expected at least one axis, found an empty mapping") }
    return entries.compactMap { entry in
      let name = DocumentNode(content: .text(entry.key), location: entry.keyLocation)
      guard let column = reader.read(name, Expectation<String>.name) else { return nil }
      if taken.contains(column) {
        reader.error(at: entry.keyLocation, "'\(column)' is a column of every run; expected another name of an axis")
      }
      guard let fields = reader.fields(of: entry.value, in: "an axis", known: ["key", "keys", "values"]) else {
        return nil
      }
      var keys: [String]?
      if fields["keys"] != nil {
        keys = reader.required("keys", in: fields, .list(of: .prose, "a list of at least one key", minimum: 1))
        if let one = fields["key"] { reader.error(at: one.location, "an axis has 'key' or 'keys', not both") }
      } else {
        keys = reader.required("key", in: fields, .prose).map { [$0] }
      }
      let list = reader.required("values", in: fields, .node("a list of at least one value"))
      guard let keys, let list else { return nil }
      for key in keys where key == "trace" || key.hasPrefix("traces.") {
        reader.error(at: entry.keyLocation, "'\(key)' cannot be swept; expected a key that is not one of a trace")
      }
      guard case .list(let items) = list.content, !items.isEmpty else {
        reader.error(at: list.location, "expected a list of at least one value, found \(list.found)")
        return nil
      }
      var values: [(text: String, location: SourceLocation)] = []
      for item in items {
        guard let text = text(of: item, &reader) else { continue }
        if values.contains(where: { $0.text == text }) {
          reader.error(at: item.location, "value \(Wording.quoted(text)) stands twice; expected values of their own")
        }
        values.append((text, item.location))
      }
      return Axis(name: column, keys: keys, values: values)
    }
  }

  private static func text(of node: DocumentNode, _ reader: inout DocumentReader) -> String? {
    if case .text(let text) = node.content { return text }
    reader.error(at: node.location, "expected a value, found \(node.found); lists and mappings are written in quotes")
    return nil
  }

  // MARK: Points

  /// The scenario's own document: in place, or in a file beside the experiment or in the folder above it.
  private static func document(
    _ node: DocumentNode, folder: String, _ reader: inout DocumentReader
  ) -> (root: DocumentNode, folder: String, bytes: [UInt8])? {
    guard case .text(let name) = node.content else { return (node, folder, []) }
    guard !name.contains("/") else {
      reader.error(
        at: node.location,
        "expected the name of a file beside the experiment or in the folder above it, found \(Wording.quoted(name))")
      return nil
    }
    for place in [folder, "\(folder)/.."] {
      do throws(DiagnosticError) {
        let path = "\(place)/\(name)"
        let bytes = try FileAccess.read(path)
        return (try DocumentParser.parse(bytes, file: path), place, bytes)
      } catch {
        guard case .invalid(let diagnostics) = error else { continue }
        reader.take(diagnostics)
        return nil
      }
    }
    reader.error(at: node.location, "scenario \(Wording.quoted(name)) cannot be read")
    return nil
  }

  /// All points of the grid; stops at the first point with faults, which others would only repeat.
  private static func points(
    of axes: [Axis], base: DocumentNode, fixed: [DocumentEdit], _ reader: inout DocumentReader
  ) -> [SweepPlan.Point] {
    var points: [SweepPlan.Point] = []
    var indices = [Int](repeating: 0, count: axes.count)
    while true {
      var edits = fixed
      for (axis, index) in zip(axes, indices) {
        let value = axis.values[index]
        edits += axis.keys.map { DocumentEdit(key: $0, value: value.text, origin: value.location) }
      }
      do throws(DiagnosticError) {
        var root = base
        try DocumentEdit.apply(edits, to: &root)
        points.append(
          SweepPlan.Point(
            values: zip(axes, indices).map { $0.values[$1].text }, scenario: try ScenarioReader.read(root).scenario))
      } catch {
        if case .invalid(let diagnostics) = error { reader.take(diagnostics) }
        return points
      }
      guard let last = indices.indices.last(where: { indices[$0] + 1 < axes[$0].values.count }) else { return points }
      indices[last] += 1
      for position in indices.indices where position > last { indices[position] = 0 }
    }
  }
}
