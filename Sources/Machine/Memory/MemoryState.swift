import Virtualization

/// What a job meets in a memory that changes.
enum MemoryEvent: Int, CaseIterable {
  case guestSwapIn, hostSwapIn, doublePaging, cacheRead, firstTouch

  var operation: GuestOperation {
    switch self {
    case .guestSwapIn: .guestSwapIn
    case .hostSwapIn: .swapIn
    case .doublePaging: .doublePaging
    case .cacheRead: .cacheRead
    case .firstTouch: .firstTouch
    }
  }
}

/// What the balloon's driver does in the guest for a batch of pages.
enum BalloonPart: Int, CaseIterable {
  case page, back, batch, reclaim, swapOut, doublePaging

  var operation: GuestOperation {
    switch self {
    case .page: .balloonPage
    case .back: .balloonReturn
    case .batch: .balloonBatch
    case .reclaim: .pageReclaim
    case .swapOut: .guestSwapOut
    case .doublePaging: .doublePaging
    }
  }
}

extension MemoryEvents {
  subscript(_ event: MemoryEvent) -> Double {
    switch event {
    case .guestSwapIn: guestSwapIn
    case .hostSwapIn: hostSwapIn
    case .doublePaging: doublePaging
    case .cacheRead: cacheRead
    case .firstTouch: firstTouch
    }
  }
}

/// The memory of a VM and its balloon.
struct MemoryState {
  var residence = MemoryResidence(size: 0, workingSet: 0, fileSet: 0, balloon: 0, inactiveShare: 0)
  var references = 0.0
  var fileReferences = 0.0
  /// Where the tables of misses begin; -1 without.
  var curve = -1
  var fileCurve = -1
  /// Expected events of the latest job, in fractions.
  var latest = MemoryEvents()

  /// The driver: its orders, what the balloon is to hold, and how many pages are under way.
  var firstOrder = 0
  var orders = 0
  var target = 0.0
  var isBusy = false
  var largestBatch = 0.0
  var batch = 0.0
  var isInflating = false
  /// Least time for a page, and when the present batch began.
  var timePerPage = 0.0
  var begun: Int64 = 0
  var guestLatency = 0.0
  var writeCluster = 1.0
  var worker: Int32 = -1
  var inflate = LeafGroup()
  var deflate = LeafGroup()
  var wake = LeafGroup()

  /// Pages moved in the window; page-nanoseconds of the balloon and of swapped pages since `since`.
  var inflated = 0.0
  var deflated = 0.0
  var since: Int64 = 0
  var balloonTime = 0.0
  var swappedTime = 0.0
  var guestSwappedTime = 0.0
  /// Where the means of the balloon by part of the window begin.
  var series = -1
}

/// What a host has for the memory of its guests, and what they keep there, in pages.
struct HostMemory {
  let pages: Double
  var backed = 0.0

  /// Share of every guest's memory that is swapped out.
  var swappedShare: Double { backed > pages ? (backed - pages) / backed : 0 }
}
