import Statistics
import Testing

@Suite struct RootFindingTests {
  @Test func findsRootsToTheTolerance() throws {
    var evaluations = 0
    let root = try RootFinding.brent(lower: 0, upper: 2, tolerance: 1e-14) { x in
      evaluations += 1
      return x * x - 2
    }
    #expect((root - 2.0.squareRoot()).magnitude <= 1e-14)
    #expect(evaluations < 20)
    let logarithm = try RootFinding.brent(lower: -5, upper: 5, tolerance: 1e-9) { PortableMath.exp($0) - 3 }
    #expect((logarithm - PortableMath.log(3)).magnitude <= 1e-9)
  }

  @Test func anEndMayBeTheRoot() throws {
    #expect(try RootFinding.brent(lower: 0, upper: 1, tolerance: 1e-9) { $0 } == 0)
    #expect(try RootFinding.brent(lower: -1, upper: 0, tolerance: 1e-9) { $0 } == 0)
  }

  @Test func neighbouringDoublesEndTheSearch() throws {
    let root = try RootFinding.brent(lower: 1e15, upper: 4e15, tolerance: 1e-30) { $0 - 3_141_592_653_589_793.5 }
    #expect((root - 3_141_592_653_589_793.5).magnitude <= 0.5)
  }

  @Test func bracketsWithoutARootAreErrors() {
    #expect(throws: StatisticsError.self) {
      try RootFinding.brent(lower: 1, upper: 2, tolerance: 1e-9) { $0 }
    }
    #expect(throws: StatisticsError.self) {
      try RootFinding.brent(lower: 2, upper: 1, tolerance: 1e-9) { $0 - 1.5 }
    }
    #expect(throws: StatisticsError.self) {
      try RootFinding.brent(lower: 1, upper: 2, tolerance: 0) { $0 - 1.5 }
    }
    #expect(throws: StatisticsError.self) {
      try RootFinding.brent(lower: -1, upper: 2, tolerance: 1e-9) { 1 / ($0 > 0.4 ? 0 : -1) }
    }
  }
}
