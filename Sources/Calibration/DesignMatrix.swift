import Statistics

/// The rows of a fit, reduced to what they determine.
///
/// Steps that the rows determine one by one are columns of their own. Steps that only occur together, or in combinations
/// that cannot be taken apart, become columns for those combinations: composites, never split by guess.
public struct DesignMatrix: Sendable {
  /// A column: a step, or a combination of steps that the rows determine only together.
  public struct Column: Sendable, Hashable {
    /// Steps with their factors, in the order of the rows' first mention.
    public let parts: [Part]

    /// A step in a combination.
    public struct Part: Sendable, Hashable {
      /// The step.
      public let step: String
      /// How often it is in the combination.
      public let factor: Double

      /// Creates a part.
      public init(step: String, factor: Double) {
        self.step = step
        self.factor = factor
      }
    }

    /// Creates a column.
    public init(parts: [Part]) { self.parts = parts }

    /// The step, when the column is one step, once.
    public var step: String? { parts.count == 1 && parts[0].factor == 1 ? parts[0].step : nil }

    /// The step, or the combination as a sum.
    public var name: String {
      parts.map { $0.factor == 1 ? $0.step : "\(Self.number($0.factor)) \($0.step)" }.joined(separator: " + ")
    }

    private static func number(_ value: Double) -> String {
      value == value.rounded() && abs(value) < 1e9 ? "\(Int(value))" : "\(value)"
    }
  }

  /// The columns.
  public let columns: [Column]
  /// One row per given row, with the factor of each column.
  public let rows: [[Double]]

  /// Analyses rows of steps and factors.
  ///
  /// - Complexity: O(m n²) for m rows and n steps.
  public init(_ given: [[String: Double]]) {
    let steps = Set(given.flatMap { $0.filter { $0.value != 0 }.keys }).sorted()
    let matrix = given.map { row in steps.map { row[$0] ?? 0 } }
    let reduced = Self.reducedEchelonForm(matrix, width: steps.count)
    // A step is determined when its unit vector lies in the row space: its row of the echelon form is that unit vector.
    var isDetermined = [Bool](repeating: false, count: steps.count)
    var neighbours = [Set<Int>](repeating: [], count: steps.count)
    for row in reduced {
      let members = steps.indices.filter { row[$0] != 0 }
      if members.count == 1 { isDetermined[members[0]] = true }
      for member in members { neighbours[member].formUnion(members) }
    }
    var columns: [Column] = []
    var rows = [[Double]](repeating: [], count: given.count)
    var isDone = [Bool](repeating: false, count: steps.count)
    for start in steps.indices where !isDone[start] {
      if isDetermined[start] {
        isDone[start] = true
        columns.append(Column(parts: [Column.Part(step: steps[start], factor: 1)]))
        for index in rows.indices { rows[index].append(matrix[index][start]) }
        continue
      }
      let group = Self.component(of: start, neighbours).filter { !isDetermined[$0] }
      group.forEach { isDone[$0] = true }
      let basis = Self.basis(of: matrix.map { row in group.map { row[$0] } })
      columns += basis.map { combination in
        Column(
          parts: zip(group, combination).filter { $1 != 0 }.map { Column.Part(step: steps[$0], factor: $1) })
      }
      for index in rows.indices {
        rows[index] += Self.coordinates(of: group.map { matrix[index][$0] }, in: basis)
      }
    }
    self.columns = columns
    self.rows = rows
  }

  private static func component(of start: Int, _ neighbours: [Set<Int>]) -> [Int] {
    var seen: Set<Int> = [start]
    var pending = [start]
    while let next = pending.popLast() {
      for neighbour in neighbours[next] where seen.insert(neighbour).inserted { pending.append(neighbour) }
    }
    return seen.sorted()
  }

  /// Linearly independent rows among the given ones, those with the fewest parts first, each divided by its greatest
  /// common factor where all its numbers are whole.
  private static func basis(of rows: [[Double]]) -> [[Double]] {
    let candidates = rows.filter { row in row.contains { $0 != 0 } }
      .sorted { ($0.count { $0 != 0 }, $0.reduce(0, +)) < ($1.count { $0 != 0 }, $1.reduce(0, +)) }
    var basis: [[Double]] = []
    for candidate in candidates {
      let extended = basis + [candidate]
      if reducedEchelonForm(extended, width: candidate.count).count == extended.count { basis.append(candidate) }
    }
    return basis.map { row in
      let whole = row.allSatisfy { $0 == $0.rounded() && abs($0) < 1e9 }
      let divisor = whole ? row.reduce(0) { Self.commonDivisor($0, Int(abs($1))) } : 1
      return row.map { $0 / Double(max(1, divisor)) }
    }
  }

  private static func commonDivisor(_ first: Int, _ second: Int) -> Int {
    second == 0 ? first : commonDivisor(second, first % second)
  }

  /// The factors with which the vectors of a basis add up to a vector of their span.
  private static func coordinates(of vector: [Double], in basis: [[Double]]) -> [Double] {
    // The augmented system basisᵀ x = vector.
    let system = vector.indices.map { index in basis.map { $0[index] } + [vector[index]] }
    let solved = reducedEchelonForm(system, width: basis.count + 1)
    return basis.indices.map { column in
      solved.first { row in row.firstIndex { $0 != 0 } == column }?[basis.count] ?? 0
    }
  }

  /// The rows of the reduced echelon form that are not zero. Factors are counts, so that a fixed tolerance tells rounding
  /// errors from numbers.
  private static func reducedEchelonForm(_ matrix: [[Double]], width: Int) -> [[Double]] {
    let tolerance = 1e-9
    var rows = matrix
    var rank = 0
    for column in 0..<width where rank < rows.count {
      guard
        let pivot = (rank..<rows.count).max(by: { abs(rows[$0][column]) < abs(rows[$1][column]) }),
        abs(rows[pivot][column]) > tolerance
      else { continue }
      rows.swapAt(rank, pivot)
      let factor = rows[rank][column]
      for index in 0..<width { rows[rank][index] /= factor }
      for other in rows.indices where other != rank && abs(rows[other][column]) > tolerance {
        let multiple = rows[other][column]
        for index in 0..<width { rows[other][index] -= multiple * rows[rank][index] }
      }
      rank += 1
    }
    return rows[..<rank].map { row in row.map { abs($0) < tolerance ? 0 : $0 } }
  }
}
