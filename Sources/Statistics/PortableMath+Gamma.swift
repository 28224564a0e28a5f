extension PortableMath {
  /// log(1 + x), which keeps its precision where x is small.
  ///
  /// Error below 3 ulp.
  ///
  /// - Parameter x: at least -1, where the result is -infinity; anything below gives NaN.
  public static func logOnePlus(_ x: Double) -> Double {
    let sum = 1 + x
    if sum == 1 { return x }
    guard sum > 0, sum < .infinity else { return log(sum) }
    // The sum's rounding error, brought in to first order.
    let error = x > 1 ? 1 - (sum - x) : x - (sum - 1)
    return log(sum) + error / sum
  }

  /// log Γ(x), the logarithm of the gamma function.
  ///
  /// Error below 2^-46 or 2^-46 of the result, whichever is greater.
  ///
  /// - Parameter x: above zero, where the result is infinity; anything below gives NaN.
  public static func logGamma(_ x: Double) -> Double {
    guard x > 0, x < .infinity else { return x < 0 ? .nan : (x.isNaN ? x : .infinity) }
    // Stirling's series beyond 16, and Γ(x + 1) = x Γ(x) on the way there.
    var product = 1.0
    var shifted = x
    while shifted < 16 {
      product *= shifted
      shifted += 1
    }
    let square = shifted * shifted
    let series = 1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / square) / square) / square) / square
    let halfLogTwoPi = 0.9189385332046728
    let rest = halfLogTwoPi - shifted + series / shifted
    return (shifted - 0.5) * log(shifted) + rest - log(product)
  }
}
