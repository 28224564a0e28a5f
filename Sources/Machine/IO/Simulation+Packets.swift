import EventKernel

/// Packets on their way to a guest and from it.
///
/// A request's packets arrive and leave as one batch, as offloading and bursts of the network stack hand them over.
extension Simulation {
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
  mutating func takePackets(job: Int32, vm: Int) {
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
}
