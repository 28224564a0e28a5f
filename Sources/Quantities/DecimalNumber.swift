/// A decimal number exactly as it was written: ±digits × 10^exponent.
///
/// The grammar is an optional sign, digits, an optional fraction and an optional exponent, in at most 40 characters.
/// Leading zeros mean nothing; underscores, other bases, infinities and NaN are not numbers.
struct DecimalNumber {
  /// The greatest number of characters a number may have.
  static let longest = 40

  /// True for a number below zero; zero has no sign.
  let isNegative: Bool
  /// The digits (0 to 9) without zeros at either end; none for zero.
  let digits: [UInt8]
  /// The power of ten by which the digits, read as an integer, are multiplied; held within ±1 000 000.
  let exponent: Int

  /// Reads the number at the start of `text`.
  ///
  /// - Returns: the number and the text behind it, or nil when `text` does not begin with a number.
  /// - Throws: `QuantityError` when the number is longer than 40 characters.
  static func scan(_ text: String) throws(QuantityError) -> (number: DecimalNumber, rest: Substring)? {
    let bytes = text.utf8
    var position = bytes.startIndex

    func peek() -> UInt8? { position < bytes.endIndex ? bytes[position] : nil }
    func takeSign() -> Bool {
      guard let byte = peek(), byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") else { return false }
      position = bytes.index(after: position)
      return byte == UInt8(ascii: "-")
    }
    func takeDigits() -> Substring.UTF8View {
      let start = position
      while let byte = peek(), isDigit(byte) { position = bytes.index(after: position) }
      return text[start..<position].utf8
    }

    let isNegative = takeSign()
    let whole = takeDigits()
    guard !whole.isEmpty else { return nil }
    var fraction = text[position..<position].utf8
    let pointPosition = position
    if peek() == UInt8(ascii: ".") {
      position = bytes.index(after: position)
      fraction = takeDigits()
      if fraction.isEmpty { position = pointPosition }
    }
    var exponent = 0
    let exponentPosition = position
    if let byte = peek(), byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      position = bytes.index(after: position)
      let exponentIsNegative = takeSign()
      let exponentDigits = takeDigits()
      if exponentDigits.isEmpty {
        // Not an exponent after all: the letter belongs to what follows the number.
        position = exponentPosition
      }
      for digit in exponentDigits { exponent = min(exponent * 10 + Int(digit - UInt8(ascii: "0")), 1_000_000) }
      if exponentIsNegative { exponent = -exponent }
    }
    guard bytes.distance(from: bytes.startIndex, to: position) <= longest else {
      throw QuantityError(message: "a number has at most \(longest) characters, found \(QuantityError.quoted(text))")
    }
    let number = DecimalNumber(
      isNegative: isNegative, digits: (Array(whole) + Array(fraction)).map { $0 - UInt8(ascii: "0") },
      exponent: exponent - fraction.count)
    return (number, text[position...])
  }

  /// Creates a number from digits that may have zeros at either end.
  private init(isNegative: Bool, digits: [UInt8], exponent: Int) {
    let withoutLeading = digits.drop { $0 == 0 }
    let count = (withoutLeading.lastIndex { $0 != 0 } ?? withoutLeading.startIndex - 1) - withoutLeading.startIndex + 1
    self.isNegative = isNegative && count > 0
    self.digits = Array(withoutLeading.prefix(count))
    self.exponent = count == 0 ? 0 : exponent + withoutLeading.count - count
  }

  private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}

extension DecimalNumber {
  /// What a number becomes when it is expressed in whole grains.
  enum Scaled: Equatable {
    /// Exactly this many grains.
    case exact(Int64)
    /// Not a whole number of grains.
    case tooFine
    /// Beyond the range of `Int64`.
    case tooLarge
  }

  /// Returns the number times `factor` (1 to 10^17), exactly.
  func scaled(by factor: Int64) -> Scaled {
    guard !digits.isEmpty else { return .exact(0) }
    // Schoolbook multiplication, lowest digit first, so that neither the digits nor the product need to fit a word.
    var product: [UInt8] = []
    var carry: Int64 = 0
    for digit in digits.reversed() {
      carry += Int64(digit) * factor
      product.append(UInt8(carry % 10))
      carry /= 10
    }
    while carry > 0 {
      product.append(UInt8(carry % 10))
      carry /= 10
    }
    let trailingZeros = product.prefix { $0 == 0 }.count
    let power = exponent + trailingZeros
    guard power >= 0 else { return .tooFine }
    guard product.count - trailingZeros + power <= 19 else { return .tooLarge }
    var magnitude: UInt64 = 0
    for digit in product.reversed().dropLast(trailingZeros) { magnitude = magnitude * 10 + UInt64(digit) }
    for _ in 0..<power { magnitude *= 10 }
    if isNegative {
      return magnitude <= Int64.min.magnitude ? .exact(Int64(truncatingIfNeeded: 0 &- magnitude)) : .tooLarge
    }
    return Int64(exactly: magnitude).map(Scaled.exact) ?? .tooLarge
  }

  /// Returns the number times 10^`power` as the nearest `Double`, infinite when it is out of range.
  func real(timesTenTo power: Int = 0) -> Double {
    guard !digits.isEmpty else { return 0 }
    var text = isNegative ? "-" : ""
    for digit in digits { text.unicodeScalars.append(Unicode.Scalar(UInt8(ascii: "0") + digit)) }
    guard let value = Double("\(text)e\(exponent + power)") else {
      preconditionFailure("a validated number was not read")
    }
    return value
  }
}
