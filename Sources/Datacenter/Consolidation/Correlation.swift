/// How much the demand of one VM goes along with that of the others on its host.
enum Correlation {
  /// The series whose multiple correlation with all others is greatest; nil when it is not defined: fewer samples than
  /// series, or series that hold nothing new.
  ///
  /// The multiple correlation of series `i` with the others is `R² = 1 − 1/(C⁻¹)_ii` of the correlation matrix `C`
  /// [H. Abdi, Multiple correlation coefficient, Encyclopedia of Measurement and Statistics, 2007].
  ///
  /// - Complexity: O(series² × samples + series³).
  static func mostCorrelated(_ series: [UnsafePointer<Double>], samples: Int) -> Int? {
    let count = series.count
    guard count >= 2, samples > count else { return nil }
    var deviations = [[Double]](repeating: [], count: count)
    for index in 0..<count {
      var mean = 0.0
      for sample in 0..<samples { mean += series[index][sample] }
      mean /= Double(samples)
      let own = (0..<samples).map { series[index][$0] - mean }
      let norm = own.reduce(0) { $0 + $1 * $1 }.squareRoot()
      // A constant series goes along with nothing.
      deviations[index] = norm > 0 ? own.map { $0 / norm } : own
    }
    var matrix = (0..<count).map { row in
      (0..<count).map { column in
        row == column ? 1.0 : zip(deviations[row], deviations[column]).reduce(0) { $0 + $1.0 * $1.1 }
      }
    }
    guard let inverse = invertedDiagonal(&matrix) else { return nil }
    var best = 0
    for index in 1..<count where inverse[index] > inverse[best] { best = index }
    return best
  }

  /// The diagonal of the inverse of a symmetric positive definite matrix by Gauss-Jordan elimination; nil when it is
  /// singular to working precision.
  private static func invertedDiagonal(_ matrix: inout [[Double]]) -> [Double]? {
    let count = matrix.count
    var inverse = (0..<count).map { row in (0..<count).map { $0 == row ? 1.0 : 0.0 } }
    for pivot in 0..<count {
      guard matrix[pivot][pivot] > 1e-10 else { return nil }
      let scale = 1 / matrix[pivot][pivot]
      for column in 0..<count {
        matrix[pivot][column] *= scale
        inverse[pivot][column] *= scale
      }
      for row in 0..<count where row != pivot {
        let factor = matrix[row][pivot]
        guard factor != 0 else { continue }
        for column in 0..<count {
          matrix[row][column] -= factor * matrix[pivot][column]
          inverse[row][column] -= factor * inverse[pivot][column]
        }
      }
    }
    return (0..<count).map { inverse[$0][$0] }
  }
}
