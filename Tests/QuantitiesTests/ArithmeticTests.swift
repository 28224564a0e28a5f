import Quantities
import Testing

@Suite struct ArithmeticTests {
  @Test func times() {
    #expect(TimeSpan.seconds(1) + .milliseconds(500) == .microseconds(1_500_000))
    #expect(TimeSpan.nanoseconds(3) - .nanoseconds(5) == TimeSpan(nanoseconds: -2))
    #expect(TimeSpan.milliseconds(3) * 4 == .milliseconds(12))
    #expect(TimeSpan.zero < .nanoseconds(1))
    #expect(TimeSpan.milliseconds(1_500).seconds == 1.5)
    var clock = TimeSpan.zero
    clock += .seconds(2)
    #expect(clock.nanoseconds == 2_000_000_000)
  }

  @Test func sizes() {
    #expect(ByteCount(bytes: 4_096) * 3 + ByteCount(bytes: 1) == ByteCount(bytes: 12_289))
    #expect(ByteCount(bytes: 5) - ByteCount(bytes: 5) == .zero)
    #expect(ByteCount(bytes: 4) < ByteCount(bytes: 5))
  }

  @Test func others() {
    #expect(Frequency(hertz: 1) < Frequency(hertz: 2))
    #expect(BitRate(bitsPerSecond: 1) < BitRate(bitsPerSecond: 2))
    #expect(Power(microwatts: 1) < Power(microwatts: 2))
    #expect(Rate(perSecond: 0.1) < Rate(perSecond: 0.2))
  }

  @Test func timesFromSecondsAreNearest() {
    let cases: [(Double, Int64?)] = [
      (0, 0), (-0.0, 0), (1.5, 1_500_000_000), (1e-9, 1), (0.4e-9, 0), (-2.5, -2_500_000_000), (0.1, 100_000_000),
      // Multiples of 2^-10 s whose nanoseconds end in exactly one half: 5^9/2 = 976 562.5 ns.
      (0.0009765625, 976_562), (3 * 0.0009765625, 2_929_688), (-0.0009765625, -976_562),
      (Double.leastNonzeroMagnitude, 0), (Double.leastNormalMagnitude, 0), (1e-30, 0),
      (9_223_372_036, 9_223_372_036_000_000_000), (9_223_372_037, nil), (-9_223_372_037, nil),
      (1e300, nil), (.infinity, nil), (-.infinity, nil), (.nan, nil),
    ]
    for (seconds, nanoseconds) in cases {
      #expect(TimeSpan(seconds: seconds)?.nanoseconds == nanoseconds, "\(seconds)")
    }
  }

  @Test func secondsRoundTrip() {
    for nanoseconds in stride(from: Int64(1), to: 4_000_000_000_000_000, by: 7_777_777_777_777) {
      #expect(TimeSpan(seconds: TimeSpan(nanoseconds: nanoseconds).seconds)?.nanoseconds == nanoseconds)
    }
  }
}
