import Virtualization

/// The run queues of a host: for each set of processors that threads are pinned to, a heap of threads whose time has come
/// (the first) and one of threads that are ahead of their share (the second, fair schedulers only).
extension Simulation {
  /// - Complexity: O(log n).
  mutating func push(_ thread: Int, heap: Int) {
    var position = heaps[heap].count
    heaps[heap].count += 1
    shares[thread].heap = Int32(heap)
    let base = heaps[heap].base
    while position > 0 {
      let parent = (position - 1) / 2
      let other = Int(base[parent])
      guard isBefore(thread, other) else { break }
      base[position] = Int32(other)
      shares[other].position = Int32(position)
      position = parent
    }
    base[position] = Int32(thread)
    shares[thread].position = Int32(position)
  }

  /// - Complexity: O(log n).
  mutating func remove(_ thread: Int) {
    let heap = Int(shares[thread].heap)
    let base = heaps[heap].base
    heaps[heap].count -= 1
    let count = heaps[heap].count
    shares[thread].heap = -1
    var position = Int(shares[thread].position)
    guard position < count else { return }
    let last = Int(base[count])
    // Up, if the last comes before the parent of the hole; else down.
    while position > 0, isBefore(last, Int(base[(position - 1) / 2])) {
      let other = base[(position - 1) / 2]
      base[position] = other
      shares[Int(other)].position = Int32(position)
      position = (position - 1) / 2
    }
    while true {
      var child = 2 * position + 1
      guard child < count else { break }
      if child + 1 < count, isBefore(Int(base[child + 1]), Int(base[child])) { child += 1 }
      guard isBefore(Int(base[child]), last) else { break }
      base[position] = base[child]
      shares[Int(base[child])].position = Int32(position)
      position = child
    }
    base[position] = Int32(last)
    shares[last].position = Int32(position)
  }

  private func isBefore(_ first: Int, _ second: Int) -> Bool {
    shares[first].key != shares[second].key
      ? shares[first].key < shares[second].key : shares[first].order < shares[second].order
  }

  /// Whether a queue's threads may run on a processor.
  func allows(queue: Int, processor: Int) -> Bool {
    let host = Int(processors[processor].host)
    return pinning[pinningStart[queue] + processor - Int(hosts[host].firstProcessor)]
  }

  /// The thread that a processor should run next, still in its queue; -1 for none.
  ///
  /// - Complexity: O(queues × log n) amortized.
  mutating func best(for processor: Int) -> Int {
    let host = Int(processors[processor].host)
    guard hosts[host].waiting > 0 else { return -1 }
    let isFair = hosts[host].isFair
    let clock = isFair ? clock(of: host) : 0
    var best = -1
    var bestIsDue = false
    let first = Int(hosts[host].firstQueue)
    let count = Int(hosts[host].queues)
    for queue in first..<first + count where count == 1 || allows(queue: queue, processor: processor) {
      let due = 2 * queue
      if isFair { release(due: due, clock: clock) }
      let isDue = heaps[due].count > 0
      let heap = isDue || !isFair ? due : due + 1
      guard heaps[heap].count > 0 else { continue }
      let thread = Int(heaps[heap].base[0])
      if best < 0 || (isDue && !bestIsDue) || (isDue == bestIsDue && isBefore(thread, best)) {
        best = thread
        bestIsDue = isDue
      }
    }
    return best
  }

  /// Moves threads whose virtual run time has been reached by the clock to those that are due, by deadline.
  private mutating func release(due: Int, clock: Double) {
    while heaps[due + 1].count > 0 {
      let thread = Int(heaps[due + 1].base[0])
      guard shares[thread].virtualTime <= clock else { return }
      remove(thread)
      shares[thread].key = shares[thread].deadline
      push(thread, heap: due)
    }
  }

  /// Puts a runnable thread into its queue.
  mutating func enqueue(thread index: Int) {
    let host = Int(threads[index].host)
    let queue = Int(shares[index].queue)
    hosts[host].order += 1
    shares[index].order = hosts[host].order
    hosts[host].waiting += 1
    switch hosts[host].scheduler {
    case .roundRobin:
      shares[index].key = 0
      push(index, heap: 2 * queue)
    case .credit:
      shares[index].key = creditKey(of: index)
      push(index, heap: 2 * queue)
    case .credit2:
      shares[index].key = shares[index].virtualTime
      push(index, heap: 2 * queue)
    case .fair, .relaxedCoscheduling, .strictCoscheduling, .core:
      // A request that has been served is followed by the next one.
      if shares[index].virtualTime >= shares[index].deadline - 1 {
        shares[index].deadline = shares[index].virtualTime + Double(hosts[host].slice) / shares[index].weight
      }
      if hosts[host].hasReservations, isReserved(thread: index) {
        shares[index].key = -.infinity
        push(index, heap: 2 * queue)
      } else {
        shares[index].key = shares[index].virtualTime
        push(index, heap: 2 * queue + 1)
      }
    }
  }

  /// Takes a thread out of its queue.
  mutating func dequeue(thread index: Int) {
    remove(index)
    hosts[Int(threads[index].host)].waiting -= 1
  }
}

extension HostState {
  /// Whether threads are ordered by virtual deadlines.
  var isFair: Bool {
    switch scheduler {
    case .fair, .relaxedCoscheduling, .strictCoscheduling, .core: true
    case .roundRobin, .credit, .credit2: false
    }
  }
}
