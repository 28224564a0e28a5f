import EventKernel
import Quantities
import Virtualization

/// What threads do on processors: bursts of work at the speed that their core has, and the stalls and items that books know.
extension Simulation {
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
    if threads[index].activity.isJob {
      jobs[Int(threads[index].current)].executed += done
      if threads[index].stretch != 1 { bookCurrent(thread: index, elapsed: 0) }
    }
    switch threads[index].activity {
    case .job: endJobBurst(thread: index)
    case .shadowHold: endShadowHold(thread: index)
    case .lockHold: endSpinLockHold(thread: index)
    case .lockSpin:
      bookSpinning(thread: index, upTo: threads[index].groupTotal)
      endSpinning(thread: index)
    case .none, .woken: break
    default: endGroup(thread: index)
    }
  }

  /// A thread on a core with nothing left to do chooses what comes next.
  mutating func decide(thread index: Int) {
    switch threads[index].role {
    case .vcpu: decideVCPU(thread: index)
    case .backend: decideBackend(thread: index)
    case .service: decideService(thread: index)
    case .work: doWork(thread: index)
    case .balloon: decideBalloonWorker(thread: index)
    }
  }

  // MARK: Speeds

  /// Siblings slow each other down, and active cores those of a host with a boost: running bursts go on at the speed that
  /// the numbers of both leave them. Called when a thread got (`by` 1) or lost (-1) a processor.
  mutating func stretch(coreOf processor: Int, by difference: Int32) {
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

  /// Plans an activity of one leaf whose time is known, or which another thread ends.
  mutating func plan(_ activity: Activity, group: LeafGroup, time: Int64, thread index: Int) {
    threads[index].activity = activity
    threads[index].group = group
    threads[index].groupOperations = 1
    threads[index].groupTotal = time
    threads[index].groupBooked = 0
    threads[index].remaining = time
    groupAmounts[index * groupStride] = time
  }

  /// Ends a planned activity before its time: books what was done of it, up to `remaining`.
  mutating func dropPlan(thread index: Int) {
    bookGroup(thread: index, upTo: threads[index].groupTotal - threads[index].remaining)
    if !threads[index].group.isEmpty { ledger.count[Int(threads[index].group.first)] += 1 }
    threads[index].activity = .none
    threads[index].remaining = 0
    threads[index].groupTotal = 0
    threads[index].groupBooked = 0
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
    case .diskInterrupt: endDiskAccesses(thread: index)
    case .flushAnswer: releaseShadowLock(thread: index)
    case .lineTransfer: beginShadowHold(thread: index)
    case .tableWork: acquireShadowLock(thread: index)
    case .backendWake, .poll: decideBackend(thread: index, hasPolled: activity == .poll)
    case .item: endItem(thread: index)
    case .service: decideService(thread: index)
    case .beside: endWork(thread: index)
    case .balloonWake: beginBalloonWork(thread: index)
    case .balloonWork: endBalloonWork(thread: index)
    case .haltPoll: endPolling(thread: index)
    case .lockKick, .lockHalt, .lockWake, .pauseLoop: endLockStall(activity, thread: index)
    case .none, .woken, .job, .shadowHold, .shadowSpin, .flushWait, .pageWait, .lockHold, .lockSpin, .lockKicked: break
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
