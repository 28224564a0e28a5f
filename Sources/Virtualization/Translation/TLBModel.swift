import Statistics

/// How a workload refers to its memory.
public struct MemoryReferences: Sendable, Hashable {
  /// Bytes that are in use.
  public let workingSet: Int64
  /// Changes of the page referred to, per second of CPU time.
  public let referencesPerSecond: Double
  /// What a second of CPU time is, of which `referencesPerSecond` is a rate.
  public let base: ReferenceBase
  /// Parts of the working set that are referred to in their own ways; one for a plain working set.
  public let regions: [Region]
  /// Whether translations carry a tag of their address space (PCID), so that a switch between spaces drops none.
  public let isTagged: Bool
  /// Share of walks that hybrid paging begins in the shadow table and ends in the guest's own leaf table.
  public let nestedLeafShare: Double

  /// Misses of the last cache for data per second of CPU time; nil where they follow from the references.
  public var cacheMisses: Double?
  /// Misses that are under way at a time; 1 where each waits for the one before.
  public var missParallelism = 1.0

  /// Share of walks with a nested leaf under hybrid paging that brings the 4.8 references of a cold walk in the paper's
  /// average: 4 in shadow mode and 4 more to translate the data page.
  ///
  /// [J. Gandhi, M. D. Hill, M. M. Swift, Agile paging, ISCA 2016; the figure as cited by others]
  public static let usualNestedLeafShare = 0.2

  /// Files that it reads through the guest's cache; nil for none.
  public var files: CachedFiles?

  /// What references are counted by.
  public enum ReferenceBase: Sendable, Hashable {
    /// CPU time on the bare host, page walks included.
    case cpuTime
    /// CPU time on the bare host that is left when page walks are taken out: the same for a program with any page size.
    case workTime
  }

  /// A part of the working set.
  public struct Region: Sendable, Hashable {
    /// Bytes.
    public let bytes: Int64
    /// Share of all page references.
    public let share: Double
    /// Exponent of the popularity of its pages.
    public let reuseSkew: Double
    /// Cache lines that a reference brings in.
    public let lines: Double

    /// Creates a region. Bytes > 0, the others >= 0.
    public init(bytes: Int64, share: Double, reuseSkew: Double, lines: Double = 1) {
      self.bytes = bytes
      self.share = share
      self.reuseSkew = reuseSkew
      self.lines = lines
    }
  }

  /// Creates a reference pattern of one region. `workingSet` > 0, rates and skew >= 0, the share from 0 to 1.
  public init(
    workingSet: Int64, referencesPerSecond: Double, reuseSkew: Double, isTagged: Bool = true,
    nestedLeafShare: Double = usualNestedLeafShare, base: ReferenceBase = .cpuTime
  ) {
    self.init(
      regions: [Region(bytes: workingSet, share: 1, reuseSkew: reuseSkew)], referencesPerSecond: referencesPerSecond,
      isTagged: isTagged, nestedLeafShare: nestedLeafShare, base: base)
  }

  /// Creates a reference pattern of regions, whose shares are taken in proportion. At least one with a share above 0.
  public init(
    regions: [Region], referencesPerSecond: Double, isTagged: Bool = true,
    nestedLeafShare: Double = usualNestedLeafShare, base: ReferenceBase = .cpuTime
  ) {
    let sum = regions.reduce(0) { $0 + $1.share }
    self.regions = regions.map {
      Region(bytes: $0.bytes, share: $0.share / sum, reuseSkew: $0.reuseSkew, lines: $0.lines)
    }
    workingSet = regions.reduce(0) { $0 + $1.bytes }
    self.referencesPerSecond = referencesPerSecond
    self.isTagged = isTagged
    self.nestedLeafShare = nestedLeafShare
    self.base = base
  }

  /// Share of page references that miss a memory of `entries` pages of `page` bytes with the most recently used ones.
  public func missRatio(page: Double, entries: Double) -> Double {
    guard entries > 0 else { return 1 }
    let groups = groups(page: page)
    return groups.missed(after: groups.characteristicTime(entries: entries))
  }

  /// The pages that are referred to, one reference in a unit of time.
  func groups(page: Double) -> ReferenceGroups {
    var groups = ReferenceGroups()
    for region in regions where region.share > 0 {
      groups.add(
        items: max(1, Int64((Double(region.bytes) / page).rounded(.up))), skew: region.reuseSkew, rate: region.share)
    }
    return groups
  }
}

/// Files that a workload reads through the guest's cache.
public struct CachedFiles: Sendable, Hashable {
  /// Bytes that are in use.
  public let bytes: Int64
  /// Reads of another page per second of CPU time.
  public let referencesPerSecond: Double
  /// Exponent of the popularity of the pages.
  public let reuseSkew: Double

  /// Creates a set of files. Bytes > 0, the others >= 0.
  public init(bytes: Int64, referencesPerSecond: Double, reuseSkew: Double) {
    self.bytes = bytes
    self.referencesPerSecond = referencesPerSecond
    self.reuseSkew = reuseSkew
  }

  /// The same as references to memory.
  public var references: MemoryReferences {
    MemoryReferences(workingSet: bytes, referencesPerSecond: referencesPerSecond, reuseSkew: reuseSkew)
  }
}

/// Data of a processor's TLB with its source.
public struct ProcessorTLB: Sendable, Hashable {
  /// Entries of the last-level TLB by page size in bytes.
  public let entries: [Int64: Int]
  /// Entries of the first-level data TLB by page size in bytes; empty when only the last level is known.
  public let firstLevel: [Int64: Int]
  /// Page sizes, ascending, whose last-level entries are the same entries.
  public let shared: [Int64]
  /// Measured, published or assumed.
  public let kind: CostKind
  /// The source, or for an assumption the reason.
  public let source: String

  /// Creates the data of a TLB.
  public init(
    entries: [Int64: Int], firstLevel: [Int64: Int] = [:], shared: [Int64] = [], kind: CostKind, source: String
  ) {
    self.entries = entries
    self.firstLevel = firstLevel
    self.shared = shared
    self.kind = kind
    self.source = source
  }

  /// Which of the listed sizes holds translations of a page size: itself, else the nearest smaller one, else the smallest.
  func key(for page: Int64, in entries: [Int64: Int]) -> Int64? {
    entries.keys.filter { $0 <= page }.max() ?? entries.keys.min()
  }
}

/// Misses of a two-level TLB under least-recently-used replacement, by Che's approximation.
///
/// Pages of one size are independent references with popularity `p_i ∝ i^-α`. Sizes that share entries compete for them.
public enum TLBModel {
  /// Pages of one size that a workload refers to.
  public struct Population: Sendable, Hashable {
    /// Bytes of a translation that the TLB holds: the smaller of guest and host page.
    public let page: Int64
    /// Bytes in use.
    public let bytes: Double
    /// Share of all page references.
    public let share: Double
    /// Exponent `α` of the popularity of its pages.
    public let skew: Double

    /// Creates a population. `page` and `bytes` > 0, the others >= 0.
    public init(page: Int64, bytes: Double, share: Double, skew: Double) {
      self.page = page
      self.bytes = bytes
      self.share = share
      self.skew = skew
    }

    var pages: Int64 { max(1, Int64((bytes / Double(page)).rounded(.up))) }
  }

  /// Misses of one population.
  public struct Misses: Sendable, Hashable {
    /// The population.
    public let population: Population
    /// Share of its references that miss the first level; nil when the first level is not known.
    public let firstLevel: Double?
    /// Share of its references that miss the last level and walk the tables.
    public let walk: Double
    /// Number of equally missed pages that would concentrate the misses as much.
    public let effectivePages: Double
    /// Misses that a flush of the whole TLB adds, per reference between two flushes.
    public let perFlush: Double
  }

  /// Share of references that miss a TLB of `entries` entries when `pages` pages are in use with popularity `i^-skew`.
  ///
  /// - Complexity: O(log pages) per evaluation, about 80 evaluations.
  public static func missRatio(pages: Int64, entries: Int, skew: Double) -> Double {
    guard entries > 0 else { return 1 }
    guard pages > Int64(entries) else { return 0 }
    var groups = ReferenceGroups()
    groups.add(items: pages, skew: skew, rate: 1)
    return groups.missed(after: groups.characteristicTime(entries: Double(entries)))
  }

  /// Misses of each population.
  ///
  /// - Parameters:
  ///   - populations: pages in use by size and region; shares add up to 1.
  ///   - tlb: the processor's entries.
  ///   - flushed: references between two flushes; nil when translations are tagged or never dropped.
  public static func misses(
    _ populations: [Population], tlb: ProcessorTLB, flushed: Double? = nil
  ) -> [Misses] {
    let groups = populations.map { population in
      var own = ReferenceGroups()
      own.add(items: population.pages, skew: population.skew, rate: population.share)
      return own
    }
    // Populations whose translations meet in the same entries.
    func times(_ entries: [Int64: Int], shared: [Int64]) -> [Double?] {
      let keys = populations.map { tlb.key(for: $0.page, in: entries) }
      return keys.map { key in
        guard let key, let room = entries[key] else { return nil }
        let isShared = shared.contains(key)
        var union = ReferenceGroups()
        for (index, other) in keys.enumerated() {
          guard let other, other == key || (isShared && shared.contains(other)) else { continue }
          union.append(groups[index])
        }
        return union.characteristicTime(entries: Double(room))
      }
    }
    let last = times(tlb.entries, shared: tlb.shared)
    let first = times(tlb.firstLevel, shared: [])
    return populations.indices.map { index in
      let population = populations[index]
      guard population.share > 0 else {
        return Misses(population: population, firstLevel: nil, walk: 0, effectivePages: 1, perFlush: 0)
      }
      let time = last[index] ?? 0
      let walk = groups[index].missed(after: time)
      var perFlush = 0.0
      if let flushed, flushed > 0 {
        let refilled = min(flushed, time)
        perFlush = max(0, groups[index].occupied(within: refilled) - refilled * walk) / flushed
      }
      return Misses(
        population: population, firstLevel: first[index].map { groups[index].missed(after: $0) / population.share },
        walk: walk / population.share, effectivePages: groups[index].effectiveItems(after: time), perFlush: perFlush)
    }
  }

  /// Misses per second of CPU time when all pages have one size.
  ///
  /// - Parameters:
  ///   - memory: the workload's references.
  ///   - pageSize: bytes of the translation that the TLB holds: the smaller of guest and host page under two-dimensional
  ///     or shadow paging.
  ///   - tlb: the processor's entries by page size; a size that is not listed uses the nearest smaller one.
  public static func missesPerSecond(memory: MemoryReferences, pageSize: Int64, tlb: ProcessorTLB) -> Double {
    let populations = memory.regions.map {
      Population(page: pageSize, bytes: Double($0.bytes), share: $0.share, skew: $0.reuseSkew)
    }
    return memory.referencesPerSecond
      * misses(populations, tlb: tlb).reduce(0) { $0 + $1.population.share * $1.walk }
  }
}
