import Foundation
import Testing

/// The guide's documents and commands, as they stand in its text.
struct GuideTests {
  private struct Block {
    let language: String
    let lines: [String]
  }

  private static func blocks() throws -> [Block] {
    let text = try String(
      contentsOf: Command.root.appendingPathComponent("scenarios/GUIDE.md"), encoding: .utf8)
    var blocks: [Block] = []
    var current: Block?
    for line in text.components(separatedBy: "\n") {
      guard line.hasPrefix("```") else {
        if let open = current { current = Block(language: open.language, lines: open.lines + [line]) }
        continue
      }
      if let closed = current { blocks.append(closed) }
      current = current == nil ? Block(language: String(line.dropFirst(3)), lines: []) : nil
    }
    return blocks
  }

  @Test("Documents of the guide can be used, and its commands show what it says")
  func example() throws {
    let blocks = try Self.blocks()
    #expect(blocks.count { $0.language == "yaml" } == 3)
    try Command.withFolder { folder in
      for block in blocks where block.language == "yaml" {
        let path = try #require(block.lines.first).dropFirst(2)
        let file = folder.appendingPathComponent(String(path))
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try block.lines.joined(separator: "\n").appending("\n").write(to: file, atomically: true, encoding: .utf8)
      }
      for block in blocks where block.language == "console" {
        let words = block.lines[0].split(separator: " ").dropFirst(2).map(String.init)
        let library = words[0] == "check" ? [] : ["--library", Command.root.appendingPathComponent("scenarios").path]
        let outcome = try Command.run(words + library, in: folder)
        #expect(outcome.status == 0, "\(block.lines[0]): \(outcome.errors)")
        for line in block.lines.dropFirst() { #expect(outcome.output.contains(line), "\(line) is not in the output") }
      }
      let comparison = try String(contentsOf: folder.appendingPathComponent("results/comparison.csv"), encoding: .utf8)
      let overhead = try #require(
        comparison.split(separator: "\n").first {
          $0.contains(",kvm-dedicated,") && $0.contains(",virtualization_overhead,")
        }
      ).split(separator: ",", omittingEmptySubsequences: false)
      // The dedicated cores save exits: the mean of the design lies below the baseline's.
      #expect(try #require(Double(overhead[6])) < #require(Double(overhead[5])))
    }
  }
}
