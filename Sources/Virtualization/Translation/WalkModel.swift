import Quantities

/// Expected page walks from a processor's walk caches and memory hierarchy.
///
/// One dimension: `R = Σ_l G_l`, `G_leaf = 1`, `G_l` the probability that the walk caches below level `l` all missed. Two
/// dimensions: `R = Σ G_l + H_pt Σ G'_l + H_data`, where `G'_l = G_l` with separate caches and `G'_l = G_(l+1)`, `G'_top =
/// G_top` with combined ones, and `H` are the references of the host's dimension after the nested TLB and its walk caches.
/// Walk caches, nested TLB and the memory hierarchy are least-recently-used caches that all classes of entries share, by
/// Che's approximation; walks are spread evenly over the pages that miss.
/// [R. Bhargava et al., ASPLOS 2008; J. Gandhi et al., MICRO 2014 and ISCA 2016]
public struct WalkModel {
  let hardware: WalkHardware
  let frequency: Frequency
  let guestLevels: Int
  let hostLevels: Int
  /// Lines of data that the workload brings into the caches between two walks.
  let dataLines: Double
  /// Bytes of data by their share of these lines; nil where walks are spread as data are.
  let data: [(bytes: Double, share: Double)]?

  /// Bytes of a table and entries in it.
  private static let tableSize = BasePage.size
  private static let fanout = 512.0
  /// Entries of a table in a cache line.
  private static let entriesPerLine = 8.0
  private static let lineSize = 64.0

  /// A model of walks.
  ///
  /// - Parameters:
  ///   - hardware: the processor's data.
  ///   - frequency: the frequency at which its cycles are counted.
  ///   - guestLevels: levels of the guest's tables, or of the only ones: 3 to 5.
  ///   - hostLevels: levels of the host's tables.
  ///   - dataLines: lines of data that the workload brings into the caches between two walks.
  ///   - data: bytes of data by their share of these lines; nil to take the memory that walks are about.
  public init(
    hardware: WalkHardware, frequency: Frequency, guestLevels: Int, hostLevels: Int, dataLines: Double,
    data: [(bytes: Double, share: Double)]? = nil
  ) {
    self.data = data
    self.hardware = hardware
    self.frequency = frequency
    self.guestLevels = guestLevels
    self.hostLevels = hostLevels
    self.dataLines = dataLines
  }

  /// A class of references to page-table entries: how many, and to how many entries.
  private struct Class {
    let dimension: PageWalk.Dimension
    let level: Int
    let isLeaf: Bool
    let count: Double
    let entries: Double
    let pages: Double
  }

  /// Translations of guest-physical pages that walks ask for.
  private struct Translation {
    let dimension: PageWalk.Dimension
    /// Expected number in one walk.
    var rate: Double
    /// Bytes of guest-physical memory that they are about, and the share of its pages.
    let bytes: Double
    let spread: Double
    let hostPage: Int64

    func entries(at level: Int) -> Double {
      max(1, (bytes / (WalkModel.tableSize * WalkModel.power(level - 1))).rounded(.up))
    }
  }

  private static func power(_ exponent: Int) -> Double {
    (0..<max(0, exponent)).reduce(1.0) { value, _ in value * fanout }
  }

  /// The expected walk over all portions, whose shares add up to 1.
  ///
  /// - Complexity: O((portions × levels²) × 80).
  public func walk(_ portions: [WalkPortion]) -> PageWalk {
    var classes: [Class] = []
    var translations: [Translation] = []
    var hits = 0.0
    let reach = firstDimension(portions, hits: &hits)
    for (portion, chances) in zip(portions, reach) where portion.share > 0 {
      add(portion, chances: chances, to: &classes, &translations)
    }
    filterByNestedTLB(&translations, hits: &hits)
    addHostDimension(translations, to: &classes, hits: &hits)
    return priced(classes, hits: hits, portions: portions)
  }

  /// For each portion the probabilities `G_l` by level, from its leaf to the top.
  private func firstDimension(_ portions: [WalkPortion], hits: inout Double) -> [[Double]] {
    let leaves = portions.map { WalkPortion.leafLevel($0.leafPage) }
    let tops = portions.map { $0.mode == .nested ? guestLevels : max(guestLevels, hostLevels) }
    var reach = leaves.map { leaf in
      var chances = [Double](repeating: 0, count: 6)
      chances[leaf] = 1
      return chances
    }
    for level in 2...5 {
      // A walk asks the cache of this level when those below have missed.
      var groups = ReferenceGroups()
      var members: [Int] = []
      for (index, portion) in portions.enumerated()
      where leaves[index] < level && level <= tops[index] && portion.share > 0 {
        members.append(index)
        let entries = max(1, (portion.bytes / (Self.tableSize * Self.power(level - 1))).rounded(.up))
        let pages = max(1, portion.bytes * portion.spread / Double(portion.leafPage))
        groups.add(items: min(entries, pages), rate: portion.share * reach[index][level - 1])
      }
      let time = groups.characteristicTime(entries: Double(hardware.entries[level] ?? 0))
      for (position, index) in members.enumerated() {
        let asked = reach[index][level - 1]
        reach[index][level] = asked * groups.missProbability(of: position, after: time)
        hits += portions[index].share * (asked - reach[index][level])
      }
    }
    return reach
  }

  /// The references of a portion to the first dimension, and the translations that they need.
  private func add(
    _ portion: WalkPortion, chances: [Double], to classes: inout [Class], _ translations: inout [Translation]
  ) {
    let leaf = WalkPortion.leafLevel(portion.leafPage)
    let top = portion.mode == .nested ? guestLevels : max(guestLevels, hostLevels)
    let pages = max(1, portion.bytes * portion.spread / Double(portion.leafPage))
    for level in leaf...top {
      let isGuest = portion.mode == .nested || (portion.mode == .switched && level == leaf)
      let entries = max(1, (portion.bytes / (Self.tableSize * Self.power(level - 1))).rounded(.up))
      classes.append(
        Class(
          dimension: isGuest ? .guest : .only, level: level, isLeaf: level == leaf,
          count: portion.share * chances[level], entries: entries, pages: pages))
      guard portion.mode == .nested else { continue }
      // The table that holds the entry is itself at a guest-physical address.
      let chance = hardware.kind == .separate || level == top ? chances[level] : chances[level + 1]
      let tables = max(1, (entries / Self.fanout).rounded(.up)) * Self.tableSize
      translations.append(
        Translation(
          dimension: .hostOfTables, rate: portion.share * chance, bytes: tables, spread: 1, hostPage: portion.hostPage))
    }
    if portion.mode != .single {
      translations.append(
        Translation(
          dimension: .hostOfData, rate: portion.share, bytes: portion.bytes, spread: portion.spread,
          hostPage: portion.hostPage))
    }
  }

  private func filterByNestedTLB(_ translations: inout [Translation], hits: inout Double) {
    var groups = ReferenceGroups()
    for translation in translations {
      let pages = max(1, translation.bytes * translation.spread / Double(translation.hostPage))
      groups.add(items: pages, rate: translation.rate)
    }
    let time = groups.characteristicTime(entries: Double(hardware.nestedEntries))
    for index in translations.indices {
      let missed = translations[index].rate * groups.missProbability(of: index, after: time)
      hits += translations[index].rate - missed
      translations[index].rate = missed
    }
  }

  /// The references of the translations that the nested TLB does not hold.
  private func addHostDimension(_ translations: [Translation], to classes: inout [Class], hits: inout Double) {
    var reach = translations.map(\.rate)
    for level in 1...5 where level <= hostLevels {
      var groups = ReferenceGroups()
      var members: [Int] = []
      for (index, translation) in translations.enumerated() {
        let leaf = WalkPortion.leafLevel(translation.hostPage)
        guard level >= leaf else { continue }
        let pages = max(1, translation.bytes * translation.spread / Double(translation.hostPage))
        let entries = translation.entries(at: level)
        if level > leaf {
          members.append(index)
          let asks = hardware.hostCacheUse == .all || translation.dimension == .hostOfTables
          groups.add(items: min(entries, pages), rate: asks ? reach[index] : 0)
        } else {
          classes.append(
            Class(
              dimension: translation.dimension, level: level, isLeaf: true, count: reach[index], entries: entries,
              pages: pages))
        }
      }
      let time = groups.characteristicTime(entries: Double(hardware.hostEntries[level] ?? 0))
      for (position, index) in members.enumerated() {
        let translation = translations[index]
        let asks = hardware.hostCacheUse == .all || translation.dimension == .hostOfTables
        let missed = asks ? reach[index] * groups.missProbability(of: position, after: time) : reach[index]
        hits += reach[index] - missed
        reach[index] = missed
        classes.append(
          Class(
            dimension: translation.dimension, level: level, isLeaf: false, count: missed,
            entries: translation.entries(at: level),
            pages: max(1, translation.bytes * translation.spread / Double(translation.hostPage))))
      }
    }
  }

  /// Prices the classes by the levels of the hierarchy, for whose lines they compete with each other and with data.
  private func priced(_ classes: [Class], hits: Double, portions: [WalkPortion]) -> PageWalk {
    var groups = ReferenceGroups()
    for item in classes {
      groups.add(items: max(1, min(item.pages, item.entries / Self.entriesPerLine)), rate: item.count)
    }
    for part in data ?? [(portions.reduce(0) { $0 + $1.bytes * $1.spread }, 1)] {
      groups.add(items: max(1, part.bytes / Self.lineSize), rate: dataLines * part.share)
    }
    var within = [[Double]](repeating: [], count: classes.count)
    for cache in hardware.hierarchy {
      let time = groups.characteristicTime(entries: Double(cache.size) / Self.lineSize)
      for index in classes.indices {
        let held = 1 - groups.missProbability(of: index, after: time)
        within[index].append(max(held, within[index].last ?? 0))
      }
    }
    let latencies = (hardware.hierarchy.map(\.latency) + [hardware.memory]).map { $0.nanoseconds(at: frequency) }
    var sums: [Int: (item: Class, count: Double, shares: [Double], time: Double)] = [:]
    for (index, item) in classes.enumerated() where item.count > 0 {
      let bounds = within[index] + [1]
      let shares = bounds.indices.map { bounds[$0] - ($0 > 0 ? bounds[$0 - 1] : 0) }
      let time = item.count * zip(shares, latencies).reduce(0) { $0 + $1.0 * $1.1 }
      let order = PageWalk.Dimension.allCases.firstIndex(of: item.dimension) ?? 0
      let key = order * 20 + item.level * 2 + (item.isLeaf ? 0 : 1)
      var sum = sums[key] ?? (item, 0, [Double](repeating: 0, count: shares.count), 0)
      sum.count += item.count
      sum.time += time
      for position in shares.indices { sum.shares[position] += shares[position] * item.count }
      sums[key] = sum
    }
    let references = sums.sorted { $0.key < $1.key }.map { _, sum in
      PageWalk.Reference(
        dimension: sum.item.dimension, level: sum.item.level, isLeaf: sum.item.isLeaf, count: sum.count,
        shares: sum.shares.map { $0 / sum.count }, nanoseconds: sum.time)
    }
    return PageWalk(
      references: references, cacheHits: hits, cacheTime: hits * hardware.hit.nanoseconds(at: frequency))
  }
}

extension WalkPortion {
  /// The page size at which the first dimension ends: the guest's own, or that of the only table, whose pages are no larger
  /// than either side's.
  var leafPage: Int64 { mode == .single ? min(guestPage, hostPage) : guestPage }
}
