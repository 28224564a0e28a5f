/// Random indices with given weights in constant time, by Walker's alias method with the tables of Vose.
///
/// Each index owns a column of the same width; what an index with less than the mean weight leaves of its column belongs
/// to one other index, the alias.
public struct AliasTable: Sendable, Hashable {
  /// One column: which part of it, as a fraction of 2^64, belongs to its own index, and to whom the rest does.
  private struct Column: Sendable, Hashable {
    var ownShare: UInt64
    var alias: Int
  }

  private let columns: [Column]

  /// How many indices there are.
  public var count: Int { columns.count }

  /// Builds the table.
  ///
  /// - Parameter weights: the weights of indices 0, 1, and so on: finite, at least zero, with a sum above zero and finite.
  ///   They need not add up to 1.
  /// - Complexity: O(n)
  public init(weights: [Double]) {
    precondition(weights.allSatisfy { $0 >= 0 && $0 < .infinity }, "a weight is finite and not negative")
    let total = weights.reduce(0, +)
    precondition(total > 0 && total < .infinity, "the sum of weights is finite and above zero")
    // Weights in units of the mean weight: what is below 1 must be filled up from what is above.
    var rest = weights.map { $0 / total * Double(weights.count) }
    var light = rest.indices.filter { rest[$0] < 1 }
    var heavy = rest.indices.filter { rest[$0] >= 1 }
    var columns = rest.indices.map { Column(ownShare: .max, alias: $0) }
    while let lesser = light.last, let greater = heavy.last {
      light.removeLast()
      columns[lesser] = Column(ownShare: UInt64(rest[lesser] * 0x1p64), alias: greater)
      rest[greater] -= 1 - rest[lesser]
      if rest[greater] < 1 {
        heavy.removeLast()
        light.append(greater)
      }
    }
    // Rounding may leave light columns that no heavy one fills: their share is 1 but for that, unless the weight is zero.
    let fullest = weights.indices.max { weights[$0] < weights[$1] }!
    for index in light where weights[index] == 0 { columns[index] = Column(ownShare: 0, alias: fullest) }
    self.columns = columns
  }

  /// A random index. Takes 64 bits from the stream.
  ///
  /// Its probability differs from the exact one by less than `count` × 2^-63, besides the rounding of the weights.
  public func sample(using stream: inout RandomStream) -> Int {
    let (column, place) = stream.nextUInt64().multipliedFullWidth(by: UInt64(columns.count))
    let chosen = columns[Int(column)]
    return place < chosen.ownShare ? Int(column) : chosen.alias
  }

  /// The probabilities that the table gives to the indices, O(n).
  var probabilities: [Double] {
    var result = [Double](repeating: 0, count: count)
    for (index, column) in columns.enumerated() {
      let own = column.alias == index ? 1 : Double(column.ownShare) * 0x1p-64
      result[index] += own / Double(count)
      result[column.alias] += (1 - own) / Double(count)
    }
    return result
  }
}
