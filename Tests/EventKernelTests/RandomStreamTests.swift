import Statistics
import Testing

@testable import EventKernel

@Suite struct RandomStreamTests {
  private func stream(
    seed: UInt64 = 1, replication: UInt32 = 0, entity: UInt32 = 0, purpose: UInt16 = 0
  ) -> RandomStream {
    RandomStream(seed: seed, replication: replication, entity: entity, purpose: purpose)
  }

  private func draws(_ stream: RandomStream, count: Int = 64) -> [UInt32] {
    var stream = stream
    return (0..<count).map { _ in stream.nextUInt32() }
  }

  // The vectors that the authors of the generator publish with it.
  @Test func philoxKnownAnswers() {
    let zeros = Philox.words(counter: (0, 0, 0, 0), key: (0, 0))
    #expect(zeros == (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let all = UInt32.max
    let ones = Philox.words(counter: (all, all, all, all), key: (all, all))
    #expect(ones == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    let digits = Philox.words(
      counter: (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: (0xa409_3822, 0x299f_31d0))
    #expect(digits == (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test func wordsComeFromTheDocumentedCounters() {
    let words = draws(stream(seed: 0x0123_4567_89ab_cdef, replication: 5, entity: 6, purpose: 7), count: 12)
    for block in 0..<3 as Range<UInt32> {
      let expected = Philox.words(counter: (block, 7, 6, 5), key: (0x89ab_cdef, 0x0123_4567))
      let first = Int(block) * 4
      #expect((words[first], words[first + 1], words[first + 2], words[first + 3]) == expected)
    }
  }

  @Test func wordsOf64BitsArePairsWhereverTheyStart() {
    let words = draws(stream(), count: 40)
    for offset in 0..<4 {
      var stream = stream()
      for _ in 0..<offset { _ = stream.nextUInt32() }
      for index in 0..<16 {
        let first = offset + 2 * index
        #expect(stream.nextUInt64() == UInt64(words[first + 1]) << 32 | UInt64(words[first]))
      }
    }
  }

  @Test func everyPartOfTheNameMakesAnotherStream() {
    let sequences = [
      stream(), stream(seed: 2), stream(seed: 1 << 32 | 1), stream(replication: 1), stream(entity: 1),
      stream(purpose: 1), stream(replication: 1, entity: 1), stream(entity: .max), stream(purpose: .max),
    ].map { draws($0) }
    #expect(Set(sequences).count == sequences.count)
    #expect(Set(sequences.joined()).count > sequences.count * 64 - 3)
  }

  @Test func anotherEntityLeavesTheOthersAlone() {
    var alone = stream(entity: 3)
    let expected = (0..<50).map { _ in alone.nextExponential(mean: 1) }
    var first = stream(entity: 3)
    var added = stream(entity: 4)
    let values = (0..<50).map { _ in
      _ = added.nextNormal()
      return first.nextExponential(mean: 1)
    }
    #expect(values == expected)
  }

  @Test func integersAreUniform() throws {
    var stream = stream()
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<14_000 { counts[stream.nextInteger(below: 7)] += 1 }
    let statistic = counts.reduce(0.0) { $0 + (Double($1) - 2000) * (Double($1) - 2000) / 2000 }
    #expect(statistic < (try ChiSquared.quantile(probability: 0.999, degreesOfFreedom: 6)))
    #expect((0..<20).allSatisfy { _ in stream.nextInteger(below: 1) == 0 })
    // The rejection region of this bound is a third of all draws.
    let bound = 3 << 61
    var inUpperThird = 0
    for _ in 0..<9000 where stream.nextInteger(below: bound) >= 1 << 62 { inUpperThird += 1 }
    // 99.9 % of a binomial with 9000 trials and probability 1/3.
    #expect((inUpperThird - 3000).magnitude < 148)
  }

  /// Bits as first computed: they must not depend on the processor or the kind of build.
  @Test func bitsAreTheSameEverywhere() {
    var stream = stream(seed: 99, replication: 1, entity: 2, purpose: 3)
    let weibull = Sampler(.weibull(mean: 2, coefficientOfVariation: 1.7))
    let pareto = Sampler(.pareto(mean: 2, coefficientOfVariation: 0.8))
    let truncated = Sampler(.truncatedNormal(parentMean: 1, parentStandardDeviation: 1))
    let empirical = Sampler(.empirical(values: [1, 2, 3, 4], weights: [0.1, 0.7, 1.3, 0.2]))
    var digest: UInt64 = 0
    for _ in 0..<500 {
      for value in [
        stream.nextUniform(), stream.nextExponential(mean: 3), stream.nextNormal(),
        stream.nextLognormal(mean: 2, coefficientOfVariation: 0.5), stream.nextGamma(shape: 0.4, scale: 2),
        stream.nextGamma(shape: 3, scale: 2), Double(stream.nextPoisson(mean: 4)),
        Double(stream.nextPoisson(mean: 400)), Double(stream.nextInteger(below: 1000)),
        Double(stream.nextBinomial(trials: 30, probability: 0.2)),
        Double(stream.nextBinomial(trials: 300, probability: 0.6)), weibull.sample(using: &stream),
        pareto.sample(using: &stream), truncated.sample(using: &stream), empirical.sample(using: &stream),
      ] {
        digest = (digest ^ value.bitPattern) &* 0x100_0000_01b3
      }
    }
    #expect(digest == 18_340_295_731_897_638_961)
  }
}
