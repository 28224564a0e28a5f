import Statistics

/// Draws from a distribution, with everything that does not depend on the draw computed beforehand.
///
/// Drawing neither allocates nor counts references.
public struct Sampler: Sendable {
  private enum Law: Sendable {
    case constant(Double)
    case uniform(lower: Double, width: Double)
    case exponential(mean: Double)
    case gamma(GammaParameters)
    case hyperexponential(rareProbability: Double, rareMean: Double, commonMean: Double)
    case lognormal(mu: Double, sigma: Double)
    case weibull(scale: Double, inverseShape: Double)
    case pareto(least: Double, inverseShape: Double)
    case truncatedNormal(mean: Double, deviation: Double)
    case empirical
  }

  private let law: Law
  /// Apart from the law, which so stays free of references: only empirical distributions touch it.
  private let empirical: EmpiricalTable?

  /// Creates a sampler. The distribution's parameters must lie in the ranges that its cases name, and be finite.
  ///
  /// - Complexity: O(n) in the values of an empirical distribution
  public init(_ distribution: Distribution) {
    if case .empirical(let values, let weights) = distribution {
      empirical = EmpiricalTable(values: values, weights: weights)
    } else {
      empirical = nil
    }
    law = Sampler.law(of: distribution)
  }

  private static func law(of distribution: Distribution) -> Law {
    switch distribution {
    case .deterministic(let mean):
      check(mean >= 0, mean)
      return .constant(mean)
    case .uniform(let lower, let upper):
      check(lower >= 0 && lower <= upper, upper)
      return .uniform(lower: lower, width: upper - lower)
    case .exponential(let mean):
      check(mean >= 0, mean)
      return .exponential(mean: mean)
    case .erlang(let shape, let mean):
      check(shape >= 1 && mean >= 0, mean)
      return .gamma(GammaParameters(shape: Double(shape), scale: mean / Double(shape)))
    case .gamma(let mean, let variation):
      check(mean >= 0 && variation > 0, mean + variation)
      let shape = 1 / (variation * variation)
      // A variation below 1e-8 is lost in the rounding of the method, and its shape may not be finite.
      return shape < 0x1p53 ? .gamma(GammaParameters(shape: shape, scale: mean / shape)) : .constant(mean)
    case .hyperexponential(let mean, let variation):
      check(mean >= 0 && variation > 1, mean + variation)
      // With balanced means each phase has probability × mean = half of the mean; p (1 - p) = 1 / (2 (c² + 1)). The
      // rare phase is computed first, because 1 - p would lose its digits for great variation.
      let square = variation * variation
      let skew = ((square - 1) / (square + 1)).squareRoot()
      let rare = 1 / ((square + 1) * (1 + skew))
      return .hyperexponential(
        rareProbability: rare, rareMean: mean / (2 * rare), commonMean: mean / (2 * (1 - rare)))
    case .lognormal(let mean, let variation):
      check(mean > 0 && variation >= 0, mean + variation)
      let (mu, sigma) = RandomStream.lognormalParameters(mean: mean, coefficientOfVariation: variation)
      return .lognormal(mu: mu, sigma: sigma)
    case .weibull(let mean, let variation):
      check(mean >= 0 && variation > 0 && variation <= 1e6, mean + variation)
      let inverseShape = Distribution.inverseWeibullShape(coefficientOfVariation: variation)
      let scale = mean * PortableMath.exp(-PortableMath.logGamma(1 + inverseShape))
      return .weibull(scale: scale, inverseShape: inverseShape)
    case .pareto(let mean, let variation):
      check(mean >= 0 && variation > 0, mean + variation)
      // The shape is 1 + √(1 + 1 / c²), the least value mean × (1 - 1 / shape).
      let inverseShape = variation / (variation + (1 + variation * variation).squareRoot())
      return .pareto(least: mean * (1 - inverseShape), inverseShape: inverseShape)
    case .truncatedNormal(let mean, let deviation):
      check(mean >= 0 && deviation > 0, mean + deviation)
      return .truncatedNormal(mean: mean, deviation: deviation)
    case .empirical: return .empirical
    }
  }

  /// One independent value.
  public func sample(using stream: inout RandomStream) -> Double {
    switch law {
    case .constant(let value): return value
    case .uniform(let lower, let width): return lower + width * stream.nextUniform()
    case .exponential(let mean): return stream.nextExponential(mean: mean)
    case .gamma(let parameters): return stream.nextGamma(parameters)
    case .hyperexponential(let probability, let rareMean, let commonMean):
      let isRare = stream.nextUniform() < probability
      return stream.nextExponential(mean: isRare ? rareMean : commonMean)
    case .lognormal(let mu, let sigma): return stream.nextLognormal(mu: mu, sigma: sigma)
    case .weibull(let scale, let inverseShape):
      return scale * PortableMath.exp(inverseShape * PortableMath.log(stream.nextExponential()))
    case .pareto(let least, let inverseShape):
      return least * PortableMath.exp(inverseShape * stream.nextExponential())
    case .truncatedNormal(let mean, let deviation):
      while true {
        // At least every second deviate is not negative.
        let value = mean + deviation * stream.nextNormal()
        if value >= 0 { return value }
      }
    case .empirical: return empirical!.sample(using: &stream)
    }
  }

  private static func check(_ isInRange: Bool, _ value: Double) {
    precondition(isInRange && value.isFinite, "a distribution's parameter is out of range")
  }
}

/// The values of an empirical distribution with the table of their weights.
private struct EmpiricalTable: Sendable {
  let values: [Double]
  let table: AliasTable

  init(values: [Double], weights: [Double]) {
    precondition(values.count == weights.count, "an empirical distribution has as many weights as values")
    precondition(values.allSatisfy { $0 >= 0 && $0 < .infinity }, "an empirical value is finite and not negative")
    self.values = values
    table = AliasTable(weights: weights)
  }

  func sample(using stream: inout RandomStream) -> Double { values[table.sample(using: &stream)] }
}
