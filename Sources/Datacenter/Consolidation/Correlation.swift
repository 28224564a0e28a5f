/// How much the demand of one VM goes along with that of the others on its host.
///
/// Series and matrices lie in memory that is kept from one use to the next.
final class Correlation {
  private var memory = UnsafeMutablePointer<Double>.allocate(capacity: 1024)
  private var capacity = 1024
  private var count = 0
  private var samples = 0

  deinit { memory.deallocate() }

  /// Makes room for so many series of so many samples.
  func begin(count: Int, samples: Int) {
    self.count = count
    self.samples = samples
    let needed = count * samples + 2 * count * count
    guard needed > capacity else { return }
    memory.deallocate()
    capacity = 2 * needed
    memory = .allocate(capacity: capacity)
  }

  /// The samples of a series, to be filled in.
  func series(_ index: Int) -> UnsafeMutablePointer<Double> { memory + index * samples }

  /// The series whose multiple correlation with all others is greatest; nil when it is not defined: fewer samples than
  /// series, or series that hold nothing new. The series are overwritten.
  ///
  /// The multiple correlation of series `i` with the others is `R² = 1 − 1/(C⁻¹)_ii` of the correlation matrix `C`
  /// [H. Abdi, Multiple correlation coefficient, Encyclopedia of Measurement and Statistics, 2007].
  ///
  /// - Complexity: O(series² × samples + series³).
  func mostCorrelated() -> Int? {
    guard count >= 2, samples > count else { return nil }
    for index in 0..<count { normalize(series(index)) }
    let matrix = memory + count * samples
    for row in 0..<count {
      for column in 0..<count {
        matrix[row * count + column] = row == column ? 1 : product(series(row), series(column))
      }
    }
    let inverse = matrix + count * count
    guard invert(matrix, into: inverse) else { return nil }
    var best = 0
    for index in 1..<count where inverse[index * count + index] > inverse[best * count + best] { best = index }
    return best
  }

  /// Turns samples into deviations from their mean, in units of their norm.
  private func normalize(_ values: UnsafeMutablePointer<Double>) {
    var mean = 0.0
    for sample in 0..<samples { mean += values[sample] }
    mean /= Double(samples)
    for sample in 0..<samples { values[sample] -= mean }
    let norm = product(values, values).squareRoot()
    // A constant series goes along with nothing.
    guard norm > 0 else { return }
    for sample in 0..<samples { values[sample] /= norm }
  }

  private func product(_ first: UnsafePointer<Double>, _ second: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for sample in 0..<samples { sum += first[sample] * second[sample] }
    return sum
  }

  /// The inverse of a symmetric positive definite matrix by Gauss-Jordan elimination; false when it is singular to working
  /// precision. The matrix is overwritten.
  private func invert(_ matrix: UnsafeMutablePointer<Double>, into inverse: UnsafeMutablePointer<Double>) -> Bool {
    for row in 0..<count {
      for column in 0..<count { inverse[row * count + column] = row == column ? 1 : 0 }
    }
    for pivot in 0..<count {
      let top = pivot * count
      guard matrix[top + pivot] > 1e-10 else { return false }
      let scale = 1 / matrix[top + pivot]
      for column in 0..<count {
        matrix[top + column] *= scale
        inverse[top + column] *= scale
      }
      for row in 0..<count where row != pivot {
        let own = row * count
        let factor = matrix[own + pivot]
        guard factor != 0 else { continue }
        for column in 0..<count {
          matrix[own + column] -= factor * matrix[top + column]
          inverse[own + column] -= factor * inverse[top + column]
        }
      }
    }
    return true
  }
}
