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

  /// Time that a vCPU has been kept from running; progress is all other time, idleness included.
  private func hindrance(of index: Int) -> Int64 {
    threads[index].waitingTime + (threads[index].state == .waiting ? now - threads[index].since : 0)
  }

  /// Stops vCPUs that are too far ahead of a sibling that waits, and lets others go on.
  mutating func checkSkew(vm: Int) {
    vms[vm].isSkewWatched = false
    let range = vms[vm].threads
    var slowest: Int64 = .min
    var isWaiting = false
    for thread in range where threads[thread].state == .waiting {
      isWaiting = true
      if !shares[thread].isCoStopped { slowest = max(slowest, hindrance(of: thread)) }
    }
    let skew = hosts[Int(vms[vm].host)].skew
    for thread in range where threads[thread].state != .blocked {
      let isAhead = slowest > .min && slowest - hindrance(of: thread) > skew
      if slowest > .min, threads[thread].state == .running {
        largestSkew = max(largestSkew, slowest - hindrance(of: thread))
      }
      if isAhead, !shares[thread].isCoStopped {
        if !shares[thread].isThrottled { suspend(thread: thread) }
        shares[thread].isCoStopped = true
      } else if !isAhead, shares[thread].isCoStopped {
        shares[thread].isCoStopped = false
        if !shares[thread].isThrottled { start(thread: thread) }
      }
    }
    if isWaiting || range.contains(where: { shares[$0].isCoStopped }) { watchSkew(of: range.lowerBound) }
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
