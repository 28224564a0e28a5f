import Glibc
import Quantities

/// A piece of a line between separators, without spaces and quotation marks around it.
struct TextField {
  let start: UnsafePointer<UInt8>
  let count: Int

  /// The bytes.
  var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }
  /// The text, for messages and names.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  /// A whole number; nil when it is none, or has more than 18 digits.
  @inline(__always)
  var integer: Int64? {
    var index = 0
    var isNegative = false
    if count > 1, start[0] == UInt8(ascii: "-") { (isNegative, index) = (true, 1) }
    guard index < count, count - index <= 18 else { return nil }
    var value: Int64 = 0
    while index < count {
      let digit = start[index] &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      value = value &* 10 &+ Int64(digit)
      index += 1
    }
    return isNegative ? -value : value
  }

  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
  ]

  /// A finite decimal number, rounded correctly; nil when it is none. Words such as `nan` and `inf` are no numbers.
  @inline(__always)
  var number: Double? {
    var index = 0
    var isNegative = false
    if count > 1, start[0] == UInt8(ascii: "-") { (isNegative, index) = (true, 1) }
    var mantissa: UInt64 = 0
    var digits = 0
    var decimals = 0
    var hasPoint = false
    while index < count {
      let byte = start[index]
      let digit = byte &- UInt8(ascii: "0")
      if digit <= 9 {
        guard digits < 19 else { return slowNumber }
        mantissa = mantissa &* 10 &+ UInt64(digit)
        digits += mantissa == 0 ? 0 : 1
        if hasPoint { decimals += 1 }
      } else if byte == UInt8(ascii: "."), !hasPoint {
        hasPoint = true
      } else {
        return slowNumber
      }
      index += 1
    }
    // Both operands are exact doubles, so that one division rounds once.
    guard mantissa < 1 << 53, decimals <= 22, count > (isNegative ? 1 : 0) + (hasPoint ? 1 : 0) else {
      return slowNumber
    }
    var value = Double(mantissa)
    if decimals > 0 { value /= Self.powersOfTen[decimals] }
    return isNegative ? -value : value
  }

  /// The same for numbers with exponents or more digits than a double holds.
  @inline(never)
  private var slowNumber: Double? {
    guard count <= 64, bytes.contains(where: { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      bytes.allSatisfy({
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
          || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E")
      }), let value = Double(text), value.isFinite
    else { return nil }
    return value
  }
}

/// One line of a text, split into fields; valid only while it is read.
struct TextLine {
  /// The line's number, from 1.
  let number: Int
  /// The line without its end.
  let start: UnsafePointer<UInt8>
  let count: Int
  /// Its fields, at most `TextLines.greatestFieldCount`.
  let fields: UnsafePointer<TextField>
  /// How many fields it has.
  let fieldCount: Int

  /// The column of a field, from 1; of one that is missing, the column after the line's end.
  func column(of field: Int) -> Int { field < fieldCount ? fields[field].start - start + 1 : count + 1 }

  /// How messages quote a field.
  func quoted(_ field: Int) -> String { field < fieldCount ? Wording.quoted(fields[field].text) : "nothing" }
}

/// Reads a text line by line, in constant memory.
final class TextLines {
  /// Fields of a line that are kept.
  static let greatestFieldCount = 64
  private static let bufferSize = 1 << 18

  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
  private let fields = UnsafeMutablePointer<TextField>.allocate(capacity: greatestFieldCount)
  private let bounds: TraceLimits

  init(bounds: TraceLimits) { self.bounds = bounds }

  deinit {
    buffer.deallocate()
    fields.deallocate()
  }

  /// Reads the current file of an archive; blank lines are passed over.
  ///
  /// - Parameters:
  ///   - separator: what stands between fields; a space for any number of spaces and tabs.
  ///   - body: takes a line; false ends the reading.
  /// - Returns: the number of the last line read, and whether it ended with a line break.
  func read(
    _ archive: ArchiveReader, separator: UInt8, faults: TraceFaults, _ body: (TextLine) -> Bool
  ) throws(DiagnosticError) -> (lines: Int, isTerminated: Bool) {
    let base = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
    var held = 0
    var number = 0
    var isStart = true
    while true {
      let free = UnsafeMutableRawBufferPointer(rebasing: buffer[held...])
      let count = try archive.read(into: free, line: number + 1)
      let end = held + count
      var position = 0
      // A byte order mark, which spreadsheets write before the text, is no part of it.
      if isStart, end >= 3, base[0] == 0xEF, base[1] == 0xBB, base[2] == 0xBF { position = 3 }
      if end >= 3 { isStart = false }
      while position < end, let found = memchr(base + position, 10, end - position) {
        let stop = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - UnsafePointer(base)
        number += 1
        guard stop - position <= bounds.lineBytes else {
          faults.add(archive.label, number, bounds.lineBytes + 1, longLine)
          return (number, true)
        }
        if !split(base + position, stop - position, number, separator, body) { return (number, true) }
        position = stop + 1
      }
      held = end - position
      if held > bounds.lineBytes {
        faults.add(archive.label, number + 1, bounds.lineBytes + 1, longLine)
        return (number + 1, true)
      }
      if held > 0 { memmove(base, base + position, held) }
      if count == 0 { break }
    }
    guard held > 0 else { return (number, true) }
    _ = split(base, held, number + 1, separator, body)
    return (number + 1, false)
  }

  private var longLine: String { "expected lines of at most \(bounds.lineBytes) bytes" }

  @inline(__always)
  private func split(
    _ start: UnsafePointer<UInt8>, _ length: Int, _ number: Int, _ separator: UInt8, _ body: (TextLine) -> Bool
  ) -> Bool {
    var count = length
    while count > 0, Self.isSpace(start[count - 1]) { count -= 1 }
    if count == 0 { return true }
    var fieldCount = 0
    var position = 0
    while position <= count, fieldCount < Self.greatestFieldCount {
      while position < count, Self.isSpace(start[position]), start[position] != separator || separator == 32 {
        position += 1
      }
      if position == count, separator == 32 { break }
      var first = position
      var end: Int
      if position < count, start[position] == UInt8(ascii: "\"") {
        first += 1
        end = first
        while end < count, start[end] != UInt8(ascii: "\"") { end += 1 }
        position = min(end + 1, count)
        while position < count, !Self.isSeparator(start[position], separator) { position += 1 }
      } else {
        while position < count, !Self.isSeparator(start[position], separator) { position += 1 }
        end = position
        while end > first, Self.isSpace(start[end - 1]) { end -= 1 }
      }
      fields[fieldCount] = TextField(start: start + first, count: end - first)
      fieldCount += 1
      if position >= count { break }
      position += 1
    }
    return body(TextLine(number: number, start: start, count: count, fields: fields, fieldCount: fieldCount))
  }

  @inline(__always)
  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 13 }

  @inline(__always)
  private static func isSeparator(_ byte: UInt8, _ separator: UInt8) -> Bool {
    byte == separator || (separator == 32 && byte == 9)
  }
}
