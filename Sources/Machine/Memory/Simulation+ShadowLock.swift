import EventKernel
import Model
import Quantities
import Statistics
import Virtualization

/// The lock of a VM's shadow tables.
struct ShadowLock {
  /// Length of a hold, and of the wait for siblings' answers to one flush, in units of `FineTime`.
  let hold: Int64
  let answer: Int64
  /// Time by which a hold is longer while a sibling has work.
  let transfer: Int64
  /// Time for lists of entries before a taking, while a sibling has work.
  let outside: Int64
  /// Whether flushes are asked for and awaited before it is taken.
  let isFine: Bool
  /// Takings by an operation that may take it.
  let share: Double
  /// Time in which the flushes of a taking are asked of one sibling with work.
  let request: Int64
  /// Flushes that a taking asks for.
  let flushes: Double
  /// Probability that a kick finds a sibling in its guest while its job runs.
  let guestShare: Double
  /// The leaf of waits, and those of a kicked sibling.
  let wait: LeafGroup
  let flush: LeafGroup
  var stream: RandomStream
  var queue = LockQueue()
}

/// Operations that take the lock of the VM's shadow tables, as events.
///
/// A job's takings lie at random in it. At each its vCPU takes the lock for the time of a hold, which is part of the job,
/// or spins on its core until those before it have let go. A vCPU that loses its core keeps its hold, or its place. Flushes
/// kick the siblings that run their guest; the holder waits for their answers before it lets go, or before it takes the lock
/// where tables have their own.
extension Simulation {
  /// Longer than any run: the work of a vCPU that spins until it is told otherwise.
  static var endless: Int64 { .max / 4 }

  mutating func addLock(of index: Int, to state: inout VMState) {
    let vm = model.vms[index]
    guard let use = vm.load.lock, let wait = vm.design.cost(of: .lockWait)?.synchronous.first else { return }
    let flush = vm.design.cost(of: .remoteFlush)?.synchronous ?? []
    let waitLeaf = ledger.open(vm: index, operation: .lockWait, charges: [wait])
    let flushLeaf = ledger.open(vm: index, operation: .remoteFlush, charges: flush)
    state.lock = Int32(
      shadowLocks.append(
        ShadowLock(
          hold: max(1, FineTime.units(nanoseconds: use.hold)), answer: FineTime.units(nanoseconds: use.answer),
          transfer: FineTime.units(nanoseconds: use.transfer), outside: FineTime.units(nanoseconds: use.outside),
          isFine: use.isFine, share: use.share,
          request: FineTime.units(nanoseconds: use.flushes * use.request),
          flushes: use.flushes, guestShare: use.guestShare, wait: LeafGroup(first: Int32(waitLeaf), count: 1),
          flush: LeafGroup(first: Int32(flushLeaf), count: Int32(flush.count)),
          stream: RandomStream(
            seed: model.seed, replication: replication, entity: vm.stream, purpose: Purpose.locks))))
  }

  // MARK: Takings of a job

  /// Places the takings of a new job.
  mutating func placeTakings(job: Int, vm: Int) {
    let lock = Int(vms[vm].lock)
    guard lock >= 0 else { return }
    var takings: Int64 = 0
    let first = vms[vm].firstComponent
    for component in first..<first + vms[vm].componentCount where components[component].takesLock {
      takings += jobCounts[job * jobStride + component - first]
    }
    if shadowLocks[lock].share < 1 { takings = drawn(Double(takings) * shadowLocks[lock].share, lock: lock) }
    jobs[job].takings = min(takings, jobs[job].total / shadowLocks[lock].hold)
    placeNextTaking(job: job, lock: lock)
  }

  /// Of `n` points that lie evenly at random in what is left outside holds the next one is away `1 − U^(1/n)` of it.
  private mutating func placeNextTaking(job: Int, lock: Int) {
    let left = jobs[job].takings
    guard left > 0 else { return }
    let outside = max(0, jobs[job].total - jobs[job].executed - left * shadowLocks[lock].hold)
    let share = 1 - PortableMath.exp(-shadowLocks[lock].stream.nextExponential() / Double(left))
    jobs[job].nextTaking = jobs[job].executed + min(outside, Int64(Double(outside) * share))
  }

  // MARK: The lock

  /// A whole number with that mean, one of its two neighbours.
  private mutating func drawn(_ mean: Double, lock: Int) -> Int64 {
    let whole = mean.rounded(.down)
    return Int64(whole) + (mean > whole && shadowLocks[lock].stream.nextUniform() < mean - whole ? 1 : 0)
  }

  /// The job on a vCPU wants the lock, after what needs none.
  mutating func takeShadowLock(thread index: Int, vm: Int) {
    let lock = Int(vms[vm].lock)
    let busy = shadowLocks[lock].isFine ? busySiblings(of: index, vm: vm) : 0
    var time = busy > 0 ? shadowLocks[lock].outside + busy * shadowLocks[lock].request : 0
    if busy > 0 { time += askForFlushes(thread: index, vm: vm, lock: lock) }
    if time > 0 {
      plan(.tableWork, group: shadowLocks[lock].wait, time: time, thread: index)
      beginBurst(thread: index)
    } else {
      acquireShadowLock(thread: index)
    }
  }

  /// Kicks siblings for the flushes of a taking, and returns the time until they have answered.
  private mutating func askForFlushes(thread index: Int, vm: Int, lock: Int) -> Int64 {
    let flushes = drawn(shadowLocks[lock].flushes, lock: lock)
    guard flushes > 0, kickSiblings(of: index, vm: vm, lock: lock, flushes: flushes) else { return 0 }
    return shadowLocks[lock].answer * flushes
  }

  /// Takes the lock, or begins to spin for it.
  mutating func acquireShadowLock(thread index: Int) {
    let vm = Int(threads[index].vm)
    let lock = Int(vms[vm].lock)
    if shadowLocks[lock].queue.holder < 0 {
      shadowLocks[lock].queue.holder = Int32(index)
      planHold(thread: index, vm: vm, lock: lock)
    } else {
      shadowLocks[lock].queue.append(index, in: waiters)
      plan(.shadowSpin, group: shadowLocks[lock].wait, time: Self.endless, thread: index)
    }
    beginBurst(thread: index)
  }

  /// What a vCPU with the lock in hand does first: lines that siblings with work have changed come from their processors,
  /// those that the lock guards and the record of each that a flush is asked of.
  private mutating func planHold(thread index: Int, vm: Int, lock: Int) {
    let busy = busySiblings(of: index, vm: vm)
    let asked = shadowLocks[lock].isFine ? 0 : busy * shadowLocks[lock].request
    let lines = busy > 0 ? shadowLocks[lock].transfer + asked : 0
    if lines > 0 {
      plan(.lineTransfer, group: shadowLocks[lock].wait, time: lines, thread: index)
    } else {
      threads[index].activity = .shadowHold
      threads[index].remaining = shadowLocks[lock].hold
    }
  }

  /// The lines are there.
  mutating func beginShadowHold(thread index: Int) {
    threads[index].activity = .shadowHold
    threads[index].remaining = shadowLocks[Int(vms[Int(threads[index].vm)].lock)].hold
    beginBurst(thread: index)
  }

  /// The hold is over: flushes what has changed, or lets go.
  mutating func endShadowHold(thread index: Int) {
    let vm = Int(threads[index].vm)
    let lock = Int(vms[vm].lock)
    let job = Int(threads[index].current)
    jobs[job].takings -= 1
    placeNextTaking(job: job, lock: lock)
    let answers = shadowLocks[lock].isFine ? 0 : askForFlushes(thread: index, vm: vm, lock: lock)
    if answers > 0 {
      plan(.flushAnswer, group: shadowLocks[lock].wait, time: answers, thread: index)
      beginBurst(thread: index)
    } else {
      releaseShadowLock(thread: index)
    }
  }

  /// - Complexity: O(vCPUs of the VM).
  private func busySiblings(of index: Int, vm: Int) -> Int64 {
    var count: Int64 = 0
    for sibling in vms[vm].threads where sibling != index && threads[sibling].current >= 0 { count += 1 }
    return count
  }

  /// Kicks the siblings that run their guest; those in the hypervisor or without a core flush before they enter anyway.
  /// Returns whether there were any.
  private mutating func kickSiblings(of index: Int, vm: Int, lock: Int, flushes: Int64) -> Bool {
    var isAny = false
    for sibling in vms[vm].threads
    where sibling != index && threads[sibling].state == .running && threads[sibling].activity == .job
      && shadowLocks[lock].stream.nextUniform() < shadowLocks[lock].guestShare
    {
      isAny = true
      cut(thread: sibling)
      begin(.flush, group: shadowLocks[lock].flush, operations: flushes, thread: sibling)
    }
    return isAny
  }

  /// Hands the lock to the first that spins and goes on with the job.
  mutating func releaseShadowLock(thread index: Int) {
    let vm = Int(threads[index].vm)
    let lock = Int(vms[vm].lock)
    let next = Int(shadowLocks[lock].queue.head)
    shadowLocks[lock].queue.holder = Int32(next)
    if next >= 0 {
      shadowLocks[lock].queue.remove(next, in: waiters)
      grant(lock, to: next, at: now * FineTime.unitsPerNanosecond + threads[index].fraction)
    }
    leaveCriticalSection(thread: index)
  }

  /// Ends the spinning of a vCPU, which goes on with its hold at once or when it has a core again.
  private mutating func grant(_ lock: Int, to index: Int, at instant: Int64) {
    let isRunning = threads[index].state == .running
    if isRunning {
      let time = max(0, instant - threads[index].begun)
      // Siblings of the core may slow the spinning down.
      threads[index].remaining -= threads[index].stretch == 1 ? time : Int64(Double(time) / threads[index].stretch)
      threads[index].fraction = max(instant, threads[index].begun) - now * FineTime.unitsPerNanosecond
    }
    dropPlan(thread: index)
    planHold(thread: index, vm: Int(threads[index].vm), lock: lock)
    if isRunning { beginBurst(thread: index) }
  }
}
