/// Backends: threads that move packets and block requests between the devices and the guests' rings.
extension Simulation {
  /// Why a backend wakes up; kept in `current`, where no item is while it sleeps.
  enum WakeCause: Int32 {
    case networkDevice = -2
    case networkBell = -3
    case blockDevice = -4
    case blockBell = -5
    case work = -6
  }

  /// The guest's notification has reached the host.
  mutating func ringBackend(vm: Int, queue: Int, isBlock: Bool) {
    wakeBackend(queues[queue].backend, vm: vm, cause: isBlock ? .blockBell : .networkBell)
  }

  /// A process of the privileged domain has something to do.
  mutating func wakeForWork(backend thread: Int) {
    threads[thread].activity = .woken
    threads[thread].current = WakeCause.work.rawValue
    wake(thread: thread)
  }

  mutating func wakeBackend(_ backend: Int32, vm: Int, cause: WakeCause) {
    let thread = Int(backends[Int(backend)].thread)
    if threads[thread].activity == .poll {
      endPoll(thread: thread)
      return
    }
    if threads[thread].activity == .beside {
      // The backend goes first: its domain's kernel preempts processes.
      let isRunning = threads[thread].state == .running
      putAsideWork(thread: thread)
      threads[thread].activity = .woken
      threads[thread].vm = Int32(vm)
      threads[thread].current = cause.rawValue
      if isRunning { decideBackend(thread: thread) }
      return
    }
    guard threads[thread].state == .blocked else { return }
    threads[thread].activity = .woken
    threads[thread].vm = Int32(vm)
    threads[thread].current = cause.rawValue
    wake(thread: thread)
  }

  /// Something has come while a backend polls.
  mutating func endPoll(thread index: Int) {
    let isRunning = threads[index].state == .running
    if isRunning { cut(thread: index) }
    bookGroup(thread: index, upTo: threads[index].groupTotal - threads[index].remaining)
    ledger.count[Int(threads[index].group.first)] += 1
    threads[index].activity = .none
    threads[index].remaining = 0
    threads[index].groupTotal = 0
    threads[index].groupBooked = 0
    if isRunning { decideBackend(thread: index) }
  }

  /// What a backend does next: wake up, handle the next item, poll, or sleep.
  mutating func decideBackend(thread index: Int, hasPolled: Bool = false) {
    if threads[index].activity == .woken {
      let vm = Int(threads[index].vm)
      let cause = WakeCause(rawValue: threads[index].current) ?? .networkDevice
      threads[index].current = -1
      let group: LeafGroup
      switch cause {
      case .networkDevice: group = vms[vm].network.wakeByDevice
      case .networkBell: group = vms[vm].network.wakeByBell
      case .blockDevice: group = vms[vm].block.wakeByDevice
      case .blockBell: group = vms[vm].block.wakeByBell
      case .work: group = LeafGroup()
      }
      begin(.backendWake, group: group, operations: 1, thread: index)
      return
    }
    let backend = Int(threads[index].backend)
    let item = Int(backends[backend].head)
    guard item >= 0 else {
      let vm = Int(threads[index].vm)
      let poll = backends[backend].servesNetwork ? vms[vm].network.poll : vms[vm].block.poll
      if threads[index].firstWork >= 0, pendingWork(of: index) >= 0 {
        doWork(thread: index)
      } else if poll.isEmpty || hasPolled {
        block(thread: index)
      } else {
        begin(.poll, group: poll, operations: 1, thread: index)
      }
      return
    }
    backends[backend].head = items[item].next
    if backends[backend].head < 0 { backends[backend].tail = -1 }
    let vm = Int(items[item].vm)
    threads[index].vm = Int32(vm)
    threads[index].current = Int32(item)
    switch items[item].kind {
    case .receive:
      begin(.item, group: vms[vm].network.receive, operations: Int64(vms[vm].packetsReceived), thread: index)
    case .transmit:
      begin(.item, group: vms[vm].network.transmit, operations: Int64(vms[vm].packetsSent), thread: index)
    case .read: begin(.item, group: vms[vm].block.transmit, operations: 1, thread: index)
    case .write: begin(.item, group: vms[vm].block.write, operations: 1, thread: index)
    case .completion: begin(.item, group: vms[vm].block.receive, operations: 1, thread: index)
    }
  }

  mutating func endItem(thread index: Int) {
    let item = Int(threads[index].current)
    threads[index].current = -1
    let job = items[item].job
    let vm = Int(items[item].vm)
    let kind = items[item].kind
    let queue = Int(items[item].queue)
    items[item].next = freeItem
    freeItem = Int32(item)
    switch kind {
    case .receive: takePackets(job: job, vm: vm)
    case .transmit:
      queues[queue].pending -= 1
      free(min(vms[vm].packetsSent, vms[vm].network.entries), queue: queue, isBlock: false, vm: vm)
      handBack(job: job, queue: queue, vm: vm)
      leave(job: Int(job), vm: vm)
    case .read, .write:
      queues[queue].pending -= 1
      startDisk(job: job, vm: vm, isRead: kind == .read)
    case .completion: completeBlock(job: job, vm: vm)
    }
    decideBackend(thread: index)
  }
}
