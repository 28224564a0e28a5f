import Quantities

/// Page sizes of one side, with the share of memory that each backs.
public struct PageMix: Sendable, Hashable {
  /// A page size with its share.
  public struct Part: Sendable, Hashable {
    /// Bytes of a page.
    public let page: Int64
    /// Share of the memory.
    public let share: Double
  }

  /// The sizes, larger ones first; shares add up to 1.
  public let parts: [Part]

  /// Pages of one size, of which a share was promoted to transparent huge pages of 2 MiB.
  public init(page: Int64, hugeShare: Double = 0) {
    let huge: Int64 = 2 << 20
    guard hugeShare > 0, page < huge else {
      parts = [Part(page: page, share: 1)]
      return
    }
    parts =
      hugeShare >= 1
      ? [Part(page: huge, share: 1)] : [Part(page: huge, share: hugeShare), Part(page: page, share: 1 - hugeShare)]
  }

  /// The share of memory in pages of at least `page` bytes.
  public func share(from page: Int64) -> Double { parts.reduce(0) { $0 + ($1.page >= page ? $1.share : 0) } }

  /// Pages that back a byte of memory, in the mean.
  public var pagesPerByte: Double { parts.reduce(0) { $0 + $1.share / Double($1.page) } }
}

/// How often a workload misses the TLB and what its walks are, on the bare host and under a design.
public struct TranslationLoad: Sendable, Hashable {
  /// Misses and the walk that follows.
  public struct Side: Sendable, Hashable {
    /// Walks per second of CPU time on the bare host.
    public let misses: Double
    /// Populations of pages with their miss ratios.
    public let populations: [TLBModel.Misses]
    /// The walk; nil when the profile has no data of walks.
    public let walk: PageWalk?
    /// References per second of CPU time that a software TLB finds among its victims.
    public var victimHits = 0.0
    /// Levels of tables that a walk in software reads, in the mean.
    public var levels = 0.0
    /// Entries of a software TLB.
    public var softwareEntries = 0.0

    func scaled(by factor: Double) -> Side {
      Side(
        misses: misses * factor, populations: populations, walk: walk, victimHits: victimHits * factor, levels: levels,
        softwareEntries: softwareEntries)
    }
  }

  /// Page references per second of CPU time on the bare host.
  public let references: Double
  /// On the bare host.
  public let bareHost: Side
  /// Under the design.
  public let design: Side

  /// What decides on translation besides the workload.
  public struct Setting: Sendable, Hashable {
    /// The guest's page sizes.
    public var guest: PageMix
    /// The host's page sizes.
    public var host: PageMix
    /// The value of the paging axis.
    public var paging: String
    /// Levels of the guest's page tables.
    public var guestLevels: Int
    /// Levels of the host's page tables.
    public var hostLevels: Int
    /// Switches between address spaces per second of CPU time.
    public var contextSwitches: Double
    /// Flushes of a software TLB per second of CPU time.
    public var flushes: Double
    /// Misses per second of CPU time on the bare host that the workload states, under every page size and design; nil
    /// where they follow from its references. Walks are spread as the references' own misses are, evenly without any.
    public var statedMisses: Double?

    /// Creates a setting.
    public init(
      guest: PageMix, host: PageMix, paging: String, guestLevels: Int = 4, hostLevels: Int = 4,
      contextSwitches: Double = 0, flushes: Double = 0, statedMisses: Double? = nil
    ) {
      self.statedMisses = statedMisses
      self.guest = guest
      self.host = host
      self.paging = paging
      self.guestLevels = guestLevels
      self.hostLevels = hostLevels
      self.contextSwitches = contextSwitches
      self.flushes = flushes
    }
  }

  /// The translation of a workload on a profile's processor; nil when the profile has no data of the TLB.
  ///
  /// - Complexity: O(log pages), a few hundred evaluations.
  public init?(memory: MemoryReferences, setting: Setting, profile: CostProfile) {
    guard let tlb = profile.effectiveTLB else { return nil }
    let model = SideModel(memory: memory, setting: setting, tlb: tlb, profile: profile)
    let native = setting.guest.parts.map { SideModel.Portion(guest: $0.page, host: $0.page, share: $0.share) }
    let alone = model.side(native, modes: [(.single, 1)], hostLevels: setting.guestLevels)
    // Per second of work the bare host walks for so long; its CPU time is work and walks.
    var scale = 1.0
    if memory.base == .workTime, let walk = alone.walk {
      let walks = alone.misses * walk.nanoseconds * 1e-9
      scale = setting.statedMisses == nil ? 1 / (1 + walks) : max(0, 1 - walks)
    }
    references = memory.referencesPerSecond * scale
    // Stated misses are counted by CPU time already.
    if setting.statedMisses != nil { scale = 1 }
    bareHost = alone.scaled(by: scale)
    guard setting.paging != "native" else {
      design = bareHost
      return
    }
    guard setting.paging != "software" else {
      design = model.software().scaled(by: scale)
      return
    }
    let joint = setting.guest.parts.flatMap { guest in
      setting.host.parts.map { SideModel.Portion(guest: guest.page, host: $0.page, share: guest.share * $0.share) }
    }
    let modes: [(WalkMode, Double)] =
      switch setting.paging {
      case "nested": [(.nested, 1)]
      case "hybrid": [(.single, 1 - memory.nestedLeafShare), (.switched, memory.nestedLeafShare)]
      default: [(.single, 1)]
      }
    design = model.side(joint, modes: modes, hostLevels: setting.hostLevels).scaled(by: scale)
  }
}

/// Misses and walk of one side.
private struct SideModel {
  let memory: MemoryReferences
  let setting: TranslationLoad.Setting
  let tlb: ProcessorTLB
  let profile: CostProfile

  /// Memory by the page sizes of both sides.
  struct Portion {
    let guest: Int64
    let host: Int64
    let share: Double
    /// What the TLB holds.
    var page: Int64 { min(guest, host) }
  }

  /// Walks of the guest's tables by a translator, whose TLB holds pages of 4 KiB only and knows no tags.
  func software() -> TranslationLoad.Side {
    let regions = memory.regions.map {
      (pages: max(1, ($0.bytes + SoftwareTLB.page - 1) / SoftwareTLB.page), skew: $0.reuseSkew, share: $0.share)
    }
    let interval = setting.flushes > 0 ? memory.referencesPerSecond / setting.flushes : .infinity
    let misses = SoftwareTLB.misses(regions: regions, interval: interval)
    let levels = setting.guest.parts.reduce(0) {
      $0 + $1.share * Double(setting.guestLevels - WalkPortion.leafLevel($1.page) + 1)
    }
    return TranslationLoad.Side(
      misses: memory.referencesPerSecond * misses.walk, populations: [], walk: nil,
      victimHits: memory.referencesPerSecond * misses.victim, levels: levels, softwareEntries: misses.entries)
  }

  func side(
    _ portions: [Portion], modes: [(mode: WalkMode, share: Double)], hostLevels: Int
  ) -> TranslationLoad.Side {
    let sizes = Set(portions.map(\.page)).sorted()
    let populations = memory.regions.flatMap { region in
      sizes.map { size in
        let share = portions.reduce(0) { $0 + ($1.page == size ? $1.share : 0) }
        return TLBModel.Population(
          page: size, bytes: Double(region.bytes) * share, share: region.share * share, skew: region.reuseSkew)
      }
    }
    var flushed: Double?
    if !memory.isTagged, setting.contextSwitches > 0 {
      flushed = memory.referencesPerSecond / setting.contextSwitches
    }
    let misses = TLBModel.misses(populations, tlb: tlb, flushed: flushed)
    let ratios = misses.map { min(1, $0.walk + ($0.population.share > 0 ? $0.perFlush / $0.population.share : 0)) }
    let ratio = zip(misses, ratios).reduce(0) { $0 + $1.0.population.share * $1.1 }
    let rate = setting.statedMisses ?? memory.referencesPerSecond * ratio
    guard let (hardware, owner) = profile.effectiveWalks, setting.statedMisses ?? ratio > 0 else {
      return TranslationLoad.Side(misses: rate, populations: misses, walk: nil)
    }
    var walks: [WalkPortion] = []
    var data: [(bytes: Double, share: Double)] = []
    let lines = memory.regions.reduce(0) { $0 + $1.share * $1.lines }
    for (number, region) in memory.regions.enumerated() {
      var touched = 0.0
      for portion in portions {
        guard let size = sizes.firstIndex(of: portion.page) else { continue }
        let index = number * sizes.count + size
        let spread = min(1, misses[index].effectivePages / Double(misses[index].population.pages))
        touched += Double(region.bytes) * portion.share * spread
        for mode in modes where mode.share > 0 {
          walks.append(
            WalkPortion(
              share: region.share * portion.share * (ratio > 0 ? ratios[index] / ratio : 1) * mode.share,
              bytes: Double(region.bytes) * portion.share, spread: spread, guestPage: portion.guest,
              hostPage: portion.host, mode: mode.mode))
        }
      }
      data.append((touched, lines > 0 ? region.share * region.lines / lines : 0))
    }
    let model = WalkModel(
      hardware: hardware, frequency: owner.frequency, guestLevels: setting.guestLevels, hostLevels: hostLevels,
      dataLines: setting.statedMisses.map { lines * memory.referencesPerSecond / $0 } ?? lines / ratio, data: data)
    return TranslationLoad.Side(misses: rate, populations: misses, walk: model.walk(walks))
  }
}
