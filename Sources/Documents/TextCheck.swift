/// Checks that bytes are text that YAML may hold.
enum TextCheck {
  /// The first byte that cannot stay, with the reason; nil when all is well.
  ///
  /// Refuses what is not UTF-8, control characters, the character that `DocumentParser` uses for itself, and
  /// directives, whose handling takes quadratic time.
  /// - Complexity: O(bytes).
  static func firstOffence(in bytes: [UInt8]) -> (offset: Int, message: String)? {
    if let offset = firstInvalidByte(in: bytes) { return (offset, "expected UTF-8 text, found another encoding") }
    return bytes.withUnsafeBufferPointer { bytes in
      var isLineStart = true
      for offset in bytes.indices {
        let byte = bytes[offset]
        switch byte {
        case 0x09, 0x0A, 0x0D: break
        case 0..<0x20, 0x7F: return (offset, message(control: UInt32(byte)))
        case 0xC2 where (0x80...0x9F).contains(bytes[offset + 1]) && bytes[offset + 1] != 0x85:
          return (offset, message(control: UInt32(bytes[offset + 1])))
        case 0xEF where bytes[offset + 1] == 0xBF && bytes[offset + 2] >= 0xBE:
          return (offset, message(control: 0xFF40 + UInt32(bytes[offset + 2])))
        case 0xEF where bytes[offset + 1] == 0xA0 && bytes[offset + 2] == 0xAA:
          return (offset, message(control: DocumentParser.asterisk.value))
        case UInt8(ascii: "%") where isLineStart:
          return (offset, "expected no directive; a line cannot begin with '%'")
        default: break
        }
        isLineStart = byte == 0x0A || byte == 0x0D
      }
      return nil
    }
  }

  /// Line and column of a byte, both from 1; columns count Unicode scalars.
  static func position(of offset: Int, in bytes: [UInt8]) -> (line: Int, column: Int) {
    var line = 1
    var column = 1
    for index in 0..<offset {
      let byte = bytes[index]
      let isCarriageReturn = byte == 0x0D && bytes[index + 1] != 0x0A
      if byte == 0x0A || isCarriageReturn {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return (line, column)
  }

  private static func firstInvalidByte(in bytes: [UInt8]) -> Int? {
    guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
    var parser = Unicode.UTF8.ForwardParser()
    var iterator = bytes.makeIterator()
    var offset = 0
    while true {
      switch parser.parseScalar(from: &iterator) {
      case .valid(let encoded): offset += encoded.count
      case .emptyInput, .error: return offset
      }
    }
  }

  private static func message(control: UInt32) -> String {
    let digits = String(control, radix: 16, uppercase: true)
    return "character U+\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits) is not allowed"
  }
}
