import Virtualization

/// A hardware thread of a host.
struct Processor {
  var host: Int32
  /// The first hardware thread of its core, and how many there are.
  var firstSibling: Int32
  var siblings: Int32
  /// The thread that runs; -1 when idle.
  var thread: Int32 = -1
  var sliceGeneration: UInt32 = 0
  var isSliceScheduled = false
  /// When the slice ends, if one is scheduled.
  var sliceEnd: Int64 = 0
  /// Since when it is idle, if it is; its last idle times in a ring, the oldest of them, and their sum, in nanoseconds.
  var idleSince: Int64 = 0
  var firstIdleTime: Int32 = 0
  var nextIdleTime: Int32 = 0
  var idleSum: Int64 = 0
}

/// A host's processors and what its scheduler knows.
struct HostState {
  var firstProcessor: Int32
  var processors: Int32
  var idle: Int32
  var scheduler: SchedulerKind
  /// Whether siblings slow each other down.
  var isShared: Bool
  /// Whether cores are faster while few are active; the first of its speeds by active cores, how many are, and the speed.
  var isBoosted = false
  var firstSpeed: Int32 = 0
  var activeCores: Int32 = 0
  var speed = 1.0
  /// Longest time on a processor while others wait, in nanoseconds.
  var slice: Int64
  /// How far a vCPU may be ahead of a sibling that waits, in nanoseconds.
  var skew: Int64
  /// Whether a VM of it has a reservation.
  var hasReservations = false
  /// Index range of the queues: one for each set of processors that threads are pinned to.
  var firstQueue: Int32 = 0
  var queues: Int32 = 0
  /// Threads in the queues.
  var waiting: Int32 = 0
  /// Processors whose slice is bounded.
  var armed: Int32 = 0
  /// The VM for whose vCPUs processors are collected; -1 for none.
  var collecting: Int32 = -1
  /// Idle states of the cores: the first of them, and how many there are.
  var firstIdleState: Int32 = 0
  var idleStates: Int32 = 0
  /// vCPUs for whose wake-up the host polls on a processor.
  var polling: Int32 = 0
  /// Order of arrival in the queues.
  var order: Int64 = 0

  // Virtual time: the mean of the runnable threads' virtual run times by weight.
  var weight = 0.0
  var virtualSum = 0.0
  var sumTime: Int64 = 0
  var runningThreads: Int32 = 0
  var lastClock = 0.0
  /// Run time that the latest giving of credit2 stands for.
  var epoch = 0.0
}

/// What a scheduler keeps of a thread.
struct SchedulingShare {
  /// Weight against other threads.
  var weight = 1.0
  /// Run time by weight in nanoseconds.
  var virtualTime = 0.0
  /// Virtual time at which the present request for a slice ought to be served.
  var deadline = 0.0
  /// How far the thread was behind the mean when it last slept.
  var lag = 0.0
  /// Credit of Xen's credit scheduler in nanoseconds, and whether a wake-up has lifted the thread above others.
  var credit = 0.0
  var isBoosted = false
  /// Time up to which running is charged.
  var charged: Int64 = 0
  /// Whether the thread may not run: its VM's cap is used up, or it is too far ahead of a sibling.
  var isThrottled = false
  var isCoStopped = false
  /// Under relaxed co-scheduling: how far the vCPU was ahead when it became idle, and what counts as hindrance beside the
  /// time it has waited in the measured window, in nanoseconds.
  var leadAtSleep: Int64 = 0
  var idleHindrance: Int64 = 0
  /// Index of the queue by pinning.
  var queue: Int32 = 0
  // Place in a heap.
  var key = 0.0
  var order: Int64 = 0
  var heap: Int32 = -1
  var position: Int32 = 0
}

/// Bandwidth control of one VM.
struct Bandwidth {
  /// Run time in a period, and the period, in nanoseconds; 0 without a cap.
  var quota: Int64 = 0
  var period: Int64 = 0
  /// What is left of the quota at `updated`.
  var left: Int64 = 0
  var updated: Int64 = 0
  /// Number of the period for which `left` holds.
  var number: Int64 = -1
  var running: Int64 = 0
  var generation: UInt32 = 0
  var isPlanned = false
  var isThrottled = false
}

/// A binary heap of threads by `key`, ties by `order`.
struct ThreadHeap {
  var base: UnsafeMutablePointer<Int32>
  var count = 0
}
