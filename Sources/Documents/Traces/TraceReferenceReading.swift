import Model
import Quantities

extension Expectation where Value == [TraceReference] {
  /// The traces of a scenario; paths that the document itself states must stay inside its folder.
  static func traces(in document: String) -> Expectation {
    Expectation("a mapping of names and traces") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      return entries.compactMap { reader.trace($0, in: document) }
    }
  }
}

extension DocumentReader {
  fileprivate mutating func trace(_ entry: DocumentNode.Entry, in document: String) -> TraceReference? {
    let nameNode = DocumentNode(content: .text(entry.key), location: entry.keyLocation)
    guard let name = read(nameNode, .name) else { return nil }
    if case .nothing = entry.value.content {
      return TraceReference(name: name, path: nil, location: entry.keyLocation)
    }
    guard
      let fields = fields(
        of: entry.value, in: "a trace", known: ["file", "format", "interval", "samples", "memory_unit", "machine"])
    else { return nil }
    var reference = TraceReference(name: name, path: nil, location: entry.keyLocation)
    if let file = optional("file", in: fields, Expectation<String>.prose.located) {
      reference.path = file.value
      reference.isFromCommandLine = file.location.file != document
      reference.location = file.location
      if file.value.isEmpty || file.value.utf8.contains(0) {
        error(at: file.location, "expected the path of a file or folder, found \(Wording.quoted(file.value))")
      } else if !reference.isFromCommandLine, !Self.staysInside(file.value) {
        error(
          at: file.location,
          "expected a path inside the scenario's folder, found \(Wording.quoted(file.value)); other places are named "
            + "on the command line: --set traces.\(name).file=PATH")
      }
    }
    reference.format = optional("format", in: fields, Expectation<TraceReference.Format>.choice("format"))
    reference.interval = optional("interval", in: fields, .positiveTime)
    reference.samples = optional("samples", in: fields, .integer(in: 1...10_000_000))
    reference.memoryUnit = optional("memory_unit", in: fields, Expectation<TraceReference.MemoryUnit>.choice("unit"))
    for (key, owner) in [("samples", TraceReference.Format.planetlab), ("memory_unit", .opendc)] {
      if let node = fields[key], let format = reference.format, format != owner {
        error(at: node.location, "'\(key)' belongs to the format \(owner.rawValue), found it with \(format.rawValue)")
      }
    }
    if let node = fields["machine"] {
      reference.machine = machine(node)
      if let format = reference.format, format != .azure {
        error(at: node.location, "'machine' belongs to the format azure; \(format.rawValue) has no shares of one")
      }
    } else if reference.format == .azure {
      error(
        at: fields.location,
        "missing key 'machine' in a trace of the format azure; expected a mapping with number, cores and memory")
    }
    if reference.interval ?? .zero > .seconds(86_400 * 366) {
      error(at: fields["interval"]?.location ?? fields.location, "expected an interval of at most a year")
    }
    return reference
  }

  private mutating func machine(_ node: DocumentNode) -> TraceReference.Machine? {
    guard let fields = fields(of: node, in: "a machine", known: ["number", "cores", "memory"]) else { return nil }
    let number = required("number", in: fields, Expectation<Int>.integer(in: 0...1_000_000))
    let cores = required("cores", in: fields, Expectation<Int>.integer(in: 1...100_000))
    let memory = required("memory", in: fields, .positiveSize)
    guard let number, let cores, let memory else { return nil }
    return TraceReference.Machine(number: number, cores: cores, memory: memory)
  }

  /// Whether a path is relative and does not lead above where it starts, by its text.
  private static func staysInside(_ path: String) -> Bool {
    guard !path.hasPrefix("/") else { return false }
    var depth = 0
    for part in path.split(separator: "/") {
      if part == ".." { depth -= 1 } else if part != "." { depth += 1 }
      if depth < 0 { return false }
    }
    return depth > 0
  }
}
