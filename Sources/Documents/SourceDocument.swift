import Virtualization

/// A document of the library before its values are read.
struct SourceDocument {
  let kind: DocumentKind
  let name: String
  let path: String
  let bytes: [UInt8]
  let root: DocumentNode

  /// Parses a file's bytes; records its faults and returns nil after any.
  ///
  /// - Throws: what is no fault of the document.
  static func parse(
    _ bytes: [UInt8], path: String, _ reader: inout DocumentReader
  ) throws(DiagnosticError) -> DocumentNode? {
    do throws(DiagnosticError) {
      return try DocumentParser.parse(bytes, file: path)
    } catch {
      guard case .invalid(let diagnostics) = error else { throw error }
      reader.take(diagnostics)
      return nil
    }
  }

  /// All documents of one kind in the given folders, sorted by name; none twice.
  static func all(
    _ kind: DocumentKind, in folders: [String], _ reader: inout DocumentReader
  ) throws(DiagnosticError) -> [SourceDocument] {
    var documents: [String: SourceDocument] = [:]
    var identities: Set<FileAccess.Identity> = []
    for folder in folders {
      for path in try FileAccess.documents(in: "\(folder)/\(kind.folder)") {
        if let identity = FileAccess.identity(of: path), !identities.insert(identity).inserted { continue }
        let bytes = try FileAccess.read(path)
        guard let root = try parse(bytes, path: path, &reader) else { continue }
        let stem = FileAccess.stem(of: path)
        let place = root[kind.rawValue]?.location ?? root.location
        if case .text(let stated)? = root[kind.rawValue]?.content, stated != stem {
          reader.error(
            at: place,
            "\(kind.rawValue) \(Wording.quoted(stated)) stands in a file of another name; expected "
              + Wording.quoted(stem))
        }
        if let other = documents[stem] {
          reader.error(
            at: place,
            "\(kind.rawValue) \(Wording.quoted(stem)) is already in \(Wording.printable(other.path)); expected another name"
          )
          continue
        }
        documents[stem] = SourceDocument(kind: kind, name: stem, path: path, bytes: bytes, root: root)
      }
    }
    return documents.values.sorted { $0.name < $1.name }
  }
}

/// Reads documents in such an order that each finds its base finished.
struct BaseResolver {
  private let documents: [SourceDocument]
  private let indices: [String: Int]

  init(documents: [SourceDocument]) {
    self.documents = documents
    indices = Dictionary(uniqueKeysWithValues: documents.enumerated().map { ($1.name, $0) })
  }

  /// Reads all documents.
  ///
  /// - Parameters:
  ///   - reader: takes the faults.
  ///   - read: reads a document with its base; the last argument tells that it has a base which is not usable.
  /// - Returns: the values by name.
  /// - Complexity: O(documents).
  func resolve<Value>(
    _ reader: inout DocumentReader,
    read: (inout DocumentReader, SourceDocument, Value?, Bool) -> Value?
  ) -> [String: Value] {
    var values: [String: Value] = [:]
    var finished = [Bool](repeating: false, count: documents.count)
    for start in documents.indices where !finished[start] {
      let chain = chain(from: start, finished: &finished, &reader)
      for index in chain.reversed() where !finished[index] {
        let base = baseName(of: documents[index]).flatMap { values[$0] }
        let hasFaultyBase = base == nil && documents[index].root["base"] != nil
        values[documents[index].name] = read(&reader, documents[index], base, hasFaultyBase)
        finished[index] = true
      }
    }
    return values
  }

  private func baseName(of document: SourceDocument) -> String? {
    guard case .text(let name)? = document.root["base"]?.content else { return nil }
    return name
  }

  /// The document with its base, its base's base and so on, up to one that is finished; the members of a circle count
  /// as finished.
  private func chain(from start: Int, finished: inout [Bool], _ reader: inout DocumentReader) -> [Int] {
    var chain: [Int] = []
    var positions: [Int: Int] = [:]
    var current: Int? = start
    while let index = current, !finished[index] {
      if let position = positions[index] {
        for member in chain[position...] {
          finished[member] = true
          reportCircle(documents[member], &reader)
        }
        break
      }
      positions[index] = chain.count
      chain.append(index)
      current = base(of: documents[index], &reader)
    }
    return chain
  }

  private func base(of document: SourceDocument, _ reader: inout DocumentReader) -> Int? {
    guard let node = document.root["base"], let name = reader.read(node, Expectation<String>.name) else { return nil }
    if indices[name] == nil {
      let what = "base \(document.kind.rawValue)"
      reader.error(at: node.location, Wording.unknown(what, name, among: documents.map(\.name)))
    }
    return indices[name]
  }

  private func reportCircle(_ document: SourceDocument, _ reader: inout DocumentReader) {
    guard let node = document.root["base"] else { return }
    reader.error(at: node.location, "\(document.kind.rawValue) \(Wording.quoted(document.name)) is a base of itself")
  }
}
