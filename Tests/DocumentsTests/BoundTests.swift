import Testing

@testable import Documents

/// Hostile documents end in a message, not in a crash or a hang.
@Suite struct BoundTests {
  private func faults(_ text: String) -> [String] {
    DocumentsTests.faults { _ = try DocumentParser.parse(Array(text.utf8), file: "f") }
  }

  /// Every list holds the one before eight times.
  private func bomb(levels: Int) -> String {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x]\n"
    for level in 1..<levels {
      let aliases = [String](repeating: "*a\(level - 1)", count: 8).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    return text
  }

  @Test func aliasBombs() {
    #expect(faults(bomb(levels: 5)) == [])
    #expect(
      faults(bomb(levels: 40)) == [
        "f:7:20: error: a document has at most 1000000 nodes, those that aliases repeat among them"
      ])
  }

  @Test func aliasBombsAsKeys() {
    #expect(
      faults(bomb(levels: 6) + "? *a5\n: 1\n? *a5\n: 2\n") == [
        "f:7:3: error: duplicate key '*a5' in a mapping"
      ])
    #expect(faults(bomb(levels: 5) + "b: {*a4 : 1}\n") == ["f:6:5: error: expected text as a key, found a list"])
  }

  @Test func chainsOfAliases() {
    var text = "a0: &a0 [x]\n"
    for level in 1..<40_000 { text += "a\(level): &a\(level) [*a\(level - 1)]\n" }
    #expect(faults(text) == ["f:64:12: error: lists and mappings are nested at most 64 deep"])
  }

  @Test func nesting() {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(faults(nested(64)) == [])
    #expect(faults(nested(65)) == ["f:1:65: error: lists and mappings are nested at most 64 deep"])
    for text in [
      String(repeating: "[", count: 100_000), nested(100_000), String(repeating: "{a: ", count: 100_000),
      String(repeating: "- ", count: 100_000) + "x", String(repeating: "? ", count: 100_000),
    ] {
      #expect(faults(text).count == 1)
    }
    var indented = ""
    for level in 0..<500 { indented += String(repeating: " ", count: level) + "a:\n" }
    #expect(faults(indented) == ["f:65:65: error: lists and mappings are nested at most 64 deep"])
  }

  @Test func fileSize() throws {
    let folder = try TemporaryFolder()
    try folder.write("large.yaml", "a: 1\n" + String(repeating: "#", count: 16 << 20))
    #expect(
      folder.faults { _ = try ScenarioReader.read(path: "\(folder.path)/large.yaml") } == [
        "large.yaml:1:1: error: a document has at most 16777216 bytes"
      ])
    #expect(
      DocumentsTests.faults { _ = try ScenarioReader.read(path: "/dev/zero") } == [
        "/dev/zero:1:1: error: a document has at most 16777216 bytes"
      ])
  }

  @Test func messagesQuoteLittle() {
    let name = String(repeating: "n", count: 200)
    #expect(
      DocumentsTests.faults(in: "scenario: \(name)\nduration: 1 s\nhosts: []\nvms: []\nworkloads: {}\n").first
        == "1:11: error: expected a name of 1 to 128 characters without control characters, found "
        + "'\(name.prefix(40))...'")
    #expect(
      DocumentsTests.faults(in: "scenario: \"a\\e[2J\"\nduration: 1 s\nhosts: []\nvms: []\nworkloads: {}\n").first
        == "1:11: error: expected a name of 1 to 128 characters without control characters, found 'a\u{FFFD}[2J'")
  }
}
