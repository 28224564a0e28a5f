/// Kinds of work, as the event loop tells them apart.
enum WorkShape: UInt8 { case requests, batch, program, idle }

/// Block requests of one direction that a job makes one after another: a fraction is the probability of one more.
struct BlockStages {
  var whole: Int32 = 0
  var fraction = 0.0
  /// Those of them that were cut, which come first, and how many parts are under way together.
  var cutWhole: Int32 = 0
  var cutFraction = 0.0
  var parts: Int32 = 1
}

/// One VM with its guest scheduler and its backend.
struct VMState {
  var host: Int32
  var workload: Int32
  var firstThread: Int32
  var vcpus: Int32
  /// The threads of its vCPUs.
  var threads: Range<Int> { Int(firstThread)..<Int(firstThread) + Int(vcpus) }
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
  /// vCPUs that are stopped because they are too far ahead of a sibling.
  var coStopped: Int32 = 0

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
  var haltPoll = LeafGroup()
  /// Time in nanoseconds of leaving an idle state that the prices of waking a vCPU and a backend hold already.
  var includedWake: Int64 = 0
  var includedBackendWake: Int64 = 0
  /// Interrupt of a vCPU for whose wake-up the host polls.
  var polledWake = LeafGroup()
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
  /// Least time between interrupts of the front end, when it may interrupt again, whether an idle VM is interrupted at once,
  /// and the jobs whose packets it holds back.
  var frontModeration: Int64 = 0
  var nextFrontInterrupt: Int64 = 0
  var sparesIdle = false
  var heldHead: Int32 = -1
  var heldTail: Int32 = -1
  /// Time of the guest's driver and stack for the packets of one request, during which it polls, and until when it does.
  var pollTime: Int64 = 0
  var pollsUntil: Int64 = 0
  var network = DevicePath()
  /// Whether an interrupt for sent packets is on its way.
  var isTold = false

  /// The disk to which the host swaps, and the time of a page's bytes on its bus; -1 for a device of known latency.
  var swapDisk: Int32 = -1
  var swapTransfer: Int64 = 0
  /// Share of the pages that make room which are written, pages of a request, the time of its bytes, and pages that
  /// wait.
  var swapDirty = 0.0
  var swapCluster = 1.0
  var swapWriteTransfer: Int64 = 0
  var swapDebt = 0.0

  // Disk.
  var disk: Int32 = -1
  var block = DevicePath()
  var doneRequests = DoneRequests()
  var reads = BlockStages()
  var writes = BlockStages()
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
