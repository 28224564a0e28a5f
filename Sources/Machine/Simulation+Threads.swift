import EventKernel
import Quantities
import Virtualization

/// Threads on processors: waking, blocking, slices, bursts. What runs next is a matter of the scheduler.
///
/// All processors of a host take from the same queues, as if balancing cost nothing. A thread that is preempted leaves its
/// processor by an event of its own, never in the middle of another thread's activity.
extension Simulation {
  // MARK: State

  /// Moves a thread to a state and adds the time spent in the old one.
  mutating func enter(_ state: ThreadState, thread index: Int) {
    let spent = now - threads[index].since
    switch threads[index].state {
    case .blocked: threads[index].blockedTime += spent
    case .waiting: threads[index].waitingTime += spent
    case .running: threads[index].runningTime += spent
    }
    threads[index].since = now
    threads[index].state = state
  }

  /// Makes a blocked thread runnable.
  mutating func wake(thread index: Int) {
    enter(.waiting, thread: index)
    if threads[index].vcpu >= 0, bandwidths[Int(threads[index].vm)].isThrottled {
      shares[index].isThrottled = true
      return
    }
    start(thread: index)
  }

  /// Lets a waiting thread that is in no queue compete for processors.
  mutating func start(thread index: Int) {
    join(thread: index)
    let host = Int(threads[index].host)
    if let processor = idleProcessor(for: index), hosts[host].collecting < 0 {
      place(thread: index, on: processor)
    } else {
      enqueue(thread: index)
      watchSkew(of: index)
      if hosts[host].polling > 0 { endPolls(host: host) }
      if shares[index].heap < 0 { return }
      preempt(for: index)
      boundSlices(host: host)
    }
  }

  /// Takes a waiting or running thread out of the competition; it counts as waiting.
  mutating func suspend(thread index: Int) {
    if threads[index].state == .running {
      cut(thread: index)
      enter(.waiting, thread: index)
      let processor = vacate(thread: index)
      leave(thread: index)
      fill(processor)
    } else if shares[index].heap >= 0 {
      dequeue(thread: index)
      leave(thread: index)
    }
  }

  /// Takes a running thread off its processor until it is woken.
  mutating func block(thread index: Int) {
    enter(.blocked, thread: index)
    let processor = vacate(thread: index)
    leave(thread: index)
    fill(processor)
  }

  // MARK: Processors

  /// An idle processor that the thread may use, on an idle core if there is one.
  ///
  /// - Complexity: O(processors of the host).
  func idleProcessor(for index: Int) -> Int? {
    let host = Int(threads[index].host)
    guard hosts[host].idle > 0 else { return nil }
    let queue = Int(shares[index].queue)
    let isFree = hosts[host].queues == 1
    let isCoreScheduled = hosts[host].scheduler == .core
    var second: Int?
    let first = Int(hosts[host].firstProcessor)
    for processor in first..<first + Int(hosts[host].processors) {
      guard processors[processor].thread < 0, isFree || allows(queue: queue, processor: processor) else { continue }
      if !hosts[host].isShared { return processor }
      let isIdle = isCoreIdle(processor)
      // Core scheduling runs vCPUs of a VM in pairs; all others spread over idle cores.
      if isCoreScheduled ? !isIdle && !isForeign(processor, to: index) : isIdle { return processor }
      if second == nil, !isCoreScheduled || isIdle { second = processor }
    }
    return second
  }

  private func isCoreIdle(_ processor: Int) -> Bool {
    let first = Int(processors[processor].firstSibling)
    for sibling in first..<first + Int(processors[processor].siblings) where processors[sibling].thread >= 0 {
      return false
    }
    return true
  }

  mutating func place(thread index: Int, on processor: Int) {
    let host = Int(threads[index].host)
    advanceClock(host: host)
    hosts[host].runningThreads += 1
    hosts[host].idle -= 1
    processors[processor].thread = Int32(index)
    threads[index].core = Int32(processor)
    threads[index].sliceStart = now
    shares[index].charged = now
    if threads[index].vcpu >= 0 { waiters[index].window = spins[Int(threads[index].vm)].window }
    enter(.running, thread: index)
    if hosts[host].isShared { stretch(coreOf: processor, by: 1) }
    if threads[index].vcpu >= 0, bandwidths[Int(threads[index].vm)].quota > 0 {
      changeRunning(vm: Int(threads[index].vm), by: 1)
    }
    if threads[index].vcpu >= 0, reservations[Int(threads[index].vm)].quota > 0 {
      changeReserved(vm: Int(threads[index].vm), by: 1)
    }
    if hosts[host].waiting > 0 { boundSlice(processor) }
    resume(thread: index)
    if threads[index].vcpu >= 0, vms[Int(threads[index].vm)].flushSpinners > 0 {
      endFlushWaits(vm: Int(threads[index].vm))
    }
  }

  /// Takes a thread off its processor, which stays idle, and charges it.
  @discardableResult
  mutating func vacate(thread index: Int) -> Int {
    let host = Int(threads[index].host)
    let processor = Int(threads[index].core)
    charge(thread: index)
    advanceClock(host: host)
    hosts[host].runningThreads -= 1
    hosts[host].idle += 1
    processors[processor].thread = -1
    threads[index].core = -1
    cancelSlice(processor)
    if hosts[host].isShared { stretch(coreOf: processor, by: -1) }
    if threads[index].vcpu >= 0, bandwidths[Int(threads[index].vm)].quota > 0 {
      changeRunning(vm: Int(threads[index].vm), by: -1)
    }
    if threads[index].vcpu >= 0, reservations[Int(threads[index].vm)].quota > 0 {
      changeReserved(vm: Int(threads[index].vm), by: -1)
    }
    return processor
  }

  /// Gives an idle processor to the thread that comes next.
  mutating func fill(_ processor: Int) {
    let host = Int(processors[processor].host)
    guard hosts[host].waiting > 0, !startCollected(host: host), processors[processor].thread < 0 else { return }
    let next = hosts[host].scheduler == .core ? bestOnCore(for: processor) : best(for: processor)
    guard next >= 0 else { return }
    if mustCollect(for: next) { return }
    if hosts[host].scheduler == .strictCoscheduling, threads[next].vcpu >= 0 {
      // There is a processor for each sibling that waits.
      hosts[host].collecting = threads[next].vm
      _ = startCollected(host: host)
      fillIdle(host: host)
      return
    }
    dequeue(thread: next)
    if hosts[host].scheduler == .credit2 { giveCredit2(host: host, next: next) }
    place(thread: next, on: processor)
    if hosts[host].scheduler == .core { fillCore(of: processor) }
  }

  /// Fills the siblings that may now run threads of the same owner.
  private mutating func fillCore(of processor: Int) {
    let first = Int(processors[processor].firstSibling)
    for sibling in first..<first + Int(processors[processor].siblings) where processors[sibling].thread < 0 {
      fill(sibling)
    }
  }

  private mutating func fillIdle(host: Int) {
    let first = Int(hosts[host].firstProcessor)
    for processor in first..<first + Int(hosts[host].processors) where processors[processor].thread < 0 {
      fill(processor)
    }
  }

  /// Goes on with what a thread was doing when it lost its processor, or lets it choose.
  private mutating func resume(thread index: Int) {
    switch threads[index].activity {
    case .none, .woken: decide(thread: index)
    case .lockSpin: resumeSpinning(thread: index)
    case .lockKicked: wakeWaiter(thread: index)
    case .job where threads[index].isKickPending || vms[Int(threads[index].vm)].balloonJob >= 0:
      threads[index].remaining = 0
      decide(thread: index)
    default: beginBurst(thread: index)
    }
  }

  /// Siblings slow each other down, and active cores those of a host with a boost: running bursts go on at the speed that
  /// the numbers of both leave them. Called when a thread got (`by` 1) or lost (-1) a processor.
  private mutating func stretch(coreOf processor: Int, by difference: Int32) {
    let host = Int(processors[processor].host)
    if hosts[host].isBoosted, busyThreads(coreOf: processor) == (difference > 0 ? 1 : 0) {
      hosts[host].activeCores += difference
      let speed = speeds[Int(hosts[host].firstSpeed + hosts[host].activeCores)]
      if speed != hosts[host].speed {
        hosts[host].speed = speed
        let first = Int(hosts[host].firstProcessor)
        let step = Int(processors[first].siblings)
        for core in stride(from: first, to: first + Int(hosts[host].processors), by: step) { stretch(coreOf: core) }
        return
      }
    }
    stretch(coreOf: processor)
  }

  private func busyThreads(coreOf processor: Int) -> Int {
    let first = Int(processors[processor].firstSibling)
    var busy = 0
    for sibling in first..<first + Int(processors[processor].siblings) where processors[sibling].thread >= 0 {
      busy += 1
    }
    return busy
  }

  private mutating func stretch(coreOf processor: Int) {
    let first = Int(processors[processor].firstSibling)
    let siblings = first..<first + Int(processors[processor].siblings)
    let busy = busyThreads(coreOf: processor)
    guard busy > 0 else { return }
    let host = Int(processors[processor].host)
    let stretch = stretches[host * Self.longestCore + busy] / hosts[host].speed
    for sibling in siblings where processors[sibling].thread >= 0 {
      let thread = Int(processors[sibling].thread)
      guard threads[thread].stretch != stretch else { continue }
      if threads[thread].isBursting {
        cut(thread: thread)
        threads[thread].stretch = stretch
        beginBurst(thread: thread)
      } else {
        threads[thread].stretch = stretch
      }
    }
  }

  // MARK: Time slices

  /// Bounds the slices of all running threads, because one waits.
  private mutating func boundSlices(host: Int) {
    guard hosts[host].armed < hosts[host].processors - hosts[host].idle else { return }
    let first = Int(hosts[host].firstProcessor)
    for processor in first..<first + Int(hosts[host].processors) where processors[processor].thread >= 0 {
      boundSlice(processor)
    }
  }

  private mutating func boundSlice(_ processor: Int) {
    guard !processors[processor].isSliceScheduled else { return }
    let thread = Int(processors[processor].thread)
    if threads[thread].sliceStart < now {
      // Not bounded so far: what has run is charged, and the slice begins with the competition.
      let start = threads[thread].sliceStart
      let length = slice(of: thread)
      charge(thread: thread)
      scheduleSlice(processor, at: max(now, start + length))
    } else {
      scheduleSlice(processor, at: now + slice(of: thread))
    }
  }

  mutating func scheduleSlice(_ processor: Int, at time: Int64) {
    cancelSlice(processor)
    processors[processor].isSliceScheduled = true
    processors[processor].sliceEnd = time
    hosts[Int(processors[processor].host)].armed += 1
    events.insert(
      Event(
        time: time, kind: EventKind.sliceEnd, handle: UInt32(processor),
        generation: processors[processor].sliceGeneration))
  }

  private mutating func cancelSlice(_ processor: Int) {
    processors[processor].sliceGeneration &+= 1
    guard processors[processor].isSliceScheduled else { return }
    events.noteStale()
    processors[processor].isSliceScheduled = false
    hosts[Int(processors[processor].host)].armed -= 1
  }

  /// Lets a woken thread take the processor of one that should run after it, by an event at this instant.
  ///
  /// - Complexity: O(processors of the host).
  mutating func preempt(for index: Int) {
    let host = Int(threads[index].host)
    let scheduler = hosts[host].scheduler
    if scheduler == .roundRobin || scheduler == .core || scheduler == .strictCoscheduling { return }
    let isReserved = isReserved(thread: index)
    if hosts[host].isFair, !isReserved, shares[index].virtualTime > clock(of: host) { return }
    let queue = Int(shares[index].queue)
    var victim = -1
    let first = Int(hosts[host].firstProcessor)
    for processor in first..<first + Int(hosts[host].processors) {
      let other = Int(processors[processor].thread)
      guard other >= 0, allows(queue: queue, processor: processor) else { continue }
      if hosts[host].hasReservations, self.isReserved(thread: other) { continue }
      // Reserved siblings each take a processor of their own.
      if isReserved, processors[processor].isSliceScheduled, processors[processor].sliceEnd <= now { continue }
      if victim < 0 || urgency(of: other) > urgency(of: Int(processors[victim].thread)) { victim = processor }
    }
    guard victim >= 0 else { return }
    let other = Int(processors[victim].thread)
    guard isReserved || urgency(of: other) > urgency(of: index) else { return }
    let isLimited = scheduler == .credit || scheduler == .credit2
    scheduleSlice(victim, at: isLimited ? max(now, threads[other].sliceStart + Self.rateLimit) : now)
  }

  /// By what threads are told apart when one is to make way: the larger, the later it should run.
  private func urgency(of index: Int) -> Double {
    let running = threads[index].state == .running ? Double(now - shares[index].charged) : 0
    switch hosts[Int(threads[index].host)].scheduler {
    case .credit: return shares[index].isBoosted ? 0 : shares[index].credit - running >= 0 ? 1 : 2
    case .credit2: return shares[index].virtualTime + running / shares[index].weight
    default: return shares[index].deadline
    }
  }

  /// The slice of a processor ends: its thread goes back to the queue if others wait.
  mutating func endSlice(processor: Int) {
    processors[processor].isSliceScheduled = false
    let host = Int(processors[processor].host)
    hosts[host].armed -= 1
    let thread = Int(processors[processor].thread)
    guard thread >= 0, hosts[host].waiting > 0 else { return }
    switch hosts[host].scheduler {
    case .strictCoscheduling where threads[thread].vcpu >= 0:
      let vm = Int(threads[thread].vm)
      for sibling in Int(vms[vm].firstThread)..<Int(vms[vm].firstThread) + Int(vms[vm].vcpus)
      where threads[sibling].state == .running { putBack(thread: sibling) }
      fillIdle(host: host)
    case .core:
      let first = Int(processors[processor].firstSibling)
      for sibling in first..<first + Int(processors[processor].siblings) where processors[sibling].thread >= 0 {
        putBack(thread: Int(processors[sibling].thread))
      }
      fill(processor)
      fillCore(of: processor)
    default:
      putBack(thread: thread)
      fill(processor)
    }
  }

  private mutating func putBack(thread index: Int) {
    cut(thread: index)
    enter(.waiting, thread: index)
    vacate(thread: index)
    enqueue(thread: index)
    watchSkew(of: index)
  }

  // MARK: Bursts

  /// Runs a thread on its core for its `remaining` work.
  mutating func beginBurst(thread index: Int) {
    threads[index].begun = now * FineTime.unitsPerNanosecond + threads[index].fraction
    threads[index].generation &+= 1
    threads[index].isBursting = true
    guard !isOpenEnded(index) else { return }
    let end = threads[index].begun + span(of: threads[index].remaining, thread: index)
    events.insert(
      Event(
        time: end >> 16, kind: EventKind.burstEnd, handle: UInt32(index), generation: threads[index].generation))
  }

  /// Whether the burst lasts until another thread ends it: a vCPU that spins is told when to stop.
  private func isOpenEnded(_ index: Int) -> Bool {
    threads[index].activity.isEndless
      || (threads[index].activity == .lockSpin && threads[index].remaining >= Self.endless / 2)
  }

  /// Time that some work takes at the thread's present speed.
  func span(of work: Int64, thread index: Int) -> Int64 {
    threads[index].stretch == 1 ? work : Int64(Double(work) * threads[index].stretch)
  }

  /// Work done of the running burst, in units of `FineTime`.
  func elapsed(of index: Int) -> Int64 {
    let time = max(0, now * FineTime.unitsPerNanosecond - threads[index].begun)
    let work = threads[index].stretch == 1 ? time : Int64(Double(time) / threads[index].stretch)
    return min(threads[index].remaining, work)
  }

  /// Stops the running burst before its end; what is left stays in `remaining`.
  mutating func cut(thread index: Int) {
    let done = elapsed(of: index)
    threads[index].fraction = max(
      0, threads[index].begun + span(of: done, thread: index) - now * FineTime.unitsPerNanosecond)
    if !isOpenEnded(index) { events.noteStale() }
    threads[index].remaining -= done
    threads[index].generation &+= 1
    threads[index].isBursting = false
    if threads[index].activity.isJob { jobs[Int(threads[index].current)].executed += done }
    if threads[index].stretch != 1 || threads[index].activity == .lockSpin { bookCurrent(thread: index, elapsed: 0) }
  }

  /// The running burst ended in time.
  mutating func endBurst(_ index: Int) {
    let done = threads[index].remaining
    threads[index].fraction =
      (threads[index].begun + span(of: done, thread: index)) & (FineTime.unitsPerNanosecond - 1)
    threads[index].remaining = 0
    threads[index].isBursting = false
    switch threads[index].activity {
    case .job:
      jobs[Int(threads[index].current)].executed += done
      if threads[index].stretch != 1 { bookCurrent(thread: index, elapsed: 0) }
      endJobBurst(thread: index)
    case .hold:
      jobs[Int(threads[index].current)].executed += done
      if threads[index].stretch != 1 { bookCurrent(thread: index, elapsed: 0) }
      endHold(thread: index)
    case .lockHold:
      jobs[Int(threads[index].current)].executed += done
      if threads[index].stretch != 1 { bookCurrent(thread: index, elapsed: 0) }
      endSpinLockHold(thread: index)
    case .lockSpin:
      bookSpinning(thread: index, upTo: threads[index].groupTotal)
      endSpinning(thread: index)
    case .none, .woken: break
    default: endGroup(thread: index)
    }
  }

  /// A thread on a core with nothing left to do chooses what comes next.
  mutating func decide(thread index: Int) {
    if threads[index].isService, threads[index].firstWork >= 0 {
      doWork(thread: index)
    } else if threads[index].isService {
      decideService(thread: index)
    } else if threads[index].isBalloonWorker {
      decideBalloonWorker(thread: index)
    } else if threads[index].vcpu < 0 {
      decideBackend(thread: index)
    } else {
      decideVCPU(thread: index)
    }
  }

  // MARK: Stalls and items

  /// Starts an activity that books the leaves of a group for `operations` operations. An activity without cost ends at
  /// once.
  mutating func begin(_ activity: Activity, group: LeafGroup, operations: Int64, thread index: Int) {
    let vm = Int(threads[index].vm)
    var total: Int64 = 0
    for offset in 0..<Int(group.count) {
      let amount = ledger.draws[Int(group.first) + offset].sample(
        operations: operations, using: &costStreams[vm])
      groupAmounts[index * groupStride + offset] = amount
      total += amount
    }
    threads[index].activity = activity
    threads[index].group = group
    threads[index].groupOperations = operations
    threads[index].groupTotal = total
    threads[index].groupBooked = 0
    threads[index].remaining = total
    if total > 0 { beginBurst(thread: index) } else { endGroup(thread: index) }
  }

  private mutating func endGroup(thread index: Int) {
    bookGroup(thread: index, upTo: threads[index].groupTotal)
    let group = threads[index].group
    for leaf in Int(group.first)..<Int(group.first) + Int(group.count) {
      ledger.count[leaf] += threads[index].groupOperations * ledger.draws[leaf].count
    }
    let activity = threads[index].activity
    threads[index].activity = .none
    threads[index].groupTotal = 0
    threads[index].groupBooked = 0
    switch activity {
    case .wake, .kick, .doorbell, .halt, .flush: endStall(activity, thread: index)
    case .answer: releaseLock(thread: index)
    case .transfer: beginHold(thread: index)
    case .backendWake, .poll: decideBackend(thread: index, hasPolled: activity == .poll)
    case .item: endItem(thread: index)
    case .service: decideService(thread: index)
    case .beside: endWork(thread: index)
    case .balloonWake: beginBalloonWork(thread: index)
    case .balloonWork: endBalloonWork(thread: index)
    case .haltPoll: endPolling(thread: index)
    case .lockKick, .lockHalt, .lockWake, .pauseLoop: endLockStall(activity, thread: index)
    case .none, .woken, .job, .hold, .spin, .flushWait, .pageWait, .lockHold, .lockSpin, .lockKicked: break
    }
  }

  /// Books the first `upTo` units of the current group's work, leaf after leaf in path order.
  mutating func bookGroup(thread index: Int, upTo: Int64) {
    let group = threads[index].group
    let booked = threads[index].groupBooked
    guard upTo > booked else { return }
    if threads[index].activity == .beside {
      works[Int(threads[index].work)].time += span(of: upTo - booked, thread: index)
    }
    var start: Int64 = 0
    for offset in 0..<Int(group.count) {
      let amount = groupAmounts[index * groupStride + offset]
      let before = min(amount, max(0, booked - start))
      let after = min(amount, max(0, upTo - start))
      ledger.time[Int(group.first) + offset] += span(of: after - before, thread: index)
      start += amount
    }
    threads[index].groupBooked = upTo
  }
}
