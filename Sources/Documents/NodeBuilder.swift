import Virtualization
import Yams

/// Makes the tree of a document from what Yams composed: resolves aliases, applies merge keys, keeps the bounds.
struct NodeBuilder {
  private let file: String
  private var anchored: [String: Built] = [:]
  private var nodes = 0
  private var faults: [Diagnostic] = []

  /// A finished node with what the bounds need to know of it.
  private struct Built {
    let node: DocumentNode
    /// Nodes that it stands for.
    let size: Int
    /// Levels of lists and mappings in it, its own among them.
    let height: Int
  }

  init(file: String) { self.file = file }

  /// Builds the whole tree.
  ///
  /// - Throws: every fault at once, but stops at the first bound that is exceeded.
  mutating func build(_ root: Node) throws(DiagnosticError) -> DocumentNode {
    let built = try build(root, depth: 0)
    guard faults.isEmpty else { throw DiagnosticError.faults(faults) }
    return built.node
  }

  /// A scalar's text with its asterisks.
  static func restored(_ text: String) -> String {
    guard text.unicodeScalars.contains(DocumentParser.asterisk) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      result.unicodeScalars.append(scalar == DocumentParser.asterisk ? "*" : scalar)
    }
    return result
  }

  private func location(_ mark: Mark?) -> SourceLocation {
    SourceLocation(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1)
  }

  private mutating func fault(_ location: SourceLocation, _ message: String) {
    faults.append(Diagnostic(location: location, message: message))
  }

  /// Takes `count` nodes from the budget.
  private mutating func spend(_ count: Int, at location: SourceLocation) throws(DiagnosticError) {
    nodes += count
    guard nodes <= DocumentBounds.nodes else {
      fault(location, "a document has at most \(DocumentBounds.nodes) nodes, those that aliases repeat among them")
      throw DiagnosticError.faults(faults)
    }
  }

  private mutating func checkNesting(_ levels: Int, at location: SourceLocation) throws(DiagnosticError) {
    guard levels <= DocumentBounds.nesting else {
      fault(location, "lists and mappings are nested at most \(DocumentBounds.nesting) deep")
      throw DiagnosticError.faults(faults)
    }
  }

  private mutating func build(_ node: Node, depth: Int) throws(DiagnosticError) -> Built {
    let location = location(node.mark)
    let built: Built
    let anchor: String?
    switch node {
    case .scalar(let scalar):
      if scalar.style == .plain, scalar.string.unicodeScalars.first == DocumentParser.asterisk {
        return try resolve(alias: Self.restored(String(scalar.string.unicodeScalars.dropFirst())), at: location, depth)
      }
      try spend(1, at: location)
      checkTag(node.tag, expected: ["", "tag:yaml.org,2002:str"], at: location)
      let text = Self.restored(scalar.string)
      let isNothing = text.isEmpty && scalar.style == .plain
      built = Built(
        node: DocumentNode(content: isNothing ? .nothing : .text(text), location: location), size: 1, height: 0)
      anchor = scalar.anchor?.rawValue
    case .sequence(let sequence):
      try spend(1, at: location)
      try checkNesting(depth + 1, at: location)
      checkTag(node.tag, expected: ["", "tag:yaml.org,2002:seq"], at: location)
      built = try build(list: sequence, at: location, depth: depth)
      anchor = sequence.anchor?.rawValue
    case .mapping(let mapping):
      try spend(1, at: location)
      try checkNesting(depth + 1, at: location)
      checkTag(node.tag, expected: ["", "tag:yaml.org,2002:map"], at: location)
      built = try build(mapping: mapping, at: location, depth: depth)
      anchor = mapping.anchor?.rawValue
    case .alias:
      preconditionFailure("composed documents hold no alias nodes")
    }
    if let anchor { anchored[anchor] = built }
    return built
  }

  private mutating func checkTag(_ tag: Tag, expected: [String], at location: SourceLocation) {
    let name = tag.description
    if !expected.contains(name) { fault(location, "expected no tag, found \(Wording.quoted(name))") }
  }

  private mutating func resolve(
    alias name: String, at location: SourceLocation, _ depth: Int
  ) throws(DiagnosticError) -> Built {
    guard let built = anchored[name] else {
      fault(
        location, "undefined alias \(Wording.quoted(name))\(Wording.hint(name, among: anchored.keys.sorted()) ?? "")")
      return Built(node: DocumentNode(content: .nothing, location: location), size: 1, height: 0)
    }
    try spend(built.size, at: location)
    try checkNesting(depth + built.height, at: location)
    return built
  }

  private mutating func build(
    list: Node.Sequence, at location: SourceLocation, depth: Int
  ) throws(DiagnosticError) -> Built {
    var items: [DocumentNode] = []
    var size = 1
    var height = 0
    for item in list {
      let built = try build(item, depth: depth + 1)
      items.append(built.node)
      size += built.size
      height = max(height, built.height)
    }
    return Built(node: DocumentNode(content: .list(items), location: location), size: size, height: height + 1)
  }

  private mutating func build(
    mapping: Node.Mapping, at location: SourceLocation, depth: Int
  ) throws(DiagnosticError) -> Built {
    var entries: [DocumentNode.Entry] = []
    var merged: DocumentNode?
    var keys: Set<String> = []
    var size = 1
    var height = 0
    for (key, value) in mapping {
      let isMerge = key.scalar.map { $0.string == "<<" && $0.style == .plain } ?? false
      let builtKey = try build(key, depth: depth + 1)
      let builtValue = try build(value, depth: depth + 1)
      size += builtKey.size + builtValue.size
      height = max(height, builtKey.height, builtValue.height)
      let keyLocation = self.location(key.mark)
      guard case .text(let name) = builtKey.node.content else {
        fault(keyLocation, "expected text as a key, found \(builtKey.node.found)")
        continue
      }
      if isMerge {
        merged = builtValue.node
      } else if keys.insert(name).inserted {
        entries.append(DocumentNode.Entry(key: name, keyLocation: keyLocation, value: builtValue.node))
      } else {
        fault(keyLocation, "duplicate key \(Wording.quoted(name)) in a mapping")
      }
    }
    if let merged { merge(merged, into: &entries, keys: &keys) }
    return Built(node: DocumentNode(content: .mapping(entries), location: location), size: size, height: height + 1)
  }

  /// Adds the entries of one mapping or several, as far as no earlier entry has the key.
  private mutating func merge(
    _ node: DocumentNode, into entries: inout [DocumentNode.Entry], keys: inout Set<String>
  ) {
    let sources: [DocumentNode]
    if case .list(let items) = node.content { sources = items } else { sources = [node] }
    for source in sources {
      guard case .mapping(let added) = source.content else {
        fault(source.location, "expected a mapping to merge, found \(source.found)")
        continue
      }
      for entry in added where keys.insert(entry.key).inserted { entries.append(entry) }
    }
  }
}
