import Statistics

extension RandomStream {
  /// A binomial deviate: how many of `trials` independent trials succeed.
  ///
  /// By inversion with sequential search where fewer than 10 successes or failures are expected, else by Hörmann's
  /// transformed rejection with squeeze (BTRS, "The generation of binomial random variates", 1993).
  ///
  /// - Parameters:
  ///   - trials: at least zero, at most 2^50.
  ///   - probability: of each success, in 0...1.
  /// - Complexity: O(1)
  public mutating func nextBinomial(trials: Int, probability: Double) -> Int {
    precondition(trials >= 0 && trials <= 1 << 50, "the trials of a binomial deviate lie in 0...2^50")
    precondition(probability >= 0 && probability <= 1, "the probability of a binomial deviate lies in 0...1")
    if probability > 0.5 { return trials - nextBinomial(trials: trials, probability: 1 - probability) }
    guard Double(trials) * probability >= 10 else { return nextBinomialByInversion(trials, probability) }
    return nextBinomialByRejection(trials, probability)
  }

  private mutating func nextBinomialByInversion(_ trials: Int, _ probability: Double) -> Int {
    let first = PortableMath.exp(Double(trials) * PortableMath.logOnePlus(-probability))
    let odds = probability / (1 - probability)
    while true {
      var uniform = nextUniform()
      var share = first
      // Below a mean of 10, counts from 64 have a probability below 2^-90: only rounding leads there.
      for count in 0...min(trials, 63) {
        if uniform <= share { return count }
        uniform -= share
        share *= odds * Double(trials - count) / Double(count + 1)
      }
    }
  }

  private mutating func nextBinomialByRejection(_ trials: Int, _ probability: Double) -> Int {
    let mean = Double(trials) * probability
    let deviation = (mean * (1 - probability)).squareRoot()
    let slope = 1.15 + 2.53 * deviation
    let bend = -0.0873 + 0.0248 * slope + 0.01 * probability
    let boxHeight = 0.92 - 4.2 / slope
    let alpha = (2.83 + 5.1 / slope) * deviation
    var logModeProbability = Double.nan
    while true {
      let offset = nextUniform() - 0.5
      let height = nextUniform()
      let edge = 0.5 - offset.magnitude
      let count = ((2 * bend / edge + slope) * offset + mean + 0.5).rounded(.down)
      if edge >= 0.07, height <= boxHeight { return Int(count) }
      if count < 0 || count > Double(trials) { continue }
      if logModeProbability.isNaN {
        let mode = ((Double(trials) + 1) * probability).rounded(.down)
        logModeProbability = logBinomialProbability(mode, trials, probability)
      }
      let hat = height * alpha / (bend / (edge * edge) + slope)
      let ratio = logBinomialProbability(count, trials, probability) - logModeProbability
      if PortableMath.log(hat) <= ratio { return Int(count) }
    }
  }
}

/// The logarithm of the probability of `count` successes, an integer in 0...trials, in Loader's form.
func logBinomialProbability(_ count: Double, _ trials: Int, _ probability: Double) -> Double {
  let total = Double(trials)
  let failures = total - count
  let deviances =
    deviance(count, total * probability) + deviance(failures, total * (1 - probability))
  guard count > 0, failures > 0 else { return -deviances }
  let twoPi = 6.283185307179586
  let remainders = stirlingRemainder(total) - stirlingRemainder(count) - stirlingRemainder(failures)
  return remainders - deviances - 0.5 * PortableMath.log(twoPi * count * (failures / total))
}
