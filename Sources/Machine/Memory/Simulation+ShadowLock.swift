import EventKernel
import Model
import Quantities
import Statistics
import Virtualization

/// The lock of a VM's shadow tables.
struct LockState {
  /// Length of a hold, and of the wait for siblings' answers to one flush, in units of `FineTime`.
  let hold: Int64
  let answer: Int64
  /// Time by which a hold is longer while a sibling has work.
  let transfer: Int64
  /// Flushes that a taking asks for.
  let flushes: Double
  /// The leaf of waits, and those of a kicked sibling.
  let wait: LeafGroup
  let flush: LeafGroup
  var stream: RandomStream
  /// The thread that holds it, and those that spin, first come first; -1 for none.
  var holder: Int32 = -1
  var head: Int32 = -1
  var tail: Int32 = -1
}

/// Operations that take the lock of the VM's shadow tables, as events.
///
/// A job's takings lie at random in it. At each its vCPU takes the lock for the time of a hold, which is part of the job,
/// or spins on its core until those before it have let go. A vCPU that loses its core keeps its hold, or its place. Flushes
/// kick the siblings that run their guest; the holder waits for their answers before it lets go.
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
      locks.append(
        LockState(
          hold: max(1, FineTime.units(nanoseconds: use.hold)), answer: FineTime.units(nanoseconds: use.answer),
          transfer: FineTime.units(nanoseconds: use.transfer),
          flushes: use.flushes, wait: LeafGroup(first: Int32(waitLeaf), count: 1),
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
    jobs[job].takings = min(takings, jobs[job].total / locks[lock].hold)
    placeNextTaking(job: job, lock: lock)
  }

  /// Of `n` points that lie evenly at random in what is left outside holds the next one is away `1 − U^(1/n)` of it.
  private mutating func placeNextTaking(job: Int, lock: Int) {
    let left = jobs[job].takings
    guard left > 0 else { return }
    let outside = max(0, jobs[job].total - jobs[job].executed - left * locks[lock].hold)
    let share = 1 - PortableMath.exp(-locks[lock].stream.nextExponential() / Double(left))
    jobs[job].nextTaking = jobs[job].executed + min(outside, Int64(Double(outside) * share))
  }

  /// How long a job runs on before its end, the end of its turn, its next taking or its next swapped page.
  func burst(of job: Int, vm: Int) -> Int64 {
    let isShared = vms[vm].queueLength > vms[vm].waking && !jobs[job].isBalloon
    // A hold may have gone beyond the end of the stage.
    let left = max(0, jobs[job].stageEnd - jobs[job].executed)
    guard jobs[job].takings > 0 || jobs[job].pageWaits > 0 || jobs[job].lockTakings > 0 || jobs[job].flushes > 0 else {
      return isShared ? min(left, vms[vm].turn) : left
    }
    var before = left
    if jobs[job].takings > 0 { before = min(before, max(0, jobs[job].nextTaking - jobs[job].executed)) }
    if jobs[job].lockTakings > 0 { before = min(before, max(0, jobs[job].nextLock - jobs[job].executed)) }
    if jobs[job].pageWaits > 0 { before = min(before, max(0, jobs[job].nextPageWait - jobs[job].executed)) }
    if jobs[job].flushes > 0 { before = min(before, max(0, jobs[job].nextFlush - jobs[job].executed)) }
    return isShared ? min(before, max(0, turnLeft(of: job, vm: vm))) : before
  }

  func turnLeft(of job: Int, vm: Int) -> Int64 {
    vms[vm].turn == .max ? .max : vms[vm].turn - (jobs[job].executed - jobs[job].turnStart)
  }

  // MARK: The lock

  /// The job on a vCPU wants the lock.
  mutating func takeLock(thread index: Int, vm: Int) {
    let lock = Int(vms[vm].lock)
    if locks[lock].holder < 0 {
      locks[lock].holder = Int32(index)
      planHold(thread: index, vm: vm, lock: lock)
    } else {
      threads[index].nextSpinner = -1
      if locks[lock].tail >= 0 {
        threads[Int(locks[lock].tail)].nextSpinner = Int32(index)
      } else {
        locks[lock].head = Int32(index)
      }
      locks[lock].tail = Int32(index)
      plan(.spin, time: Self.endless, lock: lock, thread: index)
    }
    beginBurst(thread: index)
  }

  /// A wait that is booked as such.
  private mutating func plan(_ activity: Activity, time: Int64, lock: Int, thread index: Int) {
    threads[index].activity = activity
    threads[index].group = locks[lock].wait
    threads[index].groupOperations = 1
    threads[index].groupTotal = time
    threads[index].groupBooked = 0
    threads[index].remaining = time
    groupAmounts[index * groupStride] = time
  }

  /// What a vCPU with the lock in hand does first: lines that siblings with work have changed come from their processors.
  private mutating func planHold(thread index: Int, vm: Int, lock: Int) {
    if locks[lock].transfer > 0, hasBusySibling(index, vm: vm) {
      plan(.transfer, time: locks[lock].transfer, lock: lock, thread: index)
    } else {
      threads[index].activity = .hold
      threads[index].remaining = locks[lock].hold
    }
  }

  /// The lines are there.
  mutating func beginHold(thread index: Int) {
    threads[index].activity = .hold
    threads[index].remaining = locks[Int(vms[Int(threads[index].vm)].lock)].hold
    beginBurst(thread: index)
  }

  /// The hold is over: flushes what has changed, or lets go.
  mutating func endHold(thread index: Int) {
    let vm = Int(threads[index].vm)
    let lock = Int(vms[vm].lock)
    let job = Int(threads[index].current)
    jobs[job].takings -= 1
    placeNextTaking(job: job, lock: lock)
    let whole = locks[lock].flushes.rounded(.down)
    var flushes = Int64(whole)
    if locks[lock].flushes > whole, locks[lock].stream.nextUniform() < locks[lock].flushes - whole { flushes += 1 }
    if flushes > 0, kickSiblings(of: index, vm: vm, lock: lock, flushes: flushes), locks[lock].answer > 0 {
      plan(.answer, time: locks[lock].answer * flushes, lock: lock, thread: index)
      beginBurst(thread: index)
    } else {
      releaseLock(thread: index)
    }
  }

  private func hasBusySibling(_ index: Int, vm: Int) -> Bool {
    let first = Int(vms[vm].firstThread)
    return (first..<first + Int(vms[vm].vcpus)).contains { $0 != index && threads[$0].current >= 0 }
  }

  /// Kicks the siblings that run their guest; those in the hypervisor or without a core flush before they enter anyway.
  /// Returns whether there were any.
  private mutating func kickSiblings(of index: Int, vm: Int, lock: Int, flushes: Int64) -> Bool {
    var isAny = false
    let first = Int(vms[vm].firstThread)
    for sibling in first..<first + Int(vms[vm].vcpus)
    where sibling != index && threads[sibling].state == .running && threads[sibling].activity == .job {
      isAny = true
      cut(thread: sibling)
      begin(.flush, group: locks[lock].flush, operations: flushes, thread: sibling)
    }
    return isAny
  }

  /// Hands the lock to the first that spins and goes on with the job.
  mutating func releaseLock(thread index: Int) {
    let vm = Int(threads[index].vm)
    let lock = Int(vms[vm].lock)
    let next = Int(locks[lock].head)
    locks[lock].holder = Int32(next)
    if next >= 0 {
      locks[lock].head = threads[next].nextSpinner
      if locks[lock].head < 0 { locks[lock].tail = -1 }
      grant(lock, to: next, at: now * FineTime.unitsPerNanosecond + threads[index].fraction)
    }
    threads[index].activity = .none
    let job = Int(threads[index].current)
    if vms[vm].queueLength > vms[vm].waking, turnLeft(of: job, vm: vm) <= 0 {
      threads[index].current = -1
      pushJob(Int32(job), vm: vm)
    }
    decideVCPU(thread: index)
  }

  /// Ends the spinning of a vCPU, which goes on with its hold at once or when it has a core again.
  private mutating func grant(_ lock: Int, to index: Int, at instant: Int64) {
    let isRunning = threads[index].state == .running
    var spun = threads[index].groupTotal - threads[index].remaining
    if isRunning {
      let time = max(0, instant - threads[index].begun)
      // Siblings of the core may slow the spinning down.
      spun += threads[index].stretch == 1 ? time : Int64(Double(time) / threads[index].stretch)
      threads[index].fraction = max(instant, threads[index].begun) - now * FineTime.unitsPerNanosecond
    }
    bookGroup(thread: index, upTo: spun)
    ledger.count[Int(locks[lock].wait.first)] += 1
    threads[index].groupTotal = 0
    threads[index].groupBooked = 0
    planHold(thread: index, vm: Int(threads[index].vm), lock: lock)
    if isRunning { beginBurst(thread: index) }
  }
}
