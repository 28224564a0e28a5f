import Virtualization

/// A unit of guest work: a request, a chunk of a batch, some iterations of a program, or an idle wake-up.
struct Job {
  var next: Int32 = -1
  var vm: Int32 = -1
  /// A random number that names the flow, by which queues are chosen.
  var flow: UInt16 = 0
  var isAlive = false
  /// Work of the balloon's driver in the guest.
  var isBalloon = false
  /// When the request came, in nanoseconds.
  var arrival: Int64 = 0
  /// CPU time on the vCPU in all, executed so far, and booked so far, in units of `FineTime`.
  var total: Int64 = 0
  var executed: Int64 = 0
  var booked: Int64 = 0
  /// Iterations of a program, or native work in nanoseconds of a batch's chunk.
  var amount: Int64 = 0
  /// What is left of the same thread's work after this chunk; of a balloon's, time in nanoseconds until its pages are written.
  var left: Int64 = 0
  /// Where in `executed` the present turn began.
  var turnStart: Int64 = 0
  /// Takings of the lock of the shadow tables that are still to come, and where in `executed` the next one is.
  var takings: Int64 = 0
  var nextTaking: Int64 = 0
  /// Waits for swapped pages that are still to come, the time in nanoseconds of those on devices of known latency, and
  /// where in `executed` the next one is.
  var pageWaits: Int64 = 0
  /// How many of them are for the host's disk, whose time is known when it has the page.
  var diskPages: Int64 = 0
  var pageWaitTime: Int64 = 0
  var nextPageWait: Int64 = 0
  /// Critical sections that are still to come, the next one's lock, its length, and where in `executed` it is; units of work
  /// for each nanosecond of work on the bare host.
  var lockTakings: Int64 = 0
  var nextLock: Int64 = 0
  var hold: Int64 = 0
  var lockClass: Int32 = 0
  var dilation = 1.0
  /// Flushes of siblings that are still to come, and where in `executed` the next one is.
  var flushes: Int64 = 0
  var nextFlush: Int64 = 0
  /// Block requests that it makes, reads first, and how many of them are done. Its work is cut into equal stages by them.
  var reads: Int32 = 0
  var writes: Int32 = 0
  var stage: Int32 = 0
  /// The first so many reads, and writes, were cut; parts of the present one that are not done.
  var cutReads: Int32 = 0
  var cutWrites: Int32 = 0
  var parts: Int32 = 0
  /// Work at which the present stage ends.
  var stageEnd: Int64 = 0

  /// Where in `executed` it next takes a lock, waits for a page or flushes; `.max` for nowhere.
  var nextStop: Int64 {
    var stop = Int64.max
    if takings > 0 { stop = min(stop, nextTaking) }
    if lockTakings > 0 { stop = min(stop, nextLock) }
    if pageWaits > 0 { stop = min(stop, nextPageWait) }
    if flushes > 0 { stop = min(stop, nextFlush) }
    return stop
  }
}

/// An operation that jobs of a VM make in bulk.
struct BulkComponent {
  /// How the number of operations of a job is found.
  enum Count {
    /// So many a request; a fraction is the probability of one more.
    case perRequest(whole: Int64, fraction: Double)
    /// So many a nanosecond of CPU time on the bare host.
    case perNativeNanosecond(Double)
    /// One each time the vCPUs have run for so many units of `FineTime`.
    case perRunning(period: Int64)
    /// Pages that the job is the first to write to in its round of dirty logging.
    case dirtyPages
    /// Large mappings that the job splits, or puts together again.
    case regions
    /// Fillings of the processor's log by the pages that the job has dirtied.
    case fullLogs
    /// Instructions that the job is the first to reach and a translator translates.
    case newCode
    /// The block requests of the job.
    case blocks(isRead: Bool)
    /// So many an interrupt for received packets.
    case perInterrupt(Int64)
    /// Deferred invalidations that fall due with the job.
    case invalidations
    /// What the job meets in a memory that changes.
    case memory(MemoryEvent)
    /// What the balloon's driver does in a batch.
    case balloon(BalloonPart)
  }

  let operation: GuestOperation
  let count: Count
  /// The first leaf in the ledger, and how many.
  let firstLeaf: Int
  let leafCount: Int
  /// Native CPU time of one operation that is not part of the job's own native work, in units of `FineTime`.
  let native: Int64
  /// Expected stall of one operation in units of `FineTime`.
  let stall: Int64
  /// Whether the operation takes the lock of the shadow tables.
  var takesLock = false
  /// Time in nanoseconds that the vCPU then waits without a core.
  var pageWait: Int64 = 0
  /// Whether that is for a disk of the host.
  var readsSwapDisk = false
}
