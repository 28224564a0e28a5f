/// The distribution of a non-negative quantity, such as a service time. The caller chooses the unit.
public enum Distribution: Sendable, Hashable {
  /// Always the mean, which is at least zero.
  case deterministic(mean: Double)
  /// Uniform between two bounds, 0 ≤ `lower` ≤ `upper`.
  case uniform(lower: Double, upper: Double)
  /// Exponential; the mean is at least zero.
  case exponential(mean: Double)
  /// Erlang: the sum of `shape` ≥ 1 independent exponential phases of equal mean. The mean of the sum is at least zero.
  case erlang(shape: Int, mean: Double)
  /// Gamma with a mean of at least zero and a coefficient of variation above zero.
  case gamma(mean: Double, coefficientOfVariation: Double)
  /// One of two exponential phases, each of which contributes half of the mean. The mean is at least zero, the
  /// coefficient of variation above 1.
  case hyperexponential(mean: Double, coefficientOfVariation: Double)
  /// Lognormal with a mean above zero and a coefficient of variation of at least zero.
  case lognormal(mean: Double, coefficientOfVariation: Double)
  /// Weibull with a mean of at least zero and a coefficient of variation above zero, at most 10^6: below 1 for wear, above
  /// 1 for early failures.
  case weibull(mean: Double, coefficientOfVariation: Double)
  /// Pareto, from its least value up without end, with a mean of at least zero and a coefficient of variation above zero.
  /// That the latter exists makes the shape greater than 2.
  case pareto(mean: Double, coefficientOfVariation: Double)
  /// A normal variable, its parent, under the condition that it is not negative. The parent's mean is at least zero, its
  /// standard deviation above zero.
  case truncatedNormal(parentMean: Double, parentStandardDeviation: Double)
  /// One of the given values, which are at least zero, with probabilities in proportion to as many weights, which are at
  /// least zero and have a sum above zero.
  case empirical(values: [Double], weights: [Double])

  /// The expected value.
  ///
  /// - Complexity: O(n) in the values of an empirical distribution
  public var mean: Double {
    switch self {
    case .uniform(let lower, let upper): lower + (upper - lower) / 2
    case .deterministic(let mean), .exponential(let mean), .erlang(_, let mean), .gamma(let mean, _),
      .hyperexponential(let mean, _), .lognormal(let mean, _), .weibull(let mean, _), .pareto(let mean, _):
      mean
    case .truncatedNormal(let mean, let deviation):
      mean + deviation * Distribution.inverseMillsRatio(mean / deviation)
    case .empirical(let values, let weights): Distribution.average(values, weights)
    }
  }

  /// The variance.
  ///
  /// - Complexity: O(n) in the values of an empirical distribution
  public var variance: Double {
    switch self {
    case .deterministic: return 0
    case .uniform(let lower, let upper): return (upper - lower) * (upper - lower) / 12
    case .exponential(let mean): return mean * mean
    case .erlang(let shape, let mean): return mean * mean / Double(shape)
    case .gamma(let mean, let variation), .hyperexponential(let mean, let variation),
      .lognormal(let mean, let variation), .weibull(let mean, let variation), .pareto(let mean, let variation):
      let deviation = mean * variation
      return deviation * deviation
    case .truncatedNormal(let mean, let deviation):
      let point = mean / deviation
      let ratio = Distribution.inverseMillsRatio(point)
      return deviation * deviation * (1 - ratio * (point + ratio))
    case .empirical(let values, let weights):
      let mean = Distribution.average(values, weights)
      return Distribution.average(values.map { ($0 - mean) * ($0 - mean) }, weights)
    }
  }

  /// The standard deviation divided by the mean; zero when the mean is zero.
  ///
  /// - Complexity: O(n) in the values of an empirical distribution
  public var coefficientOfVariation: Double {
    guard mean > 0 else { return 0 }
    switch self {
    case .deterministic: return 0
    case .uniform(let lower, let upper): return (upper - lower) / (mean * 12.0.squareRoot())
    case .exponential: return 1
    case .erlang(let shape, _): return 1 / Double(shape).squareRoot()
    case .gamma(_, let variation), .hyperexponential(_, let variation), .lognormal(_, let variation),
      .weibull(_, let variation), .pareto(_, let variation):
      return variation
    case .truncatedNormal, .empirical: return variance.squareRoot() / mean
    }
  }
}
