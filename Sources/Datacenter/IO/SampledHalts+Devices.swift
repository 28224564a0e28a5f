import EventKernel
import Model
import Virtualization

/// The threads of backends and the disk of a sample: where requests are while no vCPU works on them.
extension SampledHalts.Course {
  /// The thread that serves a request's queue.
  func thread(of job: Int, isBlock: Bool) -> Int {
    let count = isBlock && firstOfDisk > 0 ? threads.count - firstOfDisk : setting.network.threads
    let first = isBlock ? firstOfDisk : 0
    return count > 1 ? first + Int(jobs[job].flow * Double(count)) : first
  }

  /// The guest hands an item over. Returns the thread that it has to ring for; nil where that needs no bell.
  mutating func handOver(_ kind: SampledHalts.Thread.Kind, _ job: Int, thread index: Int) -> Int? {
    threads[index].items.append(SampledHalts.Thread.Item(kind: kind, job: job))
    let (pending, notification): (Int, FrontEnd.Notification)
    if kind == .transmit {
      threads[index].packets += 1
      if threads[index].worker.tellsOfSent { askForSent(index, packets: threads[index].worker.packets) }
      (pending, notification) = (threads[index].packets, threads[index].worker.ofPackets)
    } else {
      threads[index].blocks += 1
      (pending, notification) = (threads[index].blocks, threads[index].worker.ofBlocks)
    }
    let isWaking = threads[index].isAsleep || threads[index].current.kind == .wake
    let rings =
      switch notification {
      case .always: true
      case .eventIndex: pending == 1
      case .flags: pending == 1 || isWaking
      }
    return rings ? index : nil
  }

  /// The host hands an item to a thread.
  mutating func push(_ kind: SampledHalts.Thread.Kind, _ job: Int, thread index: Int) {
    threads[index].items.append(SampledHalts.Thread.Item(kind: kind, job: job))
    wakeThread(index, isBell: false)
  }

  mutating func wakeThread(_ index: Int, isBell: Bool) {
    guard threads[index].isAsleep else { return }
    threads[index].isAsleep = false
    // Whom one thread for both is woken for, the first item tells.
    let (items, head) = (threads[index].items, threads[index].head)
    let isForDisk =
      head < items.count
      ? items[head].kind == .submit || items[head].kind == .complete : firstOfDisk > 0 && index >= firstOfDisk
    if isForDisk {
      shared.diskWakes += 1
      shared.diskBellWakes += isBell ? 1 : 0
    } else {
      shared.networkWakes += 1
    }
    threads[index].current.kind = .wake
    schedule(.worker, index, after: isBell ? threads[index].worker.bellWake : threads[index].worker.deviceWake)
  }

  private mutating func next(_ index: Int) {
    guard threads[index].head < threads[index].items.count else {
      threads[index].items.removeAll(keepingCapacity: true)
      threads[index].head = 0
      threads[index].isAsleep = true
      threads[index].current.kind = .none
      return
    }
    let item = threads[index].items[threads[index].head]
    threads[index].head += 1
    threads[index].current = item
    let worker = threads[index].worker
    let time =
      switch item.kind {
      case .receive: worker.receive
      case .transmit: worker.transmit
      case .submit: worker.submit
      case .complete: worker.complete
      case .wake, .none: 0.0
      }
    schedule(.worker, index, after: time)
  }

  /// A thread is through with an item, or has woken up.
  mutating func endItem(_ index: Int) {
    let item = threads[index].current
    switch item.kind {
    case .receive: enterByInterrupt(item.job, inFlow: setting.hasFlows)
    case .transmit:
      threads[index].packets -= 1
      if threads[index].worker.tellsOfSent { handBack(item.job, thread: index) }
      leave(item.job)
    case .submit:
      threads[index].blocks -= 1
      start(item.job)
    case .complete: comeFromDisk(item.job)
    case .wake, .none: break
    }
    next(index)
  }

  // MARK: Disk

  private var diskWorker: SampledHalts.Worker { setting.disk ?? setting.network }

  /// The guest issues a job's block request. Returns the thread that it has to ring for.
  mutating func issue(_ job: Int) -> Int? {
    let stage = jobs[job].stage
    let isRead = stage < jobs[job].reads
    let isCut = isRead ? stage < jobs[job].cutReads : stage - jobs[job].reads < jobs[job].cutWrites
    jobs[job].parts = !isCut ? 1 : isRead ? setting.readParts : setting.writeParts
    var rings: Int?
    for _ in 0..<jobs[job].parts {
      if diskWorker.submit > 0 {
        rings = handOver(.submit, job, thread: thread(of: job, isBlock: true)) ?? rings
      } else {
        start(job)
      }
    }
    if rings != nil { shared.diskBells += 1 }
    return rings
  }

  /// A part of a job's block request is done. Returns whether that was the last.
  mutating func takePart(of job: Int) -> Bool {
    jobs[job].parts -= 1
    guard jobs[job].parts == 0 else { return false }
    jobs[job].stage += 1
    return true
  }

  /// The disk takes a block request, unless it has as many as it can.
  private mutating func start(_ job: Int) {
    guard onDisk < setting.channels else {
      held.append(job)
      return
    }
    onDisk += 1
    var start = max(Double(now), nextStart)
    nextStart = start + setting.starts
    let isRead = jobs[job].stage < jobs[job].reads
    let transfer = isRead ? setting.readTransfer : setting.writeTransfer
    if transfer > 0 {
      start = max(start, busFree) + transfer
      busFree = start
    }
    let time = isRead ? readTime.sample(using: &random[2]) : writeTime.sample(using: &random[2])
    schedule(.disk, job, after: start - Double(now) + time + setting.blockTime)
  }

  mutating func endDisk(_ job: Int) {
    onDisk -= 1
    if heldHead < held.count {
      let next = held[heldHead]
      heldHead += 1
      if heldHead == held.count {
        held.removeAll(keepingCapacity: true)
        heldHead = 0
      }
      start(next)
    }
    guard diskWorker.complete > 0 else { return comeFromDisk(job) }
    push(.complete, job, thread: thread(of: job, isBlock: true))
  }

  private mutating func comeFromDisk(_ job: Int) {
    let interrupts = setting.interrupts
    if let interrupts, interrupts.isShared { return interruptForDone(job) }
    let hasHalted = vcpus.contains { $0.phase == .halted }
    let own = setting.hasFlows ? job : -1
    let isReady = takePart(of: job)
    if isReady { enter(job, inFlow: setting.hasFlows) } else { wakeHalted(for: own) }
    if let interrupts, interrupts.kick > 0, !hasHalted, !isReady || waiting > waking { interrupt() }
  }
}
