/// Fixed-point time of the cost model: whole multiples of 2^-16 ns in an `Int64` (39 hours).
///
/// Costs below a nanosecond add up without loss; they are rounded only where they meet the integer clock.
public enum FineTime {
  /// Units in one nanosecond.
  public static let unitsPerNanosecond: Int64 = 1 << 16

  /// The nearest number of units of a time in nanoseconds. Traps when it exceeds the range.
  public static func units(nanoseconds: Double) -> Int64 {
    Int64((nanoseconds * Double(unitsPerNanosecond)).rounded(.toNearestOrEven))
  }

  /// A number of units in nanoseconds.
  public static func nanoseconds(units: Int64) -> Double { Double(units) / Double(unitsPerNanosecond) }
}
