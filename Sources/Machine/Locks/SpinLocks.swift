import Virtualization

/// Locks of a kind that a VM's work takes.
struct SpinLockClass {
  /// The first lock, and how many there are to choose from.
  var first: Int32
  var instances: Int64
  /// Index of the law of the holds, and their mean in nanoseconds.
  var sampler: Int32
  var meanHold: Double
  /// Whether holds grow with the work.
  var makesExits: Bool
  /// Takings of a request: so many, and the probability of one more.
  var whole: Int64
  var fraction: Double
  /// Takings per nanosecond of work, and the fraction that is carried from job to job.
  var perNanosecond: Double
  var carried = 0.0
}

/// A spin lock of a guest.
struct SpinLock {
  var kind: SpinLockKind
  var queue = LockQueue()
}

/// What a VM does with its guest's locks and with vCPUs that spin.
struct SpinSetting {
  var firstClass: Int32 = 0
  var classes: Int32 = 0
  /// Spinning after which a waiter halts, and between looks at the waiter before it, in units of `FineTime`.
  var threshold = Simulation.endless
  var check = Simulation.endless
  /// What the hypervisor does with a vCPU that spins, after how much spinning, and to how much that grows.
  var response = PauseLoops.Response.off
  var window = Simulation.endless
  var longestWindow = Simulation.endless
  /// The sibling that was last made way for.
  var lastBoosted: Int32 = 0
  /// Time spent spinning in units of `FineTime`.
  var spun: Int64 = 0
  // Costs.
  var pause = LeafGroup()
  var kick = LeafGroup()
  var halt = LeafGroup()
  var wake = LeafGroup()
}

/// What a thread does about spin locks.
struct SpinState {
  /// The lock of the guest that it holds or waits for; -1 for none.
  var lock: Int32 = -1
  /// The next that waits for the same lock, of the guest or of its shadow tables.
  var next: Int32 = -1
  /// Spinning left before it halts.
  var left = Simulation.endless
  /// Spinning after which it exits; set anew when it gets a processor.
  var window = Simulation.endless
  /// Length of the critical section that it is in or waits for.
  var hold: Int64 = 0
  /// Whether it has got the lock while in the hypervisor, or was kicked on its way to the halt.
  var isGranted = false
  var isKicked = false
  /// Whether it has made way, and whether it may be made way for all the same.
  var hasYielded = false
  var isEligible = false
  /// Whom it kicks.
  var target: Int32 = -1
}
