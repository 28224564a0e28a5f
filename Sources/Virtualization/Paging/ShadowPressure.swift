import Statistics

/// The leaf tables of a working set that shadow paging can't all keep.
///
/// The oldest shadow page goes when the limit is reached, whatever its use: first in, first out. A leaf table that is
/// referred to at rate `λ` stands for a time `T` after it was made and is made again by the next reference, `1/λ` later;
/// `Σ λT/(1 + λT) = K` for room `K` gives `T`, and a table is made `1/(T + 1/λ)` times a second. Each time its entries are
/// filled anew, by aligned groups of 8 as far as they are referred to before it goes: `1 + 63 (1 − e^(−λT/64))` faults.
/// [Linux 6.1, arch/x86/kvm/mmu: kvm_mmu_zap_oldest_mmu_pages; V. Martina, M. Garetto, E. Leonardi, A unified approach to
/// the performance analysis of caching systems, INFOCOM 2014]
public struct ShadowPressure: Sendable, Hashable {
  /// Tables torn down per second of CPU time.
  public let recycled: Double
  /// Faults that fill their entries again.
  public let fills: Double

  /// Groups of 8 entries of a table.
  private static let groups = 64.0

  /// Creates the pressure of a working set on its room; none where all its tables find room.
  ///
  /// - Parameters:
  ///   - memory: references of the workload.
  ///   - room: leaf tables that the limit leaves for its working set, at least 1.
  /// - Complexity: O(groups of tables) for each of some 80 evaluations.
  public init(_ memory: MemoryReferences, room: Double) {
    let tables = memory.groups(page: PagingMode.leafReach)
    let rates = tables.rates.map { $0 * memory.referencesPerSecond }
    let all = zip(tables.counts, rates).reduce(0) { $0 + ($1.1 > 0 ? $1.0 : 0) }
    guard all > room, memory.referencesPerSecond > 0 else {
      recycled = 0
      fills = 0
      return
    }
    func held(_ time: Double) -> Double {
      zip(tables.counts, rates).reduce(0) { $0 + $1.0 * $1.1 * time / (1 + $1.1 * time) }
    }
    var lower = 0.0
    var upper = 1e-9
    while held(upper) < room, upper < 1e30 {
      lower = upper
      upper *= 2
    }
    for _ in 0..<60 {
      let middle = lower + (upper - lower) / 2
      if held(middle) < room { lower = middle } else { upper = middle }
    }
    let time = lower + (upper - lower) / 2
    var recycled = 0.0
    var fills = 0.0
    for (count, rate) in zip(tables.counts, rates) where rate > 0 {
      let made = count / (time + 1 / rate)
      recycled += made
      fills += made * (1 + (Self.groups - 1) * (1 - PortableMath.exp(-rate * time / Self.groups)))
    }
    self.recycled = recycled
    self.fills = fills
  }
}
