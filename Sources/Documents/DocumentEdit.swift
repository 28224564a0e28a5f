import Quantities
import Virtualization

/// A change of one value of a document before it is read: `hosts.node.cpu.cores=4`.
///
/// The key is a path of keys, separated by dots; an entry of a list is named by its index from 0 or by its `name`. Keys
/// that the document leaves out are added, with mappings around them where needed; workloads, traces and power curves
/// must exist. A design that is only named becomes a mapping when one of its axes is
/// set. In a scenario `design` alone stands for the designs of all host groups: `design=kvm-pvm`, `design.paging=shadow`.
public struct DocumentEdit: Sendable, Hashable {
  /// The path to the value.
  public let key: String
  /// The new value, in YAML.
  public let value: String
  /// Where the value stands in a document; nil for one of the command line.
  let origin: SourceLocation?

  /// Creates an edit.
  public init(key: String, value: String) {
    self.init(key: key, value: value, origin: nil)
  }

  /// Creates an edit that a document asks for.
  init(key: String, value: String, origin: SourceLocation?) {
    self.key = key
    self.value = value
    self.origin = origin
  }

  /// Splits `KEY=VALUE` at the first equals sign; nil when there is none or no key before it.
  public init?(_ text: String) {
    guard let sign = text.firstIndex(of: "="), sign > text.startIndex else { return nil }
    self.init(key: String(text[..<sign]), value: String(text[text.index(after: sign)...]))
  }

  /// The location that messages carry for the value.
  var location: SourceLocation { origin ?? SourceLocation(file: "--set \(key)", line: 1, column: 1) }

  /// Applies edits in order.
  ///
  /// - Throws: the faults of all edits at once: values that are no YAML, and paths that lead nowhere.
  static func apply(_ edits: [DocumentEdit], to root: inout DocumentNode) throws(DiagnosticError) {
    var faults: [Diagnostic] = []
    for edit in edits {
      do throws(DiagnosticError) {
        let components = try edit.components(in: root)
        let value = try edit.node(isPath: components.first == "traces" && components.last == "file")
        if components.first == "design", root["design"] == nil, root["hosts"] != nil {
          try edit.setOfAllHosts(value, at: components[...], in: &root)
        } else {
          try edit.set(value, at: components[...], under: "", in: &root)
        }
      } catch {
        guard case .invalid(let diagnostics) = error else { throw error }
        faults += diagnostics
      }
    }
    guard faults.isEmpty else { throw DiagnosticError.faults(faults) }
  }

  /// The value as a node; a path is taken as it is written.
  private func node(isPath: Bool) throws(DiagnosticError) -> DocumentNode {
    if value.allSatisfy(\.isWhitespace) { return DocumentNode(content: .nothing, location: location) }
    if isPath { return DocumentNode(content: .text(value), location: location) }
    let node = try DocumentParser.parse(Array(value.utf8), file: location.file)
    return origin.map { node.moved(to: $0) } ?? node
  }

  /// The path to the value; `trace` is short for the file of the only trace.
  private func components(in root: DocumentNode) throws(DiagnosticError) -> [String] {
    guard key == "trace" else { return key.split(separator: ".", omittingEmptySubsequences: false).map(String.init) }
    guard case .mapping(let traces)? = root["traces"]?.content, !traces.isEmpty else {
      throw refuse("the scenario has no traces, so that there is none to set")
    }
    guard traces.count == 1 else {
      let keys = traces.map { "traces.\($0.key).file" }
      throw refuse("the scenario has \(traces.count) traces; expected \(Wording.alternatives(keys))")
    }
    return ["traces", traces[0].key, "file"]
  }

  /// Whether the key is one of a trace.
  private var isTrace: Bool { key == "trace" || key.hasPrefix("traces.") }

  private func refuse(_ message: String) -> DiagnosticError {
    .invalid([Diagnostic(location: location, message: message)])
  }

  /// Sets the value at the path below every host group.
  private func setOfAllHosts(
    _ value: DocumentNode, at path: ArraySlice<String>, in root: inout DocumentNode
  ) throws(DiagnosticError) {
    guard case .mapping(var entries) = root.content else { return }
    for index in entries.indices where entries[index].key == "hosts" {
      guard case .list(var groups) = entries[index].value.content else { continue }
      for group in groups.indices { try set(value, at: path, under: "", in: &groups[group]) }
      entries[index].value.content = .list(groups)
    }
    root.content = .mapping(entries)
  }

  /// Sets the value at the path below a node; `parent` is the last key that led there.
  private func set(
    _ value: DocumentNode, at path: ArraySlice<String>, under parent: String, in node: inout DocumentNode
  ) throws(DiagnosticError) {
    if case .text = node.content, parent == "design" {
      let name = DocumentNode.Entry(key: "name", keyLocation: node.location, value: node)
      node = DocumentNode(content: .mapping([name]), location: node.location)
    }
    // A trace may be named without saying anything of it.
    if case .nothing = node.content, !path.isEmpty, isTrace {
      node = DocumentNode(content: .mapping([]), location: node.location)
    }
    switch node.content {
    case .mapping(var entries):
      let (index, length) = Self.match(path, among: entries.map(\.key))
      if let index, length == path.count {
        entries[index].value = value
      } else if let index {
        try set(value, at: path.dropFirst(length), under: entries[index].key, in: &entries[index].value)
      } else if canAdd(path, under: parent, to: entries.map(\.key)) {
        entries.append(added(value, at: path))
      } else {
        throw refuse(Wording.unknown("key", path.first ?? "", among: entries.map(\.key)))
      }
      node.content = .mapping(entries)
    case .list(var items):
      let names = items.map(Self.name(of:))
      let (index, length) = Self.match(path, among: names)
      let position = index ?? path.first.flatMap { Int($0) }
      guard let position, items.indices.contains(position) else {
        let entry = path.first ?? ""
        let known = names.filter { !$0.isEmpty } + (items.isEmpty ? [] : ["an index from 0 to \(items.count - 1)"])
        throw refuse(
          "unknown entry \(Wording.quoted(entry))"
            + (Wording.hint(entry, among: names) ?? "; expected \(Wording.alternatives(known))"))
      }
      let rest = path.dropFirst(index == nil ? 1 : length)
      if rest.isEmpty {
        items[position] = value
      } else {
        // Entries of a list of designs may be mere names too.
        try set(value, at: rest, under: parent == "designs" ? "design" : "", in: &items[position])
      }
      node.content = .list(items)
    case .text, .nothing:
      throw refuse("\(node.found) has no keys, so that \(Wording.quoted(path.joined(separator: "."))) leads nowhere")
    }
  }

  /// Whether a key may be added together with all that lies below it: one that looks like another is a slip, and what
  /// users name themselves is not made from a single key.
  private func canAdd(_ path: ArraySlice<String>, under parent: String, to keys: [String]) -> Bool {
    guard let key = path.first, path.allSatisfy({ !$0.isEmpty }) else { return false }
    if path.count == 1 { return true }
    return !["workloads", "traces", "power"].contains(parent) && NearestName.nearest(to: key, among: keys) == nil
  }

  /// The entry for the first key of a path, with a mapping for each key but the last.
  private func added(_ value: DocumentNode, at path: ArraySlice<String>) -> DocumentNode.Entry {
    var entry = DocumentNode.Entry(key: path.last ?? "", keyLocation: location, value: value)
    for key in path.dropLast().reversed() {
      let mapping = DocumentNode(content: .mapping([entry]), location: location)
      entry = DocumentNode.Entry(key: key, keyLocation: location, value: mapping)
    }
    return entry
  }

  /// The candidate that the path begins with; of several the one of most components, since names may hold dots.
  private static func match(_ path: ArraySlice<String>, among candidates: [String]) -> (index: Int?, length: Int) {
    for length in stride(from: path.count, to: 0, by: -1) {
      let key = path.prefix(length).joined(separator: ".")
      if let index = candidates.firstIndex(of: key), !key.isEmpty { return (index, length) }
    }
    return (nil, 0)
  }

  private static func name(of node: DocumentNode) -> String {
    if case .text(let name) = node.content { return name }
    if case .text(let name)? = node["name"]?.content { return name }
    return ""
  }
}
