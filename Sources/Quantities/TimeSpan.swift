/// A length of time in whole nanoseconds: a duration, or an instant counted from the start of a run.
///
/// It reaches 292 years. Arithmetic that leaves the range traps. Differences may be negative; parsed times are not.
public struct TimeSpan: Sendable, Hashable, AdditiveArithmetic {
  /// The length in nanoseconds.
  public let nanoseconds: Int64

  /// Creates a time of `nanoseconds`.
  @inlinable
  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// Creates the time nearest to `seconds`, halves going to the even nanosecond; nil when `seconds` is not finite or
  /// out of range.
  public init?(seconds: Double) {
    // At 2^34 seconds and above the product below would leave the range of nanoseconds anyway.
    guard seconds.magnitude < 17_179_869_184 else { return nil }
    // seconds = significand × 2^-shift exactly, so the product with 10^9 and its rounding are exact too.
    let shift = 52 - (seconds.isNormal ? Int(seconds.exponent) : 0)
    guard seconds.isNormal, shift < 100 else {
      self.init(nanoseconds: 0)
      return
    }
    let significand = UInt128(seconds.significandBitPattern | 1 << 52)
    let scaled = significand * 1_000_000_000
    var magnitude = scaled >> shift
    let remainder = scaled - magnitude << shift
    let half: UInt128 = 1 << (shift - 1)
    if remainder > half || (remainder == half && magnitude & 1 == 1) { magnitude += 1 }
    let signed = seconds.sign == .minus ? -Int128(magnitude) : Int128(magnitude)
    guard let nanoseconds = Int64(exactly: signed) else { return nil }
    self.init(nanoseconds: nanoseconds)
  }

  /// Creates a time of `count` nanoseconds.
  public static func nanoseconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count) }
  /// Creates a time of `count` microseconds; traps when out of range.
  public static func microseconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count * 1_000) }
  /// Creates a time of `count` milliseconds; traps when out of range.
  public static func milliseconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count * 1_000_000) }
  /// Creates a time of `count` seconds; traps when out of range.
  public static func seconds(_ count: Int64) -> TimeSpan { TimeSpan(nanoseconds: count * 1_000_000_000) }

  /// The length in seconds, to the precision of `Double`.
  @inlinable
  public var seconds: Double { Double(nanoseconds) / 1e9 }
}

extension TimeSpan: Comparable {
  /// No time; the start of a run.
  @inlinable
  public static var zero: TimeSpan { TimeSpan(nanoseconds: 0) }

  /// Returns the sum; traps when out of range.
  @inlinable
  public static func + (left: TimeSpan, right: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: left.nanoseconds + right.nanoseconds)
  }

  /// Returns the difference, negative when `right` is longer; traps when out of range.
  @inlinable
  public static func - (left: TimeSpan, right: TimeSpan) -> TimeSpan {
    TimeSpan(nanoseconds: left.nanoseconds - right.nanoseconds)
  }

  /// Returns `count` times the time; traps when out of range.
  @inlinable
  public static func * (time: TimeSpan, count: Int) -> TimeSpan {
    TimeSpan(nanoseconds: time.nanoseconds * Int64(count))
  }

  /// Returns whether `left` is shorter, or earlier, than `right`.
  @inlinable
  public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.nanoseconds < right.nanoseconds }
}

extension TimeSpan: CustomStringConvertible {
  static let units = UnitTable(
    quantity: "a time", grainName: "nanoseconds",
    units: [
      Unit(symbol: "ns", grains: 1), Unit(symbol: "us", grains: 1_000), Unit(symbol: "ms", grains: 1_000_000),
      Unit(symbol: "s", grains: 1_000_000_000), Unit(symbol: "min", grains: 60_000_000_000),
      Unit(symbol: "h", grains: 3_600_000_000_000), Unit(symbol: "d", grains: 86_400_000_000_000),
    ])

  /// Reads a time such as `0.46 us` or `30 min`, exactly.
  ///
  /// The units are ns, us (also µs), ms, s, min, h and d (24 hours).
  /// - Throws: `QuantityError` when the unit is missing or unknown, or the time is negative, finer than a nanosecond,
  ///   or too long.
  public static func parse(_ text: String) throws(QuantityError) -> TimeSpan {
    TimeSpan(nanoseconds: try units.parseGrains(text))
  }

  /// The exact time: in min, h or d, the largest that divides it, else in the largest of ns, us, ms and s that is not
  /// longer, with decimals. `parse` reads it back unless it is negative.
  public var description: String {
    if nanoseconds != 0, let unit = Self.units.units.dropFirst(4).last(where: { nanoseconds % $0.grains == 0 }) {
      return "\(nanoseconds / unit.grains) \(unit.symbol)"
    }
    return UnitTable.decimalText(nanoseconds, units: Self.units.units.prefix(4), zeroUnit: "s")
  }
}
