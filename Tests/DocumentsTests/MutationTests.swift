import Foundation
import Testing

@testable import Documents

/// Whatever happens to a document, reading it ends in a value or in sorted diagnostics.
@Suite struct MutationTests {
  /// A linear congruential generator with the constants of MMIX.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 33)
    }
  }

  private static let pieces = [
    "", "\n", " ", ":", "- ", "[", "]", "{", "}", "0", "-1", "1e400", "&a ", "*a", "<<: ", "'", "\"", "#", "!t ", "|",
    "~",
    "\u{FEFF}", "é", "\t", "?", "%", "x-", "true", "99999999999999999999", "5 ms", "name", "{a: b}", "[a]",
  ]

  private func mutated(_ text: String, using generator: inout Generator) -> [UInt8] {
    var bytes = Array(text.utf8)
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let start = Int.random(in: 0...bytes.count, using: &generator)
      let end = min(bytes.count, start + Int.random(in: 0...12, using: &generator))
      let piece = Self.pieces.randomElement(using: &generator) ?? ""
      bytes.replaceSubrange(start..<end, with: Array(piece.utf8))
    }
    return bytes
  }

  private func isOrderly(_ body: () throws -> Void) -> Bool {
    do {
      try body()
      return true
    } catch DiagnosticError.invalid(let diagnostics) {
      return !diagnostics.isEmpty && diagnostics == Set(diagnostics).sorted()
    } catch {
      return false
    }
  }

  @Test func scenarios() {
    var generator = Generator(state: 1)
    let texts = [
      ScenarioText().text, ScenarioText(workload: ["program: {repeat: 5, loop: {syscall: 1}, compute: 1 ns}"]).text,
      ScenarioText(workload: ["batch: {work: 5 s, threads: 2}", "per_cpu_second: {cpuid: 5/s}"]).text,
    ]
    for number in 0..<150 {
      let bytes = mutated(texts[number % texts.count], using: &generator)
      #expect(
        isOrderly { _ = try ScenarioReader.read(bytes: bytes, file: "s") }, "\(String(decoding: bytes, as: UTF8.self))")
    }
  }

  @Test func documentsOfTheLibrary() throws {
    var generator = Generator(state: 2)
    let library = try Fixture.library()
    let folder = try TemporaryFolder()
    let texts = [Fixture.hypervisor, Fixture.bareMetal, Fixture.profile, Fixture.guest, Fixture.steps]
    for number in 0..<150 {
      let bytes = mutated(texts[number % texts.count], using: &generator)
      try folder.write("d.yaml", Data(bytes))
      let path = "\(folder.path)/d.yaml"
      #expect(
        isOrderly { _ = try DocumentKind.check(path: path, library: library) },
        "\(String(decoding: bytes, as: UTF8.self))")
    }
  }
}
