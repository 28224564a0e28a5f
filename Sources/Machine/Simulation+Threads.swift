/// Threads on processors: waking, blocking, coming and going. What runs next is a matter of the scheduler.
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
    restoreLead(of: index)
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
    if threads[index].state == .running || threads[index].isAwaitingCore {
      interrupt(thread: index)
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
    noteLead(of: index)
    enter(.blocked, thread: index)
    let processor = vacate(thread: index)
    leave(thread: index)
    fill(processor)
  }

  // MARK: Processors

  /// An idle processor that the thread may use, on an idle core if there is one; where cores sleep, its own before others.
  ///
  /// - Complexity: O(processors of the host).
  func idleProcessor(for index: Int) -> Int? {
    let host = Int(threads[index].host)
    guard hosts[host].idle > 0 else { return nil }
    let queue = Int(shares[index].queue)
    let isFree = hosts[host].queues == 1
    let isCoreScheduled = hosts[host].scheduler == .core
    let home = Int(threads[index].home)
    let isAtHome =
      hosts[host].idleStates > 0 && processors[home].thread < 0 && (isFree || allows(queue: queue, processor: home))
      && (!hosts[host].isShared || isCoreIdle(home))
    if isAtHome, !isCoreScheduled || processors[home].siblings == 1 { return home }
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
    return isAtHome ? home : second
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
    let latency = leaveIdle(processor: processor, for: index)
    advanceClock(host: host)
    hosts[host].runningThreads += 1
    hosts[host].idle -= 1
    processors[processor].thread = Int32(index)
    threads[index].core = Int32(processor)
    threads[index].sliceStart = now
    shares[index].charged = now
    threads[index].home = Int32(processor)
    if threads[index].vcpu >= 0 { waiters[index].window = spins[Int(threads[index].vm)].window }
    if latency == 0 { enter(.running, thread: index) }
    if hosts[host].isShared { stretch(coreOf: processor, by: 1) }
    if threads[index].vcpu >= 0 { account(vm: Int(threads[index].vm), by: 1) }
    if latency > 0 {
      awaitCore(thread: index, latency: latency)
      if hosts[host].waiting > 0 { boundSlice(processor) }
    } else {
      run(thread: index)
    }
  }

  /// A thread has a processor that does not sleep.
  mutating func run(thread index: Int) {
    if threads[index].state != .running { enter(.running, thread: index) }
    if hosts[Int(threads[index].host)].waiting > 0 { boundSlice(Int(threads[index].core)) }
    if threads[index].vcpu >= 0, vms[Int(threads[index].vm)].coStopped > 0 {
      planCoStart(vm: Int(threads[index].vm))
    }
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
    processors[processor].idleSince = now
    threads[index].core = -1
    cancelSlice(processor)
    if hosts[host].isShared { stretch(coreOf: processor, by: -1) }
    if threads[index].vcpu >= 0 { account(vm: Int(threads[index].vm), by: -1) }
    return processor
  }

  /// A vCPU got (`by` 1) or lost (-1) a processor: what its VM's cap and reservation leave is used faster or slower.
  private mutating func account(vm: Int, by difference: Int64) {
    if bandwidths[vm].quota > 0 { changeRunning(vm: vm, by: difference) }
    if reservations[vm].quota > 0 { changeReserved(vm: vm, by: difference) }
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
  mutating func fillCore(of processor: Int) {
    let first = Int(processors[processor].firstSibling)
    for sibling in first..<first + Int(processors[processor].siblings) where processors[sibling].thread < 0 {
      fill(sibling)
    }
  }

  mutating func fillIdle(host: Int) {
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
}
