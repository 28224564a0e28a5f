import Quantities

/// The expected page walk after a TLB miss: its references by dimension, level and the cache that serves them.
public struct PageWalk: Sendable, Hashable {
  /// Whose tables a reference reads, and for what.
  public enum Dimension: String, CaseIterable, Sendable, Hashable {
    /// The only tables of a one-dimensional walk: native or shadow.
    case only
    /// The guest's tables.
    case guest
    /// The host's tables, to translate the address of a table of the guest.
    case hostOfTables
    /// The host's tables, to translate the address of the data.
    case hostOfData
  }

  /// References to the entries of one level.
  public struct Reference: Sendable, Hashable {
    /// Whose tables.
    public let dimension: Dimension
    /// The level of the entry: 1 for a 4 KiB leaf.
    public let level: Int
    /// Whether the entry ends the dimension's walk.
    public let isLeaf: Bool
    /// Expected references in one walk.
    public let count: Double
    /// Shares of the references by what serves them: the levels of the hierarchy, smallest first, then memory.
    public let shares: [Double]
    /// Expected time in nanoseconds of all of them.
    public let nanoseconds: Double
  }

  /// References in the order of dimensions and levels.
  public let references: [Reference]
  /// Hits of walk caches and nested TLB in one walk.
  public let cacheHits: Double
  /// Their time in nanoseconds.
  public let cacheTime: Double

  /// Expected references.
  public var count: Double { references.reduce(0) { $0 + $1.count } }
  /// Expected time in nanoseconds.
  public var nanoseconds: Double { references.reduce(cacheTime) { $0 + $1.nanoseconds } }

  /// Expected references to one dimension's tables.
  public func count(of dimension: Dimension) -> Double {
    references.reduce(0) { $0 + ($1.dimension == dimension ? $1.count : 0) }
  }

  /// Share of the walk's time that goes into leaf entries of the host's tables for the data.
  public var hostLeafShare: Double {
    let leaf = references.reduce(0) { $0 + ($1.dimension == .hostOfData && $1.isLeaf ? $1.nanoseconds : 0) }
    return nanoseconds > 0 ? leaf / nanoseconds : 0
  }

  /// References of a cold two-dimensional walk: `(g + 1)(h + 1) − 1`.
  ///
  /// [R. Bhargava, B. Serebrin, F. Spadini, S. Manne, Accelerating two-dimensional page walks, ASPLOS 2008]
  public static func coldBound(guestLevels: Int, hostLevels: Int) -> Int { (guestLevels + 1) * (hostLevels + 1) - 1 }
}

/// How the dimensions of a walk are joined.
public enum WalkMode: String, Sendable, Hashable {
  /// One table: native, shadow, or a hypervisor's own for the guest.
  case single
  /// The guest's table, every step of it translated by the host's.
  case nested
  /// The shadow table for the upper levels, then the guest's leaf entry and the host's translation of the data.
  case switched
}

/// A part of the walks, with the memory that it is about.
public struct WalkPortion: Sendable, Hashable {
  /// Share of all walks.
  public var share: Double
  /// Bytes of the workload's memory.
  public var bytes: Double
  /// Share of its pages over which the walks are spread.
  public var spread: Double
  /// Page size of the guest, or of the only table.
  public var guestPage: Int64
  /// Page size of the host.
  public var hostPage: Int64
  /// How its dimensions are joined.
  public var mode: WalkMode

  /// Creates a portion.
  public init(share: Double, bytes: Double, spread: Double, guestPage: Int64, hostPage: Int64, mode: WalkMode) {
    self.share = share
    self.bytes = bytes
    self.spread = spread
    self.guestPage = guestPage
    self.hostPage = hostPage
    self.mode = mode
  }

  /// The level of the leaf entry of a page size: 1, 2 or 3.
  static func leafLevel(_ page: Int64) -> Int { page >= 1 << 30 ? 3 : page >= 2 << 20 ? 2 : 1 }
}
