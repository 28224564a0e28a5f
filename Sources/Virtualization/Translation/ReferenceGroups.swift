import Statistics

/// Items that are referred to independently, in groups of equal popularity, and what a cache of them under
/// least-recently-used replacement holds, by Che's approximation.
///
/// With `n_i` items that are each referred to at rate `r_i`, a cache of `E` items holds an item that was referred to within
/// the last `t_C`, where `t_C` solves `Σ n_i (1 − exp(−r_i t_C)) = E`.
/// [H. Che, Y. Tung, Z. Wang, Hierarchical Web caching systems, IEEE JSAC 20(7), 2002]
struct ReferenceGroups {
  /// Items of each group.
  private(set) var counts: [Double] = []
  /// References to one item of the group in a unit of time.
  private(set) var rates: [Double] = []

  /// The first ranks stand one by one; further ones in groups whose bounds grow by a fixed ratio.
  static let exactRanks: Int64 = 512
  static let growth = 1.01

  init() {}

  /// Adds equally popular items that are referred to at `rate` in all.
  mutating func add(items: Double, rate: Double) {
    counts.append(items)
    rates.append(rate / items)
  }

  /// Adds items whose popularity falls with their rank as `i^-skew`, referred to at `rate` in all.
  ///
  /// - Complexity: O(log items).
  mutating func add(items: Int64, skew: Double, rate: Double) {
    guard skew > 0 else { return add(items: Double(items), rate: rate) }
    let first = counts.count
    var total = 0.0
    var rank: Int64 = 1
    while rank <= items {
      let next = rank <= Self.exactRanks ? rank + 1 : min(items + 1, max(rank + 1, Int64(Double(rank) * Self.growth)))
      let middle = rank + 1 == next ? Double(rank) : (Double(rank) * Double(next - 1)).squareRoot()
      counts.append(Double(next - rank))
      rates.append(PortableMath.pow(middle, -skew))
      total += counts[counts.count - 1] * rates[rates.count - 1]
      rank = next
    }
    for index in first..<rates.count { rates[index] *= rate / total }
  }

  /// Adds the items of other groups.
  mutating func append(_ other: ReferenceGroups) {
    counts += other.counts
    rates += other.rates
  }

  var items: Double { counts.reduce(0, +) }

  /// Items that have been referred to within `time`.
  func occupied(within time: Double) -> Double {
    guard time < .infinity else { return zip(counts, rates).reduce(0) { $0 + ($1.1 > 0 ? $1.0 : 0) } }
    return zip(counts, rates).reduce(0) { $0 + $1.0 * (1 - PortableMath.exp(-$1.1 * time)) }
  }

  /// References per unit of time to items that have not been referred to within `time`.
  func missed(after time: Double) -> Double {
    guard time < .infinity else { return 0 }
    return zip(counts, rates).reduce(0) { $0 + $1.0 * $1.1 * PortableMath.exp(-$1.1 * time) }
  }

  /// The number of equally popular items that would be missed in the same concentration: `(Σ x_i)² / Σ x_i²` over the
  /// missed references `x_i` of the items.
  func effectiveItems(after time: Double) -> Double {
    var sum = 0.0
    var squares = 0.0
    for (count, rate) in zip(counts, rates) {
      let missed = time < .infinity ? rate * PortableMath.exp(-rate * time) : rate
      sum += count * missed
      squares += count * missed * missed
    }
    return squares > 0 ? sum * sum / squares : items
  }

  /// The characteristic time of a cache with room for `entries` items; infinite when all fit, 0 without room.
  ///
  /// - Complexity: O(groups) per evaluation, about 80 evaluations.
  func characteristicTime(entries: Double) -> Double {
    guard entries > 0 else { return 0 }
    guard occupied(within: .infinity) > entries else { return .infinity }
    // Bisection on a bracket that doubles: monotone, needs no derivative, ends on the same bits everywhere.
    var lower = 0.0
    var upper = 1.0
    while occupied(within: upper) < entries && upper < 1e30 {
      lower = upper
      upper *= 2
    }
    for _ in 0..<60 {
      let middle = lower + (upper - lower) / 2
      if occupied(within: middle) < entries { lower = middle } else { upper = middle }
    }
    return lower + (upper - lower) / 2
  }

  /// The probability that a reference to an item of group `index` misses a cache with that characteristic time.
  func missProbability(of index: Int, after time: Double) -> Double {
    guard rates[index] > 0, time < .infinity else { return time < .infinity ? 1 : 0 }
    return PortableMath.exp(-rates[index] * time)
  }
}
