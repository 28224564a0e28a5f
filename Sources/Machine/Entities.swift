import EventKernel
import Quantities
import Virtualization

/// What the payload of an event means.
enum EventKind {
  /// The next request of an open workload comes to VM `handle`.
  static let arrival: UInt8 = 1
  /// The running burst of thread `handle` ends.
  static let burstEnd: UInt8 = 2
  /// The time slice of processor `handle` ends.
  static let sliceEnd: UInt8 = 3
  /// A client of VM `handle` has finished thinking.
  static let thinkEnd: UInt8 = 4
  /// The period of service thread `handle` begins.
  static let servicePeriod: UInt8 = 5
  /// The swapped page that thread `handle` waits for is there.
  static let pageArrival: UInt8 = 6
  /// The quota of VM `handle` is used up, or its period ends.
  static let bandwidth: UInt8 = 7
  /// The skew of the vCPUs of VM `handle` is looked at.
  static let skew: UInt8 = 8
  /// The credit scheduler of host `handle` gives credit.
  static let creditPeriod: UInt8 = 9
  /// The packets of job `handle` pass the host's moderated interface.
  static let delivery: UInt8 = 10
  /// A disk has done the block request of job `handle`.
  static let diskEnd: UInt8 = 11
  /// Work beside the guests, `handle` among all, wakes up.
  static let workWakeup: UInt8 = 20
  /// An order comes to the balloon of VM `handle`.
  static let balloonOrder: UInt8 = 12
  /// The balloon of VM `handle` may go on.
  static let balloonStep: UInt8 = 13
  /// A period of VM `handle`'s reservation begins.
  static let reservationPeriod: UInt8 = 21
  /// The reserved time of VM `handle` is used up.
  static let reservationEnd: UInt8 = 22
}

/// Where a thread of a host is.
enum ThreadState: UInt8 {
  /// Halted vCPU or sleeping backend.
  case blocked
  /// Runnable without a core.
  case waiting
  /// On a core.
  case running
}

/// What a thread does, or will go on with once it has a core again.
enum Activity: UInt8 {
  /// Nothing yet: decides when it gets a core.
  case none
  /// A vCPU runs a job of its guest.
  case job
  /// Was woken, and pays for it as soon as it has a core.
  case woken
  /// A vCPU is woken from halt.
  case wake
  /// A running vCPU takes an interrupt that needs exits.
  case kick
  /// A vCPU rings a backend.
  case doorbell
  /// A vCPU goes idle.
  case halt
  /// A backend wakes up.
  case backendWake
  /// A backend handles an item of its queue.
  case item
  /// A service of the host does a period's work.
  case service
  /// Work beside the guests.
  case beside
  /// A vCPU spins until siblings without a processor have flushed.
  case flushWait
  /// A vCPU holds the lock of its shadow tables; the hold is part of its job.
  case hold
  /// A vCPU spins until it gets that lock.
  case spin
  /// A vCPU waits with the lock in hand for its siblings' answers to a flush.
  case answer
  /// A vCPU has taken the lock and waits for lines of memory from other processors.
  case transfer
  /// A running vCPU is kicked for a sibling's flush.
  case flush
  /// A vCPU waits for a swapped page without a core.
  case pageWait
  /// A backend looks for more before it sleeps.
  case poll
  /// A balloon's worker wakes up, and handles a batch of pages.
  case balloonWake, balloonWork
  /// A vCPU is in a critical section of its guest; it is part of its job.
  case lockHold
  /// A vCPU spins for a lock of its guest.
  case lockSpin
  /// A vCPU that spins has exited.
  case pauseLoop
  /// A vCPU kicks one that has halted for a lock.
  case lockKick
  /// A vCPU halts, or has halted, until it is kicked for a lock.
  case lockHalt
  /// It was kicked, and pays for it as soon as it has a core.
  case lockKicked
  /// It wakes up.
  case lockWake
  /// The host polls for the wake-up of a vCPU that has halted.
  case haltPoll

  /// Whether it goes on until it is told to stop.
  var isEndless: Bool { self == .spin || self == .flushWait }

  /// Whether it is work of the job on the vCPU.
  var isJob: Bool { self == .job || self == .hold || self == .lockHold }
}

/// A vCPU's or a backend's thread on the host.
struct Thread {
  var host: Int32
  var vm: Int32
  /// Index among the VM's vCPUs; -1 for the backend.
  var vcpu: Int32
  /// The backend that it is; -1 for others.
  var backend: Int32 = -1
  /// The next that spins for the same lock.
  var nextSpinner: Int32 = -1
  /// The processor; -1 for none.
  var core: Int32 = -1
  var state = ThreadState.blocked
  var activity = Activity.none
  /// A device interrupt waits to be taken by this running vCPU.
  var isKickPending = false
  /// Whether the bell in hand is for the disk, and the queue that it is for.
  var ringsDisk = false
  var ringsQueue: Int32 = -1
  /// Whether it is a service of the host, which works periodically.
  var isService = false
  /// The work beside the guests that it does, or that a vCPU of the privileged domain does while its backend has nothing
  /// to do: the first of a list, and the one in hand; -1 for none.
  var firstWork: Int32 = -1
  var work: Int32 = -1
  /// Whether it handles the pages of its VM's balloon.
  var isBalloonWorker = false
  /// The job on the vCPU, or the item in the backend's hands; -1 for none.
  var current: Int32 = -1
  var generation: UInt32 = 0
  /// The part of a nanosecond, in `FineTime` units, by which the thread is ahead of the integer clock.
  var fraction: Int64 = 0
  /// Time that a unit of work takes; more than 1 while siblings of the core are busy.
  var stretch = 1.0
  /// Whether a burst runs.
  var isBursting = false
  /// Start of the running burst in `FineTime` since the beginning.
  var begun: Int64 = 0
  /// Work left of the current burst at `begun`.
  var remaining: Int64 = 0
  /// Leaves that the current stall or item books, how much it takes in all, and how much of it is booked.
  var group = LeafGroup()
  var groupOperations: Int64 = 0
  var groupTotal: Int64 = 0
  var groupBooked: Int64 = 0
  /// When the flush that it waits for began.
  var flushStart: Int64 = 0
  /// When the thread got its core, for the time slice.
  var sliceStart: Int64 = 0
  /// When the present state began, and the time spent in each state, in nanoseconds.
  var since: Int64 = 0
  var blockedTime: Int64 = 0
  var waitingTime: Int64 = 0
  var runningTime: Int64 = 0
}

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
  /// What is left of the same thread's work after this chunk.
  var left: Int64 = 0
  /// Where in `executed` the present turn began.
  var turnStart: Int64 = 0
  /// Takings of the lock of the shadow tables that are still to come, and where in `executed` the next one is.
  var takings: Int64 = 0
  var nextTaking: Int64 = 0
  /// Waits for swapped pages that are still to come, their time in nanoseconds, and where in `executed` the next one is.
  var pageWaits: Int64 = 0
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
  /// Work at which the present stage ends.
  var stageEnd: Int64 = 0
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
}

/// Kinds of work, as the event loop tells them apart.
enum WorkShape: UInt8 { case requests, batch, program, idle }

/// One VM with its guest scheduler and its backend.
struct VMState {
  var host: Int32
  var workload: Int32
  var firstThread: Int32
  var vcpus: Int32
  /// The lock of its shadow tables; -1 where nobody contends for it.
  var lock: Int32 = -1
  /// Whether operations wait for swapped pages.
  var hasPageWaits = false
  /// Whether its memory changes during the run.
  var hasPlan = false
  /// Work of the balloon's driver that no vCPU has taken up; -1 for none.
  var balloonJob: Int32 = -1

  // Work.
  var shape = WorkShape.requests
  var isPoisson = false
  var isClosed = false
  /// Mean time between arrivals in nanoseconds; 0 for none.
  var meanGap = 0.0
  /// Mean think time of a client in nanoseconds.
  var thinkTime = 0.0

  // Guest scheduler.
  var queueHead: Int32 = -1
  var queueTail: Int32 = -1
  var queueLength: Int32 = 0
  var halted: Int32
  /// vCPUs that were woken and have not yet looked for a job.
  var waking: Int32 = 0
  /// Longest burst of a job while others wait, in units of `FineTime`.
  var turn: Int64 = .max

  /// Whether the skew of the vCPUs is looked at again.
  var isSkewWatched = false

  // Costs.
  var wake = LeafGroup()
  var kick = LeafGroup()
  /// The same where the guest had interrupts off, how often that is, and what is carried of it.
  var blockedKick = LeafGroup()
  var blockedShare = 0.0
  var blockedCarry = 0.0
  /// What vCPUs spin for while siblings without a processor owe a flush, how many spin, and whether they do at all.
  var flushWait = LeafGroup()
  var flushSpinners: Int32 = 0
  var flushesPreempted = false
  var halt = LeafGroup()
  /// Index range of the VM's bulk components, and the first leaf of them all.
  var firstComponent = 0
  var componentCount = 0
  var firstBulkLeaf = 0
  var bulkLeafCount = 0
  /// The guest's own share of native work: what virtualization does not replace and ticks do not take.
  var guestShare = 1.0
  /// Components of the time without dirty logging, which come first; and what replaces the above while it is on.
  var plainComponents = 0
  var loggedShare = 1.0
  var loggedIteration: Int64 = 0
  /// Native work of one iteration of a program in units of `FineTime`.
  var iteration: Int64 = 0

  /// Whether a device has several queues, so that flows are told apart.
  var isMultiQueue = false

  // Network.
  var packetsReceived: Int32 = 0
  var packetsSent: Int32 = 0
  var nic: Int32 = -1
  /// What interrupts for its packets, and may be moderated.
  var interruptSource: Int32 = -1
  /// How many sources of its own it has, one for each queue of an assigned interface.
  var interruptQueues: Int32 = 1
  /// Time on the wire of the packets of one request, in nanoseconds, and what a walk of the IOMMU adds to it.
  var wireTime: Int64 = 0
  var walkDelay: Int64 = 0
  /// Time on the wire under the VM's own limit, and when that lets the next pass.
  var limitTime: Int64 = 0
  var limitFree: Int64 = 0
  /// Least time between interrupts of the interface.
  var moderation: Int64 = 0
  /// Time of the guest's driver and stack for the packets of one request, during which it polls, and until when it does.
  var pollTime: Int64 = 0
  var pollsUntil: Int64 = 0
  var network = DevicePath()

  // Disk.
  var disk: Int32 = -1
  var block = DevicePath()
  var readsWhole: Int32 = 0
  var readsFraction = 0.0
  var writesWhole: Int32 = 0
  var writesFraction = 0.0
  /// Bytes' time on the disk's bus.
  var readTransfer: Int64 = 0
  var writeTransfer: Int64 = 0
  /// Least time between requests under the VM's own limit, and when that lets the next pass.
  var diskGap: Int64 = 0
  var diskFree: Int64 = 0
  /// Time of a read's and a write's bytes under the VM's own limit, and when that lets the next pass.
  var readQuota: Int64 = 0
  var writeQuota: Int64 = 0
  var quotaFree: Int64 = 0

  /// Threads of a batch or program that still run.
  var running: Int32 = 0
  /// When the last of them ended, in nanoseconds; -1 before.
  var finishedAt: Int64 = -1
  /// Iterations, or nanoseconds of native work, done in the measured window.
  var done: Int64 = 0
  var completed: Int64 = 0
}

/// How far a VM's translator has got.
struct CodeState {
  var translation: CodeTranslation?
  /// Work of the guest so far in nanoseconds, and the instructions translated for it.
  var work = 0.0
  var translated = 0.0

  /// Instructions that a job of `nanoseconds` of work brings.
  mutating func advance(nanoseconds: Double) -> Double {
    guard let translation else { return 0 }
    work += nanoseconds
    let before = translated
    translated = translation.translated(after: work)
    return translated - before
  }
}

/// Buffers of a VM whose translations wait to be invalidated together.
struct InvalidationQueue {
  var deferred: DeferredInvalidation?
  var waiting = 0.0
  var due: Int64 = .max

  /// Takes the buffers of a job in, and returns how many invalidations have come due since the job before.
  mutating func advance(to now: Int64) -> Int64 {
    guard let deferred else { return 0 }
    var invalidations: Int64 = 0
    if now >= due {
      invalidations = 1
      waiting = 0
    }
    if waiting == 0 { due = now + Int64(deferred.deferral) }
    waiting += deferred.perRequest
    while waiting >= deferred.capacity {
      invalidations += 1
      waiting -= deferred.capacity
      due = waiting > 0 ? now + Int64(deferred.deferral) : .max
    }
    return invalidations
  }
}

/// The present round of a VM's dirty logging.
struct DirtyRound {
  var logging: DirtyLogging?
  var exitsPerCPUSecond = 0.0
  var number: Int64 = 0
  var dirty = 0.0
  /// Pages that the job in the making has dirtied, and its CPU time in seconds.
  var latest = 0.0
  var latestTime = 0.0

  /// Pages that a job which starts now dirties in `nanoseconds` of CPU time.
  mutating func advance(to now: Int64, nanoseconds: Double) -> Double {
    guard let logging else { return 0 }
    let round = Int64(Double(now) / logging.interval)
    if round != number {
      number = round
      dirty = 0
    }
    latestTime = nanoseconds * 1e-9
    latest = logging.newlyDirty(in: latestTime, after: dirty)
    dirty += latest
    return latest
  }

  /// Expected fillings of the log during the latest job.
  var fullLogs: Double {
    guard latestTime > 0 else { return 0 }
    return latestTime * DirtyLogging.fullExits(dirty: latest / latestTime, exits: exitsPerCPUSecond)
  }
}

/// A pool of plain values behind a pointer that doubles when it is full; a free list threads through the values.
struct Pool<Value> {
  private(set) var base: UnsafeMutablePointer<Value>
  private(set) var capacity: Int
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = max(1, capacity)
    base = .allocate(capacity: self.capacity)
  }

  subscript(_ index: Int) -> Value {
    @inline(__always) unsafeAddress { UnsafePointer(base + index) }
    @inline(__always) nonmutating unsafeMutableAddress { base + index }
  }

  /// Adds a value and returns its index. Amortized O(1).
  mutating func append(_ value: Value) -> Int {
    if count == capacity {
      let larger = UnsafeMutablePointer<Value>.allocate(capacity: capacity * 2)
      larger.moveInitialize(from: base, count: count)
      base.deallocate()
      base = larger
      capacity *= 2
    }
    (base + count).initialize(to: value)
    count += 1
    return count - 1
  }

  /// The indices of all values.
  var indices: Range<Int> { 0..<count }

  func deallocate() {
    base.deinitialize(count: count)
    base.deallocate()
  }
}
