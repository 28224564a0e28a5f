import Statistics
import Testing

@Suite struct TallyTests {
  private func tally(_ values: [Double]) -> Tally {
    var tally = Tally()
    for value in values { tally.add(value) }
    return tally
  }

  @Test func describesItsValues() {
    let tally = tally([2, 4, 4, 4, 5, 5, 7, 9])
    #expect(tally.count == 8)
    #expect(tally.mean == 5)
    #expect((tally.variance - 32.0 / 7).magnitude < 1e-14)
    #expect(tally.minimum == 2 && tally.maximum == 9)
  }

  @Test func largeMeansDoNotSpoilTheVariance() {
    let tally = tally([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16])
    #expect(tally.mean == 1e9 + 10)
    #expect(tally.variance == 30)
  }

  @Test func emptyAndSingleTallies() {
    #expect(Tally().mean.isNaN && Tally().variance.isNaN)
    #expect(Tally().minimum == .infinity && Tally().maximum == -.infinity)
    #expect(tally([3]).mean == 3 && tally([3]).variance.isNaN)
  }

  @Test(arguments: 0...7)
  func mergingEqualsAddingOneByOne(split: Int) {
    let values = [1e6 + 1, 1e6 - 3, 1e6 + 2.5, 1e6, 1e6 + 40, 1e6 - 0.25, 1e6 + 7]
    let whole = tally(values)
    var merged = tally(Array(values[..<split]))
    merged.merge(tally(Array(values[split...])))
    #expect(merged.count == whole.count)
    #expect((merged.mean - whole.mean).magnitude < 1e-9)
    #expect((merged.variance - whole.variance).magnitude < 1e-9 * whole.variance)
    #expect(merged.minimum == whole.minimum && merged.maximum == whole.maximum)
  }
}
