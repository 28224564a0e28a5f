/// A clock frequency in whole hertz.
public struct Frequency: Sendable, Hashable, Comparable {
  /// Cycles per second.
  public let hertz: Int64

  /// Creates a frequency of `hertz`.
  public init(hertz: Int64) {
    self.hertz = hertz
  }

  /// Returns whether `left` is lower than `right`.
  public static func < (left: Frequency, right: Frequency) -> Bool { left.hertz < right.hertz }
}

extension Frequency: CustomStringConvertible {
  static let units = UnitTable(
    quantity: "a frequency", grainName: "hertz",
    units: [
      Unit(symbol: "Hz", grains: 1), Unit(symbol: "kHz", grains: 1_000), Unit(symbol: "MHz", grains: 1_000_000),
      Unit(symbol: "GHz", grains: 1_000_000_000),
    ])

  /// Reads a frequency such as `2.6 GHz`, exactly.
  ///
  /// - Throws: `QuantityError` when the unit is missing or unknown, or the value is negative, not a whole number of
  ///   hertz, or too large.
  public static func parse(_ text: String) throws(QuantityError) -> Frequency {
    Frequency(hertz: try units.parseGrains(text))
  }

  /// The exact value with decimals in the largest unit that is not larger than it. `parse` reads it back unless it is
  /// negative.
  public var description: String { UnitTable.decimalText(hertz, units: Self.units.units, zeroUnit: "Hz") }
}
