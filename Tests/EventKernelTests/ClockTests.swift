import EventKernel
import Testing

@Suite struct ClockTests {
  @Test func movesForwardOnly() async {
    var clock = Clock(start: 5)
    #expect(clock.now == 5)
    clock.advance(to: 5)
    clock.advance(to: 12)
    #expect(clock.now == 12)
    await #expect(processExitsWith: .failure) {
      var clock = Clock(start: 5)
      clock.advance(to: 4)
    }
  }
}
