import Virtualization
import Yams

/// Reads the bytes of a YAML document into a tree of nodes.
///
/// Yams expands aliases while it composes and compares keys as whole trees, which takes exponential time for hostile
/// documents. Therefore it is not shown any alias: `*` is replaced by a private character before composing, and
/// `NodeBuilder` puts it back and resolves aliases itself within the bounds.
enum DocumentParser {
  /// Stands for `*` while Yams composes.
  static let asterisk: Unicode.Scalar = "\u{F82A}"

  /// Parses a document.
  ///
  /// - Parameters:
  ///   - bytes: UTF-8 text, with or without a byte order mark.
  ///   - file: the name that locations carry.
  /// - Returns: the root, or what is wrong with the document.
  /// - Complexity: O(bytes + nodes).
  static func parse(_ bytes: [UInt8], file: String) throws(DiagnosticError) -> DocumentNode {
    func refuse(_ line: Int, _ column: Int, _ message: String) -> DiagnosticError {
      .invalid([
        Diagnostic(location: SourceLocation(file: file, line: line, column: column), message: message)
      ])
    }
    guard bytes.count <= DocumentBounds.fileSize else {
      throw refuse(1, 1, "a document has at most \(DocumentBounds.fileSize) bytes")
    }
    let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
    let content = hasMark ? Array(bytes.dropFirst(3)) : bytes
    if let offence = TextCheck.firstOffence(in: content) {
      let (line, column) = TextCheck.position(of: offence.offset, in: content)
      throw refuse(line, column, offence.message)
    }
    let text = String(decoding: replacingAsterisks(content), as: UTF8.self)
    do {
      let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
      // Nodes refer weakly to their anchors, which the parser owns.
      return try withExtendedLifetime(parser) {
        guard let root = try parser.singleRoot() else { throw refuse(1, 1, "expected a document, found nothing") }
        var builder = NodeBuilder(file: file)
        return try builder.build(root)
      }
    } catch let error as DiagnosticError {
      throw error
    } catch let error as YamlError {
      let (mark, message) = describe(error)
      throw refuse(mark?.line ?? 1, mark?.column ?? 1, message)
    } catch {
      throw refuse(1, 1, "\(error)")
    }
  }

  private static func replacingAsterisks(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.contains(UInt8(ascii: "*")) else { return bytes }
    let replacement = Array(String(asterisk).utf8)
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + 64)
    for byte in bytes {
      if byte == UInt8(ascii: "*") { result += replacement } else { result.append(byte) }
    }
    return result
  }

  private static func describe(_ error: YamlError) -> (Mark?, String) {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
      guard let context else { return (mark, problem) }
      return (
        mark, "\(problem), \(context.text) that starts in line \(context.mark.line), column \(context.mark.column)"
      )
    case .composer(let context, let problem, let mark, _):
      return (mark, [context?.text, problem].compactMap { $0 }.joined(separator: ", "))
    case .duplicatedKeysInMapping(let duplicates, let context):
      let names = duplicates.map { Wording.quoted(NodeBuilder.restored($0)) }.joined(separator: ", ")
      return (context.mark, "duplicate key \(names) in a mapping")
    case .reader(let problem, _, _, _): return (nil, problem)
    default: return (nil, "\(error)")
    }
  }
}
