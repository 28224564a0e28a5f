/// How often something happens: a finite number per second, not negative.
public struct Rate: Sendable, Hashable, Comparable {
  /// The mean number of occurrences per second.
  public let perSecond: Double

  /// Creates a rate of `perSecond`, which must be finite and not negative.
  public init(perSecond: Double) {
    precondition(perSecond.isFinite && perSecond >= 0, "a rate is finite and not negative")
    // Adding zero turns a negative zero into the only zero a rate has.
    self.perSecond = perSecond + 0
  }

  /// Returns whether `left` is lower than `right`.
  public static func < (left: Rate, right: Rate) -> Bool { left.perSecond < right.perSecond }
}

extension Rate: CustomStringConvertible {
  /// A rate has no grain; its units are counted in seconds here.
  static let units = UnitTable(
    quantity: "a rate", grainName: "per second",
    units: [Unit(symbol: "/s", grains: 1), Unit(symbol: "/min", grains: 60), Unit(symbol: "/h", grains: 3_600)])

  /// Reads a rate such as `5000/s` or `30 /min`.
  ///
  /// A rate per second becomes the nearest `Double`; one per minute or hour is that of its number, divided.
  /// - Throws: `QuantityError` when the unit is missing or unknown, or the rate is negative or too large.
  public static func parse(_ text: String) throws(QuantityError) -> Rate {
    let (number, unit) = try units.split(text)
    let perSecond = number.real() / Double(unit.grains)
    guard perSecond.isFinite else {
      throw QuantityError(
        message: "a rate is at most \(Double.greatestFiniteMagnitude)/s, found \(QuantityError.quoted(text))")
    }
    return Rate(perSecond: perSecond)
  }

  /// The rate per second as the shortest number that `parse` reads back.
  public var description: String { "\(perSecond.shortestText)/s" }
}
