/// An electric power in whole microwatts.
public struct Power: Sendable, Hashable, Comparable {
  /// The power in microwatts.
  public let microwatts: Int64

  /// Creates a power of `microwatts`.
  public init(microwatts: Int64) {
    self.microwatts = microwatts
  }

  /// Returns whether `left` is lower than `right`.
  public static func < (left: Power, right: Power) -> Bool { left.microwatts < right.microwatts }
}

extension Power: CustomStringConvertible {
  static let units = UnitTable(
    quantity: "a power", grainName: "microwatts",
    units: [
      Unit(symbol: "uW", grains: 1), Unit(symbol: "mW", grains: 1_000), Unit(symbol: "W", grains: 1_000_000),
      Unit(symbol: "kW", grains: 1_000_000_000), Unit(symbol: "MW", grains: 1_000_000_000_000),
    ])

  /// Reads a power such as `135 W`, exactly.
  ///
  /// - Throws: `QuantityError` when the unit is missing or unknown, or the value is negative, not a whole number of
  ///   microwatts, or too large.
  public static func parse(_ text: String) throws(QuantityError) -> Power {
    Power(microwatts: try units.parseGrains(text))
  }

  /// The exact value with decimals in the largest unit that is not larger than it. `parse` reads it back unless it is
  /// negative.
  public var description: String { UnitTable.decimalText(microwatts, units: Self.units.units, zeroUnit: "W") }
}
