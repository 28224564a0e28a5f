import CGSL

/// The standard normal distribution.
public enum Normal {
  /// The value that a standard normal variable does not exceed with the given probability.
  ///
  /// - Parameter probability: in (0, 1).
  /// - Throws: `StatisticsError.outOfRange` for other probabilities.
  public static func quantile(probability: Double) throws(StatisticsError) -> Double {
    try checkProbability(probability)
    Library.prepare()
    return try Library.portable(gsl_cdf_ugaussian_Pinv(probability), "gsl_cdf_ugaussian_Pinv")
  }
}

/// Student's t-distribution.
public enum StudentT {
  /// The value that a t-distributed variable does not exceed with the given probability.
  ///
  /// - Parameters:
  ///   - probability: in (0, 1).
  ///   - degreesOfFreedom: greater than zero, finite; need not be an integer.
  /// - Throws: `StatisticsError.outOfRange` for other arguments, `.library` when the iteration does not converge.
  public static func quantile(probability: Double, degreesOfFreedom: Double) throws(StatisticsError) -> Double {
    try checkProbability(probability)
    try checkDegreesOfFreedom(degreesOfFreedom)
    Library.prepare()
    return try Library.portable(gsl_cdf_tdist_Pinv(probability, degreesOfFreedom), "gsl_cdf_tdist_Pinv")
  }
}

/// The chi-squared distribution.
public enum ChiSquared {
  /// The value that a chi-squared variable does not exceed with the given probability.
  ///
  /// - Parameters:
  ///   - probability: in (0, 1).
  ///   - degreesOfFreedom: greater than zero, finite; need not be an integer.
  /// - Throws: `StatisticsError.outOfRange` for other arguments, `.library` when the iteration does not converge.
  public static func quantile(probability: Double, degreesOfFreedom: Double) throws(StatisticsError) -> Double {
    try checkProbability(probability)
    try checkDegreesOfFreedom(degreesOfFreedom)
    Library.prepare()
    return try Library.portable(gsl_cdf_chisq_Pinv(probability, degreesOfFreedom), "gsl_cdf_chisq_Pinv")
  }
}

private func checkDegreesOfFreedom(_ degrees: Double) throws(StatisticsError) {
  guard degrees > 0, degrees < .infinity else {
    throw .outOfRange(argument: "degrees of freedom", value: degrees, expected: "a finite number above 0")
  }
}
