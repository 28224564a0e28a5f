/// An amount of memory or data in whole bytes.
///
/// Arithmetic that leaves the range of `Int64` traps. Differences may be negative; parsed sizes are not.
public struct ByteCount: Sendable, Hashable, AdditiveArithmetic {
  /// The number of bytes.
  public let bytes: Int64

  /// Creates an amount of `bytes`.
  @inlinable
  public init(bytes: Int64) {
    self.bytes = bytes
  }
}

extension ByteCount: Comparable {
  /// No bytes.
  @inlinable
  public static var zero: ByteCount { ByteCount(bytes: 0) }

  /// Returns the sum; traps when out of range.
  @inlinable
  public static func + (left: ByteCount, right: ByteCount) -> ByteCount { ByteCount(bytes: left.bytes + right.bytes) }

  /// Returns the difference, negative when `right` is more; traps when out of range.
  @inlinable
  public static func - (left: ByteCount, right: ByteCount) -> ByteCount { ByteCount(bytes: left.bytes - right.bytes) }

  /// Returns `count` times the amount; traps when out of range.
  @inlinable
  public static func * (amount: ByteCount, count: Int) -> ByteCount { ByteCount(bytes: amount.bytes * Int64(count)) }

  /// Returns whether `left` is less than `right`.
  @inlinable
  public static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }
}

extension ByteCount: CustomStringConvertible {
  static let units = UnitTable(
    quantity: "a size in bytes", grainName: "bytes",
    units: [
      Unit(symbol: "B", grains: 1),
      Unit(symbol: "KiB", grains: 1 << 10), Unit(symbol: "MiB", grains: 1 << 20), Unit(symbol: "GiB", grains: 1 << 30),
      Unit(symbol: "TiB", grains: 1 << 40), Unit(symbol: "PiB", grains: 1 << 50),
      Unit(symbol: "kB", grains: 1_000), Unit(symbol: "MB", grains: 1_000_000),
      Unit(symbol: "GB", grains: 1_000_000_000), Unit(symbol: "TB", grains: 1_000_000_000_000),
      Unit(symbol: "PB", grains: 1_000_000_000_000_000),
    ])

  /// Reads a size such as `4 KiB` or `1.5 GB`, exactly.
  ///
  /// The units are B, the binary KiB, MiB, GiB, TiB and PiB, and the decimal kB, MB, GB, TB and PB.
  /// - Throws: `QuantityError` when the unit is missing or unknown, or the size is negative, not a whole number of
  ///   bytes, or too large.
  public static func parse(_ text: String) throws(QuantityError) -> ByteCount {
    ByteCount(bytes: try units.parseGrains(text))
  }

  /// The exact size as a whole number of the unit that makes the shortest text; a binary unit wins over a decimal one
  /// of the same length. `parse` reads it back unless it is negative.
  public var description: String {
    guard bytes != 0 else { return "0 B" }
    var shortest = "\(bytes) B"
    for unit in Self.units.units.dropFirst() where bytes % unit.grains == 0 {
      let text = "\(bytes / unit.grains) \(unit.symbol)"
      if text.utf8.count < shortest.utf8.count { shortest = text }
    }
    return shortest
  }
}
