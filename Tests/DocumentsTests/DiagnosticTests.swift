import Documents
import Testing
import Virtualization

@Suite struct DiagnosticTests {
  private func diagnostic(
    _ file: String, _ line: Int, _ column: Int, _ severity: Diagnostic.Severity = .error, _ message: String = "m"
  ) -> Diagnostic {
    Diagnostic(
      severity: severity, location: SourceLocation(file: file, line: line, column: column), message: message)
  }

  @Test func printsPlaceSeverityAndMessage() {
    #expect(diagnostic("a.yaml", 3, 7).description == "a.yaml:3:7: error: m")
    #expect(diagnostic("a.yaml", 3, 7, .warning).description == "a.yaml:3:7: warning: m")
    #expect(diagnostic("a\u{1B}[2J\n", 1, 1).description == "a\u{FFFD}[2J\u{FFFD}:1:1: error: m")
  }

  @Test func sortsByFileLineAndColumn() {
    let sorted = [
      diagnostic("a", 2, 10), diagnostic("a", 10, 1), diagnostic("a", 10, 2, .error, "a"),
      diagnostic("a", 10, 2, .error, "b"), diagnostic("a", 10, 2, .warning, "a"), diagnostic("b", 1, 1),
    ]
    #expect(sorted.reversed().sorted() == sorted)
  }

  @Test func missingAndUnreadableFilesAreTold() throws {
    let folder = try TemporaryFolder()
    #expect(throws: DiagnosticError.missing(path: "\(folder.path)/none.yaml")) {
      try ScenarioReader.read(path: "\(folder.path)/none.yaml")
    }
    #expect(throws: DiagnosticError.unreadable(path: folder.path, reason: "Is a directory")) {
      try ScenarioReader.read(path: folder.path)
    }
    #expect(DiagnosticError.missing(path: "x").description == "x: error: no such file or folder")
    #expect(DiagnosticError.unreadable(path: "x", reason: "y").description == "x: error: cannot be read: y")
  }
}
