import EventKernel
import Quantities

/// The host's scheduler: cores, a first-in-first-out queue of waiting threads, time slices.
///
/// A woken thread takes an idle core or waits at the end of the queue. While threads wait, the one that has held a core
/// longest gives it up when its slice ends.
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
    let host = Int(threads[index].host)
    enter(.waiting, thread: index)
    if hosts[host].idleCores > 0 {
      place(thread: index, onCoreOf: host)
    } else {
      enqueue(thread: index)
      scheduleSliceEnd(host: host)
    }
  }

  /// Takes a running thread off its core until it is woken.
  mutating func block(thread index: Int) {
    enter(.blocked, thread: index)
    release(thread: index)
  }

  // MARK: Cores

  private mutating func place(thread index: Int, onCoreOf host: Int) {
    var core = Int(hosts[host].firstCore)
    while cores[core] >= 0 { core += 1 }
    cores[core] = Int32(index)
    hosts[host].idleCores -= 1
    threads[index].core = Int32(core)
    threads[index].sliceStart = now
    enter(.running, thread: index)
    resume(thread: index)
  }

  /// Goes on with what a thread was doing when it lost its core, or lets it choose.
  private mutating func resume(thread index: Int) {
    switch threads[index].activity {
    case .none, .woken: decide(thread: index)
    case .job where threads[index].isKickPending:
      threads[index].remaining = 0
      decide(thread: index)
    default: beginBurst(thread: index)
    }
  }

  private mutating func release(thread index: Int) {
    let host = Int(threads[index].host)
    cores[Int(threads[index].core)] = -1
    threads[index].core = -1
    hosts[host].idleCores += 1
    let next = Int(hosts[host].queueHead)
    guard next >= 0 else { return }
    hosts[host].queueHead = threads[next].next
    if hosts[host].queueHead < 0 { hosts[host].queueTail = -1 }
    threads[next].next = -1
    hosts[host].queueLength -= 1
    if hosts[host].queueLength == 0 { cancelSliceEnd(host: host) }
    place(thread: next, onCoreOf: host)
  }

  private mutating func enqueue(thread index: Int) {
    let host = Int(threads[index].host)
    threads[index].next = -1
    if hosts[host].queueTail >= 0 {
      threads[Int(hosts[host].queueTail)].next = Int32(index)
    } else {
      hosts[host].queueHead = Int32(index)
    }
    hosts[host].queueTail = Int32(index)
    hosts[host].queueLength += 1
  }

  // MARK: Time slices

  private mutating func scheduleSliceEnd(host: Int) {
    guard !hosts[host].isSliceScheduled, let oldest = oldestRunning(host: host) else { return }
    hosts[host].isSliceScheduled = true
    hosts[host].sliceGeneration &+= 1
    events.insert(
      Event(
        time: max(now, threads[oldest].sliceStart + Self.timeSlice), kind: EventKind.sliceEnd, handle: UInt32(host),
        generation: hosts[host].sliceGeneration))
  }

  private mutating func cancelSliceEnd(host: Int) {
    if hosts[host].isSliceScheduled { events.noteStale() }
    hosts[host].isSliceScheduled = false
    hosts[host].sliceGeneration &+= 1
  }

  /// - Complexity: O(cores of the host).
  private func oldestRunning(host: Int) -> Int? {
    var oldest: Int?
    let first = Int(hosts[host].firstCore)
    for core in first..<first + Int(hosts[host].cores) where cores[core] >= 0 {
      let thread = Int(cores[core])
      if oldest.map({ threads[thread].sliceStart < threads[$0].sliceStart }) ?? true { oldest = thread }
    }
    return oldest
  }

  mutating func endSlice(host: Int) {
    hosts[host].isSliceScheduled = false
    guard hosts[host].queueLength > 0, let thread = oldestRunning(host: host) else { return }
    if now >= threads[thread].sliceStart + Self.timeSlice {
      cut(thread: thread)
      enter(.waiting, thread: thread)
      enqueue(thread: thread)
      release(thread: thread)
    }
    if hosts[host].queueLength > 0 { scheduleSliceEnd(host: host) }
  }

  // MARK: Bursts

  /// Runs a thread on its core for its `remaining` work.
  mutating func beginBurst(thread index: Int) {
    threads[index].begun = now * FineTime.unitsPerNanosecond + threads[index].fraction
    threads[index].generation &+= 1
    // A spinning vCPU is told when to stop.
    guard threads[index].activity != .spin else { return }
    let end = threads[index].begun + threads[index].remaining
    events.insert(
      Event(
        time: end >> 16, kind: EventKind.burstEnd, handle: UInt32(index), generation: threads[index].generation))
  }

  /// Work done of the running burst, in units of `FineTime`.
  func elapsed(of index: Int) -> Int64 {
    min(threads[index].remaining, max(0, now * FineTime.unitsPerNanosecond - threads[index].begun))
  }

  /// Stops the running burst before its end; what is left stays in `remaining`.
  mutating func cut(thread index: Int) {
    let done = elapsed(of: index)
    threads[index].fraction = max(0, threads[index].begun + done - now * FineTime.unitsPerNanosecond)
    threads[index].remaining -= done
    threads[index].generation &+= 1
    if threads[index].activity != .spin { events.noteStale() }
    if threads[index].activity.isJob { jobs[Int(threads[index].current)].executed += done }
  }

  /// The running burst ended in time.
  mutating func endBurst(_ index: Int) {
    let done = threads[index].remaining
    threads[index].fraction = (threads[index].begun + done) & (FineTime.unitsPerNanosecond - 1)
    threads[index].remaining = 0
    switch threads[index].activity {
    case .job:
      jobs[Int(threads[index].current)].executed += done
      endJobBurst(thread: index)
    case .hold:
      jobs[Int(threads[index].current)].executed += done
      endHold(thread: index)
    case .none, .woken: break
    default: endGroup(thread: index)
    }
  }

  /// A thread on a core with nothing left to do chooses what comes next.
  mutating func decide(thread index: Int) {
    if threads[index].isService {
      decideService(thread: index)
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
    case .backendWake: decideBackend(thread: index)
    case .item: endItem(thread: index)
    case .service: decideService(thread: index)
    case .none, .woken, .job, .hold, .spin, .pageWait: break
    }
  }

  /// Books the first `upTo` units of the current group's work, leaf after leaf in path order.
  mutating func bookGroup(thread index: Int, upTo: Int64) {
    let group = threads[index].group
    let booked = threads[index].groupBooked
    guard upTo > booked else { return }
    var start: Int64 = 0
    for offset in 0..<Int(group.count) {
      let amount = groupAmounts[index * groupStride + offset]
      let before = min(amount, max(0, booked - start))
      let after = min(amount, max(0, upTo - start))
      ledger.time[Int(group.first) + offset] += after - before
      start += amount
    }
    threads[index].groupBooked = upTo
  }
}
