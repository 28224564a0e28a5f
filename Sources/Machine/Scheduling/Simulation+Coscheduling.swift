import EventKernel

/// Co-scheduling of the vCPUs of a VM, and of the siblings of a core.
extension Simulation {
  /// Time between looks at the skew of a VM's vCPUs in nanoseconds. Assumed: a tick of 1 kHz.
  static let skewPeriod: Int64 = 1_000_000

  /// Looks at a VM's skew from now on, as long as a vCPU waits.
  mutating func watchSkew(of index: Int) {
    let vm = Int(threads[index].vm)
    guard threads[index].vcpu >= 0, vms[vm].vcpus > 1, !vms[vm].isSkewWatched,
      hosts[Int(threads[index].host)].scheduler == .relaxedCoscheduling
    else { return }
    vms[vm].isSkewWatched = true
    events.insert(
      Event(time: now + Self.skewPeriod, kind: EventKind.skew, handle: UInt32(vm), generation: 0))
  }

  /// Time that a vCPU has been kept from running; progress is all other time.
  private func hindrance(of index: Int) -> Int64 {
    threads[index].waitingTime + shares[index].idleHindrance
      + (threads[index].state == .waiting ? now - threads[index].since : 0)
  }

  /// The vCPU of a VM that has made the least progress, of those that are not idle; -1 for none.
  private func slowest(of vm: Int) -> Int {
    var slowest = -1
    var most: Int64 = .min
    for thread in vms[vm].threads where threads[thread].state != .blocked {
      let hindrance = hindrance(of: thread)
      // Of equals one that waits for a processor.
      if hindrance > most || (hindrance == most && threads[thread].state == .waiting && !shares[thread].isCoStopped) {
        slowest = thread
        most = hindrance
      }
    }
    return slowest
  }

  /// Whether a vCPU waits for a processor, and its siblings therefore may not run away from it.
  private func isLeftBehind(_ index: Int) -> Bool {
    index >= 0 && threads[index].state == .waiting && !shares[index].isCoStopped
  }

  /// Stops vCPUs that are too far ahead of the slowest sibling, one after the other, as long as that one waits.
  mutating func checkSkew(vm: Int) {
    vms[vm].isSkewWatched = false
    let range = vms[vm].threads
    let skew = hosts[Int(vms[vm].host)].skew
    while true {
      let slowest = slowest(of: vm)
      guard isLeftBehind(slowest) else { break }
      let most = hindrance(of: slowest)
      var first = -1
      var largest = skew
      for thread in range where threads[thread].state != .blocked && !shares[thread].isCoStopped {
        let lead = most - hindrance(of: thread)
        if threads[thread].state == .running { largestSkew = max(largestSkew, lead) }
        if lead > largest {
          first = thread
          largest = lead
        }
      }
      guard first >= 0 else { break }
      shares[first].isCoStopped = true
      vms[vm].coStopped += 1
      if !shares[first].isThrottled { suspend(thread: first) }
    }
    coStart(vm: vm)
    if vms[vm].coStopped > 0 || range.contains(where: { threads[$0].state == .waiting }) {
      watchSkew(of: range.lowerBound)
    }
  }

  /// A vCPU got a processor: whether its stopped siblings may go on is looked at by an event at this instant.
  mutating func planCoStart(vm: Int) {
    events.insert(Event(time: now, kind: EventKind.coStart, handle: UInt32(vm), generation: 0))
  }

  /// Lets vCPUs go on whose slowest sibling makes progress again, or which are no longer too far ahead of it.
  mutating func coStart(vm: Int) {
    guard vms[vm].coStopped > 0 else { return }
    let slowest = slowest(of: vm)
    let most = isLeftBehind(slowest) ? hindrance(of: slowest) : .min
    let skew = hosts[Int(vms[vm].host)].skew
    for thread in vms[vm].threads where shares[thread].isCoStopped {
      if most > .min, most - hindrance(of: thread) > skew { continue }
      shares[thread].isCoStopped = false
      vms[vm].coStopped -= 1
      if !shares[thread].isThrottled { start(thread: thread) }
    }
  }

  // MARK: Idle vCPUs

  /// Whether leads of a vCPU matter.
  private func isCoscheduled(_ index: Int) -> Bool {
    threads[index].vcpu >= 0 && hosts[Int(threads[index].host)].scheduler == .relaxedCoscheduling
      && vms[Int(threads[index].vm)].vcpus > 1
  }

  /// How far a vCPU is ahead of the sibling that has been hindered most.
  private func lead(of index: Int) -> Int64 {
    var most = hindrance(of: index)
    for thread in vms[Int(threads[index].vm)].threads { most = max(most, hindrance(of: thread)) }
    return most - hindrance(of: index)
  }

  /// A vCPU becomes idle.
  mutating func noteLead(of index: Int) {
    if isCoscheduled(index) { shares[index].leadAtSleep = lead(of: index) }
  }

  /// A vCPU that was idle wakes up: it has gained no lead over siblings that were hindered meanwhile.
  mutating func restoreLead(of index: Int) {
    guard isCoscheduled(index) else { return }
    shares[index].idleHindrance += max(0, lead(of: index) - shares[index].leadAtSleep)
  }

  // MARK: Strict co-scheduling

  /// vCPUs of a VM that wait in a queue.
  private func waiting(of vm: Int) -> Int32 {
    var count: Int32 = 0
    for thread in vms[vm].threads
    where shares[thread].heap >= 0 { count += 1 }
    return count
  }

  /// Whether a thread has to start together with siblings for which there are not enough idle processors; these are then
  /// kept for it.
  mutating func mustCollect(for index: Int) -> Bool {
    let host = Int(threads[index].host)
    guard hosts[host].scheduler == .strictCoscheduling, threads[index].vcpu >= 0, hosts[host].queues == 1 else {
      return false
    }
    let vm = threads[index].vm
    guard waiting(of: Int(vm)) > hosts[host].idle else { return false }
    hosts[host].collecting = vm
    return true
  }

  /// Starts the vCPUs for which processors are collected once there are enough. Returns whether processors have to stay
  /// idle for them.
  mutating func startCollected(host: Int) -> Bool {
    guard hosts[host].collecting >= 0 else { return false }
    let vm = Int(hosts[host].collecting)
    guard waiting(of: vm) <= hosts[host].idle else { return true }
    hosts[host].collecting = -1
    for thread in vms[vm].threads
    where shares[thread].heap >= 0 {
      // What started before may have changed the queue.
      guard let processor = idleProcessor(for: thread) else { break }
      dequeue(thread: thread)
      place(thread: thread, on: processor)
    }
    return false
  }

  // MARK: Core scheduling

  /// To whom a thread belongs: a VM, or the host (-2).
  private func owner(of thread: Int) -> Int32 { threads[thread].vcpu >= 0 ? threads[thread].vm : -2 }

  /// Whether siblings of a processor run threads of another owner.
  func isForeign(_ processor: Int, to thread: Int) -> Bool {
    let first = Int(processors[processor].firstSibling)
    for sibling in first..<first + Int(processors[processor].siblings) {
      let other = Int(processors[sibling].thread)
      if other >= 0, other != thread, owner(of: other) != owner(of: thread) { return true }
    }
    return false
  }

  /// The best thread that may join those on a processor's core; -1 for none.
  ///
  /// - Complexity: O(waiting threads) when a sibling is busy.
  mutating func bestOnCore(for processor: Int) -> Int {
    let best = best(for: processor)
    guard best >= 0, isForeign(processor, to: best) else { return best }
    let host = Int(processors[processor].host)
    var chosen = -1
    for heap in 2 * Int(hosts[host].firstQueue)..<2 * Int(hosts[host].firstQueue + hosts[host].queues) {
      guard allows(queue: heap / 2, processor: processor) else { continue }
      for position in 0..<heaps[heap].count {
        let thread = Int(heaps[heap].base[position])
        guard !isForeign(processor, to: thread) else { continue }
        if chosen < 0 || shares[thread].deadline < shares[chosen].deadline
          || (shares[thread].deadline == shares[chosen].deadline && shares[thread].order < shares[chosen].order)
        {
          chosen = thread
        }
      }
    }
    return chosen
  }
}
