import Quantities
import Testing

/// Returns the message with which `parse` refuses `text`, or nil when it accepts it.
func refusal<Value>(_ text: String, _ parse: (String) throws(QuantityError) -> Value) -> String? {
  do throws(QuantityError) {
    _ = try parse(text)
    return nil
  } catch {
    return error.message
  }
}

@Suite struct ParsingTests {
  @Test(arguments: [
    ("0.46 us", 460), ("0.46us", 460), ("0.46   µs", 460), ("0.46 \u{3BC}s", 460), ("010 ns", 10), ("+5 ms", 5_000_000),
    ("30 min", 1_800_000_000_000), ("1.5 h", 5_400_000_000_000), ("2 d", 172_800_000_000_000), ("0 s", 0), ("-0 s", 0),
    ("1e3 ns", 1_000), ("1e-9 s", 1), ("1.000e+0 s", 1_000_000_000), ("0e999999999999 s", 0),
    ("9223372036854775807 ns", .max), ("9223372036.854775807 s", .max), ("0.000000000000000000000001e15 s", 1),
  ])
  func times(text: String, nanoseconds: Int64) throws {
    #expect(try TimeSpan.parse(text) == TimeSpan(nanoseconds: nanoseconds))
  }

  @Test(arguments: ["1.5 ns", "2.5E-3 us", "0.00000000001 min", "1e-999999999999 d", "1e-13 h"])
  func finerThanANanosecond(text: String) {
    #expect(refusal(text, TimeSpan.parse) == "a time is a whole number of nanoseconds, found '\(text)'")
  }

  @Test func sizesAreBinaryOrDecimalNeverGuessed() throws {
    #expect(try ByteCount.parse("4 KiB").bytes == 4_096)
    #expect(try ByteCount.parse("4 kB").bytes == 4_000)
    #expect(try ByteCount.parse("256GiB").bytes == 274_877_906_944)
    #expect(try ByteCount.parse("1.5 GB").bytes == 1_500_000_000)
    #expect(try ByteCount.parse("0.5 KiB").bytes == 512)
    // 5^37 / 10^37 PiB are 2^13 bytes: the digits alone would not fit a machine word.
    #expect(try ByteCount.parse("7.0000000000072759576141834259033203125 PiB").bytes == (7 << 50) + 8_192)
    #expect(try ByteCount.parse("1 TiB") < ByteCount.parse("1.1 TB"))
    #expect(try ByteCount.parse("1 PiB").bytes == 1 << 50)
    #expect(try ByteCount.parse("9 PB").bytes == 9_000_000_000_000_000)
    #expect(refusal("4 K", ByteCount.parse) != nil)
    #expect(refusal("4 GiB/s", ByteCount.parse) != nil)
  }

  @Test func otherQuantities() throws {
    #expect(try Frequency.parse("2.6 GHz").hertz == 2_600_000_000)
    #expect(try Frequency.parse("1 Hz").hertz == 1)
    #expect(try BitRate.parse("25 Gbit/s").bitsPerSecond == 25_000_000_000)
    #expect(try BitRate.parse("0.4 Tbit/s").bitsPerSecond == 400_000_000_000)
    #expect(try Power.parse("135 W").microwatts == 135_000_000)
    #expect(try Power.parse("1 MW").microwatts == 1_000_000_000_000)
    #expect(try Power.parse("1 mW").microwatts == 1_000)
    #expect(try Rate.parse("5000/s").perSecond == 5_000)
    #expect(try Rate.parse("30 /min").perSecond == 0.5)
    #expect(try Rate.parse("9 /h").perSecond == 0.0025)
    #expect(try Rate.parse("0.1/s").perSecond == 0.1)
    #expect(try Rate.parse("-0/s").perSecond.sign == .plus)
  }

  @Test func costs() throws {
    #expect(try Cost.parse("0.46 us") == .nanoseconds(460))
    #expect(try Cost.parse("12.5 ns") == .nanoseconds(12.5))
    #expect(try Cost.parse("0.3 ns") == .nanoseconds(0.3))
    #expect(try Cost.parse("1.1 ms") == .nanoseconds(1_100_000))
    #expect(try Cost.parse("2 s") == .nanoseconds(2e9))
    #expect(try Cost.parse("1300 cycles") == .cycles(1_300))
    #expect(Cost.cycles(1_300).nanoseconds(at: Frequency(hertz: 2_600_000_000)) == 500)
    #expect(Cost.nanoseconds(7).nanoseconds(at: Frequency(hertz: 1)) == 7)
    #expect(refusal("1 h", Cost.parse) == "expected a cost with its unit (ns, us, ms, s, cycles), found '1 h'")
    #expect(refusal("1 cycle", Cost.parse)?.hasSuffix("(did you mean 'cycles'?)") == true)
    #expect(refusal("-1 ns", Cost.parse) == "a cost cannot be negative, found '-1 ns'")
    #expect(refusal("1e308 s", Cost.parse)?.hasPrefix("a cost is at most") == true)
  }

  @Test func messages() {
    let times = "expected a time with its unit (ns, us, ms, s, min, h, d), found"
    #expect(refusal("5", TimeSpan.parse) == "\(times) '5'")
    #expect(refusal("", TimeSpan.parse) == "\(times) ''")
    #expect(refusal("soon", TimeSpan.parse) == "\(times) 'soon'")
    #expect(refusal("5 parsecs", TimeSpan.parse) == "\(times) '5 parsecs'")
    #expect(refusal("5 MS", TimeSpan.parse) == "\(times) '5 MS' (did you mean 'ms'?)")
    #expect(refusal("1.5 ns", TimeSpan.parse) == "a time is a whole number of nanoseconds, found '1.5 ns'")
    #expect(refusal("-5 s", TimeSpan.parse) == "a time cannot be negative, found '-5 s'")
    #expect(
      refusal("1e30 s", TimeSpan.parse) == "a time is at most 9223372036854775807 nanoseconds, found '1e30 s'")
    #expect(
      refusal("5 Ghz", Frequency.parse)
        == "expected a frequency with its unit (Hz, kHz, MHz, GHz), found '5 Ghz' (did you mean 'GHz'?)")
    #expect(
      refusal("12", ByteCount.parse)
        == "expected a size in bytes with its unit (B, KiB, MiB, GiB, TiB, PiB, kB, MB, GB, TB, PB), found '12'")
    #expect(refusal("12 gb", ByteCount.parse)?.hasSuffix("(did you mean 'GB'?)") == true)
    #expect(refusal("0.3 B", ByteCount.parse) == "a size in bytes is a whole number of bytes, found '0.3 B'")
    #expect(refusal("1 Gb/s", BitRate.parse)?.contains("(bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s)") == true)
    #expect(
      refusal("5 s", Rate.parse) == "expected a rate with its unit (/s, /min, /h), found '5 s' (did you mean '/s'?)")
    #expect(refusal("1e309/s", Rate.parse)?.hasPrefix("a rate is at most 1.797") == true)
    #expect(refusal("5 Kw", Power.parse)?.hasSuffix("(did you mean 'kW'?)") == true)
  }

  @Test(arguments: [
    "0x10 ns", "1_000 ns", "inf s", "nan s", "1. s", ".5 s", "1e s", "--1 s", "+ 1 s", " 1 s", "1 s ", "1\ts", "1,5 s",
    "١ s", "1 2 s", "1e1e1 s", "9223372036854775808 ns", "1 \u{0}s",
  ])
  func noTime(text: String) {
    #expect(refusal(text, TimeSpan.parse) != nil)
  }

  @Test func hugeTextIsRefusedAndQuotedShort() {
    let digits = String(repeating: "1", count: 100_000)
    let message = refusal(digits + " ns", TimeSpan.parse)
    #expect(message == "a number has at most 40 characters, found '\(digits.prefix(40))...'")
    #expect(refusal(String(repeating: "0", count: 39) + "7 ns", TimeSpan.parse) == nil)
    #expect(refusal(String(repeating: "0", count: 40) + "7 ns", TimeSpan.parse) != nil)
    #expect(refusal("\u{1B}[31m", TimeSpan.parse)?.hasSuffix("found '\u{FFFD}[31m'") == true)
  }
}
