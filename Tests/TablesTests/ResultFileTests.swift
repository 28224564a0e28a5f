import Testing

@testable import Tables

@Suite struct ResultFileTests {
  let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func file(_ name: String) -> ResultFile { ResultFile(path: "\(scratch.path)/\(name)", marker: "# Ours") }

  @Test func filesAppearAndAreReplaced() throws {
    try ResultFile.write([(file("a"), Array("# Ours 1".utf8)), (file("b"), Array("# Ours 2".utf8))])
    try ResultFile.write([(file("a"), Array("# Ours 3".utf8))])
    #expect(scratch.names() == ["a", "b"])
    #expect(scratch.text(of: "a") == "# Ours 3" && scratch.text(of: "b") == "# Ours 2")
  }

  @Test func foreignFilesStay() throws {
    try scratch.put("mine", in: "b")
    #expect(throws: ResultDirectoryError.self) {
      try ResultFile.write([(file("a"), Array("# Ours".utf8)), (file("b"), Array("# Ours".utf8))])
    }
    #expect(scratch.names() == ["b"])
    #expect(scratch.text(of: "b") == "mine")
  }

  @Test func emptyFilesAreNobodys() throws {
    try scratch.put("", in: "a")
    try file("a").check()
  }

  @Test func directoriesAndMissingFoldersAreRefused() throws {
    try scratch.makeDirectory("a")
    #expect(throws: ResultDirectoryError.self) { try file("a").check() }
    #expect(throws: ResultDirectoryError.self) { try file("missing/a").check() }
    #expect(scratch.names() == ["a"])
  }
}
