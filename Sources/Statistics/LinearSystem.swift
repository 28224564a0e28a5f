import CGSL

/// A weighted, overdetermined system of linear equations: every row and its target multiplied by the root of its weight.
struct LinearSystem {
  let rowCount: Int
  let columnCount: Int
  /// The matrix row by row.
  private let matrix: [Double]
  private let targets: [Double]
  /// The Euclidean norm of every column.
  private let norms: [Double]

  init(rows: [[Double]], targets: [Double], weights: [Double]?) throws(StatisticsError) {
    guard let width = rows.first?.count, width > 0 else { throw .tooFewValues(count: 0, needed: 1) }
    guard targets.count == rows.count else { throw .unequalCounts(first: rows.count, second: targets.count) }
    if let weights, weights.count != rows.count {
      throw .unequalCounts(first: rows.count, second: weights.count)
    }
    var matrix: [Double] = []
    var scaledTargets: [Double] = []
    for (index, row) in rows.enumerated() {
      guard row.count == width else { throw .unequalCounts(first: width, second: row.count) }
      let weight = weights?[index] ?? 1
      guard weight >= 0, weight < .infinity else {
        throw .outOfRange(argument: "a weight", value: weight, expected: "a finite number that is at least 0")
      }
      for number in row + [targets[index]] where !number.isFinite {
        throw .outOfRange(argument: "a number of the system", value: number, expected: "a finite number")
      }
      let factor = weight.squareRoot()
      matrix += row.map { $0 * factor }
      scaledTargets.append(targets[index] * factor)
    }
    rowCount = rows.count
    columnCount = width
    self.matrix = matrix
    self.targets = scaledTargets
    norms = (0..<width).map { column in
      stride(from: column, to: matrix.count, by: width).reduce(0) { $0 + matrix[$1] * matrix[$1] }.squareRoot()
    }
  }

  /// Least-squares coefficients of all columns where only the free ones may differ from zero; nil when the rows don't
  /// determine them.
  func solveIfDetermined(_ isFree: [Bool]) throws(StatisticsError) -> [Double]? {
    let columns = (0..<columnCount).filter { isFree[$0] }
    var coefficients = [Double](repeating: 0, count: columnCount)
    guard !columns.isEmpty else { return coefficients }
    do {
      for (column, value) in zip(columns, try solve(columns: columns)) { coefficients[column] = value }
    } catch .rankDeficient {
      return nil
    }
    return coefficients
  }

  /// Least-squares coefficients of some columns, by QR decomposition with column pivoting.
  func solve(columns: [Int]) throws(StatisticsError) -> [Double] {
    let size = columns.count
    guard rowCount >= size else { throw .rankDeficient(rank: rowCount, columns: size) }
    Library.prepare()
    guard let factors = gsl_matrix_alloc(rowCount, size), let permutation = gsl_permutation_alloc(size) else {
      throw .library(function: "gsl_matrix_alloc", code: Int32(GSL_ENOMEM))
    }
    defer {
      gsl_matrix_free(factors)
      gsl_permutation_free(permutation)
    }
    // Columns of equal norm: the rank must not depend on the units in which coefficients are measured.
    for row in 0..<rowCount {
      for (place, column) in columns.enumerated() {
        let scaled = norms[column] > 0 ? matrix[row * columnCount + column] / norms[column] : 0
        gsl_matrix_set(factors, row, place, scaled)
      }
    }
    let reflections = try LibraryVector(count: size)
    let workspace = try LibraryVector(count: size)
    var sign: Int32 = 0
    try Library.check(
      gsl_linalg_QRPT_decomp(factors, reflections.base, permutation, &sign, workspace.base), "gsl_linalg_QRPT_decomp")
    // A negative tolerance stands for the library's own, a small multiple of the rounding error.
    let rank = gsl_linalg_QRPT_rank(factors, -1)
    guard rank == size else { throw .rankDeficient(rank: rank, columns: size) }
    let solution = try LibraryVector(count: size)
    let residuals = try LibraryVector(count: rowCount)
    let right = try LibraryVector(count: rowCount)
    for row in 0..<rowCount { gsl_vector_set(right.base, row, targets[row]) }
    try Library.check(
      gsl_linalg_QRPT_lssolve(factors, reflections.base, permutation, right.base, solution.base, residuals.base),
      "gsl_linalg_QRPT_lssolve")
    return columns.enumerated().map { gsl_vector_get(solution.base, $0) / norms[$1] }
  }

  /// The quotient of the greatest and the least singular value, columns scaled to equal norms; by one-sided Jacobi rotations.
  func condition() throws(StatisticsError) -> Double {
    guard rowCount >= columnCount else { return .infinity }
    Library.prepare()
    guard
      let factors = gsl_matrix_alloc(rowCount, columnCount), let right = gsl_matrix_alloc(columnCount, columnCount)
    else {
      throw .library(function: "gsl_matrix_alloc", code: Int32(GSL_ENOMEM))
    }
    defer {
      gsl_matrix_free(factors)
      gsl_matrix_free(right)
    }
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        let scaled = norms[column] > 0 ? matrix[row * columnCount + column] / norms[column] : 0
        gsl_matrix_set(factors, row, column, scaled)
      }
    }
    let singular = try LibraryVector(count: columnCount)
    try Library.check(gsl_linalg_SV_decomp_jacobi(factors, right, singular.base), "gsl_linalg_SV_decomp_jacobi")
    let least = gsl_vector_get(singular.base, columnCount - 1)
    let greatest = gsl_vector_get(singular.base, 0)
    return least > greatest * 1e-14 ? greatest / least : .infinity
  }

  /// What the targets leave after subtracting the product of matrix and coefficients.
  private func residuals(of coefficients: [Double]) -> [Double] {
    (0..<rowCount).map { row in
      (0..<columnCount).reduce(targets[row]) { $0 - matrix[row * columnCount + $1] * coefficients[$1] }
    }
  }

  func squaredNorm(ofResidualsOf coefficients: [Double]) -> Double {
    residuals(of: coefficients).reduce(0) { $0 + $1 * $1 }
  }

  /// For every column, the product with the residuals, divided by the norms of column and targets: how steeply a growing
  /// coefficient lowers the sum of squares, from -1 to 1 without regard to units.
  func normalizedGradient(at coefficients: [Double]) -> [Double] {
    let residuals = residuals(of: coefficients)
    let length = targets.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return (0..<columnCount).map { column in
      guard norms[column] > 0, length > 0 else { return 0 }
      return (0..<rowCount).reduce(0) { $0 + matrix[$1 * columnCount + column] * residuals[$1] }
        / (norms[column] * length)
    }
  }
}

/// A vector of the library, freed with its owner.
private struct LibraryVector: ~Copyable {
  let base: UnsafeMutablePointer<gsl_vector>

  init(count: Int) throws(StatisticsError) {
    guard let base = gsl_vector_alloc(count) else {
      throw .library(function: "gsl_vector_alloc", code: Int32(GSL_ENOMEM))
    }
    self.base = base
  }

  deinit { gsl_vector_free(base) }
}
