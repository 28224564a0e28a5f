import EventKernel

/// Time slices: how long a thread keeps its processor while others wait, and who makes way for a woken one.
extension Simulation {
  /// Bounds the slices of all running threads, because one waits.
  mutating func boundSlices(host: Int) {
    guard hosts[host].armed < hosts[host].processors - hosts[host].idle else { return }
    let first = Int(hosts[host].firstProcessor)
    for processor in first..<first + Int(hosts[host].processors) where processors[processor].thread >= 0 {
      boundSlice(processor)
    }
  }

  mutating func boundSlice(_ processor: Int) {
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

  mutating func cancelSlice(_ processor: Int) {
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
    let isReserved = isReserved(thread: index)
    if scheduler == .roundRobin || (scheduler == .core && !isReserved) || scheduler == .strictCoscheduling { return }
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
      for sibling in vms[vm].threads
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
    interrupt(thread: index)
    enter(.waiting, thread: index)
    vacate(thread: index)
    enqueue(thread: index)
    watchSkew(of: index)
  }
}
