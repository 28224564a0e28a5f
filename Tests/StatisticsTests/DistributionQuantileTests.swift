import Statistics
import Testing

private func isClose(_ value: Double, _ expected: Double, relative: Double = 5e-12) -> Bool {
  (value - expected).magnitude <= relative * expected.magnitude
}

@Suite struct DistributionQuantileTests {
  // References from the incomplete beta and gamma functions with 45 digits.
  @Test(arguments: [
    (0.975, 9, 2.26215716279820554), (0.995, 29, 2.75638590367060549), (0.9, 2.5, 1.73025092880717659),
    (0.9995, 3, 12.9239786366874831), (0.75, 1, 1),
  ])
  func quantilesOfStudentT(probability: Double, degrees: Double, expected: Double) throws {
    #expect(isClose(try StudentT.quantile(probability: probability, degreesOfFreedom: degrees), expected))
    let mirrored = try StudentT.quantile(probability: 1 - probability, degreesOfFreedom: degrees)
    #expect(isClose(mirrored, -expected))
  }

  @Test func quantilesOfNormal() throws {
    #expect(isClose(try Normal.quantile(probability: 0.975), 1.959963984540054))
    #expect(isClose(try Normal.quantile(probability: 0.999), 3.09023230616781354))
    #expect(try Normal.quantile(probability: 0.5) == 0)
  }

  @Test func quantilesOfChiSquared() throws {
    #expect(isClose(try ChiSquared.quantile(probability: 0.95, degreesOfFreedom: 10), 18.3070380532751469))
    #expect(isClose(try ChiSquared.quantile(probability: 0.01, degreesOfFreedom: 3), 0.114831801899117038))
  }

  @Test func lastBitsAreRoundedAway() throws {
    for degrees in 1...50 {
      let value = try StudentT.quantile(probability: 0.975, degreesOfFreedom: Double(degrees))
      #expect(value.bitPattern & 0xfff == 0)
    }
  }

  @Test(arguments: [0, 1, -0.5, 2, .nan])
  func probabilitiesOutsideOfTheUnitIntervalAreErrors(probability: Double) {
    #expect(throws: StatisticsError.self) { try Normal.quantile(probability: probability) }
    #expect(throws: StatisticsError.self) { try StudentT.quantile(probability: probability, degreesOfFreedom: 3) }
    #expect(throws: StatisticsError.self) { try ChiSquared.quantile(probability: probability, degreesOfFreedom: 3) }
  }

  @Test func errorsSayWhatWasExpected() {
    let expected = StatisticsError.outOfRange(
      argument: "degrees of freedom", value: 0, expected: "a finite number above 0")
    #expect(throws: expected) { try StudentT.quantile(probability: 0.9, degreesOfFreedom: 0) }
    #expect(expected.description == "degrees of freedom is 0.0; expected a finite number above 0")
    #expect(
      StatisticsError.tooFewValues(count: 1, needed: 2).description == "1 values given; expected at least 2")
    #expect(
      StatisticsError.unequalCounts(first: 3, second: 2).description == "3 values paired with 2; expected as many")
    #expect(
      StatisticsError.library(function: "gsl_example", code: 11).description
        == "gsl_example failed: exceeded max number of iterations")
  }
}
