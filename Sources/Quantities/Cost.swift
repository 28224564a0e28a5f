/// What an operation costs: a time in nanoseconds, or a number of processor cycles. It may be a fraction of either.
public enum Cost: Sendable, Hashable {
  /// A time in nanoseconds.
  case nanoseconds(Double)
  /// A number of processor cycles.
  case cycles(Double)

  /// Returns the cost in nanoseconds on a processor that runs at `frequency`, which must be above zero.
  public func nanoseconds(at frequency: Frequency) -> Double {
    switch self {
    case .nanoseconds(let nanoseconds): return nanoseconds
    case .cycles(let cycles):
      precondition(frequency.hertz > 0, "cycles take time only at a frequency above zero")
      return cycles * 1e9 / Double(frequency.hertz)
    }
  }
}

extension Cost: CustomStringConvertible {
  static let units = UnitTable(
    quantity: "a cost", grainName: "nanoseconds",
    units: TimeSpan.units.units.prefix(4) + [Unit(symbol: "cycles", grains: 1)])

  /// Reads a cost such as `0.46 us`, `12.5 ns` or `1300 cycles`, rounded once to the nearest `Double`.
  ///
  /// The units are ns, us (also µs), ms, s and cycles.
  /// - Throws: `QuantityError` when the unit is missing or unknown, or the cost is negative or too large.
  public static func parse(_ text: String) throws(QuantityError) -> Cost {
    let (number, unit) = try units.split(text)
    let cost: Cost
    let value: Double
    switch unit.symbol {
    case "cycles":
      value = number.real()
      cost = .cycles(value)
    default:
      let powers = ["ns": 0, "us": 3, "ms": 6, "s": 9]
      value = number.real(timesTenTo: powers[unit.symbol, default: 0])
      cost = .nanoseconds(value)
    }
    guard value.isFinite else {
      throw QuantityError(
        message: "a cost is at most \(Double.greatestFiniteMagnitude) ns or cycles, found \(QuantityError.quoted(text))"
      )
    }
    return cost
  }

  /// The cost in nanoseconds or cycles, as it is held, with the shortest number that `parse` reads back.
  public var description: String {
    switch self {
    case .nanoseconds(let value): return "\(value.shortestText) ns"
    case .cycles(let value): return "\(value.shortestText) cycles"
    }
  }
}
