/// The initial transient of a simulation's output.
public enum WarmUp {
  /// How many observations to delete from the front, by the rule MSER-5 of White, Cobb and Spratt ("A comparison of five
  /// steady-state truncation heuristics for simulation", 2000).
  ///
  /// The observations are averaged in batches of five; what is left at the end is ignored. Of all truncations, except
  /// those that leave fewer than five batches, the one with the least squared standard error of the remaining mean wins,
  /// and of equals the shortest.
  ///
  /// - Parameter values: at least 50 finite observations in the order of time.
  /// - Returns: the number of observations, a multiple of five; nil when the best truncation lies in the second half: then
  ///   the run is too short to tell where its warm-up ends.
  /// - Throws: `StatisticsError` for fewer values or values that are not finite.
  /// - Complexity: O(n)
  public static func mser5(_ values: [Double]) throws(StatisticsError) -> Int? {
    let batchSize = 5
    let means = try BatchMeans.means(of: values, batchSize: batchSize)
    guard means.count >= 10 else { throw .tooFewValues(count: values.count, needed: 10 * batchSize) }
    var remaining = Tally()
    var best = 0
    var least = Double.infinity
    for start in means.indices.reversed() {
      remaining.add(means[start])
      let count = Double(remaining.count)
      guard count >= 5 else { continue }
      let criterion = remaining.variance * (count - 1) / (count * count)
      if criterion <= least {
        least = criterion
        best = start
      }
    }
    return 2 * best > means.count ? nil : best * batchSize
  }
}
