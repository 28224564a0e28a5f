import Foundation
import Statistics
import Testing

/// Arguments for accuracy tests: SplitMix64.
private struct Arguments {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func bits() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func uniform(_ lower: Double, _ upper: Double) -> Double {
    lower + (upper - lower) * Double(bits() >> 11) * 0x1p-53
  }

  mutating func positive() -> Double {
    while true {
      let value = Double(bitPattern: bits() >> 1)
      if value.isFinite, value > 0 { return value }
    }
  }

  /// A number near 1, its distance from 1 spread over many magnitudes.
  mutating func nearOne() -> Double {
    1 + uniform(-0.5, 0.5) * Foundation.pow(2, uniform(-50, 0))
  }
}

/// Error of a normal result in units of the last place, against a reference with 64 bits.
private func error(_ value: Double, _ reference: Float80) -> Double {
  let rounded = Double(reference)
  var unit = Float80(rounded.ulp)
  if rounded.significand == 1, Float80(rounded.magnitude) > reference.magnitude { unit /= 2 }
  return Double((Float80(value) - reference).magnitude / unit)
}

@Suite struct PortableMathTests {
  @Test func logarithmStaysBelowItsErrorBound() {
    var arguments = Arguments(seed: 1)
    var worst = 0.0
    for _ in 0..<10_000 {
      for x in [arguments.positive(), arguments.nearOne(), arguments.uniform(0.5, 2)] where x != 1 {
        worst = max(worst, error(PortableMath.log(x), Foundation.log(Float80(x))))
      }
    }
    #expect(worst < 0.7)
  }

  @Test func exponentialStaysBelowItsErrorBound() {
    var arguments = Arguments(seed: 2)
    var worst = 0.0
    for _ in 0..<10_000 {
      for x in [arguments.uniform(-708, 709.7), arguments.uniform(-1, 1), arguments.nearOne() - 1] {
        worst = max(worst, error(PortableMath.exp(x), Foundation.exp(Float80(x))))
      }
    }
    #expect(worst < 0.7)
  }

  @Test func powerStaysBelowItsErrorBound() {
    var arguments = Arguments(seed: 3)
    var worst = 0.0
    for _ in 0..<5_000 {
      for base in [arguments.positive(), arguments.nearOne(), arguments.uniform(0.01, 100)] where base != 1 {
        // Spreads the results over all normal numbers.
        let exponent = arguments.uniform(-707, 707) / Foundation.log(base).magnitude
        let reference = Foundation.pow(Float80(base), Float80(exponent))
        worst = max(worst, error(PortableMath.pow(base, exponent), reference))
      }
    }
    #expect(worst < 0.75)
  }

  // Correctly rounded values from arithmetic with 200 bits.
  @Test(arguments: [
    (3, 0x1.193ea7aad030bp+0), (0x1.5p-3, -0x1.ceb8d538c6d63p+0), (1e300, 0x1.5963447f87fb5p+9),
    (5e-324, -0x1.74385446d71c3p+9), (0x1p-1022, -0x1.6232bdd7abcd2p+9), (1.0000000000000002, 0x1.fffffffffffffp-53),
    (0.9999999999999999, -0x1p-53), (1, 0),
  ])
  func logarithmsOfKnownNumbers(x: Double, expected: Double) {
    #expect((PortableMath.log(x) - expected).magnitude <= expected.ulp)
  }

  @Test(arguments: [
    (0, 1), (1, 0x1.5bf0a8b145769p+1), (-1, 0x1.78b56362cef38p-2), (10, 0x1.5829dcf950560p+14),
    (-700, 0x1.14f2b0fb9307fp-1010), (709.78, 0x1.fe9ce5c4c52b4p+1023), (1e-10, 0x1.000000006df38p+0),
    (0.5, 0x1.a61298e1e069cp+0), (1e-300, 1),
  ])
  func exponentialsOfKnownNumbers(x: Double, expected: Double) {
    #expect((PortableMath.exp(x) - expected).magnitude <= expected.ulp)
  }

  @Test(arguments: [
    (3, 0.5, 0x1.bb67ae8584caap+0), (10, 22, 1e22), (1.1, 100, 0x1.aea4e6126bb95p+13),
    (0.3, -7.5, 0x1.04e140cf4ea7ep+13), (1e300, 1.02, 0x1.6c8e5ca239078p+1016),
    (1.0000001, 1e9, 0x1.349445c228792p+144), (-2, 3, -8), (-2, -2, 0.25), (9, 0.5, 3), (5, 1, 5),
  ])
  func powersOfKnownNumbers(base: Double, exponent: Double, expected: Double) {
    #expect((PortableMath.pow(base, exponent) - expected).magnitude <= expected.ulp)
  }

  // From arithmetic with 30 digits.
  @Test(arguments: [
    (1e-10, 9.9999999995e-11), (-1e-5, -0.000010000050000333335833), (0.3, 0.26236426446749105204),
    (-0.9, -2.302585092994045684), (5, 1.7917594692280550008), (1e-300, 1e-300), (0, 0), (-1, -.infinity),
    (.infinity, .infinity),
  ])
  func logarithmsOfOneAndMore(x: Double, expected: Double) {
    let value = PortableMath.logOnePlus(x)
    #expect(value == expected || (value - expected).magnitude <= 3 * expected.ulp)
  }

  @Test func logarithmOfOneAndMoreStaysBelowItsErrorBound() {
    var arguments = Arguments(seed: 5)
    var worst = 0.0
    for _ in 0..<10_000 {
      for x in [arguments.nearOne() - 1, arguments.uniform(-1, 10)] where x != 0 {
        worst = max(worst, error(PortableMath.logOnePlus(x), Foundation.log1p(Float80(x))))
      }
    }
    #expect(worst < 3)
  }

  // From arithmetic with 30 digits.
  @Test(arguments: [
    (0.001, 6.9071788853838536825), (0.3, 1.0957979948180755217), (1.5, -0.12078223763524522235),
    (7.25, 7.0521854507385394449), (40, 106.63176026064345913), (1000.5, 5908.6741758486774887), (1, 0), (2, 0),
  ])
  func logarithmsOfTheGammaFunction(x: Double, expected: Double) {
    #expect((PortableMath.logGamma(x) - expected).magnitude <= 0x1p-46 * max(1, expected.magnitude))
  }

  @Test func logarithmOfTheGammaFunctionStaysBelowItsErrorBound() {
    var arguments = Arguments(seed: 6)
    for _ in 0..<5_000 {
      for x in [arguments.uniform(0, 20), arguments.positive()] where x < 1e300 {
        let expected = Foundation.lgamma(Float80(x)).0
        let difference = (Float80(PortableMath.logGamma(x)) - expected).magnitude
        #expect(difference <= 0x1p-46 * max(1, expected.magnitude))
      }
    }
    #expect(PortableMath.logGamma(0) == .infinity && PortableMath.logGamma(.infinity) == .infinity)
    #expect(PortableMath.logGamma(-0.5).isNaN && PortableMath.logGamma(.nan).isNaN)
  }

  @Test func powersOfTwoAreExact() {
    for exponent in -1074...1023 {
      let expected = Double(sign: .plus, exponent: exponent, significand: 1)
      #expect(PortableMath.pow(2, Double(exponent)) == expected)
    }
  }

  @Test func logarithmOfSpecialNumbers() {
    #expect(PortableMath.log(0) == -.infinity)
    #expect(PortableMath.log(-0.0) == -.infinity)
    #expect(PortableMath.log(.infinity) == .infinity)
    #expect(PortableMath.log(-1).isNaN)
    #expect(PortableMath.log(-.infinity).isNaN)
    #expect(PortableMath.log(.nan).isNaN)
  }

  @Test func exponentialOfSpecialNumbers() {
    #expect(PortableMath.exp(.infinity) == .infinity)
    #expect(PortableMath.exp(-.infinity) == 0)
    #expect(PortableMath.exp(.nan).isNaN)
    #expect(PortableMath.exp(709.782712893384) < .infinity)
    #expect(PortableMath.exp(709.7827128933841) == .infinity)
    #expect(PortableMath.exp(1e308) == .infinity)
    #expect(PortableMath.exp(-745.1332191019411) == 0x1p-1074)
    #expect(PortableMath.exp(-745.1332191019412) == 0)
    #expect(PortableMath.exp(-1e308) == 0)
  }

  @Test func subnormalExponentialsAreWithinOneStep() {
    var x = -708.4
    while x > -746 {
      #expect((PortableMath.exp(x) - Double(Foundation.exp(Float80(x)))).magnitude <= 0x1p-1074)
      x -= 0.37
    }
  }

  /// Every case that IEEE 754 names, against the C library.
  @Test func powerOfSpecialNumbers() {
    let numbers: [Double] = [
      0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.5, -2.5, 1e300, -1e300, 5e-324, -5e-324, 0x1p53, 0x1p53 - 1, 0x1p70,
      -0x1p70, 1e-30, .infinity, -.infinity, .nan,
    ]
    for base in numbers {
      for exponent in numbers {
        let result = PortableMath.pow(base, exponent)
        let expected = Foundation.pow(base, exponent)
        // Of equal numbers, infinities included, the difference may be NaN.
        let isNear = result == expected || (result - expected).magnitude <= expected.ulp
        let isEqual = expected.isNaN ? result.isNaN : isNear && result.sign == expected.sign
        #expect(isEqual, "\(base) to the power \(exponent) gave \(result), not \(expected)")
      }
    }
  }

  /// Bits as first computed: they must not depend on the processor or the kind of build.
  @Test func bitsAreTheSameEverywhere() {
    var arguments = Arguments(seed: 4)
    var digest: UInt64 = 0
    for _ in 0..<2_000 {
      let base = arguments.uniform(0, 10)
      let exponent = arguments.uniform(-50, 50)
      for value in [PortableMath.log(base), PortableMath.exp(exponent), PortableMath.pow(base, exponent)] {
        digest = (digest ^ value.bitPattern) &* 0x100_0000_01b3
      }
    }
    #expect(digest == 16_114_205_660_041_823_404)
  }
}
