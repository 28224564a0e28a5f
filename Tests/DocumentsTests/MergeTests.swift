import Testing

@testable import Documents

/// Anchors, aliases and merge keys.
@Suite struct MergeTests {
  private func flat(_ text: String, _ key: String) throws -> [String] {
    let root = try DocumentParser.parse(Array(text.utf8), file: "f")
    guard case .mapping(let entries)? = root[key]?.content else { return [] }
    return entries.map { "\($0.key)=\($0.value.found)@\($0.value.location.line):\($0.value.location.column)" }
  }

  @Test func explicitKeysWinAndMergedOnesKeepTheirPlace() throws {
    let text = "x-a: &a {b: 1, c: 2}\nd:\n  <<: *a\n  b: 3\n"
    #expect(try flat(text, "d") == ["b='3'@4:6", "c='2'@1:19"])
  }

  @Test func earlierMappingsOfAListWin() throws {
    let text = "x-a: &a {b: 1}\nx-c: &c {b: 2, d: 3}\ne: {<<: [*a, *c], f: 4}\n"
    #expect(try flat(text, "e") == ["f='4'@3:22", "b='1'@1:13", "d='3'@2:19"])
  }

  @Test func laterAnchorsOfANameReplaceEarlierOnes() throws {
    #expect(try flat("a: &x 1\nb: {c: *x}\nd: &x 2\ne: {f: *x}\n", "b") == ["c='1'@1:4"])
    #expect(try flat("a: &x 1\nb: {c: *x}\nd: &x 2\ne: {f: *x}\n", "e") == ["f='2'@3:4"])
  }

  @Test func onlyMappingsCanBeMerged() {
    #expect(
      faults { _ = try DocumentParser.parse(Array("a: &a [b]\nc: {<<: *a, d: 1}\n".utf8), file: "f") }
        == ["f:1:8: error: expected a mapping to merge, found 'b'"])
  }

  @Test func quotedMergeKeysAreKeys() throws {
    #expect(try flat("a: {'<<': 1}\n", "a") == ["<<='1'@1:11"])
  }

  @Test func scenariosMayUseThem() throws {
    var text = ScenarioText()
    text.head.insert("x-machine: &machine {cores: 2, frequency: 2 GHz}", at: 0)
    text.host[0] = "cpu: {<<: *machine, cores: 8}"
    let host = try #require(try read(text.text).scenario.hosts.first)
    #expect(host.cpu.cores == 8)
    #expect(host.cpu.frequency.hertz == 2_000_000_000)
  }
}
