import Foundation
import Testing

/// What the documentation points to is there.
struct DocumentationTests {
  /// The pages, by their path from the project's root.
  static let pages =
    ["README.md", "reports/README.md", "Sources/ProbeRunner/README.md", "Tests/EmulatedHost/guest-exits/README.md"]
    + (FileManager.default.enumerator(atPath: Command.root.path + "/scenarios")?.compactMap { $0 as? String } ?? [])
    .filter { $0.hasSuffix(".md") }.sorted().map { "scenarios/\($0)" }

  private static func text(_ page: String) throws -> String {
    try String(contentsOf: Command.root.appendingPathComponent(page), encoding: .utf8)
  }

  /// The anchors of a page's headings, as GitHub makes them.
  private static func anchors(_ page: String) throws -> Set<String> {
    let headings = try text(page).split(separator: "\n").filter { $0.wholeMatch(of: /#+ .*/) != nil }
    return Set(
      headings.map { heading in
        String(heading.drop { $0 == "#" }.dropFirst()).lowercased().filter {
          $0.isLetter || $0.isNumber || " -_".contains($0)
        }.replacing(" ", with: "-")
      })
  }

  @Test("Links lead to files and headings that are there", arguments: pages)
  func links(page: String) throws {
    let folder = (page as NSString).deletingLastPathComponent
    for link in try Self.text(page).matches(of: /\]\(([^)\s]+)\)/).map(\.output.1) where !link.hasPrefix("http") {
      let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
      let target =
        parts[0].isEmpty
        ? page : ((folder as NSString).appendingPathComponent(String(parts[0])) as NSString).standardizingPath
      let path = Command.root.appendingPathComponent(target).path
      #expect(FileManager.default.fileExists(atPath: path), "\(page): \(link)")
      guard parts.count == 2 else { continue }
      #expect(try Self.anchors(target).contains(String(parts[1])), "\(page): \(link)")
    }
  }

  @Test("Experiments, scenarios and designs that pages name are there", arguments: pages)
  func names(page: String) throws {
    let text = try Self.text(page)
    for (folder, names) in [
      ("experiments", text.matches(of: /vdcsim\s+sweep\s+([a-z0-9-]+)/).map(\.output.1)),
      ("designs", text.matches(of: /vdcsim\s+explain\s+([a-z0-9-]+)/).map(\.output.1)),
      (".", text.matches(of: /scenarios\/([a-z0-9-]+)\.yaml/).map(\.output.1)),
    ] {
      for name in names {
        let path = Command.root.appendingPathComponent("scenarios/\(folder)/\(name).yaml").path
        #expect(FileManager.default.fileExists(atPath: path), "\(page): \(folder)/\(name)")
      }
    }
  }

  @Test("Every key that documents may have stands in the reference")
  func keys() throws {
    // Words in code, but for shell commands and whole paths.
    var documented: Set<Substring> = []
    for page in Self.pages where page.hasPrefix("scenarios/") {
      let text = try Self.text(page)
      for code in text.matches(of: /```yaml([^`]*)```|`([^`]+)`/) {
        for word in (code.output.1 ?? code.output.2 ?? "").matches(of: /[a-z0-9_]+/) { documented.insert(word.output) }
      }
    }
    let folder = Command.root.appendingPathComponent("Sources/Documents")
    let files = (FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? [])
      .filter { $0.hasSuffix(".swift") }
    var keys: Set<Substring> = []
    for file in files {
      let source = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
      for list in source.matches(of: /(?:known:|[kK]nown =|[kK]eys =)\s*\[([^\]]*)\]/) {
        for key in list.output.1.matches(of: /"([a-z][a-z0-9_]*)"/) { keys.insert(key.output.1) }
      }
      for key in source.matches(of: /(?:required|optional)\(\s*"([a-z][a-z0-9_]*)"/) { keys.insert(key.output.1) }
    }
    #expect(keys.count > 250, "\(keys.count)")
    let missing = keys.subtracting(documented).sorted()
    #expect(missing.isEmpty, "\(missing)")
  }

  @Test("There are pages, and they have links")
  func pagesAreThere() throws {
    #expect(Self.pages.count >= 10)
    #expect(try Self.text("scenarios/README.md").contains("](reference/processors.md)"))
  }
}
