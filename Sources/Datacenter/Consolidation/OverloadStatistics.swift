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
