import Foundation
import Testing

/// Prices that name rows of the table of published measurements are what those rows give.
///
/// The table is not part of the project; without it the test is skipped.
struct PublishedTableTests {
  static let table = Command.root.deletingLastPathComponent().appendingPathComponent(
    "shared/data/published/published.csv")

  static let profiles = [
    "ampere-altra", "cascade-lake-pvm-paper", "skylake-sp", "x-gene", "xeon-2003", "xeon-e5-2014",
  ]

  /// The values of the table by row, with their units.
  static func values() throws -> [String: (value: Double, unit: String)] {
    var values: [String: (value: Double, unit: String)] = [:]
    for line in try String(contentsOf: table, encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst() {
      // The id, then quoted and plain fields; the value stands before its unit.
      let fields = line.split(separator: ",").map(String.init)
      guard let unit = fields.lastIndex(where: { ["us", "ns", "cycles"].contains($0) }),
        let value = Double(fields[unit - 1])
      else { continue }
      values[fields[0]] = (value, fields[unit])
    }
    return values
  }

  @Test(
    "A profile's published prices follow from the rows that they name",
    .enabled(if: FileManager.default.fileExists(atPath: table.path), "the table of published measurements is not here"),
    arguments: profiles)
  func rows(name: String) throws {
    let values = try Self.values()
    let profile = try String(
      contentsOf: Command.root.appendingPathComponent("scenarios/profiles/\(name).yaml"), encoding: .utf8)
    var mean = (value: 0.0, unit: "")
    var checked = 0
    for line in profile.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
      if line.hasPrefix("mean:") {
        let words = line.split(separator: " ").map(String.init)
        mean = (try #require(Double(words[1])), words[2])
      }
      guard line.hasPrefix("rows: {") else { continue }
      let sum = try line.dropFirst(7).dropLast().split(separator: ",").reduce(0.0) { sum, part in
        let pair = part.split(separator: ":").map { $0.trimmingCharacters(in: .whitespaces) }
        let row = try #require(values[pair[0]], "no row \(pair[0])")
        #expect(row.unit == mean.unit, "\(pair[0]) is in \(row.unit), the price in \(mean.unit)")
        return sum + row.value * Double(pair[1])!
      }
      #expect(abs(sum - mean.value) < 1e-9, "\(line) gives \(sum), the profile says \(mean.value)")
      checked += 1
    }
    #expect(checked >= 3)
  }

  @Test(
    "References of validation cases are what the rows that they name say",
    .enabled(if: FileManager.default.fileExists(atPath: table.path), "the table of published measurements is not here"))
  func references() throws {
    var values: [String: Double] = [:]
    for line in try String(contentsOf: Self.table, encoding: .utf8).split(whereSeparator: \.isNewline).dropFirst() {
      let fields = line.split(separator: ",").map(String.init)
      // The value is the last number before the status; a location may follow that.
      guard let status = fields.lastIndex(where: { ["verified", "secondary"].contains($0) }), status >= 2,
        let value = Double(fields[status - 2])
      else { continue }
      values[fields[0]] = fields[status - 1] == "%" ? value / 100 : value
    }
    let folder = Command.root.appendingPathComponent("scenarios/cases")
    var checked = 0
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) where file.hasSuffix(".yaml") {
      var reference = ""
      let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
      for line in text.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
        if line.hasPrefix("reference: ") { reference = String(line.dropFirst(11)) }
        guard line.hasPrefix("row: ") else { continue }
        let joint = line.contains(" over ") ? " over " : " less "
        let stated = try #require(Double(reference.split(separator: " ")[0]))
        let rows = try line.dropFirst(5).components(separatedBy: joint).map {
          try #require(values[$0], "\(file): no verified or secondary row \($0)")
        }
        let expected = rows.count < 2 ? rows[0] : joint == " over " ? rows[0] / rows[1] : rows[0] - rows[1]
        #expect(abs(stated - expected) <= 1e-4 * expected, "\(file): \(line) is \(expected), the case says \(stated)")
        checked += 1
      }
    }
    #expect(checked >= 60)
  }
}
