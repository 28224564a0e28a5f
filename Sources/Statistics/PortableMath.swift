/// Elementary functions that give the same bits on every x86-64 processor, in debug and release builds.
///
/// The C library picks its `log`, `exp` and `pow` by processor, and their last bits differ. These use only IEEE 754
/// double additions, multiplications and divisions in a fixed order, without fused operations, and no tables.
/// "Ulp" below is the distance between neighbouring doubles at the true result.
public enum PortableMath {
  /// ln 2 cut to 32 bits, so that its products with exponents are exact, and the rest of it.
  static let ln2High = 0x1.62e42feep-1
  static let ln2Low = 0x1.a39ef35793c76p-33

  /// The natural logarithm.
  ///
  /// Error below 1 ulp: at most 0.69 ulp over 80 million arguments of all magnitudes, half of them near 1.
  ///
  /// - Parameter x: any double. Zero gives -infinity, anything below zero NaN, infinity infinity, NaN NaN.
  public static func log(_ x: Double) -> Double {
    guard x > 0, x < .infinity else { return logarithmOfSpecial(x) }
    let (exponent, mantissa) = splitNearOne(x)
    // log(1 + f) = f - f²/2 + s (f²/2 + R(s²)) with s = f / (2 + f), where R is the tail of the series of
    // 2 artanh(s) = log(1 + f). The first two terms are carried in two doubles: their error would show.
    let f = mantissa - 1
    let s = f / (2 + f)
    let z = s * s
    var series = 0x1.2b5900de53b32p-3
    series = series * z + 0x1.39fe51a7c18f9p-3
    series = series * z + 0x1.7462b51cb66b1p-3
    series = series * z + 0x1.c71c62e3f11e6p-3
    series = series * z + 0x1.2492492df281ap-2
    series = series * z + 0x1.99999999952d7p-2
    series = series * z + 0x1.5555555555558p-1
    let fHigh = Double(bitPattern: f.bitPattern & 0xffff_ffff_f800_0000)
    let halfSquareHigh = 0.5 * fHigh * fHigh
    let halfSquareLow = 0.5 * (f - fHigh) * (f + fHigh)
    let high = f - halfSquareHigh
    let low = (f - high) - halfSquareHigh - halfSquareLow
    let tail = low + s * ((halfSquareHigh + halfSquareLow) + z * series)
    let whole = exponent * ln2High
    let sum = whole + high
    let sumError = (whole - sum) + high
    return sum + (sumError + (tail + exponent * ln2Low))
  }

  /// The exponential function.
  ///
  /// Error below 1 ulp wherever the result is a normal number: at most 0.68 ulp over 60 million arguments.
  ///
  /// - Parameter x: any double. Results beyond the greatest double are infinity, results below half the least subnormal
  ///   number zero; NaN gives NaN.
  public static func exp(_ x: Double) -> Double {
    guard x.magnitude <= 750 else { return x.isNaN ? x : (x > 0 ? .infinity : 0) }
    return exponential(high: x, low: 0)
  }

  /// exp(high + low) for |high| ≤ 750 and |low| below the distance between doubles near `high` times 2^11.
  static func exponential(high: Double, low: Double) -> Double {
    // Adding 1.5 × 2^52 rounds to the nearest integer and leaves that integer in the low bits.
    let shift = 0x1.8p52
    let shifted = high * 0x1.71547652b82fep+0 + shift
    let exponent = Int64(Int32(truncatingIfNeeded: shifted.bitPattern))
    let whole = shifted - shift
    let reduced = high - whole * ln2High
    let correction = whole * ln2Low - low
    let r = reduced - correction
    let rError = (reduced - r) - correction
    var series = 0x1.1f6717774d5e0p-29
    series = series * r + 0x1.af390ba7e6f47p-26
    series = series * r + 0x1.27e4e1dcf773bp-22
    series = series * r + 0x1.71de0d85293b8p-19
    series = series * r + 0x1.a01a01a48116fp-16
    series = series * r + 0x1.a01a01a7cebcdp-13
    series = series * r + 0x1.6c16c16c167dap-10
    series = series * r + 0x1.11111111109a6p-7
    series = series * r + 0x1.5555555555555p-5
    series = series * r + 0x1.5555555555556p-3
    series = series * r + 0.5
    let sum = 1 + r
    let sumError = (1 - sum) + r
    return scale(sum + (sumError + (rError + r * r * series)), byPowerOfTwo: exponent)
  }

  /// `value` × 2^`exponent` for a value between 0.5 and 2 and an exponent between -1100 and 1100.
  private static func scale(_ value: Double, byPowerOfTwo exponent: Int64) -> Double {
    if exponent >= -1021, exponent <= 1022 {
      return Double(bitPattern: value.bitPattern &+ UInt64(bitPattern: exponent << 52))
    }
    // Two steps, so that overflow gives infinity and only the last step rounds a subnormal result.
    let step: Int64 = exponent > 0 ? 1000 : -1000
    let first = Double(bitPattern: value.bitPattern &+ UInt64(bitPattern: (exponent - step) << 52))
    return first * Double(bitPattern: UInt64(bitPattern: (1023 + step) << 52))
  }

  /// Splits a positive finite number into 2^exponent × mantissa with the mantissa from √½ to √2.
  static func splitNearOne(_ x: Double) -> (exponent: Double, mantissa: Double) {
    var bits = x.bitPattern
    var exponent: Int64 = 0
    if bits < 0x0010_0000_0000_0000 {
      bits = (x * 0x1p54).bitPattern
      exponent = -54
    }
    // The offset is the bit pattern of √½: mantissas below it belong to the next lower power of two.
    let offset = bits &- 0x3fe6_a09e_667f_3bcd
    let shift = Int64(bitPattern: offset) >> 52
    exponent += shift
    return (Double(exponent), Double(bitPattern: bits &- UInt64(bitPattern: shift << 52)))
  }

  private static func logarithmOfSpecial(_ x: Double) -> Double {
    if x == 0 { return -.infinity }
    return x > 0 || x.isNaN ? x : .nan
  }
}
