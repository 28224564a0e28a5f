import EventKernel
import Quantities
import Virtualization

/// Spin locks of guests, as events.
///
/// A vCPU that wants a lock which is held burns its processor until it is its turn. One that loses its processor keeps its
/// lock, or its place in the queue: a preempted holder holds up all waiters, a preempted waiter of a queued lock those behind
/// it. Test-and-set locks go to a waiter that runs. Waiters of paravirtual locks halt when they have spun in vain, or as soon
/// as they see that the one before them does not run; whoever lets go kicks the first.
/// [Linux, kernel/locking/qspinlock_paravirt.h; T. Friebel, S. Biemueller, How to deal with lock-holder preemption, Xen Summit
/// 2008]
extension Simulation {
  // MARK: Taking

  /// The job on a vCPU wants a lock.
  mutating func takeSpinLock(thread index: Int, vm: Int) {
    let job = Int(threads[index].current)
    let kind = Int(jobs[job].lockClass)
    jobTakings[job * lockStride + kind - Int(spins[vm].firstClass)] -= 1
    let instances = lockClasses[kind].instances
    let choice = instances > 1 ? Int64(spinStreams[vm].nextUniform() * Double(instances)) : 0
    let lock = Int(lockClasses[kind].first) + Int(choice)
    waiters[index].lock = Int32(lock)
    waiters[index].hold = min(jobs[job].hold, jobs[job].total - jobs[job].executed)
    waiters[index].isGranted = false
    waiters[index].isKicked = false
    if isFree(lock, for: -1) {
      spinLocks[lock].queue.holder = Int32(index)
      startHold(thread: index)
      return
    }
    spinLocks[lock].queue.append(index, in: waiters)
    waiters[index].left = spinLocks[lock].kind == .paravirtual ? spins[vm].threshold : Self.endless
    spin(thread: index)
  }

  /// Whether a lock may be taken by one of its waiters, or by a newcomer (-1).
  private func isFree(_ lock: Int, for index: Int) -> Bool {
    guard spinLocks[lock].queue.holder < 0 else { return false }
    let head = Int(spinLocks[lock].queue.head)
    switch spinLocks[lock].kind {
    case .testAndSet: return true
    // The first waiter lets nobody pass while it spins.
    case .paravirtual: return head < 0 || head == index || (index < 0 && threads[head].activity != .lockSpin)
    case .ticket, .queued: return head < 0 || head == index
    }
  }

  private mutating func startHold(thread index: Int) {
    threads[index].activity = .lockHold
    threads[index].remaining = waiters[index].hold
    waiters[index].isGranted = false
    waiters[index].hasYielded = false
    beginBurst(thread: index)
  }

  /// A waiter that runs takes the lock if it may. Returns whether it did.
  private mutating func tryTaking(thread index: Int) -> Bool {
    let lock = Int(waiters[index].lock)
    guard isFree(lock, for: index) else { return false }
    spinLocks[lock].queue.remove(index, in: waiters)
    spinLocks[lock].queue.holder = Int32(index)
    startHold(thread: index)
    return true
  }

  // MARK: Spinning

  /// Lets a waiter spin: until it is told otherwise, or until it has spun so long that it exits, halts or looks around.
  private mutating func spin(thread index: Int) {
    let vm = Int(threads[index].vm)
    threads[index].activity = .lockSpin
    var time = min(waiters[index].left, waiters[index].window)
    let lock = Int(waiters[index].lock)
    if spinLocks[lock].kind == .paravirtual, spinLocks[lock].queue.head != Int32(index) {
      time = min(time, spins[vm].check)
    }
    threads[index].groupTotal = time
    threads[index].groupBooked = 0
    threads[index].remaining = time
    beginBurst(thread: index)
  }

  /// Goes on spinning on a processor that the waiter has got again.
  mutating func resumeSpinning(thread index: Int) {
    settleSpinning(thread: index)
    waiters[index].hasYielded = false
    if !tryTaking(thread: index) { spin(thread: index) }
  }

  /// Books the spinning of the present plan up to `upTo` units of it.
  mutating func bookSpinning(thread index: Int, upTo: Int64) {
    let booked = threads[index].groupBooked
    guard upTo > booked else { return }
    spins[Int(threads[index].vm)].spun += span(of: upTo - booked, thread: index)
    threads[index].groupBooked = upTo
  }

  /// Takes what has been spun off what may be.
  private mutating func settleSpinning(thread index: Int) {
    if waiters[index].left < Self.endless {
      waiters[index].left = max(0, waiters[index].left - (threads[index].groupTotal - threads[index].remaining))
    }
    threads[index].groupTotal = 0
    threads[index].groupBooked = 0
    threads[index].remaining = 0
  }

  /// A waiter has spun as long as was planned.
  mutating func endSpinning(thread index: Int) {
    let vm = Int(threads[index].vm)
    let spun = threads[index].groupTotal
    settleSpinning(thread: index)
    let lock = Int(waiters[index].lock)
    if waiters[index].left <= 0 || (spinLocks[lock].kind == .paravirtual && isPredecessorStopped(of: index, lock: lock))
    {
      begin(.lockHalt, group: spins[vm].halt, operations: 1, thread: index)
    } else if spun >= waiters[index].window {
      waiters[index].window = min(spins[vm].longestWindow, 2 * waiters[index].window)
      begin(.pauseLoop, group: spins[vm].pause, operations: 1, thread: index)
    } else {
      spin(thread: index)
    }
  }

  /// Whether the waiter before has halted or lost its processor.
  private func isPredecessorStopped(of index: Int, lock: Int) -> Bool {
    let before = spinLocks[lock].queue.predecessor(of: index, in: waiters)
    return before >= 0 && threads[Int(before)].state != .running
  }

  // MARK: Letting go

  /// The critical section is over.
  mutating func endSpinLockHold(thread index: Int) {
    let vm = Int(threads[index].vm)
    let job = Int(threads[index].current)
    jobs[job].lockTakings -= 1
    placeNextSpinLock(job: job, vm: vm)
    threads[index].activity = .none
    let lock = Int(waiters[index].lock)
    waiters[index].lock = -1
    let sleeper = passOn(lock, at: now * FineTime.unitsPerNanosecond + threads[index].fraction)
    if sleeper >= 0 {
      waiters[index].target = Int32(sleeper)
      begin(.lockKick, group: spins[vm].kick, operations: 1, thread: index)
    } else {
      leaveCriticalSection(thread: index)
    }
  }

  /// Gives a lock to the waiter whose turn it is. Returns the one that has to be kicked instead; -1 for none.
  private mutating func passOn(_ lock: Int, at instant: Int64) -> Int {
    spinLocks[lock].queue.holder = -1
    var next = Int(spinLocks[lock].queue.head)
    switch spinLocks[lock].kind {
    case .testAndSet:
      while next >= 0, threads[next].state != .running || threads[next].activity != .lockSpin {
        next = Int(waiters[next].next)
      }
    case .paravirtual:
      guard next >= 0 else { return -1 }
      if threads[next].activity == .lockHalt {
        if threads[next].state == .blocked { return next }
        waiters[next].isKicked = true
        return -1
      }
      if threads[next].activity == .lockKicked || threads[next].activity == .lockWake { return -1 }
    case .ticket, .queued: break
    }
    guard next >= 0 else { return -1 }
    spinLocks[lock].queue.remove(next, in: waiters)
    spinLocks[lock].queue.holder = Int32(next)
    grantSpinLock(to: next, at: instant)
    return -1
  }

  /// A waiter has got the lock: it goes on at once, when it comes back from the hypervisor, or when it has a processor again.
  private mutating func grantSpinLock(to index: Int, at instant: Int64) {
    guard threads[index].activity == .lockSpin else {
      waiters[index].isGranted = true
      return
    }
    let isRunning = threads[index].state == .running
    if isRunning {
      cut(thread: index)
      threads[index].fraction = max(
        threads[index].fraction, max(instant, threads[index].begun) - now * FineTime.unitsPerNanosecond)
    }
    settleSpinning(thread: index)
    if isRunning {
      startHold(thread: index)
    } else {
      threads[index].activity = .lockHold
      threads[index].remaining = waiters[index].hold
      waiters[index].hasYielded = false
    }
  }

  // MARK: Stalls

  /// What follows an exit of a vCPU that waits for a lock, or kicks one that does.
  mutating func endLockStall(_ activity: Activity, thread index: Int) {
    if waiters[index].isGranted {
      startHold(thread: index)
      return
    }
    switch activity {
    case .lockKick:
      let target = Int(waiters[index].target)
      if threads[target].state == .blocked, threads[target].activity == .lockHalt {
        threads[target].activity = .lockKicked
        wake(thread: target)
      }
      leaveCriticalSection(thread: index)
    case .lockHalt:
      let isKicked = waiters[index].isKicked
      waiters[index].isKicked = false
      if tryTaking(thread: index) { return }
      if isKicked {
        waiters[index].left = spins[Int(threads[index].vm)].threshold
        spin(thread: index)
      } else {
        threads[index].activity = .lockHalt
        block(thread: index)
      }
    case .lockWake:
      if tryTaking(thread: index) { return }
      waiters[index].left = spins[Int(threads[index].vm)].threshold
      spin(thread: index)
    default:
      threads[index].activity = .lockSpin
      if tryTaking(thread: index) { return }
      if !makeWay(thread: index) { spin(thread: index) }
    }
  }

  /// A kicked waiter has a processor.
  mutating func wakeWaiter(thread index: Int) {
    begin(.lockWake, group: spins[Int(threads[index].vm)].wake, operations: 1, thread: index)
  }
}
