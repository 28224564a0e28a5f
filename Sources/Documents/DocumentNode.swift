import Virtualization

/// A piece of a document with its place: what remains of YAML once aliases are resolved and merge keys applied.
struct DocumentNode: Sendable {
  /// What the piece is.
  enum Content: Sendable {
    /// A key without a value.
    case nothing
    /// A scalar, as it is written.
    case text(String)
    /// A sequence.
    case list([DocumentNode])
    /// Keys with values, in the order of the document, no key twice.
    case mapping([Entry])
  }

  /// A key with its value.
  struct Entry: Sendable {
    let key: String
    let keyLocation: SourceLocation
    var value: DocumentNode
  }

  var content: Content
  var location: SourceLocation

  /// How messages name what was found.
  var found: String {
    switch content {
    case .nothing: "nothing"
    case .text(let text): Wording.quoted(text)
    case .list(let items): items.isEmpty ? "an empty list" : "a list"
    case .mapping: "a mapping"
    }
  }

  /// Entries of a list or a mapping; nil for others.
  var count: Int? {
    switch content {
    case .list(let items): items.count
    case .mapping(let entries): entries.count
    case .nothing, .text: nil
    }
  }

  /// The value of a key, nil when this is no mapping or lacks the key.
  subscript(_ key: String) -> DocumentNode? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key }?.value
  }
}

/// The bounds that keep documents from using up memory or time.
enum DocumentBounds {
  /// The greatest size of a file in bytes.
  static let fileSize = 16 << 20
  /// The greatest number of nodes, those that aliases repeat among them.
  static let nodes = 1_000_000
  /// The greatest nesting of lists and mappings.
  static let nesting = 64
}

extension DocumentNode {
  /// The node as if all of it stood at one place of a document.
  func moved(to place: SourceLocation) -> DocumentNode {
    var node = self
    node.location = place
    switch content {
    case .mapping(let entries):
      node.content = .mapping(
        entries.map { Entry(key: $0.key, keyLocation: place, value: $0.value.moved(to: place)) })
    case .list(let items): node.content = .list(items.map { $0.moved(to: place) })
    case .text, .nothing: break
    }
    return node
  }
}
