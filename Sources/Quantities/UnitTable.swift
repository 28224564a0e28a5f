/// A unit of a quantity and how many grains (the smallest amounts the quantity can hold) it is.
struct Unit {
  let symbol: String
  let grains: Int64
}

/// The units of one quantity and the words its errors use.
struct UnitTable {
  /// The quantity with its article, such as "a time".
  let quantity: String
  /// The name of many grains, such as "nanoseconds".
  let grainName: String
  /// The units, smallest first.
  let units: [Unit]

  /// Splits `text` into a number that is not negative and its unit, with or without spaces between them.
  ///
  /// - Throws: `QuantityError` when there is no number or no known unit, or the number is negative.
  func split(_ text: String) throws(QuantityError) -> (number: DecimalNumber, unit: Unit) {
    guard let (number, rest) = try DecimalNumber.scan(text) else { throw unexpected(text, nearest: nil) }
    var symbol = String(rest.drop { $0 == " " })
    // The micro sign and the Greek letter mu, which keyboards mix up, are both written u.
    if let first = symbol.unicodeScalars.first, first == "\u{B5}" || first == "\u{3BC}" {
      symbol = "u" + String(symbol.unicodeScalars.dropFirst())
    }
    guard let unit = units.first(where: { $0.symbol == symbol }) else {
      throw unexpected(text, nearest: NearestName.nearest(to: symbol, among: units.map(\.symbol)))
    }
    guard !number.isNegative else {
      throw QuantityError(message: "\(quantity) cannot be negative, found \(QuantityError.quoted(text))")
    }
    return (number, unit)
  }

  /// Reads a number and its unit and returns the exact number of grains.
  ///
  /// - Throws: `QuantityError` as `split` does, and when the value is finer than a grain or beyond `Int64`.
  func parseGrains(_ text: String) throws(QuantityError) -> Int64 {
    let (number, unit) = try split(text)
    switch number.scaled(by: unit.grains) {
    case .exact(let value): return value
    case .tooFine:
      throw QuantityError(
        message: "\(quantity) is a whole number of \(grainName), found \(QuantityError.quoted(text))")
    case .tooLarge:
      throw QuantityError(
        message: "\(quantity) is at most \(Int64.max) \(grainName), found \(QuantityError.quoted(text))")
    }
  }

  private func unexpected(_ text: String, nearest: String?) -> QuantityError {
    let symbols = units.map(\.symbol).joined(separator: ", ")
    let hint = nearest.map { " (did you mean '\($0)'?)" } ?? ""
    return QuantityError(
      message: "expected \(quantity) with its unit (\(symbols)), found \(QuantityError.quoted(text))\(hint)")
  }
}

extension UnitTable {
  /// Prints `value` grains in the largest of `units` that is not larger than the value, with as many decimals as it
  /// takes to be exact.
  ///
  /// - Parameters:
  ///   - value: the number of grains; zero is printed in `zeroUnit`.
  ///   - units: units that are powers of ten grains, smallest (one grain) first.
  ///   - zeroUnit: the symbol of the unit that zero is printed in.
  static func decimalText(_ value: Int64, units: some BidirectionalCollection<Unit>, zeroUnit: String) -> String {
    guard let unit = units.last(where: { $0.grains.magnitude <= value.magnitude }) else { return "0 \(zeroUnit)" }
    let (whole, remainder) = value.magnitude.quotientAndRemainder(dividingBy: unit.grains.magnitude)
    var text = value < 0 ? "-\(whole)" : "\(whole)"
    if remainder > 0 {
      // Adding the unit keeps the zeros in front of the remainder; its leading 1 is dropped.
      var decimals = String(remainder + unit.grains.magnitude).dropFirst()
      while decimals.last == "0" { decimals.removeLast() }
      text += "." + decimals
    }
    return "\(text) \(unit.symbol)"
  }
}
