import Quantities
import Statistics

/// A cache that the processes of a processor share and that physical addresses index, with the source of the figures.
public struct PhysicalCache: Sendable, Hashable {
  /// Bytes.
  public var size: Int64
  /// Lines of a set.
  public var ways: Int
  /// Bytes that are brought in and given up together.
  public var line: Int64
  /// Time of a line among consecutive ones that come from memory.
  public var fill: Cost
  /// Time to bring back a lost translation whose tables' entries are in the cache.
  public var walk: Cost
  /// Measured, published or assumed.
  public var kind: CostKind
  /// The source, or for an assumption the reason.
  public var source: String

  /// Creates the data. `size` is a multiple of `ways` × `line`.
  public init(size: Int64, ways: Int, line: Int64, fill: Cost, walk: Cost, kind: CostKind, source: String) {
    self.size = size
    self.ways = ways
    self.line = line
    self.fill = fill
    self.walk = walk
    self.kind = kind
    self.source = source
  }

  /// Sets of lines.
  public var sets: Double { Double(size) / Double(Int64(ways) * line) }
  /// Groups of sets that a page of 4 KiB falls into one of.
  public var colours: Double { max(1, Double(size) / (Double(ways) * BasePage.size)) }
}

/// Processes that take turns at switches of the address space, each of which then goes through memory of its own.
public struct SwitchedData: Sendable, Hashable {
  /// Processes.
  public var processes: Int
  /// Bytes that each goes through.
  public var bytes: Int64

  /// Creates the data. `processes` ≥ 2, `bytes` ≥ 0.
  public init(processes: Int, bytes: Int64) {
    self.processes = processes
    self.bytes = bytes
  }

  /// Pages of each process.
  public var pages: Double { (Double(bytes) / BasePage.size).rounded(.up) }
}

/// What a kernel and its processes bring into a cache at a switch, beside the processes' data.
public struct SwitchFootprint: Sendable, Hashable {
  /// Bytes of one process: its stacks, tables and the kernel's records of it.
  public var process: Int64
  /// Bytes that all have in common: code and the kernel's own data.
  public var shared: Int64

  /// Creates a footprint.
  public init(process: Int64 = 0, shared: Int64 = 0) {
    self.process = process
    self.shared = shared
  }
}

/// The expected refill of a process's data after a switch to it.
///
/// Pages lie on colours of a physically indexed cache at random, so that some sets are asked for more lines than they
/// have ways long before the cache is full. A line survives a turn of all processes if fewer others than its set has ways
/// have come into the set since (least recently used ones go first): other pages of data, each on its colour with
/// probability 1 over the colours, and scattered lines, a Poisson number a set. [R. E. Kessler, M. D. Hill, Page placement
/// algorithms for large real-indexed caches, ACM TOCS 1992: random placement]
public struct SwitchRefill: Sendable, Hashable {
  /// Probability that a line of the data has been lost.
  public let missRatio: Double
  /// Lines that come from memory after a switch.
  public let lines: Double
  /// Translations that come back after a switch.
  public let translations: Double
  /// Expected time in nanoseconds.
  public let nanoseconds: Double

  /// Finds the refill.
  ///
  /// - Parameters:
  ///   - data: the processes.
  ///   - footprint: what they bring in beside the data.
  ///   - cache: the cache.
  ///   - translationEntries: entries of the TLB.
  ///   - isTagged: translations carry a tag of their process and are lost only where there are more than entries;
  ///     without, a switch drops all.
  ///   - frequency: the clock at which prices in cycles hold.
  /// - Complexity: O(ways²).
  public init(
    data: SwitchedData, footprint: SwitchFootprint, cache: PhysicalCache, translationEntries: Int, isTagged: Bool,
    frequency: Frequency
  ) {
    let others = max(0, Double(data.processes) * data.pages - 1)
    let scattered =
      (Double(data.processes) * Double(footprint.process) + Double(footprint.shared)) / Double(cache.line) / cache.sets
    missRatio = data.pages > 0 ? Self.excess(others, over: cache.colours, scattered: scattered, ways: cache.ways) : 0
    lines = Double(data.bytes) / Double(cache.line) * missRatio
    let isKept = isTagged && Double(data.processes) * data.pages <= Double(translationEntries)
    translations = isKept ? 0 : min(data.pages, Double(translationEntries))
    nanoseconds = lines * cache.fill.nanoseconds(at: frequency) + translations * cache.walk.nanoseconds(at: frequency)
  }

  /// Probability that a binomial number of `pages`, each with probability 1 over `colours`, and a Poisson number with
  /// the mean `scattered` make together `ways` or more.
  private static func excess(_ pages: Double, over colours: Double, scattered: Double, ways: Int) -> Double {
    let chance = 1 / colours
    let odds = chance < 1 ? chance / (1 - chance) : 0
    let none = PortableMath.exp(-scattered)
    var fewer = 0.0
    var exactly: Double = PortableMath.pow(1 - chance, pages)
    for k in 0..<ways where Double(k) <= pages {
      // Exactly k pages, and at most the rest of scattered lines.
      if chance == 1 {
        exactly = Double(k) == pages ? 1 : 0
      } else if k > 0 {
        exactly *= (pages - Double(k - 1)) / Double(k) * odds
      }
      var term = none
      var below = none
      for other in stride(from: 1, to: ways - k, by: 1) {
        term *= scattered / Double(other)
        below += term
      }
      fewer += exactly * below
    }
    return min(1, max(0, 1 - fewer))
  }
}

extension CostProfile {
  /// The data of the cache of this profile, or of the nearest base that has it, with the profile that states it.
  public var effectiveCache: (cache: PhysicalCache, profile: CostProfile)? {
    for profile in [self] + bases {
      if let cache = profile.cache { return (cache, profile) }
    }
    return nil
  }
}

extension CompiledDesign {
  /// The step of a refill after a switch.
  public static let refillStep = "switch_refill"

  /// The design with what the data of processes costs after a switch to one of them; unchanged where the profile has no
  /// cache. Such work is the same on the bare host, and no code of the kernel's.
  public func refilling(_ data: SwitchedData, footprint: SwitchFootprint, isTagged: Bool) -> CompiledDesign {
    guard let (cache, owner) = profile.effectiveCache else { return self }
    let refill = SwitchRefill(
      data: data, footprint: footprint, cache: cache,
      translationEntries: profile.effectiveTLB?.entries[BasePage.bytes] ?? 0, isTagged: isTagged,
      frequency: profile.frequency)
    let percent = (refill.missRatio * 1000).rounded() / 10
    let charge = StepCharge(
      step: Self.refillStep, place: .guest, count: 1, exitsPerStep: 0, stepMean: refill.nanoseconds,
      distribution: .deterministic, kind: cache.kind,
      origin: PriceOrigin(
        document: owner.name,
        source: "\(percent) % of \(data.bytes) bytes lost to conflicts of randomly placed pages, "
          + "\(Int(refill.translations)) translations; \(cache.source)"))
    return replacing(
      .switchRefill,
      by: OperationCost(
        steps: [OperationCost.PathStep(charge: charge, role: .native)], bareHost: refill.nanoseconds))
  }
}
