import Statistics

/// An IOMMU: its cache of translations, and how drivers batch its invalidations.
public struct IOMMU: Sendable, Hashable {
  /// Entries of the cache (IOTLB), of pages of any size.
  public let entries: Int
  /// Time of a walk of one stage of tables in nanoseconds, by which a device's access is delayed.
  public let walk: Double
  /// Time of a walk of two stages in nanoseconds.
  public let nestedWalk: Double
  /// Walks that are carried out side by side.
  public let walkers: Int
  /// Buffers of a vCPU that wait for an invalidation together, at most, where drivers defer it.
  public let deferred: Int
  /// How long they wait at most, in nanoseconds.
  public let deferral: Double

  /// Creates an IOMMU. All figures > 0.
  public init(entries: Int, walk: Double, nestedWalk: Double, walkers: Int, deferred: Int, deferral: Double) {
    self.entries = entries
    self.walk = walk
    self.nestedWalk = nestedWalk
    self.walkers = walkers
    self.deferred = deferred
    self.deferral = deferral
  }

  /// Bytes of the pages in which drivers map buffers, and of a page of tables.
  public static let mappingPage = BasePage.bytes

  /// Translations of one kind that devices ask for.
  public struct Stream: Sendable, Hashable {
    /// Pages.
    public var pages: Double
    /// References to them in a unit of time.
    public var rate: Double
    /// Whether each reference is to a page that was mapped for it alone, so that it is never in the cache.
    public var isFresh: Bool

    /// Creates a stream. Figures >= 0.
    public init(pages: Double, rate: Double, isFresh: Bool = false) {
      self.pages = pages
      self.rate = rate
      self.isFresh = isFresh
    }
  }

  /// The share of each stream's references that are not in the cache, which all streams share: Che's approximation, as for
  /// the processor's TLB. Pages of a stream are equally popular, as buffers that are handed out in no order of use.
  ///
  /// Fresh translations miss, and take entries from the others.
  /// [N. Amit, M. Ben-Yehuda, B.-A. Yassour, IOMMU: Strategies for mitigating the IOTLB bottleneck, WIOSCA 2010]
  public func missRatios(_ streams: [Stream]) -> [Double] {
    var groups = ReferenceGroups()
    // Enough pages for none to come twice within any time that matters.
    for stream in streams { groups.add(items: stream.isFresh ? 1e12 : max(1, stream.pages), rate: stream.rate) }
    let time = groups.characteristicTime(entries: Double(entries))
    return streams.indices.map { streams[$0].isFresh ? 1 : groups.missProbability(of: $0, after: time) }
  }
}

/// Invalidations that a driver defers: buffers whose mapping was taken back wait until there are enough of them, or until
/// the first has waited long enough; one invalidation then does for all.
///
/// Linux, drivers/iommu/dma-iommu.c: a queue of 256 entries for each CPU and a timer of 10 ms; an overflow of one queue
/// invalidates for all. Here the timer starts with the first entry after an invalidation of either kind.
public struct DeferredInvalidation: Sendable, Hashable {
  /// Buffers that one request takes back.
  public let perRequest: Double
  /// Buffers that wait together at most.
  public let capacity: Double
  /// Longest time that one waits, in nanoseconds.
  public let deferral: Double

  /// Creates a queue. All figures > 0.
  public init(perRequest: Double, capacity: Double, deferral: Double) {
    self.perRequest = perRequest
    self.capacity = capacity
    self.deferral = deferral
  }

  /// Invalidations a second for so many requests (>= 0) a second that come at random.
  public func rate(requests: Double) -> Double {
    guard requests > 0 else { return 0 }
    return 1 / min(capacity / (requests * perRequest), deferral * 1e-9 + 1 / requests)
  }
}
