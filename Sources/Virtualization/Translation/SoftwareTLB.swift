import Statistics

/// The software TLB of QEMU's translator: a direct-mapped table whose size follows its use, and a few victims.
///
/// Entries are pages of 4 KiB whatever the guest's page size. The table is emptied by every root load; then it doubles when
/// more than 70 % of it was in use, and shrinks when less than 30 % was for a while. An entry that gives way goes to a
/// buffer of eight victims.
/// [QEMU 7.2, accel/tcg/cputlb.c: tlb_mmu_resize_locked, victim_tlb_hit; include/exec/cpu-defs.h]
public enum SoftwareTLB {
  /// Bits of the smallest, the first and the largest size.
  static let bits = (least: 6, first: 8, most: 22)
  /// Share in use above which the table doubles.
  static let crowded = 0.7
  /// Entries of the victim buffer.
  static let victims = 8.0
  /// Bytes of a page in the table.
  public static let page = BasePage.bytes

  /// What becomes of references.
  public struct Misses: Sendable, Hashable {
    /// Share that misses table and victims: the guest's tables are walked.
    public let walk: Double
    /// Share that finds its entry among the victims.
    public let victim: Double
    /// Entries of the table.
    public let entries: Double
  }

  /// Misses when `pages` pages are referred to with popularity `i^-skew`.
  static func misses(pages: Int64, skew: Double, interval: Double) -> Misses {
    misses(regions: [(pages: pages, skew: skew, share: 1)], interval: interval)
  }

  /// Misses when the pages of regions are referred to with popularity `i^-skew`, a share of all references each, and the
  /// table is emptied after `interval` references in the mean, exponentially distributed; infinite for never.
  ///
  /// A reference hits when its page was referred to since the table was emptied and no other page has taken its place. With
  /// pages spread over `s` places at random, an age of `t` references is survived with probability `e^(−N(t)/s)`, `N(t)`
  /// being the pages referred to within `t`; ages have the density `−M'(t)`, `M(t) = Σ p_i e^(−p_i t)`. The hit ratio is
  /// `∫ −M'(t) e^(−N(t)/s − t/interval) dt`; for equal popularity without flushes it is the known `s/n (1 − e^(−n/s))`.
  /// A victim is lost after eight more have come.
  ///
  /// - Complexity: O(600 log pages).
  static func misses(regions: [(pages: Int64, skew: Double, share: Double)], interval: Double) -> Misses {
    var groups = ReferenceGroups()
    for region in regions where region.share > 0 {
      groups.add(items: region.pages, skew: region.skew, rate: region.share)
    }
    let entries = size(used: interval < .infinity ? groups.occupied(within: interval) : nil)
    // Ages by powers of a fixed ratio, until nothing is younger.
    var age = 0.0
    var next = 0.25
    var missed = groups.missed(after: 0)
    var shares: [(age: Double, share: Double, pages: Double)] = []
    while missed > 1e-9 && age < 1e18 {
      let later = groups.missed(after: next)
      let middle = (age + next) / 2
      shares.append((middle, missed - later, groups.occupied(within: middle)))
      missed = later
      age = next
      next *= 1.08
    }
    func survival(_ age: Double) -> Double { interval < .infinity ? PortableMath.exp(-age / interval) : 1 }
    let table = shares.reduce(0) { $0 + $1.share * survival($1.age) * PortableMath.exp(-$1.pages / entries) }
    let kept = shares.reduce(0) { $0 + $1.share * survival($1.age) }
    // Of the references that would hit an unlimited table some find their place taken: how often depends on how long a
    // victim stays, and that on how often places are taken.
    let displaced = max(0, kept - table)
    guard displaced > 0 else { return Misses(walk: max(0, 1 - table), victim: 0, entries: entries) }
    let stay = victims / displaced
    let reached = shares.reduce(0) { sum, entry in
      let before = max(0, entry.age - stay)
      return sum + entry.share * survival(entry.age) * PortableMath.exp(-groups.occupied(within: before) / entries)
    }
    let victim = min(displaced, max(0, reached - table))
    return Misses(walk: max(0, 1 - table - victim), victim: victim, entries: entries)
  }

  /// Entries of a table in which `pages` pages are used between two flushes; nil when it is never emptied and keeps its
  /// first size.
  static func size(used pages: Double?) -> Double {
    guard let pages else { return Double(1 << bits.first) }
    for power in bits.least...bits.most {
      let size = Double(1 << power)
      if size * (1 - PortableMath.exp(-pages / size)) <= crowded * size { return size }
    }
    return Double(1 << bits.most)
  }
}
