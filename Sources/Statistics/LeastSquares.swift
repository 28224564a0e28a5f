import CGSL

/// Linear least squares: the coefficients `c` for which `A c` comes closest to given targets.
public enum LeastSquares {
  /// Coefficients and what they leave unexplained.
  public struct Fit: Sendable, Hashable {
    /// One coefficient per column.
    public let coefficients: [Double]
    /// The weighted sum of the squares of what the fit leaves.
    public let residualSumOfSquares: Double
  }

  /// The coefficients that minimize the weighted sum of squared residuals, by QR decomposition.
  ///
  /// - Parameters:
  ///   - rows: the matrix `A`: at least as many rows as columns, at least one column, all finite.
  ///   - targets: one finite number per row.
  ///   - weights: one per row, finite and at least zero: a row counts as if its residual were multiplied by the root of
  ///     its weight, so the inverse of a variance is the natural choice. All rows count alike when left out.
  /// - Throws: `StatisticsError.rankDeficient` when the rows don't determine all coefficients, others for arguments that
  ///   are none.
  /// - Complexity: O(m n²) for m rows and n columns
  public static func solve(
    rows: [[Double]], targets: [Double], weights: [Double]? = nil
  ) throws(StatisticsError) -> Fit {
    let system = try LinearSystem(rows: rows, targets: targets, weights: weights)
    let coefficients = try system.solve(columns: Array(0..<system.columnCount))
    return Fit(coefficients: coefficients, residualSumOfSquares: system.squaredNorm(ofResidualsOf: coefficients))
  }

  /// The coefficients, none of them negative, that minimize the weighted sum of squared residuals, by the method of Lawson
  /// and Hanson ("Solving least squares problems", 1974).
  ///
  /// Where the rows don't determine all coefficients, one of several solutions: columns that depend on those already
  /// chosen stay at zero.
  ///
  /// - Parameters:
  ///   - rows: the matrix `A`: at least one row and one column, all finite.
  ///   - targets: one finite number per row.
  ///   - weights: one per row, finite and at least zero, as in `solve`.
  /// - Throws: `StatisticsError` for arguments that are none, `.library` when the iteration does not end.
  /// - Complexity: O(m n²) per step; usually about n steps
  public static func solveNonNegative(
    rows: [[Double]], targets: [Double], weights: [Double]? = nil
  ) throws(StatisticsError) -> Fit {
    let system = try LinearSystem(rows: rows, targets: targets, weights: weights)
    let count = system.columnCount
    var coefficients = [Double](repeating: 0, count: count)
    var isFree = [Bool](repeating: false, count: count)
    // Columns that cannot join the free ones as they are now.
    var isBarred = isFree
    for _ in 0..<(30 * count + 30) {
      let slopes = system.normalizedGradient(at: coefficients)
      let candidates = (0..<count).filter { !isFree[$0] && !isBarred[$0] && slopes[$0] > 1e-12 }
      guard let entering = candidates.max(by: { slopes[$0] < slopes[$1] }) else {
        return Fit(coefficients: coefficients, residualSumOfSquares: system.squaredNorm(ofResidualsOf: coefficients))
      }
      isFree[entering] = true
      guard var trial = try system.solveIfDetermined(isFree), trial[entering] > 0 else {
        isFree[entering] = false
        isBarred[entering] = true
        continue
      }
      isBarred = [Bool](repeating: false, count: count)
      // As long as the best fit of the free columns is negative somewhere, goes only as far as the boundary.
      while (0..<count).contains(where: { isFree[$0] && trial[$0] <= 0 }) {
        var step = 1.0
        for index in 0..<count where isFree[index] && trial[index] <= 0 {
          step = min(step, coefficients[index] / (coefficients[index] - trial[index]))
        }
        for index in 0..<count where isFree[index] {
          let reachesZero =
            trial[index] <= 0 && coefficients[index] / (coefficients[index] - trial[index]) <= step
          coefficients[index] = reachesZero ? 0 : coefficients[index] + step * (trial[index] - coefficients[index])
          if reachesZero || coefficients[index] <= 0 { isFree[index] = false }
        }
        guard let next = try system.solveIfDetermined(isFree) else {
          throw .library(function: "gsl_linalg_QRPT_decomp", code: Int32(GSL_ESING))
        }
        trial = next
      }
      coefficients = trial
    }
    throw .library(function: "non-negative least squares", code: Int32(GSL_EMAXITER))
  }

  /// The condition number of the weighted matrix after its columns were scaled to equal norms: by how much relative errors
  /// of the targets can grow in the coefficients. Infinite when the rows don't determine all coefficients.
  ///
  /// - Parameters:
  ///   - rows: the matrix `A`: at least one row and one column, all finite.
  ///   - weights: one per row, as in `solve`.
  /// - Throws: `StatisticsError` for arguments that are none.
  /// - Complexity: O(m n²) for m rows and n columns, for each of a few sweeps
  public static func condition(rows: [[Double]], weights: [Double]? = nil) throws(StatisticsError) -> Double {
    try LinearSystem(rows: rows, targets: [Double](repeating: 0, count: rows.count), weights: weights).condition()
  }
}
