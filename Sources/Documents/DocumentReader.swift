import Quantities
import Virtualization

/// Reads values out of nodes and keeps a list of what is wrong with them, so that one reading finds all faults.
struct DocumentReader {
  /// Errors and warnings in the order in which they were found.
  private(set) var diagnostics: [Diagnostic] = []

  /// Records a fault.
  mutating func error(at location: SourceLocation, _ message: String) {
    diagnostics.append(Diagnostic(location: location, message: message))
  }

  /// Records a remark that does not keep the document from being used.
  mutating func warn(at location: SourceLocation, _ message: String) {
    diagnostics.append(Diagnostic(severity: .warning, location: location, message: message))
  }

  /// Adds what another reading found.
  mutating func take(_ more: [Diagnostic]) { diagnostics += more }

  /// The warnings, sorted and none twice.
  ///
  /// - Throws: all diagnostics when an error is among them.
  func finish() throws(DiagnosticError) -> [Diagnostic] {
    if diagnostics.contains(where: { $0.severity == .error }) { throw DiagnosticError.faults(diagnostics) }
    return Set(diagnostics).sorted()
  }
}

/// The entries of a mapping whose keys have been checked.
struct Fields {
  /// What the mapping describes, with its article: `a host`.
  let subject: String
  /// Where the mapping stands.
  let location: SourceLocation
  /// The entries in the order of the document.
  let entries: [DocumentNode.Entry]
  /// Known keys that are not there, each with the unknown key that was probably meant to be it.
  var misspelled: [String: String] = [:]

  /// The value of a key, or nil. A misspelled key counts, so that one slip makes one message and its value is checked.
  subscript(_ key: String) -> DocumentNode? {
    let written = misspelled[key] ?? key
    return entries.first { $0.key == written }?.value
  }

  /// Where the values of the keys stand.
  var locations: [String: SourceLocation] {
    Dictionary(entries.map { ($0.key, $0.value.location) }) { first, _ in first }
  }
}

extension DocumentReader {
  /// The entries of a mapping whose keys are free, such as names.
  mutating func entries(of node: DocumentNode) -> [DocumentNode.Entry]? {
    guard case .mapping(let entries) = node.content else {
      error(at: node.location, "expected a mapping, found \(node.found)")
      return nil
    }
    return entries
  }

  /// The fields of a mapping; records keys that are not known.
  ///
  /// - Parameters:
  ///   - node: the mapping.
  ///   - subject: what it describes, with its article.
  ///   - known: the keys it may hold.
  ///   - notSimulated: keys that the language has, but this version does not simulate.
  ///   - ignoring: keys with this prefix are passed over.
  mutating func fields(
    of node: DocumentNode, in subject: String, known: [String], notSimulated: [String] = [],
    ignoring prefix: String? = nil
  ) -> Fields? {
    guard let entries = entries(of: node) else { return nil }
    var fields = Fields(subject: subject, location: node.location, entries: entries)
    for entry in entries where !known.contains(entry.key) {
      if let prefix, entry.key.hasPrefix(prefix) { continue }
      if notSimulated.contains(entry.key) {
        error(at: entry.keyLocation, Wording.notSimulated(entry.key))
      } else {
        let key = Wording.quoted(entry.key)
        let rest = Wording.hint(entry.key, among: known) ?? "; expected \(Wording.alternatives(known))"
        error(at: entry.keyLocation, "unknown key \(key) in \(subject)\(rest)")
        if let meant = NearestName.nearest(to: entry.key, among: known), fields[meant] == nil {
          fields.misspelled[meant] = entry.key
        }
      }
    }
    return fields
  }

  /// The value of a key that must be there.
  mutating func required<Value>(_ key: String, in fields: Fields, _ expectation: Expectation<Value>) -> Value? {
    guard let node = fields[key] else {
      error(at: fields.location, "missing key '\(key)' in \(fields.subject); expected \(expectation.text)")
      return nil
    }
    return read(node, expectation)
  }

  /// The value of a key that may be left out.
  mutating func optional<Value>(_ key: String, in fields: Fields, _ expectation: Expectation<Value>) -> Value? {
    fields[key].flatMap { read($0, expectation) }
  }

  /// The value of a node.
  mutating func read<Value>(_ node: DocumentNode, _ expectation: Expectation<Value>) -> Value? {
    expectation.read(&self, node)
  }
}
