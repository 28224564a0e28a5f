extension Table {
  /// Returns the table as CSV in UTF-8: RFC 4180 with one header row, and no byte order mark.
  ///
  /// - Lines end with LF. RFC 4180 names CRLF, but R, pandas and spreadsheets read both, and line tools (`cut`, `awk`,
  ///   `diff`) would take the CR for a part of the last column.
  /// - Cells with a comma, a quotation mark or a line break are quoted. The empty text is `""`; an empty cell is
  ///   nothing, or `""` too in a table of one column, whose row would otherwise be a blank line that readers skip.
  /// - Text that a spreadsheet would run as a formula (it begins with `=`, `+`, `-`, `@`, tab or CR) gets a leading
  ///   apostrophe.
  /// - Reals have the fewest digits that read back as the same value, whole ones no fraction; decimals are exact,
  ///   without trailing zeros.
  ///
  /// The cost is O(cells), plus the length of the text.
  public func csv() -> [UInt8] {
    var writer = CSVWriter()
    writer.bytes.reserveCapacity((rows.count + 1) * schema.columns.count * 12)
    for (index, column) in schema.columns.enumerated() {
      writer.beginCell(at: index)
      writer.write(text: column.name)
    }
    writer.endLine()
    for row in rows {
      for (index, cell) in row.enumerated() {
        writer.beginCell(at: index)
        switch cell {
        case .text(let text): writer.write(text: text)
        case .integer(let value): writer.write(integer: value)
        case .real(let value): writer.write(real: value)
        case .decimal(let value, let scale): writer.write(decimal: value, scale: scale)
        case .empty: if row.count == 1 { writer.write(text: "") }
        }
      }
      writer.endLine()
    }
    return writer.bytes
  }
}

/// Appends cells to a buffer of bytes.
private struct CSVWriter {
  var bytes: [UInt8] = []

  mutating func beginCell(at index: Int) {
    if index > 0 { bytes.append(UInt8(ascii: ",")) }
  }

  mutating func endLine() {
    bytes.append(UInt8(ascii: "\n"))
  }

  mutating func write(text: String) {
    let utf8 = text.utf8
    let quote = UInt8(ascii: "\"")
    let neutralise = utf8.first.map(Self.startsFormula) ?? false
    guard utf8.isEmpty || utf8.contains(where: Self.needsQuotes) else {
      if neutralise { bytes.append(UInt8(ascii: "'")) }
      bytes.append(contentsOf: utf8)
      return
    }
    bytes.append(quote)
    if neutralise { bytes.append(UInt8(ascii: "'")) }
    for byte in utf8 {
      if byte == quote { bytes.append(quote) }
      bytes.append(byte)
    }
    bytes.append(quote)
  }

  mutating func write(integer value: Int64) {
    write(decimal: value, scale: 0)
  }

  mutating func write(real value: Double) {
    precondition(value.isFinite, "a table holds finite numbers")
    // Comparing equal to zero, a negative zero is written as zero.
    let text = (value == 0 ? 0 : value).description
    bytes.append(contentsOf: text.hasSuffix(".0") ? text.utf8.dropLast(2) : text.utf8.dropLast(0))
  }

  mutating func write(decimal value: Int64, scale: Int) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    var magnitude = value.magnitude
    var decimals = scale
    while decimals > 0, magnitude % 10 == 0 {
      magnitude /= 10
      decimals -= 1
    }
    // The digits come lowest first and are turned round in place.
    let start = bytes.count
    var written = 0
    repeat {
      if written == decimals, decimals > 0 { bytes.append(UInt8(ascii: ".")) }
      bytes.append(UInt8(ascii: "0") + UInt8(magnitude % 10))
      magnitude /= 10
      written += 1
    } while magnitude > 0 || written <= decimals
    bytes[start...].reverse()
  }

  private static func needsQuotes(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\n"), UInt8(ascii: "\r"): true
    default: false
    }
  }

  private static func startsFormula(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "@"), UInt8(ascii: "\t"),
      UInt8(ascii: "\r"):
      true
    default: false
    }
  }
}
