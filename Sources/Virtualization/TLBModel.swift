import Statistics

/// How a workload refers to its memory.
public struct MemoryReferences: Sendable, Hashable {
  /// Bytes that are in use.
  public let workingSet: Int64
  /// Changes of the page referred to, per second of CPU time.
  public let referencesPerSecond: Double
  /// Exponent `α` of the popularity `p_i ∝ i^-α` of pages.
  public let reuseSkew: Double

  /// Creates a reference pattern. `workingSet` > 0, the others >= 0.
  public init(workingSet: Int64, referencesPerSecond: Double, reuseSkew: Double) {
    self.workingSet = workingSet
    self.referencesPerSecond = referencesPerSecond
    self.reuseSkew = reuseSkew
  }
}

/// Misses of a TLB under least-recently-used replacement, by Che's approximation.
///
/// Pages are independent references with popularity `p_i ∝ i^-α`; the characteristic time `t_C` solves
/// `Σ (1 − exp(−p_i t_C)) = E` and the miss ratio is `Σ p_i exp(−p_i t_C)`.
/// [H. Che, Y. Tung, Z. Wang, Hierarchical Web caching systems, IEEE JSAC 20(7), 2002]
public enum TLBModel {
  /// Pages of equal popularity for the sums: the first `exactPages` ranks one by one, then groups of ranks whose
  /// bounds grow by a fixed ratio, each with the popularity of its geometric middle.
  struct RankGroups {
    var counts: [Double] = []
    var popularity: [Double] = []

    static let exactPages: Int64 = 512
    static let growth = 1.01

    /// - Complexity: O(log pages).
    init(pages: Int64, skew: Double) {
      var rank: Int64 = 1
      while rank <= pages {
        let next =
          rank <= Self.exactPages ? rank + 1 : min(pages + 1, max(rank + 1, Int64(Double(rank) * Self.growth)))
        let middle = rank + 1 == next ? Double(rank) : (Double(rank) * Double(next - 1)).squareRoot()
        counts.append(Double(next - rank))
        popularity.append(PortableMath.pow(middle, -skew))
        rank = next
      }
      let total = zip(counts, popularity).reduce(0) { $0 + $1.0 * $1.1 }
      for index in popularity.indices { popularity[index] /= total }
    }

    func occupied(at time: Double) -> Double {
      zip(counts, popularity).reduce(0) { $0 + $1.0 * (1 - PortableMath.exp(-$1.1 * time)) }
    }

    func missRatio(at time: Double) -> Double {
      zip(counts, popularity).reduce(0) { $0 + $1.0 * $1.1 * PortableMath.exp(-$1.1 * time) }
    }
  }

  /// Share of references that miss a TLB of `entries` entries when `pages` pages are in use with popularity `i^-skew`.
  ///
  /// - Complexity: O(log pages) per evaluation, about 60 evaluations.
  public static func missRatio(pages: Int64, entries: Int, skew: Double) -> Double {
    guard pages > Int64(entries) else { return 0 }
    guard entries > 0 else { return 1 }
    let groups = RankGroups(pages: pages, skew: skew)
    // Bisection on a bracket that doubles: monotone, needs no derivative, ends on the same bits everywhere.
    var lower = 0.0
    var upper = Double(entries)
    while groups.occupied(at: upper) < Double(entries) && upper < 1e18 {
      lower = upper
      upper *= 2
    }
    for _ in 0..<60 {
      let middle = lower + (upper - lower) / 2
      if groups.occupied(at: middle) < Double(entries) { lower = middle } else { upper = middle }
    }
    return groups.missRatio(at: lower + (upper - lower) / 2)
  }

  /// Misses per second of CPU time.
  ///
  /// - Parameters:
  ///   - memory: the workload's references.
  ///   - pageSize: bytes of the translation that the TLB holds: the smaller of guest and host page under two-dimensional
  ///     or shadow paging.
  ///   - tlb: the processor's entries by page size; a size that is not listed uses the nearest smaller one.
  public static func missesPerSecond(memory: MemoryReferences, pageSize: Int64, tlb: ProcessorTLB) -> Double {
    let known = tlb.entries.keys.filter { $0 <= pageSize }.max() ?? tlb.entries.keys.min()
    guard let known, let entries = tlb.entries[known] else { return 0 }
    let pages = max(1, (memory.workingSet - 1) / pageSize + 1)
    return memory.referencesPerSecond * missRatio(pages: pages, entries: entries, skew: memory.reuseSkew)
  }
}
