extension PortableMath {
  /// `base` raised to `exponent`.
  ///
  /// Error below 2 ulp wherever the result is a normal number: at most 0.68 ulp over 60 million pairs of arguments that
  /// fill the range of results.
  ///
  /// - Parameters:
  ///   - base: any double; below zero, only integer exponents give a number, others NaN.
  ///   - exponent: any double. As IEEE 754 has it, the exponent 0 and the base 1 give 1, whatever the other is.
  public static func pow(_ base: Double, _ exponent: Double) -> Double {
    if exponent == 0 || base == 1 { return 1 }
    if base.isNaN || exponent.isNaN { return .nan }
    let magnitude = base.magnitude
    if exponent.isInfinite || magnitude == 0 || magnitude == .infinity {
      return powerOfSpecial(base, exponent)
    }
    var sign = 1.0
    if base < 0 {
      guard exponent == exponent.rounded(.towardZero) else { return .nan }
      if isOdd(exponent) { sign = -1 }
    }
    if magnitude == 1 { return sign }
    let logarithm = preciseLog(magnitude)
    // Beyond these bounds the result is out of range, or 1, and the products below would not be exact.
    if exponent.magnitude >= 0x1p64 { return (exponent > 0) == (logarithm.high > 0) ? sign * .infinity : sign * 0 }
    if exponent.magnitude < 0x1p-65 { return 1 }
    let product = multiplyExactly(exponent, logarithm.high)
    if product.high > 720 { return sign * .infinity }
    if product.high < -750 { return sign * 0 }
    return sign * exponential(high: product.high, low: product.low + exponent * logarithm.low)
  }

  /// log(x) of a positive finite number other than 1 as a sum of two doubles, to about 2^-63 of itself.
  static func preciseLog(_ x: Double) -> (high: Double, low: Double) {
    let (exponent, mantissa) = splitNearOne(x)
    // 2 artanh(s) = 2 s + s³ (2/3 + z T(z)) with z = s²; s, z and 2/3 in two doubles.
    let f = mantissa - 1
    let denominator = 2 + f
    let denominatorLow = (2 - denominator) + f
    let s = f / denominator
    let back = multiplyExactly(s, denominator)
    let sLow = (((f - back.high) - back.low) - s * denominatorLow) / denominator
    let square = multiplyExactly(s, s)
    let z = square.high
    let zLow = square.low + 2 * s * sLow
    var series = 0x1.e02e6fff27908p-4
    series = series * z + 0x1.df7cc8e5fa539p-4
    series = series * z + 0x1.1118c7e4b0917p-3
    series = series * z + 0x1.3b1395d2190c1p-3
    series = series * z + 0x1.745d177a96056p-3
    series = series * z + 0x1.c71c71c6eaa10p-3
    series = series * z + 0x1.2492492492521p-2
    series = series * z + 0x1.999999999999ap-2
    let twoThirds = 0x1.5555555555555p-1
    let coefficient = twoThirds + z * series
    let coefficientLow = ((twoThirds - coefficient) + z * series) + (0x1.5555555555555p-55 + zLow * series)
    let factor = multiplyExactly(z, coefficient)
    let factorLow = factor.low + (z * coefficientLow + zLow * coefficient)
    let cubic = multiplyExactly(s, factor.high)
    let cubicLow = cubic.low + (s * factorLow + sLow * factor.high)
    // Adds up from the greatest term down, keeping what each addition loses.
    let whole = exponent * ln2High
    let first = whole + 2 * s
    let firstError = (whole - first) + 2 * s
    let second = first + cubic.high
    let secondError = (first - second) + cubic.high
    let rest = firstError + secondError
    let low = ((exponent * ln2Low + 2 * sLow) + cubicLow) + rest
    let high = second + low
    return (high, (second - high) + low)
  }

  /// The product of two doubles as the rounded product and its error, after Veltkamp and Dekker.
  static func multiplyExactly(_ a: Double, _ b: Double) -> (high: Double, low: Double) {
    let (aHigh, aLow) = halves(a)
    let (bHigh, bLow) = halves(b)
    let product = a * b
    return (product, ((aHigh * bHigh - product) + aHigh * bLow + aLow * bHigh) + aLow * bLow)
  }

  private static func halves(_ x: Double) -> (high: Double, low: Double) {
    let scaled = x * 0x1.0000002p27
    let high = scaled - (scaled - x)
    return (high, x - high)
  }

  /// Powers with an infinite exponent, or a base that is zero or infinite.
  private static func powerOfSpecial(_ base: Double, _ exponent: Double) -> Double {
    let magnitude = base.magnitude
    if magnitude == 1 { return 1 }
    let result: Double = (magnitude > 1) == (exponent > 0) ? .infinity : 0
    return base.sign == .minus && exponent.isFinite && isOdd(exponent) ? -result : result
  }

  private static func isOdd(_ x: Double) -> Bool {
    guard x.magnitude < 0x1p53, x == x.rounded(.towardZero) else { return false }
    return Int64(x) & 1 == 1
  }
}
