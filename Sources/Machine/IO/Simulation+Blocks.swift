import EventKernel

/// Block requests on their way to a disk and back.
extension Simulation {
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
  func handsOnItself(_ kind: BackendItem.Kind, vm: Int) -> Bool {
    kind == .read ? vms[vm].block.transmit.isEmpty : kind == .write && vms[vm].block.write.isEmpty
  }

  /// The disk takes a VM's request, no earlier than the VM's limits allow.
  mutating func startDisk(job: Int32, vm: Int, isRead: Bool) {
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
  mutating func completeBlock(job: Int32, vm: Int) {
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
}
