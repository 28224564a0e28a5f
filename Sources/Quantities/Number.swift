/// Reads plain numbers, without a unit.
///
/// The grammar is an optional sign, digits, an optional fraction and an optional exponent: `10`, `-2.5`, `1e6`, `010`
/// (ten). A number has at most 40 characters. Underscores, other bases, infinities and NaN are errors.
public enum Number {
  /// Reads an integer; a fraction or an exponent is allowed when the value is a whole number (`2e3`).
  ///
  /// - Throws: `QuantityError` when `text` is no number, not a whole number, or outside the range of `Int64`.
  public static func parseInteger(_ text: String) throws(QuantityError) -> Int64 {
    guard let (number, rest) = try DecimalNumber.scan(text), rest.isEmpty else {
      throw QuantityError(message: "expected an integer, found \(QuantityError.quoted(text))")
    }
    switch number.scaled(by: 1) {
    case .exact(let value): return value
    case .tooFine: throw QuantityError(message: "expected an integer, found \(QuantityError.quoted(text))")
    case .tooLarge:
      throw QuantityError(
        message: "expected an integer from \(Int64.min) to \(Int64.max), found \(QuantityError.quoted(text))")
    }
  }

  /// Reads a real number and returns the nearest `Double`.
  ///
  /// - Throws: `QuantityError` when `text` is no number or rounds to infinity.
  public static func parseReal(_ text: String) throws(QuantityError) -> Double {
    guard let (number, rest) = try DecimalNumber.scan(text), rest.isEmpty else {
      throw QuantityError(message: "expected a number, found \(QuantityError.quoted(text))")
    }
    let value = number.real()
    guard value.isFinite else {
      let greatest = Double.greatestFiniteMagnitude
      throw QuantityError(
        message: "expected a number from -\(greatest) to \(greatest), found \(QuantityError.quoted(text))")
    }
    return value
  }
}

extension Double {
  /// The shortest decimal text that reads back as this finite value; whole numbers have no fraction.
  var shortestText: String {
    let text = description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
