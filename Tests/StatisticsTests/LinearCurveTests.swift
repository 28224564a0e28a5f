import Statistics
import Testing

@Suite struct LinearCurveTests {
  @Test(arguments: [(-3, 93.7), (0, 93.7), (0.05, 95.35), (0.1, 97), (0.25, 101.5), (1, 135), (7, 135)])
  func interpolatesAndStaysConstantOutside(argument: Double, expected: Double) throws {
    let curve = try LinearCurve(arguments: [0, 0.1, 0.2, 0.3, 1], values: [93.7, 97, 101, 102, 135])
    #expect((curve.value(at: argument) - expected).magnitude < 1e-12)
  }

  @Test func tabulatedPointsAreExact() throws {
    let arguments = (0..<50).map { Double($0) * 0.1 }
    let values = arguments.map { 1 / (0.3 + $0) }
    let curve = try LinearCurve(arguments: arguments, values: values)
    #expect(arguments.map(curve.value(at:)) == values)
  }

  @Test func onePointIsAConstant() throws {
    let curve = try LinearCurve(arguments: [2], values: [5])
    #expect(curve.value(at: -.infinity) == 5 && curve.value(at: 2) == 5 && curve.value(at: .infinity) == 5)
  }

  @Test func greatValuesDoNotOverflow() throws {
    let curve = try LinearCurve(arguments: [0, 1], values: [-1.7e308, 1.7e308])
    #expect(curve.value(at: 0.5) == 0)
  }

  @Test func tablesThatAreNone() {
    #expect(throws: StatisticsError.tooFewValues(count: 0, needed: 1)) { try LinearCurve(arguments: [], values: []) }
    #expect(throws: StatisticsError.unequalCounts(first: 2, second: 1)) {
      try LinearCurve(arguments: [1, 2], values: [1])
    }
    let expected = StatisticsError.outOfRange(
      argument: "an argument of the curve", value: 1, expected: "a finite number above 1.0")
    #expect(throws: expected) { try LinearCurve(arguments: [1, 1], values: [1, 2]) }
    #expect(throws: StatisticsError.self) { try LinearCurve(arguments: [1, 2], values: [1, .infinity]) }
  }
}
