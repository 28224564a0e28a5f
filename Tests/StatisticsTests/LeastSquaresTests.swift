import Statistics
import Testing

@Suite struct LeastSquaresTests {
  private func areClose(_ values: [Double], _ expected: [Double], tolerance: Double = 1e-11) -> Bool {
    values.count == expected.count
      && zip(values, expected).allSatisfy { ($0 - $1).magnitude <= tolerance * (1 + $1.magnitude) }
  }

  private let powers: [[Double]] = (1...6).map { [1, Double($0), Double($0 * $0)] }
  private let heights = [2.1, 3.9, 9.2, 15.8, 26.1, 35.5]

  // From NumPy's lstsq.
  @Test func parabolaThroughSixPoints() throws {
    let fit = try LeastSquares.solve(rows: powers, targets: heights)
    #expect(areClose(fit.coefficients, [1.08, -0.387142857142858, 1.0357142857142856]))
    #expect(areClose([fit.residualSumOfSquares], [1.9565714285714342]))
  }

  @Test func weightsCountAsRepetitions() throws {
    let weights = [1, 0.5, 2, 1, 0, 4]
    let fit = try LeastSquares.solve(rows: powers, targets: heights, weights: weights)
    #expect(areClose(fit.coefficients, [1.569772066697276, -0.6360945387792651, 1.0486538167355077]))
    #expect(areClose([fit.residualSumOfSquares], [0.20955178216307985]))
    let twice = try LeastSquares.solve(
      rows: powers + powers, targets: heights + heights, weights: weights.map { $0 / 2 } + weights.map { $0 / 2 })
    #expect(areClose(twice.coefficients, fit.coefficients))
  }

  @Test func squareSystemIsSolvedExactly() throws {
    let fit = try LeastSquares.solve(rows: [[2, 1], [1, 3]], targets: [4, 7])
    #expect(areClose(fit.coefficients, [1, 2]))
    #expect(fit.residualSumOfSquares < 1e-28)
  }

  @Test func unitsDoNotMatter() throws {
    let scaled = powers.map { [$0[0] * 1e-150, $0[1], $0[2] * 1e120] }
    let fit = try LeastSquares.solve(rows: scaled, targets: heights)
    #expect(
      areClose(
        [fit.coefficients[0] * 1e-150, fit.coefficients[1], fit.coefficients[2] * 1e120],
        [1.08, -0.387142857142858, 1.0357142857142856]))
  }

  @Test func undeterminedCoefficientsAreErrors() {
    let error = StatisticsError.rankDeficient(rank: 2, columns: 3)
    #expect(throws: error) {
      try LeastSquares.solve(rows: powers.map { [$0[0], $0[1], $0[0] + $0[1]] }, targets: heights)
    }
    #expect(error.description == "the system determines 2 of 3 coefficients; expected all")
    #expect(throws: error) { try LeastSquares.solve(rows: powers.map { [$0[0], 0, $0[1]] }, targets: heights) }
    #expect(throws: error) { try LeastSquares.solve(rows: Array(powers.prefix(2)), targets: [1, 2]) }
    #expect(throws: error) {
      try LeastSquares.solve(rows: powers, targets: heights, weights: [1, 1, 0, 0, 0, 0])
    }
  }

  @Test func systemsThatAreNone() {
    #expect(throws: StatisticsError.self) { try LeastSquares.solve(rows: [], targets: []) }
    #expect(throws: StatisticsError.self) { try LeastSquares.solve(rows: [[]], targets: [1]) }
    #expect(throws: StatisticsError.unequalCounts(first: 6, second: 1)) {
      try LeastSquares.solve(rows: powers, targets: [1])
    }
    #expect(throws: StatisticsError.unequalCounts(first: 2, second: 1)) {
      try LeastSquares.solve(rows: [[1, 2], [1]], targets: [1, 2])
    }
    #expect(throws: StatisticsError.unequalCounts(first: 6, second: 2)) {
      try LeastSquares.solve(rows: powers, targets: heights, weights: [1, 1])
    }
    #expect(throws: StatisticsError.self) { try LeastSquares.solve(rows: [[.nan]], targets: [1]) }
    #expect(throws: StatisticsError.self) { try LeastSquares.solve(rows: [[1]], targets: [1], weights: [-1]) }
  }
}

@Suite struct NonNegativeLeastSquaresTests {
  private func areClose(_ values: [Double], _ expected: [Double]) -> Bool {
    values.count == expected.count && zip(values, expected).allSatisfy { ($0 - $1).magnitude <= 1e-10 * (1 + $1) }
  }

  private let rows: [[Double]] = [
    [8, 0, 1, 2, 1], [8, 8, 5, 0, 0], [3, 4, 6, 4, 2], [1, 6, 7, 0, 1], [4, 3, 8, 5, 4], [4, 6, 5, 1, 7],
    [7, 9, 7, 2, 3], [6, 6, 6, 8, 2],
  ]
  private let targets: [Double] = [36, -20, -16, 38, 36, -3, -12, -2]

  // From SciPy's nnls.
  @Test func negativeCoefficientsBecomeZero() throws {
    let fit = try LeastSquares.solveNonNegative(rows: rows, targets: targets)
    #expect(areClose(fit.coefficients, [0, 0, 0.8164681392390426, 0.24019891291777465, 0.15300104082340746]))
    #expect((fit.residualSumOfSquares - 4563.985544119348).magnitude < 1e-7)
    let weighted = try LeastSquares.solveNonNegative(
      rows: rows, targets: targets, weights: [1, 2, 3, 4, 0.5, 0.25, 1, 1])
    #expect(areClose(weighted.coefficients, [0, 0, 1.3721902770517511, 0, 0]))
    #expect((weighted.residualSumOfSquares - 8537.750130684786).magnitude < 1e-7)
  }

  @Test func positiveSolutionIsThatWithoutConstraint() throws {
    let exact: [Double] = [3, 1, 4, 1, 5]
    let products = rows.map { zip($0, exact).reduce(0) { $0 + $1.0 * $1.1 } }
    let fit = try LeastSquares.solveNonNegative(rows: rows, targets: products)
    #expect(areClose(fit.coefficients, exact))
    #expect(fit.residualSumOfSquares < 1e-20)
  }

  /// At the solution no free coefficient has a slope, and no coefficient at zero would help by growing.
  @Test func optimalityConditionsHold() throws {
    var state: UInt64 = 7
    func next() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 33) * 0x1p-31
    }
    for columns in 1...12 {
      let rows = (0..<20).map { _ in (0..<columns).map { _ in next() * next() } }
      let targets = (0..<20).map { _ in next() - 0.3 }
      let fit = try LeastSquares.solveNonNegative(rows: rows, targets: targets)
      let residuals = zip(rows, targets).map { row, target in
        target - zip(row, fit.coefficients).reduce(0) { $0 + $1.0 * $1.1 }
      }
      for column in 0..<columns {
        let slope = zip(rows, residuals).reduce(0) { $0 + $1.0[column] * $1.1 }
        #expect(fit.coefficients[column] >= 0 && slope <= 1e-10)
        if fit.coefficients[column] > 0 { #expect(slope.magnitude <= 1e-10) }
      }
    }
  }

  @Test func dependentColumnsStayAtZero() throws {
    let fit = try LeastSquares.solveNonNegative(rows: [[1, 1, 0], [2, 2, 0], [3, 3, 0]], targets: [2, 4, 6])
    #expect((fit.coefficients[0] + fit.coefficients[1] - 2).magnitude < 1e-12)
    #expect(fit.coefficients.filter { $0 == 0 }.count == 2)
    let wide = try LeastSquares.solveNonNegative(rows: [[1, 2, 3]], targets: [6])
    #expect(wide.residualSumOfSquares < 1e-24)
  }

  @Test func nothingHelpsAgainstNegativeTargets() throws {
    let fit = try LeastSquares.solveNonNegative(rows: [[1, 0], [0, 1]], targets: [-1, -2])
    #expect(fit.coefficients == [0, 0] && fit.residualSumOfSquares == 5)
    #expect(try LeastSquares.solveNonNegative(rows: [[1, 0], [0, 1]], targets: [0, 0]).coefficients == [0, 0])
  }
}

@Suite struct ConditionNumberTests {
  @Test func closedForms() throws {
    // Orthogonal columns, whatever their lengths.
    #expect(abs(try LeastSquares.condition(rows: [[3, 0], [0, 0.01]]) - 1) < 1e-12)
    // Unit columns at an angle: the singular values are √(1 ± cos).
    let angle = 0.1
    let cosine = 1 - angle * angle / 2
    let sine = (1 - cosine * cosine).squareRoot()
    let condition = try LeastSquares.condition(rows: [[1, cosine], [0, sine]])
    #expect(abs(condition - ((1 + cosine) / (1 - cosine)).squareRoot()) < 1e-9 * condition)
  }

  @Test func undeterminedIsInfinite() throws {
    #expect(try LeastSquares.condition(rows: [[1, 2], [2, 4]]) == .infinity)
    #expect(try LeastSquares.condition(rows: [[1, 2]]) == .infinity)
  }

  @Test func weightsScaleRows() throws {
    let weighted = try LeastSquares.condition(rows: [[1, 1], [0, 1]], weights: [4, 1])
    #expect(abs(weighted - (try LeastSquares.condition(rows: [[2, 2], [0, 1]]))) < 1e-12)
  }
}
