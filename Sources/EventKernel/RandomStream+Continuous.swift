import Statistics

extension RandomStream {
  /// A lognormal deviate with the given mean and coefficient of variation.
  ///
  /// - Parameters:
  ///   - mean: above zero, finite.
  ///   - coefficientOfVariation: standard deviation divided by the mean; at least zero, finite.
  public mutating func nextLognormal(mean: Double, coefficientOfVariation: Double) -> Double {
    let (mu, sigma) = RandomStream.lognormalParameters(mean: mean, coefficientOfVariation: coefficientOfVariation)
    return nextLognormal(mu: mu, sigma: sigma)
  }

  /// A lognormal deviate whose logarithm is normal with mean `mu` and standard deviation `sigma`.
  public mutating func nextLognormal(mu: Double, sigma: Double) -> Double {
    PortableMath.exp(mu + sigma * nextNormal())
  }

  /// Mean and standard deviation of the logarithm of a lognormal variable.
  static func lognormalParameters(mean: Double, coefficientOfVariation: Double) -> (mu: Double, sigma: Double) {
    let variance = PortableMath.log(1 + coefficientOfVariation * coefficientOfVariation)
    return (PortableMath.log(mean) - variance / 2, variance.squareRoot())
  }

  /// A gamma deviate with mean `shape` × `scale`, by the method of Marsaglia and Tsang.
  ///
  /// - Parameters:
  ///   - shape: above zero, finite.
  ///   - scale: at least zero, finite.
  public mutating func nextGamma(shape: Double, scale: Double) -> Double {
    nextGamma(GammaParameters(shape: shape, scale: scale))
  }

  mutating func nextGamma(_ parameters: GammaParameters) -> Double {
    while true {
      let normal = nextNormal()
      let root = 1 + parameters.spread * normal
      guard root > 0 else { continue }
      let cube = root * root * root
      let uniform = nextUniform()
      let square = normal * normal
      // The squeeze accepts all but a few percent without logarithms.
      guard
        uniform < 1 - 0.0331 * square * square
          || PortableMath.log(uniform) < 0.5 * square + parameters.center * (1 - cube + PortableMath.log(cube))
      else { continue }
      let deviate = parameters.center * cube * parameters.scale
      guard parameters.boost > 0 else { return deviate }
      return deviate * PortableMath.exp(parameters.boost * PortableMath.log(nextUniform()))
    }
  }
}

/// What the sampler of gamma deviates needs to know, computed once.
struct GammaParameters: Sendable {
  /// Shape less one third, of the shape that is sampled.
  let center: Double
  /// The factor of the normal deviate before it is cubed.
  let spread: Double
  /// Power of a uniform deviate that brings shapes below 1 down from the shape above by 1; zero for the others.
  let boost: Double
  let scale: Double

  init(shape: Double, scale: Double) {
    center = (shape < 1 ? shape + 1 : shape) - 1.0 / 3
    spread = 1 / (9 * center).squareRoot()
    boost = shape < 1 ? 1 / shape : 0
    self.scale = scale
  }
}
