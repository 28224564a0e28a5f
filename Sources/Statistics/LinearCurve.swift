/// A curve through tabulated points, straight between neighbours and constant beyond the first and the last.
public struct LinearCurve: Sendable, Hashable {
  private let arguments: [Double]
  private let values: [Double]

  /// Creates a curve.
  ///
  /// - Parameters:
  ///   - arguments: at least one, finite, strictly ascending.
  ///   - values: as many finite values.
  /// - Throws: `StatisticsError` for others.
  /// - Complexity: O(n)
  public init(arguments: [Double], values: [Double]) throws(StatisticsError) {
    guard arguments.count == values.count else {
      throw .unequalCounts(first: arguments.count, second: values.count)
    }
    guard !arguments.isEmpty else { throw .tooFewValues(count: 0, needed: 1) }
    var previous = -Double.infinity
    for argument in arguments {
      guard argument.isFinite, argument > previous else {
        throw .outOfRange(
          argument: "an argument of the curve", value: argument, expected: "a finite number above \(previous)")
      }
      previous = argument
    }
    for value in values where !value.isFinite {
      throw .outOfRange(argument: "a value of the curve", value: value, expected: "a finite number")
    }
    self.arguments = arguments
    self.values = values
  }

  /// The value of the curve at any argument but NaN. At a tabulated argument it is exactly the tabulated value.
  ///
  /// - Complexity: O(log n)
  public func value(at argument: Double) -> Double {
    precondition(!argument.isNaN, "a curve has no value at NaN")
    // The number of tabulated arguments that are at most the argument.
    var lower = 0
    var upper = arguments.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if arguments[middle] <= argument { lower = middle + 1 } else { upper = middle }
    }
    guard lower > 0 else { return values[0] }
    guard lower < arguments.count else { return values[lower - 1] }
    let fraction = (argument - arguments[lower - 1]) / (arguments[lower] - arguments[lower - 1])
    // Of this form, unlike start + fraction × difference, the products cannot overflow.
    return values[lower - 1] * (1 - fraction) + values[lower] * fraction
  }
}
