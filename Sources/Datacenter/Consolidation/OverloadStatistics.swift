/// The statistics by which hosts are found overloaded, over recent utilizations of a host.
///
/// [A. Beloglazov, R. Buyya, Optimal online deterministic algorithms and adaptive heuristics for energy and performance
/// efficient dynamic consolidation of virtual machines in cloud data centers, CCPE 24(13), 2012, section 5]
enum OverloadStatistics {
  /// Samples that a host's history has.
  static let historyLength = 30
  /// Samples that regression looks at: few, to follow the latest ones.
  static let regressionLength = 10

  /// The interquartile range of values that are sorted in place, quartiles being single order statistics.
  static func interquartileRange(_ values: UnsafeMutablePointer<Double>, count: Int) -> Double {
    sort(values, count: count)
    func quartile(_ probability: Double) -> Double {
      // Half up, like Java's Math.round.
      values[Int((probability * Double(count + 1) + 0.5).rounded(.down)) - 1]
    }
    return quartile(0.75) - quartile(0.25)
  }

  /// The median absolute deviation from the median; the values are overwritten.
  static func medianAbsoluteDeviation(_ values: UnsafeMutablePointer<Double>, count: Int) -> Double {
    let center = median(values, count: count)
    for index in 0..<count { values[index] = abs(center - values[index]) }
    return median(values, count: count)
  }

  /// The value that a straight line through the values, at 1, 2, ... count, has at `position`.
  ///
  /// Means and sums of products are updated value by value, which keeps them accurate.
  static func extrapolation(_ values: UnsafePointer<Double>, count: Int, to position: Double) -> Double {
    var meanX = 1.0
    var meanY = values[0]
    var sumXX = 0.0
    var sumXY = 0.0
    var sumX = 1.0
    var sumY = values[0]
    for index in 1..<count {
      let x = Double(index + 1)
      let y = values[index]
      let dx = x - meanX
      let dy = y - meanY
      let after = Double(index + 1)
      let factor = Double(index) / after
      sumXX += dx * dx * factor
      sumXY += dx * dy * factor
      meanX += dx / after
      meanY += dy / after
      sumX += x
      sumY += y
    }
    let slope = sumXY / sumXX
    return (sumY - slope * sumX) / Double(count) + slope * position
  }

  /// The value that local regression predicts at `position` from values at 1, 2, ... count, the last being the latest.
  ///
  /// Weights are tricube, `(1 − u³)³` with `u` the distance to the latest value over the greatest one; the robust form
  /// repeats the fit with bisquare weights `(1 − (ε/6s)²)²` of its residuals `ε`, `s` being the median of their magnitudes.
  /// [W. S. Cleveland, Robust locally weighted regression and smoothing scatterplots, JASA 74, 1979]
  static func localRegression(
    _ values: UnsafePointer<Double>, count: Int, to position: Double, isRobust: Bool
  ) -> Double {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * count) { buffer in
      let weights = buffer.baseAddress!
      let residuals = weights + count
      for index in 0..<count {
        let distance = Double(count - 1 - index) / Double(max(1, count - 1))
        let near = 1 - distance * distance * distance
        weights[index] = near * near * near
      }
      var line = weightedLine(values, weights, count: count)
      if isRobust {
        for index in 0..<count { residuals[index] = abs(values[index] - line.base - line.slope * Double(index + 1)) }
        let scale = 6 * median(residuals, count: count)
        // A line through more than half of the values leaves no scale; the others are outliers, the fit stands.
        if scale > 1e-12 {
          for index in 0..<count {
            let error = abs(values[index] - line.base - line.slope * Double(index + 1)) / scale
            weights[index] *= error < 1 ? (1 - error * error) * (1 - error * error) : 0
          }
          line = weightedLine(values, weights, count: count)
        }
      }
      return line.base + line.slope * position
    }
  }

  private static func weightedLine(
    _ values: UnsafePointer<Double>, _ weights: UnsafePointer<Double>, count: Int
  ) -> (base: Double, slope: Double) {
    var sum = 0.0
    var meanX = 0.0
    var meanY = 0.0
    for index in 0..<count {
      sum += weights[index]
      meanX += weights[index] * Double(index + 1)
      meanY += weights[index] * values[index]
    }
    guard sum > 0 else { return (values[count - 1], 0) }
    meanX /= sum
    meanY /= sum
    var xx = 0.0
    var xy = 0.0
    for index in 0..<count {
      let x = Double(index + 1) - meanX
      xx += weights[index] * x * x
      xy += weights[index] * x * (values[index] - meanY)
    }
    let slope = xx > 0 ? xy / xx : 0
    return (meanY - slope * meanX, slope)
  }

  /// The median of values that are sorted in place.
  static func median(_ values: UnsafeMutablePointer<Double>, count: Int) -> Double {
    sort(values, count: count)
    // The 50th percentile at position (n + 1)/2 between order statistics.
    let position = 0.5 * Double(count + 1)
    let below = Int(position)
    if below >= count { return values[count - 1] }
    return values[below - 1] + (position - Double(below)) * (values[below] - values[below - 1])
  }

  /// Insertion sort: histories are short.
  private static func sort(_ values: UnsafeMutablePointer<Double>, count: Int) {
    guard count > 1 else { return }
    for index in 1..<count {
      let value = values[index]
      var hole = index
      while hole > 0, values[hole - 1] > value {
        values[hole] = values[hole - 1]
        hole -= 1
      }
      values[hole] = value
    }
  }
}
