import Statistics

/// Where the pages of a guest are whose memory changes while it runs, in pages of 4 KiB.
///
/// A guest gives up free pages first, then pages of its file cache, then the least recently used of its working set. A page
/// that the balloon gives back has no memory behind it until it is touched again; free pages that came last are used first.
/// [C. A. Waldspurger, Memory resource management in VMware ESX Server, OSDI 2002; R. Russell, virtio balloon driver]
public struct MemoryResidence: Sendable, Hashable {
  /// Pages of the VM.
  public let size: Double
  /// Pages that its workload refers to.
  public let workingSet: Double
  /// Pages of files that its workload reads through the guest's cache.
  public let fileSet: Double
  /// Share of its pages, the least recently used ones, among which its kernel finds those that it evicts.
  public let inactiveShare: Double
  /// Pages in the balloon.
  public private(set) var balloon: Double
  /// Pages of the working set in memory.
  public private(set) var resident: Double
  /// Pages of files in memory.
  public private(set) var cached: Double
  /// Free pages that the host has not backed again.
  public private(set) var unbacked = 0.0

  /// A warm guest with a balloon of a given size; all in pages, the balloon no larger than the VM.
  public init(size: Double, workingSet: Double, fileSet: Double, balloon: Double, inactiveShare: Double) {
    self.inactiveShare = inactiveShare
    self.size = size
    self.workingSet = workingSet
    self.fileSet = fileSet
    self.balloon = balloon
    resident = min(workingSet, size - balloon)
    cached = min(fileSet, size - balloon - resident)
  }

  /// Pages that nobody uses.
  public var free: Double { max(0, size - balloon - resident - cached) }
  /// Pages that the balloon can take before the guest gives up pages of another kind.
  public var alike: Double { free > 0 ? free : cached > 0 ? cached : resident }
  /// Pages that the host has to keep.
  public var backed: Double { size - balloon - unbacked }

  /// The balloon takes pages, no more than there are. Returns those that the guest must take from its cache, and from its working set.
  public mutating func inflate(_ pages: Double) -> (dropped: Double, evicted: Double) {
    let pages = min(pages, size - balloon)
    let fromFree = min(pages, free)
    unbacked -= min(unbacked, fromFree)
    let dropped = min(pages - fromFree, cached)
    let evicted = min(pages - fromFree - dropped, resident)
    cached -= dropped
    resident -= evicted
    balloon += pages
    return (dropped, evicted)
  }

  /// The balloon gives pages back, no more than it holds.
  public mutating func deflate(_ pages: Double) {
    let pages = min(pages, balloon)
    balloon -= pages
    unbacked += pages
  }

  /// Pages of the working set and of files are read in: into free pages, then in the place of files, then of other pages
  /// of their kind. Returns the pages that the host must back for it, and the pages of the working set that made room.
  public mutating func readIn(pages: Double, files: Double) -> (touched: Double, evicted: Double) {
    let before = unbacked
    let grown = min(pages, workingSet - resident)
    let fromFree = min(grown, free)
    unbacked -= min(unbacked, fromFree)
    resident += fromFree
    let fromFiles = min(grown - fromFree, cached)
    cached -= fromFiles
    resident += fromFiles
    let more = min(files, fileSet - cached, free)
    unbacked -= min(unbacked, more)
    cached += more
    return (before - unbacked, max(0, pages - fromFree - fromFiles))
  }
}

/// Share of page references that miss, by the number of pages of the set that are in memory: tabulated, linear between.
public struct FaultCurve: Sendable, Hashable {
  /// Intervals of the table.
  public static let intervals = 256
  /// Values at `0, 1/256, ...` of the set; 1 at 0 and 0 where all of it is there.
  public let values: [Double]
  /// Pages of the set.
  public let pages: Double

  /// Tabulates the references of a workload to its memory: the pages that are held, and the references that are missed,
  /// along characteristic times that grow by an eighth root of 2.
  ///
  /// - Complexity: O(groups of pages) for each of some 200 times.
  public init(_ memory: MemoryReferences) {
    let groups = memory.groups(page: BasePage.size)
    pages = groups.items
    var held = [0.0]
    var missed = [1.0]
    let growth = PortableMath.exp(PortableMath.log(2) / 8)
    var time = 1.0
    while held.count < 1000 {
      let occupied = groups.occupied(within: time)
      held.append(occupied)
      missed.append(groups.missed(after: time))
      if occupied > pages * (1 - 1e-4) || missed[missed.count - 1] < 1e-9 { break }
      time *= time < 16 ? 2 : growth
    }
    held.append(pages)
    missed.append(0)
    var position = 0
    values = (0...Self.intervals).map { step in
      let resident = groups.items * Double(step) / Double(Self.intervals)
      while position + 2 < held.count, held[position + 1] <= resident { position += 1 }
      let span = held[position + 1] - held[position]
      let share = span > 0 ? min(1, (resident - held[position]) / span) : 1
      return step == Self.intervals ? 0 : missed[position] * (1 - share) + missed[position + 1] * share
    }
  }

  /// A set without pages, of which nothing misses.
  public init() {
    pages = 0
    values = [0]
  }

  /// The share that misses with `resident` pages in memory, 0 to 1. O(1).
  public func ratio(_ resident: Double) -> Double {
    values.withUnsafeBufferPointer { Self.ratio(resident, of: pages, in: $0.baseAddress!) }
  }

  /// The same from a table elsewhere, of `intervals + 1` values.
  public static func ratio(_ resident: Double, of pages: Double, in values: UnsafePointer<Double>) -> Double {
    guard pages > 0, resident < pages else { return 0 }
    let position = max(0, resident) / pages * Double(intervals)
    let index = min(intervals - 1, Int(position))
    let share = position - Double(index)
    return values[index] * (1 - share) + values[index + 1] * share
  }
}

/// What some CPU time of a workload meets in a memory that is not all there, as expected counts.
public struct MemoryEvents: Sendable, Hashable {
  /// Pages read from the guest's swap.
  public var guestSwapIn = 0.0
  /// Pages read from the host's.
  public var hostSwapIn = 0.0
  /// Pages read from the host's for the guest to evict them.
  public var doublePaging = 0.0
  /// Pages of files read.
  public var cacheRead = 0.0
  /// Pages that the host must back.
  public var firstTouch = 0.0

  /// No events.
  public init() {}

  /// The events of so many references, which change what is resident.
  ///
  /// - Parameters:
  ///   - residence: the guest's memory.
  ///   - swapped: pages of it that the host has swapped out.
  ///   - references: references to pages of the working set, and to pages of files.
  ///   - missing: share of the former that the guest's memory misses, and that the host's does.
  ///   - filesMissing: share of the latter that the guest's memory misses.
  public init(
    _ residence: inout MemoryResidence, swapped: Double, references: (pages: Double, files: Double),
    missing: (inGuest: Double, inHost: Double), filesMissing: Double
  ) {
    guestSwapIn = references.pages * missing.inGuest
    hostSwapIn = swapped > 0 ? references.pages * max(0, missing.inHost - missing.inGuest) : 0
    cacheRead = references.files * filesMissing
    let pages = residence.resident + residence.cached
    let (touched, evicted) = residence.readIn(pages: guestSwapIn, files: cacheRead)
    firstTouch = touched
    doublePaging =
      evicted * DoublePaging.probability(swapped: swapped, of: pages, inactive: residence.inactiveShare)
  }
}

/// What the memory of a VM does over a run whose balloons follow a schedule.
public struct MemoryPlan: Sendable, Hashable {
  /// An order to the balloon's driver.
  public struct Order: Sendable, Hashable {
    /// When it comes, in nanoseconds.
    public let time: Int64
    /// Pages that the balloon is to hold.
    public let balloon: Double

    /// Creates an order.
    public init(time: Int64, balloon: Double) {
      self.time = time
      self.balloon = balloon
    }
  }

  /// The memory at the beginning.
  public let initial: MemoryResidence
  /// Orders by time.
  public let orders: [Order]
  /// Least time for a page by a stated bound, in nanoseconds; 0 without one.
  public let timePerPage: Double
  /// References to the working set per second of CPU time on the bare host.
  public let references: Double
  /// How many of them miss.
  public let curve: FaultCurve
  /// References to files per second of CPU time on the bare host.
  public let fileReferences: Double
  /// How many of them miss.
  public let fileCurve: FaultCurve
  /// Latency of the guest's swap device in nanoseconds; 0 without one.
  public let guestLatency: Double
  /// Pages that the guest writes to its swap at a time when it must free some.
  public let writeCluster: Double
  /// Pages that the driver hands over at a time.
  public let batch: Double

  /// Creates a plan. Rates and times >= 0; orders by time; a cluster and a batch of at least one page.
  public init(
    initial: MemoryResidence, orders: [Order], timePerPage: Double, references: Double, curve: FaultCurve,
    fileReferences: Double, fileCurve: FaultCurve, guestLatency: Double, writeCluster: Int, batch: Int
  ) {
    self.writeCluster = Double(writeCluster)
    self.initial = initial
    self.orders = orders
    self.timePerPage = timePerPage
    self.references = references
    self.curve = curve
    self.fileReferences = fileReferences
    self.fileCurve = fileCurve
    self.guestLatency = guestLatency
    self.batch = Double(batch)
  }

  /// Time in nanoseconds until so many pages are written to the guest's swap device: one cluster after the other.
  public func writing(_ pages: Double) -> Double { Self.writing(pages, latency: guestLatency, cluster: writeCluster) }

  /// The same for a device of that latency, and clusters of so many pages.
  public static func writing(_ pages: Double, latency: Double, cluster: Double) -> Double {
    (pages / cluster).rounded(.up) * latency
  }
}

/// How a balloon's driver hands pages over.
public struct BalloonDriver: Sendable, Hashable {
  /// Pages that it hands over at a time.
  public let batch: Int
  /// Where the figure comes from.
  public let source: String

  /// Creates a driver. `batch` > 0.
  public init(batch: Int, source: String) {
    self.batch = batch
    self.source = source
  }

  /// That of virtio, for designs that say nothing.
  public static let usual = BalloonDriver(
    batch: 256, source: "Linux, drivers/virtio/virtio_balloon.c: VIRTIO_BALLOON_ARRAY_PFNS_MAX")
}

/// Paging by host and guest at a time.
public enum DoublePaging {
  /// Probability that a page which the guest evicts, or reuses, has been swapped out by the host, which must read it first.
  ///
  /// Both sides choose from the least recently used pages: with `swapped` of the guest's `pages` out, a victim among the
  /// share of pages that the guest's kernel counts as inactive is out with probability `swapped / (inactive · pages)`.
  /// [R. P. Goldberg, R. Hassinger, The double paging anomaly, AFIPS 1974; N. Amit, D. Tsafrir, A. Schuster, VSwapper: a
  /// memory swapper for virtualized environments, ASPLOS 2014]
  public static func probability(swapped: Double, of pages: Double, inactive: Double) -> Double {
    guard swapped > 0, pages > 0, inactive > 0 else { return 0 }
    return min(1, swapped / (inactive * pages))
  }
}

/// Merging of equal pages that are written to now and then.
///
/// The scanner comes to a page every `P` seconds and merges it when it has not changed since the last time; the first write
/// afterwards breaks it by a copy. With writes at rate `w` to each page a page is merged for the share
/// `e^(−wP) (1 − e^(−wP)) / wP` of time and breaks `e^(−wP) (1 − e^(−wP)) / P` times a second.
/// [A. Arcangeli, I. Eidus, C. Wright, Increasing memory density by using KSM, OLS 2009]
public struct PageMerging: Sendable, Hashable {
  /// Share of time that an equal page is merged.
  public let mergedShare: Double
  /// Breaks of an equal page per second.
  public let breaks: Double

  /// Creates the merging of one equal page.
  ///
  /// - Parameters:
  ///   - writes: writes to a page per second.
  ///   - period: seconds between two visits of the scanner.
  public init(writes: Double, period: Double) {
    let exponent = writes * period
    guard exponent > 1e-9 else {
      mergedShare = 1
      breaks = writes
      return
    }
    let quiet = PortableMath.exp(-exponent)
    mergedShare = quiet * (1 - quiet) / exponent
    breaks = quiet * (1 - quiet) / period
  }
}
