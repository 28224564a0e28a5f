import Statistics
import Testing

@Suite struct SobolSequenceTests {
  @Test func firstPointsInTwoDimensions() throws {
    var sequence = try SobolSequence(dimensions: 2)
    let expected = [
      [0.5, 0.5], [0.75, 0.25], [0.25, 0.75], [0.375, 0.375], [0.875, 0.875], [0.625, 0.125], [0.125, 0.625],
      [0.1875, 0.3125],
    ]
    for point in expected { #expect(try sequence.next() == point) }
  }

  /// Together with the corner that it leaves out, every aligned run of 2^k points has one coordinate in each 2^-k.
  @Test(arguments: [1, 5, 40])
  func everyCoordinateIsStratified(dimensions: Int) throws {
    var sequence = try SobolSequence(dimensions: dimensions)
    var seen = [Set<Int>](repeating: [0], count: dimensions)
    for _ in 1..<256 {
      let point = try sequence.next()
      #expect(point.count == dimensions)
      for (dimension, coordinate) in point.enumerated() { seen[dimension].insert(Int(coordinate * 256)) }
    }
    #expect(seen.allSatisfy { $0 == Set(0..<256) })
  }

  @Test(arguments: [0, 41, -1])
  func dimensionsAreLimited(dimensions: Int) {
    #expect(
      throws: StatisticsError.outOfRange(
        argument: "number of dimensions", value: Double(dimensions), expected: "an integer in 1...40")
    ) {
      _ = try SobolSequence(dimensions: dimensions).dimensions
    }
  }
}
