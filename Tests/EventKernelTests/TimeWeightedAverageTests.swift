import EventKernel
import Testing

@Suite struct TimeWeightedAverageTests {
  @Test func weighsLevelsByTheirTime() {
    var average = TimeWeightedAverage()
    average.update(level: 3, at: 10)
    average.update(level: 1, at: 14)
    average.update(level: -2, at: 14)
    average.update(level: 5, at: 16)
    #expect(average.level == 5)
    #expect(average.mean(until: 16) == 0.5)
    #expect(average.mean(until: 20) == 1.4)
  }

  @Test func warmUpIsForgottenButNotTheLevel() {
    var average = TimeWeightedAverage(level: 8, at: 100)
    average.update(level: 2, at: 150)
    average.reset(at: 200)
    #expect(average.mean(until: 200) == 2)
    average.update(level: 4, at: 210)
    #expect(average.mean(until: 220) == 3)
  }

  @Test func sumsStayExactWhereDoublesWouldNot() {
    let day: Int64 = 86_400_000_000_000
    var average = TimeWeightedAverage(level: 1 << 40, at: 0)
    average.update(level: (1 << 40) + 1, at: 100_000 * day)
    average.update(level: 1 << 40, at: 100_000 * day + 1)
    average.reset(at: 100_000 * day + 1)
    #expect(average.mean(until: 100_001 * day) == 0x1p40)
    var steps = TimeWeightedAverage()
    for step in 0..<10_000 as Range<Int64> { steps.update(level: step % 10, at: step * 1_000_003) }
    #expect(steps.mean(until: 10_000 * 1_000_003) == 4.5)
  }

  @Test func extremesDoNotOverflow() {
    var average = TimeWeightedAverage(level: .max, at: .min)
    #expect(average.mean(until: .max) == 0x1p63)
    average.update(level: .min, at: 0)
    #expect(average.mean(until: 0) == 0x1p63)
  }

  @Test func timeDoesNotRunBackwards() async {
    await #expect(processExitsWith: .failure) {
      var average = TimeWeightedAverage(at: 5)
      average.update(level: 1, at: 4)
    }
  }
}
