import Statistics

extension RandomStream {
  /// A Poisson deviate.
  ///
  /// Below a mean of 10 by inversion with sequential search, above by Hörmann's transformed rejection with squeeze
  /// (PTRS, "The transformed rejection method for generating Poisson random variables", 1993).
  ///
  /// - Parameter mean: at least zero, at most 2^50.
  /// - Complexity: O(1)
  public mutating func nextPoisson(mean: Double) -> Int {
    precondition(mean >= 0 && mean <= 0x1p50, "the mean of a Poisson deviate lies in 0...2^50")
    return mean < 10 ? nextPoissonByInversion(mean) : nextPoissonByRejection(mean)
  }

  private mutating func nextPoissonByInversion(_ mean: Double) -> Int {
    let first = PortableMath.exp(-mean)
    while true {
      var uniform = nextUniform()
      var probability = first
      // Below a mean of 10, counts from 64 have a probability below 2^-90: only rounding leads there.
      for count in 0..<64 {
        if uniform <= probability { return count }
        uniform -= probability
        probability *= mean / Double(count + 1)
      }
    }
  }

  private mutating func nextPoissonByRejection(_ mean: Double) -> Int {
    let slope = 0.931 + 2.53 * mean.squareRoot()
    let bend = -0.059 + 0.02483 * slope
    let inverseAlpha = 1.1239 + 1.1328 / (slope - 3.4)
    let boxHeight = 0.9277 - 3.6224 / (slope - 2)
    while true {
      let offset = nextUniform() - 0.5
      let height = nextUniform()
      let edge = 0.5 - offset.magnitude
      let count = ((2 * bend / edge + slope) * offset + mean + 0.43).rounded(.down)
      if edge >= 0.07, height <= boxHeight { return Int(count) }
      if count < 0 || (edge < 0.013 && height > edge) { continue }
      let hat = height * inverseAlpha / (bend / (edge * edge) + slope)
      if PortableMath.log(hat) <= logPoissonProbability(count, mean) { return Int(count) }
    }
  }
}

/// The logarithm of the probability that a Poisson variable with the given mean equals `count`, an integer from 0.
///
/// Loader's form: the factorial by Stirling's series, and the rest as a deviance, in which nothing cancels.
func logPoissonProbability(_ count: Double, _ mean: Double) -> Double {
  if count == 0 { return -mean }
  let twoPi = 6.283185307179586
  return -stirlingRemainder(count) - deviance(count, mean) - 0.5 * PortableMath.log(twoPi * count)
}
