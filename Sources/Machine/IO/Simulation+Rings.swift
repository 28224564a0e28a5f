/// Rings between guests and backends.
///
/// A ring is rung only when its consumer has asked for it: by event index it has asked unless items wait or are in its hands.
extension Simulation {
  /// Puts an item into a ring, or lets it wait for entries. Returns whether the guest must ring.
  mutating func handOver(
    _ item: BackendItem, need: Int32, isBlock: Bool, vm: Int
  ) -> Bool {
    let queue = Int(item.queue)
    guard queues[queue].used + need <= vms[vm][isBlock].entries else {
      wait(item)
      return false
    }
    queues[queue].used += need
    queues[queue].pending += 1
    if item.kind == .transmit { askForSent(queue: queue, vm: vm) }
    let backend = queues[queue].backend
    let thread = Int(backends[Int(backend)].thread)
    let isPolling = threads[thread].activity == .poll
    push(item, backend: backend)
    if isPolling {
      endPoll(thread: thread)
      return false
    }
    switch vms[vm][isBlock].notification {
    case .always: return true
    case .eventIndex: return queues[queue].pending == 1
    case .flags:
      let isWaking = threads[thread].activity == .woken || threads[thread].activity == .backendWake
      return queues[queue].pending == 1 || threads[thread].state == .blocked || isWaking
    }
  }

  /// Lets an item wait for entries of its ring.
  mutating func wait(_ item: BackendItem) {
    let queue = Int(item.queue)
    let index = makeItem(item)
    if queues[queue].waitTail >= 0 {
      items[Int(queues[queue].waitTail)].next = index
    } else {
      queues[queue].waitHead = index
    }
    queues[queue].waitTail = index
  }

  /// Frees entries of a ring and lets the items that wait for them in. The backend is at work, or woken.
  mutating func free(_ entries: Int32, queue: Int, isBlock: Bool, vm: Int) {
    queues[queue].used -= entries
    while queues[queue].waitHead >= 0 {
      let index = queues[queue].waitHead
      let item = items[Int(index)]
      let need = item.kind == .transmit ? min(vms[vm].packetsSent, vms[vm][isBlock].entries) : 1
      guard queues[queue].used + need <= vms[vm][isBlock].entries else { return }
      queues[queue].waitHead = item.next
      if item.next < 0 { queues[queue].waitTail = -1 }
      items[Int(index)].next = freeItem
      freeItem = index
      queues[queue].used += need
      if isBlock, handsOnItself(item.kind, vm: vm) {
        startDisk(job: item.job, vm: vm, isRead: item.kind == .read)
        continue
      }
      queues[queue].pending += 1
      if item.kind == .transmit { askForSent(queue: queue, vm: vm) }
      let backend = queues[queue].backend
      push(item, backend: backend)
      wakeBackend(backend, vm: vm, cause: item.kind == .transmit ? .networkBell : .blockBell)
    }
  }

  mutating func makeItem(_ item: BackendItem) -> Int32 {
    var item = item
    item.next = -1
    guard freeItem >= 0 else { return Int32(items.append(item)) }
    let index = freeItem
    freeItem = items[Int(index)].next
    items[Int(index)] = item
    return index
  }

  mutating func push(_ item: BackendItem, backend: Int32) {
    let index = makeItem(item)
    let backend = Int(backend)
    if backends[backend].tail >= 0 {
      items[Int(backends[backend].tail)].next = index
    } else {
      backends[backend].head = index
    }
    backends[backend].tail = index
  }
}
