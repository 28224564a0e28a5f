import EventKernel
import Quantities

/// Backends: threads that move packets and block requests between the devices and the guests' rings.
///
/// A ring is rung only when its consumer has asked for it: by event index it has asked unless items wait or are in its
/// hands. A request's packets arrive and leave as one batch, as offloading and bursts of the network stack hand them over.
extension Simulation {
  // MARK: Packets

  /// The packets of a request arrive at the host's interface, which may hold them back for an interrupt together.
  mutating func receive(job: Int32, vm: Int) {
    let source = interruptSource(of: job, vm: vm)
    if vms[vm].moderation > 0, source >= 0, now < nextInterrupt[source] {
      events.insert(
        Event(time: nextInterrupt[source], kind: EventKind.delivery, handle: UInt32(job), generation: 0))
    } else {
      deliver(job: job, vm: vm)
    }
  }

  /// What interrupts for a job's packets: the host's interface, or a queue of the VM's own.
  private func interruptSource(of job: Int32, vm: Int) -> Int {
    let own = vms[vm].isMultiQueue && vms[vm].interruptQueues > 1
    return Int(vms[vm].interruptSource) + (own ? (Int(vms[vm].interruptQueues) * Int(jobs[Int(job)].flow)) >> 16 : 0)
  }

  /// The host's interface hands over the packets of a request.
  mutating func deliver(job: Int32, vm: Int) {
    let source = interruptSource(of: job, vm: vm)
    if vms[vm].moderation > 0, source >= 0, now >= nextInterrupt[source] {
      nextInterrupt[source] = now + vms[vm].moderation
    }
    guard vms[vm].network.hasBackend else {
      takePackets(job: job, vm: vm)
      return
    }
    let queue = vms[vm].network.queue(of: jobs[Int(job)].flow)
    let backend = queues[queue].backend
    push(BackendItem(job: job, vm: Int32(vm), queue: Int32(queue), kind: .receive), backend: backend)
    wakeBackend(backend, vm: vm, cause: .networkDevice)
  }

  /// The guest gets the packets of a request: its driver is polling, or takes an interrupt and begins to.
  ///
  /// Linux's NAPI masks interrupts while there are packets to process.
  private mutating func takePackets(job: Int32, vm: Int) {
    let isPolling = vms[vm].halted == 0 && now < vms[vm].pollsUntil
    if !isPolling, vms[vm].frontModeration > 0 {
      guard now >= vms[vm].nextFrontInterrupt || (vms[vm].sparesIdle && vms[vm].halted == vms[vm].vcpus) else {
        hold(job: job, vm: vm)
        return
      }
      if vms[vm].heldHead >= 0 {
        // The interval ends just now.
        hold(job: job, vm: vm)
        releaseHeld(vm: vm)
        return
      }
      vms[vm].nextFrontInterrupt = now + vms[vm].frontModeration
    }
    enter(job: job, vm: vm, isTold: isPolling)
  }

  /// The packets of a request are the guest's; `isTold` where no interrupt needs to tell of them.
  private mutating func enter(job: Int32, vm: Int, isTold: Bool) {
    vms[vm].pollsUntil = max(now, vms[vm].pollsUntil) + vms[vm].pollTime
    if vms[vm].network.transmitShare >= 0, vms[vm].packetsSent > 0, vms[vm].network.hasBackend {
      askForSent(queue: vms[vm].network.queue(of: jobs[Int(job)].flow), vm: vm, packets: 0)
    }
    if !isTold { chargeInterrupt(job: Int(job), vm: vm) }
    pushJob(job, vm: vm)
    notify(vm: vm, byInterrupt: !isTold, preferred: vcpu(of: job, vm: vm))
  }

  /// The front end holds packets back until it may interrupt again.
  private mutating func hold(job: Int32, vm: Int) {
    jobs[Int(job)].next = -1
    if vms[vm].heldHead < 0 {
      vms[vm].heldHead = job
      events.insert(
        Event(
          time: vms[vm].nextFrontInterrupt, kind: EventKind.guestDelivery, handle: UInt32(vm), generation: 0))
    } else {
      jobs[Int(vms[vm].heldTail)].next = job
    }
    vms[vm].heldTail = job
  }

  /// An interval of the front end's moderation is over.
  mutating func endModeration(vm: Int) {
    // Where the VM went idle meanwhile, it has been interrupted before.
    if now >= vms[vm].nextFrontInterrupt { releaseHeld(vm: vm) }
  }

  /// One interrupt tells the guest of all packets that were held back.
  mutating func releaseHeld(vm: Int) {
    guard vms[vm].heldHead >= 0 else { return }
    var isTold = vms[vm].halted == 0 && now < vms[vm].pollsUntil
    if !isTold { vms[vm].nextFrontInterrupt = now + vms[vm].frontModeration }
    var job = vms[vm].heldHead
    vms[vm].heldHead = -1
    while job >= 0 {
      let next = jobs[Int(job)].next
      enter(job: job, vm: vm, isTold: isTold)
      isTold = true
      job = next
    }
  }

  /// Adds the register accesses of an interrupt to the job whose packets caused it.
  private mutating func chargeInterrupt(job: Int, vm: Int) {
    let first = vms[vm].firstComponent
    for component in first..<first + vms[vm].componentCount {
      // They stand first.
      guard case .perInterrupt(let accesses) = components[component].count else { break }
      jobs[job].total += charge(component: component, operations: accesses, job: job, vm: vm)
    }
    jobs[job].stageEnd = stageEnd(of: job)
  }

  /// The guest hands the packets of a finished job to the ring. Returns whether it must ring.
  mutating func send(job: Int, vm: Int) -> Bool {
    let need = min(vms[vm].packetsSent, vms[vm].network.entries)
    let queue = vms[vm].network.queue(of: jobs[job].flow)
    let item = BackendItem(job: Int32(job), vm: Int32(vm), queue: Int32(queue), kind: .transmit)
    return handOver(item, need: need, isBlock: false, vm: vm)
  }

  // MARK: Block requests

  /// The guest hands the next block request of a job to its disk, the parts of one that was cut together. Returns whether it
  /// must ring, once for all.
  mutating func issueBlock(job: Int32, vm: Int) -> Bool {
    let stage = jobs[Int(job)].stage
    let isRead = stage < jobs[Int(job)].reads
    let isCut = isRead ? stage < jobs[Int(job)].cutReads : stage - jobs[Int(job)].reads < jobs[Int(job)].cutWrites
    jobs[Int(job)].parts = !isCut ? 1 : isRead ? vms[vm].reads.parts : vms[vm].writes.parts
    var rings = false
    for _ in 0..<jobs[Int(job)].parts where issuePart(job: job, vm: vm, isRead: isRead) { rings = true }
    return rings
  }

  private mutating func issuePart(job: Int32, vm: Int, isRead: Bool) -> Bool {
    guard vms[vm].block.hasBackend else {
      startDisk(job: job, vm: vm, isRead: isRead)
      return false
    }
    let queue = vms[vm].block.queue(of: jobs[Int(job)].flow)
    let item = BackendItem(job: job, vm: Int32(vm), queue: Int32(queue), kind: isRead ? .read : .write)
    if handsOnItself(item.kind, vm: vm) {
      // As many as the device takes; the driver holds the others back.
      if queues[queue].used < vms[vm].block.entries {
        queues[queue].used += 1
        startDisk(job: job, vm: vm, isRead: isRead)
      } else {
        wait(item)
      }
      return false
    }
    return handOver(item, need: 1, isBlock: true, vm: vm)
  }

  /// Whether the vCPU's own thread hands a block request on to the disk, in the exit by which it is issued.
  private func handsOnItself(_ kind: BackendItem.Kind, vm: Int) -> Bool {
    kind == .read ? vms[vm].block.transmit.isEmpty : kind == .write && vms[vm].block.write.isEmpty
  }

  /// The disk takes a VM's request, no earlier than the VM's limits allow.
  private mutating func startDisk(job: Int32, vm: Int, isRead: Bool) {
    let disk = Int(vms[vm].disk)
    let channel = freeChannel(of: disk)
    var start = max(now, channelFree[channel], disks[disk].nextStart)
    if vms[vm].diskGap > 0 {
      start = max(start, vms[vm].diskFree)
      vms[vm].diskFree = start + vms[vm].diskGap
    }
    let quota = isRead ? vms[vm].readQuota : vms[vm].writeQuota
    if quota > 0 {
      start = max(start, vms[vm].quotaFree)
      vms[vm].quotaFree = start + quota
    }
    let end = serve(
      disk: disk, channel: channel, from: start, isRead: isRead,
      transfer: isRead ? vms[vm].readTransfer : vms[vm].writeTransfer)
    events.insert(Event(time: end, kind: EventKind.diskEnd, handle: UInt32(job), generation: 0))
  }

  /// The channel of a disk that is free first.
  ///
  /// - Complexity: O(channels).
  func freeChannel(of disk: Int) -> Int {
    let first = Int(disks[disk].firstChannel)
    var channel = first
    for other in first..<first + Int(disks[disk].channels) where channelFree[other] < channelFree[channel] {
      channel = other
    }
    return channel
  }

  /// A channel of a disk takes a request, no earlier than asked and than the disk's limits allow; its bytes, which take
  /// `transfer`, go over the bus first. Returns when it is done.
  mutating func serve(disk: Int, channel: Int, from earliest: Int64, isRead: Bool, transfer: Int64) -> Int64 {
    var start = max(earliest, channelFree[channel], disks[disk].nextStart)
    disks[disk].nextStart = start + (isRead ? disks[disk].readGap : disks[disk].writeGap)
    let latency =
      isRead
      ? readSamplers[disk].sample(using: &diskStreams[disk]) : writeSamplers[disk].sample(using: &diskStreams[disk])
    // Bytes go over the bus in the order of starts, so that nobody waits for a slower request before.
    if transfer > 0 {
      start = max(start, disks[disk].busFree) + transfer
      disks[disk].busFree = start
    }
    let end = start + Int64(min(latency, endlessWork).rounded())
    channelFree[channel] = end
    return end
  }

  /// A disk has done a block request.
  mutating func endDisk(job: Int32) {
    let vm = Int(jobs[Int(job)].vm)
    guard vms[vm].block.hasBackend, !vms[vm].block.receive.isEmpty else {
      completeBlock(job: job, vm: vm)
      return
    }
    let queue = vms[vm].block.queue(of: jobs[Int(job)].flow)
    let backend = queues[queue].backend
    push(BackendItem(job: job, vm: Int32(vm), queue: Int32(queue), kind: .completion), backend: backend)
    wakeBackend(backend, vm: vm, cause: .blockDevice)
  }

  /// The guest gets its block request back and goes on with the job.
  private mutating func completeBlock(job: Int32, vm: Int) {
    if vms[vm].doneRequests.isShared {
      interruptForDone(job: job, vm: vm)
      return
    }
    if takeBlock(job: job, vm: vm) {
      notify(vm: vm, byInterrupt: true, preferred: vcpu(of: job, vm: vm))
    } else if !wakeHalted(vm: vm, preferred: vcpu(of: job, vm: vm)) {
      _ = interruptRunning(vm: vm)
    }
  }

  /// The driver knows that a block request is done. Returns whether its job is ready for the next stage, or waits for other
  /// parts.
  mutating func takeBlock(job: Int32, vm: Int) -> Bool {
    if vms[vm].block.hasBackend {
      let queue = vms[vm].block.queue(of: jobs[Int(job)].flow)
      if queues[queue].used > 0 { free(1, queue: queue, isBlock: true, vm: vm) }
    }
    jobs[Int(job)].parts -= 1
    guard jobs[Int(job)].parts == 0 else { return false }
    jobs[Int(job)].stage += 1
    jobs[Int(job)].stageEnd = stageEnd(of: Int(job))
    pushJob(job, vm: vm)
    return true
  }

  // MARK: Rings

  /// Puts an item into a ring, or lets it wait for entries. Returns whether the guest must ring.
  private mutating func handOver(
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
  private mutating func wait(_ item: BackendItem) {
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
  private mutating func free(_ entries: Int32, queue: Int, isBlock: Bool, vm: Int) {
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

  private mutating func push(_ item: BackendItem, backend: Int32) {
    let index = makeItem(item)
    let backend = Int(backend)
    if backends[backend].tail >= 0 {
      items[Int(backends[backend].tail)].next = index
    } else {
      backends[backend].head = index
    }
    backends[backend].tail = index
  }

  // MARK: Threads

  /// Why a backend wakes up; kept in `current`, where no item is while it sleeps.
  private enum WakeCause: Int32 {
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

  private mutating func wakeBackend(_ backend: Int32, vm: Int, cause: WakeCause) {
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
  private mutating func endPoll(thread index: Int) {
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
