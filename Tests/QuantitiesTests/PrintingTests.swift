import Quantities
import Testing

@Suite struct PrintingTests {
  @Test func times() {
    let second: Int64 = 1_000_000_000
    let cases: [(Int64, String)] = [
      (0, "0 s"), (1, "1 ns"), (460, "460 ns"), (1_000, "1 us"), (1_500_000, "1.5 ms"), (1_000_001, "1.000001 ms"),
      (10 * second, "10 s"), (90 * second, "90 s"), (120 * second, "2 min"), (5_400 * second, "90 min"),
      (3_600 * second, "1 h"), (129_600 * second, "36 h"), (86_400 * second, "1 d"),
      (60 * second + 1, "60.000000001 s"), (-1_500, "-1.5 us"), (.max, "9223372036.854775807 s"),
      (.min, "-9223372036.854775808 s"),
    ]
    for (nanoseconds, text) in cases { #expect(TimeSpan(nanoseconds: nanoseconds).description == text) }
  }

  @Test func sizes() {
    let cases: [(Int64, String)] = [
      (0, "0 B"), (1_500, "1500 B"), (2_000, "2 kB"), (1_024, "1 KiB"), (4_294_967_296, "4 GiB"),
      (1_536 << 20, "1536 MiB"), (10_000_000_000, "10 GB"), (.max, "9223372036854775807 B"), (-2_048, "-2 KiB"),
      (1 << 62, "4096 PiB"),
    ]
    for (bytes, text) in cases { #expect(ByteCount(bytes: bytes).description == text) }
  }

  @Test func others() {
    #expect(Frequency(hertz: 2_600_000_000).description == "2.6 GHz")
    #expect(Frequency(hertz: 0).description == "0 Hz")
    #expect(BitRate(bitsPerSecond: 25_000_000_000).description == "25 Gbit/s")
    #expect(BitRate(bitsPerSecond: 999).description == "999 bit/s")
    #expect(Power(microwatts: 135_000_000).description == "135 W")
    #expect(Power(microwatts: 500_000).description == "500 mW")
    #expect(Power(microwatts: 0).description == "0 W")
    #expect(Rate(perSecond: 5_000).description == "5000/s")
    #expect(Rate(perSecond: 0.1).description == "0.1/s")
    #expect(Cost.nanoseconds(460).description == "460 ns")
    #expect(Cost.nanoseconds(12.5).description == "12.5 ns")
    #expect(Cost.cycles(1_300).description == "1300 cycles")
    #expect(QuantityError(message: "no").description == "no")
  }

  /// Values of every magnitude, some round and some not.
  static let samples: [Int64] = {
    var random: UInt64 = 1
    var values: [Int64] = [0, 1, 999, 1_000, 1_001, 1_023, 1_024, 1_025, .max - 1, .max]
    for shift in 1..<63 {
      for _ in 0..<4 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let value = Int64(random >> shift)
        values += [value, value / 1_000 * 1_000, value / 60_000_000_000 * 60_000_000_000, value & ~0xFFFFF]
      }
    }
    return values
  }()

  @Test func whatIsPrintedIsReadBack() throws {
    for value in Self.samples {
      let time = TimeSpan(nanoseconds: value)
      #expect(try TimeSpan.parse(time.description) == time)
      let size = ByteCount(bytes: value)
      #expect(try ByteCount.parse(size.description) == size)
      let frequency = Frequency(hertz: value)
      #expect(try Frequency.parse(frequency.description) == frequency)
      let bitRate = BitRate(bitsPerSecond: value)
      #expect(try BitRate.parse(bitRate.description) == bitRate)
      let power = Power(microwatts: value)
      #expect(try Power.parse(power.description) == power)
      let real = Double(value) / 3_000
      let rate = Rate(perSecond: real * real)
      #expect(try Rate.parse(rate.description) == rate)
      for cost in [Cost.nanoseconds(real), .cycles(1 / (real + 1))] {
        #expect(try Cost.parse(cost.description) == cost)
      }
    }
    for extreme in [Double.leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude] {
      #expect(try Rate.parse(Rate(perSecond: extreme).description).perSecond == extreme)
    }
  }
}
