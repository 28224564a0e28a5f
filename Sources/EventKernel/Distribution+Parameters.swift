import Statistics

extension Distribution {
  /// The coefficient of variation of a Weibull distribution with the given shape, as published for times to failure.
  ///
  /// - Parameter shape: from 0.05 up, finite.
  public static func weibullCoefficientOfVariation(shape: Double) -> Double {
    precondition(shape >= 0.05 && shape < .infinity, "the shape of a Weibull distribution is finite and at least 0.05")
    let logarithm = logWeibullSquares(inverseShape: 1 / shape)
    // exp(x) - 1, by its series where that would lose digits.
    guard logarithm < 1e-4 else { return (PortableMath.exp(logarithm) - 1).squareRoot() }
    return (logarithm * (1 + logarithm / 2 * (1 + logarithm / 3))).squareRoot()
  }

  /// The inverse of the shape of the Weibull distribution with the given coefficient of variation, in 0...10^6.
  static func inverseWeibullShape(coefficientOfVariation: Double) -> Double {
    let target = PortableMath.logOnePlus(coefficientOfVariation * coefficientOfVariation)
    // What is sought grows with the inverse shape, from zero.
    var upper = 1.0
    while logWeibullSquares(inverseShape: upper) < target { upper *= 2 }
    let root = try? RootFinding.brent(lower: 0, upper: upper, tolerance: .leastNonzeroMagnitude) {
      logWeibullSquares(inverseShape: $0) - target
    }
    guard let root else { preconditionFailure("a bracket with different signs at its ends holds a root") }
    return root
  }

  /// The logarithm of the mean square of a Weibull variable divided by the square of its mean: log(1 + c²).
  private static func logWeibullSquares(inverseShape x: Double) -> Double {
    guard x < 0.005 else { return PortableMath.logGamma(1 + 2 * x) - 2 * PortableMath.logGamma(1 + x) }
    // Near zero both logarithms cancel; the coefficients are (-1)^k ζ(k) (2^k - 2) / k.
    return x * x * (1.6449340668482264 + x * (-2.4041138063191885 + x * (3.788131317989484 - x * 6.221566530857966)))
  }

  /// φ(x) / Φ(x) of the standard normal distribution for x ≥ 0.
  static func inverseMillsRatio(_ x: Double) -> Double {
    let density = 0.3989422804014327 * PortableMath.exp(-0.5 * x * x)
    // Φ(x) = 1/2 + φ(x) (x + x³/3 + x⁵/15 + …), all terms positive. Beyond 9, Φ is 1 in double precision.
    guard x < 9 else { return density }
    var term = x
    var sum = x
    var divisor = 3.0
    while term > sum * 0x1p-54 {
      term *= x * x / divisor
      sum += term
      divisor += 2
    }
    return density / (0.5 + density * sum)
  }

  /// The weighted mean of values.
  static func average(_ values: [Double], _ weights: [Double]) -> Double {
    let total = weights.reduce(0, +)
    return zip(values, weights).reduce(0) { $0 + $1.0 * ($1.1 / total) }
  }
}
