/// Draws from a distribution, with everything that does not depend on the draw computed beforehand.
public struct Sampler: Sendable {
  private enum Law: Sendable {
    case constant(Double)
    case uniform(lower: Double, width: Double)
    case exponential(mean: Double)
    case gamma(GammaParameters)
    case hyperexponential(rareProbability: Double, rareMean: Double, commonMean: Double)
    case lognormal(mu: Double, sigma: Double)
  }

  private let law: Law

  /// Creates a sampler. The distribution's parameters must lie in the ranges that its cases name, and be finite.
  public init(_ distribution: Distribution) {
    switch distribution {
    case .deterministic(let mean):
      Sampler.check(mean >= 0, mean)
      law = .constant(mean)
    case .uniform(let lower, let upper):
      Sampler.check(lower >= 0 && lower <= upper, upper)
      law = .uniform(lower: lower, width: upper - lower)
    case .exponential(let mean):
      Sampler.check(mean >= 0, mean)
      law = .exponential(mean: mean)
    case .erlang(let shape, let mean):
      Sampler.check(shape >= 1 && mean >= 0, mean)
      law = .gamma(GammaParameters(shape: Double(shape), scale: mean / Double(shape)))
    case .gamma(let mean, let variation):
      Sampler.check(mean >= 0 && variation > 0, mean + variation)
      let shape = 1 / (variation * variation)
      // A variation below 1e-8 is lost in the rounding of the method, and its shape may not be finite.
      law = shape < 0x1p53 ? .gamma(GammaParameters(shape: shape, scale: mean / shape)) : .constant(mean)
    case .hyperexponential(let mean, let variation):
      Sampler.check(mean >= 0 && variation > 1, mean + variation)
      // With balanced means each phase has probability × mean = half of the mean; p (1 - p) = 1 / (2 (c² + 1)). The
      // rare phase is computed first, because 1 - p would lose its digits for great variation.
      let square = variation * variation
      let skew = ((square - 1) / (square + 1)).squareRoot()
      let rare = 1 / ((square + 1) * (1 + skew))
      law = .hyperexponential(
        rareProbability: rare, rareMean: mean / (2 * rare), commonMean: mean / (2 * (1 - rare)))
    case .lognormal(let mean, let variation):
      Sampler.check(mean > 0 && variation >= 0, mean + variation)
      let (mu, sigma) = RandomStream.lognormalParameters(mean: mean, coefficientOfVariation: variation)
      law = .lognormal(mu: mu, sigma: sigma)
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
    }
  }

  private static func check(_ isInRange: Bool, _ value: Double) {
    precondition(isInRange && value.isFinite, "a distribution's parameter is out of range")
  }
}
