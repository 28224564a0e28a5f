import Foundation
import Testing

/// Prices that name rows of the table of published measurements are what those rows give.
///
/// The table is not part of the project; without it the test is skipped.
struct PublishedTableTests {
  static let table = Command.root.deletingLastPathComponent().appendingPathComponent(
    "shared/data/published/published.csv")

  @Test(
    "The profile's published prices follow from the rows that they name",
    .enabled(if: FileManager.default.fileExists(atPath: table.path), "the table of published measurements is not here"))
  func rows() throws {
    var values: [String: Double] = [:]
    for line in try String(contentsOf: Self.table, encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst() {
      // The id, then quoted and plain fields; the value stands before its unit, which is "us" for all rows used.
      let fields = line.split(separator: ",").map(String.init)
      guard let unit = fields.lastIndex(of: "us"), let value = Double(fields[unit - 1]) else { continue }
      values[fields[0]] = value
    }
    let profile = try String(
      contentsOf: Command.root.appendingPathComponent("scenarios/profiles/cascade-lake-pvm-paper.yaml"),
      encoding: .utf8)
    var mean = 0.0
    var checked = 0
    for line in profile.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
      if line.hasPrefix("mean:") { mean = Double(line.split(separator: " ")[1])! }
      guard line.hasPrefix("rows: {") else { continue }
      let sum = try line.dropFirst(7).dropLast().split(separator: ",").reduce(0.0) { sum, part in
        let pair = part.split(separator: ":").map { $0.trimmingCharacters(in: .whitespaces) }
        return sum + (try #require(values[pair[0]], "no row \(pair[0])")) * Double(pair[1])!
      }
      #expect(abs(sum - mean) < 1e-9, "\(line) gives \(sum), the profile says \(mean)")
      checked += 1
    }
    #expect(checked >= 10)
  }
}
