import Foundation
import Quantities
import Testing

@Suite struct NumberTests {
  @Test func integers() throws {
    #expect(try Number.parseInteger("010") == 10)
    #expect(try Number.parseInteger("-42") == -42)
    #expect(try Number.parseInteger("2e3") == 2_000)
    #expect(try Number.parseInteger("2.50e1") == 25)
    #expect(try Number.parseInteger("-0") == 0)
    #expect(try Number.parseInteger("-9223372036854775808") == .min)
    #expect(try Number.parseInteger("9223372036854775807") == .max)
    #expect(try Number.parseInteger("1000000000000000000000e-3") == 1_000_000_000_000_000_000)
    #expect(refusal("2.5", Number.parseInteger) == "expected an integer, found '2.5'")
    #expect(refusal("lots", Number.parseInteger) == "expected an integer, found 'lots'")
    #expect(refusal("5 ", Number.parseInteger) == "expected an integer, found '5 '")
    let range = "expected an integer from -9223372036854775808 to 9223372036854775807, found"
    #expect(refusal("9223372036854775808", Number.parseInteger) == "\(range) '9223372036854775808'")
    #expect(refusal("-9223372036854775809", Number.parseInteger) == "\(range) '-9223372036854775809'")
    #expect(refusal("1e400", Number.parseInteger) == "\(range) '1e400'")
  }

  @Test func reals() throws {
    #expect(try Number.parseReal("010") == 10)
    #expect(try Number.parseReal("-0.1") == -0.1)
    #expect(try Number.parseReal("1e-400") == 0)
    #expect(try Number.parseReal("2.4703282292062328e-324") == .leastNonzeroMagnitude)
    #expect(try Number.parseReal("9007199254740993") == 9_007_199_254_740_992)
    #expect(try Number.parseReal("9007199254740993.00000000000000000001") == 9_007_199_254_740_994)
    let tooLarge = refusal("1e309", Number.parseReal)
    #expect(tooLarge?.hasPrefix("expected a number from -1.7976931348623157e+308 to ") == true)
    for text in ["", "nan", "inf", "0x1p3", "1_0", "1.", ".5", "1e", "5 s", "-"] {
      #expect(refusal(text, Number.parseReal) == "expected a number, found '\(text)'")
    }
  }

  @Test func realsAgreeWithTheCLibrary() throws {
    var state: UInt64 = 7
    for _ in 0..<2_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let text = "\(state >> 3).\(state >> 40)e\(Int((state >> 33) % 590) - 300)"
      #expect(try Number.parseReal(text) == strtod(text, nil), "\(text)")
    }
  }
}
