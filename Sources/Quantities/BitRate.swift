/// The rate at which a link or a device moves data, in whole bits per second.
public struct BitRate: Sendable, Hashable, Comparable {
  /// Bits per second.
  public let bitsPerSecond: Int64

  /// Creates a rate of `bitsPerSecond`.
  public init(bitsPerSecond: Int64) {
    self.bitsPerSecond = bitsPerSecond
  }

  /// Returns whether `left` is lower than `right`.
  public static func < (left: BitRate, right: BitRate) -> Bool { left.bitsPerSecond < right.bitsPerSecond }
}

extension BitRate: CustomStringConvertible {
  static let units = UnitTable(
    quantity: "a bit rate", grainName: "bits per second",
    units: [
      Unit(symbol: "bit/s", grains: 1), Unit(symbol: "kbit/s", grains: 1_000),
      Unit(symbol: "Mbit/s", grains: 1_000_000), Unit(symbol: "Gbit/s", grains: 1_000_000_000),
      Unit(symbol: "Tbit/s", grains: 1_000_000_000_000),
    ])

  /// Reads a bit rate such as `25 Gbit/s`, exactly.
  ///
  /// - Throws: `QuantityError` when the unit is missing or unknown, or the value is negative, not a whole number of
  ///   bits per second, or too large.
  public static func parse(_ text: String) throws(QuantityError) -> BitRate {
    BitRate(bitsPerSecond: try units.parseGrains(text))
  }

  /// The exact value with decimals in the largest unit that is not larger than it. `parse` reads it back unless it is
  /// negative.
  public var description: String { UnitTable.decimalText(bitsPerSecond, units: Self.units.units, zeroUnit: "bit/s") }
}
