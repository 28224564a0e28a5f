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
  /// A vCPU's driver handles the interrupt of a disk.
  case diskInterrupt
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
  case shadowHold
  /// A vCPU spins until it gets that lock.
  case shadowSpin
  /// A vCPU waits with the lock in hand for its siblings' answers to a flush.
  case flushAnswer
  /// A vCPU has taken the lock and waits for lines of memory from other processors.
  case lineTransfer
  /// A vCPU reads lists of entries and waits for answers to flushes before it takes the lock.
  case tableWork
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
  var isEndless: Bool { self == .shadowSpin || self == .flushWait }

  /// Whether it is work of the job on the vCPU.
  var isJob: Bool { self == .job || self == .shadowHold || self == .lockHold }
}

/// What a thread of a host is there for.
enum ThreadRole: UInt8 {
  /// A vCPU of a VM.
  case vcpu
  /// It serves queues of devices: a worker, or a vCPU of the privileged domain.
  case backend
  /// A service of the host, which works periodically.
  case service
  /// Work beside the guests.
  case work
  /// It handles the pages of its VM's balloon.
  case balloon
}

/// A thread on the host.
struct Thread {
  var host: Int32
  var vm: Int32
  /// Index among the VM's vCPUs; -1 for others.
  var vcpu: Int32 = -1
  var role = ThreadRole.vcpu
  /// The backend that it is; -1 for others.
  var backend: Int32 = -1
  /// The processor; -1 for none.
  var core: Int32 = -1
  var state = ThreadState.blocked
  var activity = Activity.none
  /// A device interrupt waits to be taken by this running vCPU.
  var isKickPending = false
  /// Whether the bell in hand is for the disk, and the queue that it is for.
  var ringsDisk = false
  var ringsQueue: Int32 = -1
  /// The work beside the guests that it does, or that a vCPU of the privileged domain does while its backend has nothing
  /// to do: the first of a list, and the one in hand; -1 for none.
  var firstWork: Int32 = -1
  var work: Int32 = -1
  /// The job on the vCPU, or the item in the backend's hands; -1 for none.
  var current: Int32 = -1
  var generation: UInt32 = 0
  /// The part of a nanosecond, in `FineTime` units, by which the thread is ahead of the integer clock.
  var fraction: Int64 = 0
  /// Time that a unit of work takes: more than 1 while siblings of the core are busy, less under a boost.
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
  /// How long the host polls for its wake-up when it halts, and when it halted, in nanoseconds.
  var pollWindow = 0.0
  var haltedAt: Int64 = 0
  /// Whether it has a processor whose core has yet to leave an idle state, and the processor that it comes back to.
  var isAwaitingCore = false
  var home: Int32 = 0
  /// When the thread got its core, for the time slice.
  var sliceStart: Int64 = 0
  /// When the present state began, and the time spent in each state, in nanoseconds.
  var since: Int64 = 0
  var blockedTime: Int64 = 0
  var waitingTime: Int64 = 0
  var runningTime: Int64 = 0
}
