import EventKernel
import Model

/// The guest's scheduler: a queue of jobs that all vCPUs of a VM take from, in turns or to the end.
extension Simulation {
  // MARK: Queue

  mutating func pushJob(_ job: Int32, vm: Int) {
    jobs[Int(job)].next = -1
    if vms[vm].queueTail >= 0 {
      jobs[Int(vms[vm].queueTail)].next = job
    } else {
      vms[vm].queueHead = job
    }
    vms[vm].queueTail = job
    vms[vm].queueLength += 1
  }

  /// Puts a job back that has to make room.
  mutating func returnJob(_ job: Int32, vm: Int) {
    jobs[Int(job)].next = vms[vm].queueHead
    vms[vm].queueHead = job
    if vms[vm].queueTail < 0 { vms[vm].queueTail = job }
    vms[vm].queueLength += 1
  }

  private mutating func popJob(vm: Int) -> Int32 {
    let job = vms[vm].queueHead
    guard job >= 0 else { return -1 }
    vms[vm].queueHead = jobs[Int(job)].next
    if vms[vm].queueHead < 0 { vms[vm].queueTail = -1 }
    vms[vm].queueLength -= 1
    jobs[Int(job)].next = -1
    return job
  }

  /// A job has come into the queue: wakes a halted vCPU for it, or makes running jobs share.
  ///
  /// - Complexity: O(vCPUs of the VM).
  mutating func notify(vm: Int, byInterrupt: Bool, preferred: Int? = nil) {
    guard vms[vm].queueLength > vms[vm].waking else { return }
    if wakeHalted(vm: vm, preferred: preferred) { return }
    let range = vms[vm].threads
    if vms[vm].turn < .max, vms[vm].queueLength == vms[vm].waking + 1 { beginTurns(vm: vm) }
    if byInterrupt, !vms[vm].kick.isEmpty { kick(vm: vm, range: range) }
    if vms[vm].turn < .max {
      for thread in range { shorten(thread: thread, vm: vm) }
    }
  }

  /// Wakes a halted vCPU, the preferred one if it is halted; one for whose wake-up the host polls goes on. Returns whether
  /// there was any.
  ///
  /// - Complexity: O(vCPUs of the VM).
  mutating func wakeHalted(vm: Int, preferred: Int? = nil) -> Bool {
    guard vms[vm].halted > 0 else { return false }
    guard
      let thread = preferred.flatMap({ canWake(thread: $0) ? $0 : nil })
        ?? vms[vm].threads.first(where: { canWake(thread: $0) })
    else { return false }
    vms[vm].halted -= 1
    if threads[thread].activity == .haltPoll {
      wakePolling(thread: thread)
    } else {
      adaptPolling(thread: thread)
      vms[vm].waking += 1
      threads[thread].activity = .woken
      wake(thread: thread)
    }
    return true
  }

  private func canWake(thread index: Int) -> Bool {
    threads[index].activity == .haltPoll
      || (threads[index].state == .blocked && threads[index].activity != .pageWait
        && threads[index].activity != .lockHalt)
  }

  /// The vCPU that a flow's interrupts go to; nil where all queues have one.
  func vcpu(of job: Int32, vm: Int) -> Int? {
    guard vms[vm].isMultiQueue else { return nil }
    return vms[vm].threads.lowerBound + (Int(vms[vm].vcpus) * Int(jobs[Int(job)].flow)) >> 16
  }

  /// Interrupts a vCPU, none of which is halted, without a job. Returns whether that takes any time.
  mutating func interruptRunning(vm: Int) -> Bool {
    guard !vms[vm].kick.isEmpty else { return false }
    kick(vm: vm, range: vms[vm].threads)
    return true
  }

  /// Interrupts the first vCPU that can take it; one that is already to be interrupted takes this one along.
  mutating func kick(vm: Int, range: Range<Int>) {
    guard !range.contains(where: { threads[$0].isKickPending }) else { return }
    let target = range.first { threads[$0].state == .running && threads[$0].activity == .job } ?? range.lowerBound
    threads[target].isKickPending = true
    guard threads[target].state == .running, threads[target].activity == .job else { return }
    cut(thread: target)
    threads[target].remaining = 0
    decideVCPU(thread: target)
  }

  /// Bounds the burst of a job that was planned to the end while nobody else waited.
  private mutating func shorten(thread index: Int, vm: Int) {
    guard threads[index].activity == .job, threads[index].remaining > vms[vm].turn else { return }
    if threads[index].state == .running {
      cut(thread: index)
      threads[index].remaining = min(threads[index].remaining, vms[vm].turn)
      beginBurst(thread: index)
    } else {
      threads[index].remaining = vms[vm].turn
    }
  }

  /// The interrupt of a running vCPU, which may have interrupts off: a fixed share of them, spread evenly.
  mutating func nextKick(vm: Int) -> LeafGroup {
    guard vms[vm].blockedShare > 0 else { return vms[vm].kick }
    vms[vm].blockedCarry += vms[vm].blockedShare
    guard vms[vm].blockedCarry >= 1 else { return vms[vm].kick }
    vms[vm].blockedCarry -= 1
    return vms[vm].blockedKick
  }

  // MARK: Turns

  /// How long a job runs on before its end, the end of its turn, or its next stop for a lock, a page or a flush.
  private func burst(of job: Int, vm: Int) -> Int64 {
    let isShared = vms[vm].queueLength > vms[vm].waking && !jobs[job].isBalloon
    // A hold may have gone beyond the end of the stage, and beyond the next stop.
    let left = max(0, jobs[job].stageEnd - jobs[job].executed)
    let stop = jobs[job].nextStop
    let before = stop < .max ? min(left, max(0, stop - jobs[job].executed)) : left
    return isShared ? min(before, max(0, turnLeft(of: job, vm: vm))) : before
  }

  /// A job waits where none did: the turns of those that run begin.
  private mutating func beginTurns(vm: Int) {
    for thread in vms[vm].threads where threads[thread].current >= 0 {
      let job = Int(threads[thread].current)
      let isRunning = threads[thread].isBursting && threads[thread].activity.isJob
      jobs[job].turnStart = jobs[job].executed + (isRunning ? elapsed(of: thread) : 0)
    }
  }

  private func turnLeft(of job: Int, vm: Int) -> Int64 {
    vms[vm].turn == .max ? .max : vms[vm].turn - (jobs[job].executed - jobs[job].turnStart)
  }

  /// A critical section is over: the job goes on, or makes room if its turn has ended meanwhile.
  mutating func leaveCriticalSection(thread index: Int) {
    let vm = Int(threads[index].vm)
    let job = threads[index].current
    threads[index].activity = .none
    if vms[vm].queueLength > vms[vm].waking, turnLeft(of: Int(job), vm: vm) <= 0 {
      threads[index].current = -1
      pushJob(job, vm: vm)
    }
    decideVCPU(thread: index)
  }

  // MARK: vCPU

  /// What a vCPU does next: take an interrupt, go on with its job, fetch another, or halt.
  mutating func decideVCPU(thread index: Int) {
    let vm = Int(threads[index].vm)
    if threads[index].activity == .woken {
      begin(.wake, group: vms[vm].wake, operations: 1, thread: index)
      return
    }
    if threads[index].isKickPending {
      threads[index].isKickPending = false
      begin(.kick, group: nextKick(vm: vm), operations: 1, thread: index)
      return
    }
    if vms[vm].balloonJob >= 0 { takeBalloonJob(thread: index, vm: vm) }
    if threads[index].current < 0 {
      threads[index].current = popJob(vm: vm)
      if threads[index].current >= 0 {
        let job = Int(threads[index].current)
        jobs[job].turnStart = jobs[job].executed
      }
    }
    if threads[index].current < 0, vms[vm].heldHead >= 0, vms[vm].sparesIdle, vms[vm].halted + 1 == vms[vm].vcpus {
      releaseHeld(vm: vm)
      decideVCPU(thread: index)
      return
    }
    guard threads[index].current >= 0 else {
      begin(.halt, group: vms[vm].halt, operations: 1, thread: index)
      return
    }
    threads[index].activity = .job
    threads[index].remaining = burst(of: Int(threads[index].current), vm: vm)
    beginBurst(thread: index)
  }

  mutating func endStall(_ activity: Activity, thread index: Int) {
    let vm = Int(threads[index].vm)
    switch activity {
    case .wake:
      vms[vm].waking -= 1
      takeInterrupt(thread: index, vm: vm)
    case .kick: takeInterrupt(thread: index, vm: vm)
    case .doorbell:
      ringBackend(vm: vm, queue: Int(threads[index].ringsQueue), isBlock: threads[index].ringsDisk)
      decideVCPU(thread: index)
    case .halt:
      if vms[vm].queueLength > vms[vm].waking || threads[index].isKickPending || vms[vm].balloonJob >= 0 {
        decideVCPU(thread: index)
      } else {
        vms[vm].halted += 1
        haltOrPoll(thread: index)
      }
    default:
      decideVCPU(thread: index)
    }
  }

  /// A vCPU has taken an interrupt: the drivers of what has interrupted handle it.
  private mutating func takeInterrupt(thread index: Int, vm: Int) {
    if vms[vm].isTold { freeSent(vm: vm) }
    if vms[vm].doneRequests.isAsserted, vms[vm].doneRequests.step == .none {
      beginDiskInterrupt(thread: index, vm: vm)
    } else {
      decideVCPU(thread: index)
    }
  }

  mutating func endJobBurst(thread index: Int) {
    let vm = Int(threads[index].vm)
    let job = threads[index].current
    if jobs[Int(job)].pageWaits > 0, jobs[Int(job)].executed >= jobs[Int(job)].nextPageWait {
      waitForPage(thread: index, vm: vm)
      return
    }
    if jobs[Int(job)].takings > 0, jobs[Int(job)].executed >= jobs[Int(job)].nextTaking {
      takeShadowLock(thread: index, vm: vm)
      return
    }
    if jobs[Int(job)].lockTakings > 0, jobs[Int(job)].executed >= jobs[Int(job)].nextLock {
      takeSpinLock(thread: index, vm: vm)
      return
    }
    if jobs[Int(job)].flushes > 0, jobs[Int(job)].executed >= jobs[Int(job)].nextFlush {
      if waitForFlush(thread: index, vm: vm) { return }
      // Nobody to wait for: the job goes on with its turn.
      if jobs[Int(job)].executed < jobs[Int(job)].stageEnd,
        vms[vm].queueLength == 0 || turnLeft(of: Int(job), vm: vm) > 0
      {
        threads[index].activity = .none
        decideVCPU(thread: index)
        return
      }
    }
    threads[index].activity = .none
    // A critical section that has begun delays a block request.
    if jobs[Int(job)].executed >= jobs[Int(job)].stageEnd {
      threads[index].current = -1
      if jobs[Int(job)].isBalloon {
        endBalloonJob(job, vm: vm)
        decideVCPU(thread: index)
        return
      }
      let isBlock = jobs[Int(job)].stage < jobs[Int(job)].reads + jobs[Int(job)].writes
      let rings = isBlock ? issueBlock(job: job, vm: vm) : complete(job: Int(job), vm: vm)
      if rings {
        threads[index].ringsDisk = isBlock
        threads[index].ringsQueue = Int32(vms[vm][isBlock].queue(of: jobs[Int(job)].flow))
        begin(
          .doorbell, group: isBlock ? vms[vm].block.doorbell : vms[vm].network.doorbell, operations: 1, thread: index)
        return
      }
    } else if vms[vm].queueLength > 0, !jobs[Int(job)].isBalloon {
      threads[index].current = -1
      pushJob(job, vm: vm)
    }
    decideVCPU(thread: index)
  }
}
