import CGSL
import EventKernel
import Foundation
import Testing

/// Fits at confidence 99.9 % with fixed seeds.
@Suite struct LibraryGeneratorTests {
  private func stream(_ entity: UInt32 = 0) -> RandomStream {
    RandomStream(seed: 17, replication: 2, entity: entity, purpose: 5)
  }

  @Test func libraryReadsTheStream() {
    var direct = stream()
    let words = (0..<9).map { _ in UInt(direct.nextUInt32()) }
    let uniforms = (0..<9).map { _ in direct.nextUniform() }
    var fed = stream()
    let read = fed.withLibraryGenerator { generator in (0..<9).map { _ in gsl_rng_get(generator) } }
    #expect(read == words)
    // The position in the stream survives from one call to the next.
    #expect(fed.withLibraryGenerator { generator in (0..<9).map { _ in gsl_rng_uniform(generator) } } == uniforms)
    #expect(fed.nextUInt64() == direct.nextUInt64())
  }

  @Test func generatorIntroducesItself() {
    var stream = stream()
    stream.withLibraryGenerator { generator in
      #expect(String(cString: gsl_rng_name(generator)) == "philox4x32-10")
      #expect(gsl_rng_min(generator) == 0 && gsl_rng_max(generator) == 0xffff_ffff)
    }
  }

  @Test func distributionsOfTheLibraryFit() throws {
    var stream = stream(1)
    let exponentials = stream.withLibraryGenerator { generator in
      (0..<3_000).map { _ in gsl_ran_exponential(generator, 2) }
    }
    #expect(kolmogorovDistance(exponentials) { 1 - exp(-$0 / 2) } < kolmogorovLimit)
    let betas = stream.withLibraryGenerator { generator in (0..<3_000).map { _ in gsl_ran_beta(generator, 2, 3) } }
    #expect(kolmogorovDistance(betas) { $0 * $0 * (6 - 8 * $0 + 3 * $0 * $0) } < kolmogorovLimit)
    let white = stream.withLibraryGenerator { generator in
      (0..<3_000).map { _ in Double(gsl_ran_hypergeometric(generator, 30, 70, 20)) }
    }
    try expectMoments(white, mean: 6, variance: 6 * 0.7 * 80 / 99)
  }

  @Test func errorsInTheBodyAreThrown() {
    struct Failure: Error {}
    var stream = stream()
    #expect(throws: Failure.self) { try stream.withLibraryGenerator { _ in throw Failure() } }
  }
}
