import Tables
import Testing

@Suite struct TableTests {
  let schema = TableSchema(
    name: "sample",
    columns: [
      Column(name: "name", type: .text, meaning: "what it is called"),
      Column(name: "count", type: .integer, meaning: "how many"),
      Column(name: "time_seconds", type: .real, unit: "seconds", meaning: "how long"),
    ])

  /// Returns the CSV text of a table of one row, without its header.
  func line(_ row: [CellValue]) -> String {
    var table = Table(schema: schema)
    table.append(row)
    let text = String(decoding: table.csv(), as: UTF8.self)
    return String(text.dropFirst("name,count,time_seconds\n".count))
  }

  /// Returns the CSV text of a real cell.
  func real(_ value: CellValue) -> String {
    String(line([.empty, .empty, value]).dropFirst(2).dropLast())
  }

  /// Returns the CSV text of a text cell.
  func text(_ value: String) -> String {
    String(line([.text(value), .empty, .empty]).dropLast(3))
  }

  @Test func header() {
    #expect(String(decoding: Table(schema: schema).csv(), as: UTF8.self) == "name,count,time_seconds\n")
  }

  @Test func rowsKeepTheirOrder() {
    var table = Table(schema: schema)
    table.append([.text("b"), .integer(-3), .real(0.1)])
    table.append([.text("a"), .integer(.min), .decimal(value: 1_500_000_000, scale: 9)])
    table.append([.empty, .empty, .empty])
    #expect(
      String(decoding: table.csv(), as: UTF8.self)
        == "name,count,time_seconds\nb,-3,0.1\na,-9223372036854775808,1.5\n,,\n")
    #expect(table.rows.count == 3)
  }

  @Test func quoting() {
    #expect(text("plain text; ünï") == "plain text; ünï")
    #expect(text("a,b") == #""a,b""#)
    #expect(text(#"say "hi""#) == #""say ""hi""""#)
    #expect(text("two\nlines") == "\"two\nlines\"")
    #expect(text("two\rlines") == "\"two\rlines\"")
    #expect(text("") == "\"\"")
  }

  @Test func formulasAreNeutralised() {
    #expect(text("=1+1") == "'=1+1")
    #expect(text("+1") == "'+1")
    #expect(text("-1") == "'-1")
    #expect(text("@SUM(A1)") == "'@SUM(A1)")
    #expect(text("\t=1") == "'\t=1")
    #expect(text("\r=1") == "\"'\r=1\"")
    #expect(text("=A1,\"x\"") == #""'=A1,""x""""#)
    #expect(text("a=1") == "a=1")
    #expect(real(.real(-1)) == "-1")
    #expect(real(.integer(-1)) == "-1")
    #expect(real(.decimal(value: -1, scale: 0)) == "-1")
  }

  @Test func reals() {
    #expect(real(.real(3)) == "3")
    #expect(real(.real(0)) == "0")
    #expect(real(.real(-0.0)) == "0")
    #expect(real(.real(0.1 + 0.2)) == "0.30000000000000004")
    #expect(real(.real(1e300)) == "1e+300")
    #expect(real(.real(-.leastNonzeroMagnitude)) == "-5e-324")
    #expect(real(.integer(.max)) == "9223372036854775807")
  }

  @Test func decimals() {
    let cases: [(Int64, Int, String)] = [
      (0, 9, "0"), (1_500_000_000, 9, "1.5"), (1, 9, "0.000000001"), (-1, 9, "-0.000000001"), (10, 1, "1"),
      (100, 1, "10"), (105, 1, "10.5"), (-12_340, 3, "-12.34"), (7, 0, "7"), (70, 0, "70"),
      (.min, 9, "-9223372036.854775808"), (.max, 18, "9.223372036854775807"), (.min, 0, "-9223372036854775808"),
      (1, 18, "0.000000000000000001"), (0, 0, "0"),
    ]
    for (value, scale, text) in cases { #expect(real(.decimal(value: value, scale: scale)) == text) }
  }

  @Test func aTableOfOneColumnHasNoBlankLines() {
    var table = Table(
      schema: TableSchema(name: "one", columns: [Column(name: "a,b", type: .text, meaning: "anything")]))
    table.append([.empty])
    table.append([.text("x")])
    #expect(String(decoding: table.csv(), as: UTF8.self) == "\"a,b\"\n\"\"\nx\n")
  }

  @Test func fitting() {
    #expect(CellValue.empty.fits(.integer))
    #expect(CellValue.integer(1).fits(.real))
    #expect(!CellValue.real(1).fits(.integer))
    #expect(!CellValue.real(.nan).fits(.real))
    #expect(!CellValue.real(.infinity).fits(.real))
    #expect(!CellValue.decimal(value: 1, scale: 19).fits(.real))
    #expect(!CellValue.decimal(value: 1, scale: -1).fits(.real))
    #expect(!CellValue.text("1").fits(.real))
    #expect(!CellValue.integer(1).fits(.text))
  }

  @Test func badRowsTrap() async {
    await #expect(processExitsWith: .failure) {
      var table = Table(
        schema: TableSchema(name: "one", columns: [Column(name: "a", type: .integer, meaning: "anything")]))
      table.append([.integer(1), .integer(2)])
    }
    await #expect(processExitsWith: .failure) {
      var table = Table(
        schema: TableSchema(name: "one", columns: [Column(name: "a", type: .real, meaning: "anything")]))
      table.append([.real(.nan)])
    }
  }
}
