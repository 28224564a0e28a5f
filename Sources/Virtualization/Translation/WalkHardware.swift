import Quantities

/// What a processor does to make page walks cheap, with the source of the figures.
public struct WalkHardware: Sendable, Hashable {
  /// What the paging-structure caches of the guest's dimension hold.
  public enum CacheKind: String, CaseIterable, Sendable, Hashable {
    /// Combined translations: a hit yields the host address of the next table (Intel).
    case combined
    /// Guest addresses, translated by themselves (AMD).
    case separate
  }

  /// A level of the memory hierarchy that holds page-table entries.
  public struct CacheLevel: Sendable, Hashable {
    /// The name in texts.
    public let name: String
    /// Bytes that one vCPU can use.
    public let size: Int64
    /// Time of a reference that it serves.
    public let latency: Cost

    /// Creates a level. `size` > 0.
    public init(name: String, size: Int64, latency: Cost) {
      self.name = name
      self.size = size
      self.latency = latency
    }
  }

  /// What the walk caches hold.
  public let kind: CacheKind
  /// Entries of the walk caches by the level of the page-table entry that they hold, from 2; a level that is missing has
  /// none.
  public let entries: [Int: Int]
  /// The same for the second dimension.
  public let hostEntries: [Int: Int]
  /// Which walks through the host's tables ask the host's walk caches.
  public enum HostCacheUse: String, CaseIterable, Sendable, Hashable {
    /// All.
    case all
    /// Only those that translate the address of a table of the guest.
    case tables
  }
  /// Which walks ask `hostEntries`.
  public let hostCacheUse: HostCacheUse
  /// Translations of guest-physical pages that the walker keeps (nested TLB).
  public let nestedEntries: Int
  /// Time of a walk-cache hit.
  public let hit: Cost
  /// Levels of the memory hierarchy, smallest first.
  public let hierarchy: [CacheLevel]
  /// Time of a reference that no cache serves.
  public let memory: Cost
  /// Measured, published or assumed.
  public let provenance: CostKind
  /// The source, or for an assumption the reason.
  public let source: String

  /// Creates the data.
  public init(
    kind: CacheKind, entries: [Int: Int], hostEntries: [Int: Int], hostCacheUse: HostCacheUse = .all,
    nestedEntries: Int, hit: Cost, hierarchy: [CacheLevel], memory: Cost, provenance: CostKind, source: String
  ) {
    self.hostCacheUse = hostCacheUse
    self.kind = kind
    self.entries = entries
    self.hostEntries = hostEntries
    self.nestedEntries = nestedEntries
    self.hit = hit
    self.hierarchy = hierarchy
    self.memory = memory
    self.provenance = provenance
    self.source = source
  }

  /// A processor without any walk cache: every walk is cold.
  public static func cold(_ kind: CacheKind) -> WalkHardware {
    WalkHardware(
      kind: kind, entries: [:], hostEntries: [:], nestedEntries: 0, hit: .cycles(0), hierarchy: [],
      memory: .cycles(1), provenance: .assumed, source: "no walk caches")
  }
}
