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

  /// The expected value.
  public var mean: Double {
    switch self {
    case .uniform(let lower, let upper): lower + (upper - lower) / 2
    case .deterministic(let mean), .exponential(let mean), .erlang(_, let mean), .gamma(let mean, _),
      .hyperexponential(let mean, _), .lognormal(let mean, _):
      mean
    }
  }

  /// The variance.
  public var variance: Double {
    switch self {
    case .deterministic: return 0
    case .uniform(let lower, let upper): return (upper - lower) * (upper - lower) / 12
    case .exponential(let mean): return mean * mean
    case .erlang(let shape, let mean): return mean * mean / Double(shape)
    case .gamma(let mean, let variation), .hyperexponential(let mean, let variation),
      .lognormal(let mean, let variation):
      let deviation = mean * variation
      return deviation * deviation
    }
  }

  /// The standard deviation divided by the mean; zero when the mean is zero.
  public var coefficientOfVariation: Double {
    guard mean > 0 else { return 0 }
    switch self {
    case .deterministic: return 0
    case .uniform(let lower, let upper): return (upper - lower) / (mean * 12.0.squareRoot())
    case .exponential: return 1
    case .erlang(let shape, _): return 1 / Double(shape).squareRoot()
    case .gamma(_, let variation), .hyperexponential(_, let variation), .lognormal(_, let variation): return variation
    }
  }
}
