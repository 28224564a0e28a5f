import Statistics
import Testing

@Suite struct ErlangTests {
  private func isClose(_ value: Double, _ expected: Double) -> Bool {
    (value - expected).magnitude <= 1e-12 * expected
  }

  // From the sums of the definition with 60 digits.
  @Test func knownProbabilities() {
    #expect(isClose(Erlang.b(servers: 10, offeredLoad: 5), 0.018384570336648133))
    #expect(isClose(Erlang.b(servers: 1000, offeredLoad: 900), 0.000059298626701462239))
    #expect(isClose(Erlang.c(servers: 10, offeredLoad: 8), 0.40918015079644353))
    #expect(isClose(Erlang.c(servers: 100, offeredLoad: 95), 0.50645685391302059))
  }

  @Test func oneServer() {
    #expect(isClose(Erlang.b(servers: 1, offeredLoad: 0.25), 0.2))
    #expect(isClose(Erlang.c(servers: 1, offeredLoad: 0.7), 0.7))
  }

  @Test func limits() {
    #expect(Erlang.b(servers: 0, offeredLoad: 3) == 1)
    #expect(Erlang.b(servers: 5, offeredLoad: 0) == 0)
    #expect(Erlang.c(servers: 4, offeredLoad: 0) == 0)
    #expect(Erlang.c(servers: 4, offeredLoad: 4) == 1)
    #expect(Erlang.c(servers: 4, offeredLoad: 9) == 1)
    #expect(Erlang.c(servers: 0, offeredLoad: 0) == 1)
  }
}
