/// Empirical quantiles.
public enum Quantile {
  /// The quantile of sorted values by linear interpolation between the two nearest order statistics.
  ///
  /// Of n values the i-th, counted from 0, is the quantile of probability i / (n - 1): type 7 of Hyndman and Fan, the
  /// default of R and NumPy.
  ///
  /// - Parameters:
  ///   - values: at least one value, ascending, none of them NaN.
  ///   - probability: in 0...1.
  public static func ofSorted(_ values: [Double], _ probability: Double) -> Double {
    let (index, fraction) = position(of: probability, count: values.count)
    let lower = values[index]
    guard fraction > 0, values[index + 1] > lower else { return lower }
    return lower + fraction * (values[index + 1] - lower)
  }

  /// The quantile of sorted integers by linear interpolation between the two nearest order statistics.
  ///
  /// - Parameters:
  ///   - values: at least one value, ascending.
  ///   - probability: in 0...1.
  public static func ofSorted(_ values: [Int64], _ probability: Double) -> Double {
    let (index, fraction) = position(of: probability, count: values.count)
    let lower = values[index]
    guard fraction > 0 else { return Double(lower) }
    // The distance of any two integers in order fits into 64 bits without sign.
    return Double(lower) + fraction * Double(UInt64(bitPattern: values[index + 1] &- lower))
  }

  private static func position(of probability: Double, count: Int) -> (index: Int, fraction: Double) {
    precondition(count > 0, "a quantile needs at least one value")
    precondition(probability >= 0 && probability <= 1, "the probability of a quantile lies in 0...1")
    let place = probability * Double(count - 1)
    let index = min(Int(place), count - 1)
    return (index, index == count - 1 ? 0 : place - Double(index))
  }
}
