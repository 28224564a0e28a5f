import Documents
import Testing

@testable import Documents

/// What YAML itself demands.
@Suite struct SyntaxTests {
  private func faults(_ text: String) -> [String] { faults(Array(text.utf8)) }

  private func faults(_ bytes: [UInt8]) -> [String] {
    DocumentsTests.faults { _ = try DocumentParser.parse(bytes, file: "f") }
  }

  private func text(_ text: String, _ key: String) throws -> String? {
    guard case .text(let text)? = try DocumentParser.parse(Array(text.utf8), file: "f")[key]?.content else {
      return nil
    }
    return text
  }

  @Test(arguments: [
    ("", "f:1:1: error: expected a document, found nothing"),
    ("# only a remark\n", "f:1:1: error: expected a document, found nothing"),
    ("a: 1\nb: 2\na: 3\n", "f:1:1: error: duplicate key 'a' in a mapping"),
    ("b: 1\nc: {d: 1, \"d\": 2}\n", "f:2:5: error: duplicate key 'd' in a mapping"),
    ("a: &k b\nb: 1\n*k : 2\n", "f:3:1: error: duplicate key 'b' in a mapping"),
    ("x: &anchor 1\na: *ancor\n", "f:2:4: error: undefined alias 'ancor' (did you mean 'anchor'?)"),
    ("a: &self [*self]\n", "f:1:11: error: undefined alias 'self'"),
    ("a: 1\n---\nb: 2\n", "f:2:1: error: expected a single document in the stream, but found another document"),
    ("a: 1\n  b: 2\n", "f:2:4: error: mapping values are not allowed in this context"),
    (
      "a:\n\t- b\n",
      "f:2:1: error: found character that cannot start any token, while scanning for the next token that starts in line 2, column 1"
    ),
    (
      "a: [1, 2\nb: 3\n",
      "f:2:2: error: did not find expected ',' or ']', while parsing a flow sequence that starts in line 1, column 4"
    ),
    ("%YAML 1.1\n---\na: 1\n", "f:1:1: error: expected no directive; a line cannot begin with '%'"),
    ("a: b\u{0}c\n", "f:1:5: error: character U+0000 is not allowed"),
    ("ä: 1\r\nb: é\u{7F}\n", "f:2:5: error: character U+007F is not allowed"),
    ("a: \u{9B}31m\n", "f:1:4: error: character U+009B is not allowed"),
    ("a: \u{FFFF}\n", "f:1:4: error: character U+FFFF is not allowed"),
    ("a: \u{F82A}\n", "f:1:4: error: character U+F82A is not allowed"),
    ("a: !include x\n", "f:1:4: error: expected no tag, found '!include'"),
    ("? [a, b]\n: 1\n", "f:1:3: error: expected text as a key, found a list"),
  ])
  func refusedWithItsPlace(text: String, message: String) {
    #expect(faults(text) == [message])
  }

  @Test func otherEncodingsAreRefused() {
    #expect(
      faults(Array("a: 1\nb: ".utf8) + [0xE9, 0x0A]) == ["f:2:4: error: expected UTF-8 text, found another encoding"])
    #expect(faults([0xFF, 0xFE, 0x61, 0x00]) == ["f:1:1: error: expected UTF-8 text, found another encoding"])
    #expect(faults([0x61, 0xC3]) == ["f:1:2: error: expected UTF-8 text, found another encoding"])
  }

  @Test func byteOrderMarkAndCarriageReturnsAreNoText() throws {
    let root = try DocumentParser.parse(Array("\u{FEFF}a: 1\r\nb: 2\r\n".utf8), file: "f")
    guard case .mapping(let entries) = root.content else {
      Issue.record("expected a mapping")
      return
    }
    #expect(entries.map(\.key) == ["a", "b"])
    #expect(entries.map(\.keyLocation.column) == [1, 1])
    #expect(entries.map(\.keyLocation.line) == [1, 2])
    #expect(entries.map(\.value.found) == ["'1'", "'2'"])
  }

  @Test func scalarsKeepTheirSpelling() throws {
    for spelling in ["on", "off", "yes", "010", "0x10", "1_000", "~", "null", "1:30", "2026-01-01", "*", "a*b"] {
      #expect(try text("a: '\(spelling)'\n", "a") == spelling)
      guard !spelling.hasPrefix("*") else { continue }
      #expect(try text("a: \(spelling)\n", "a") == spelling)
    }
    #expect(try text("a: |\n  * one\n  * two\n", "a") == "* one\n* two\n")
    #expect(try text("a: ''\n", "a") == "")
    #expect(try text("a:\n", "a") == nil)
  }
}
