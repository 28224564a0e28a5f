/// Interrupts of an emulated disk in a sample, each of which tells of all requests that are done.
extension SampledHalts.Course {
  private var times: SampledHalts.Interrupts { setting.interrupts ?? SampledHalts.Interrupts() }

  /// A block request is done: the disk interrupts, unless an interrupt still waits to be taken.
  mutating func interruptForDone(_ job: Int) {
    done.append(job)
    isStatusSet = true
    guard !isAsserted else { return }
    isAsserted = true
    // The vCPU that handles one takes the next when it is through.
    guard !isHandled else { return }
    let own = setting.hasFlows ? Int(jobs[job].flow * Double(vcpus.count)) : -1
    if own >= 0, vcpus[own].phase == .halted { return wakeUp(own) }
    if let halted = vcpus.firstIndex(where: { $0.phase == .halted }) { return wakeUp(halted) }
    interrupt()
  }

  /// Interrupts a vCPU, none of which is halted: one that works, else the first when it is through with what it does.
  mutating func interrupt() {
    guard !vcpus.contains(where: \.isKicked) else { return }
    let index = vcpus.firstIndex { $0.phase == .working } ?? 0
    vcpus[index].isKicked = true
    guard vcpus[index].phase == .working else { return }
    vcpus[index].left = max(0, vcpus[index].end - Double(now))
    if setting.isSharing {
      serve()
      working -= 1
    }
    beKicked(index)
    if setting.isSharing { planService() }
  }

  mutating func beKicked(_ index: Int) {
    vcpus[index].isKicked = false
    takeNext(index)
  }

  /// Another interrupt is taken at once, beside any that is on its way.
  private mutating func takeNext(_ index: Int) {
    shared.kicks += 1
    go(index, .kicked, for: times.kick)
  }

  /// A vCPU goes on with the job that an interrupt has cut short.
  mutating func resume(_ index: Int) {
    let left = vcpus[index].left
    vcpus[index].left = -1
    guard setting.isSharing else { return shorten(index, left) }
    vcpus[index].phase = .working
    serve()
    working += 1
    planService()
  }

  /// A vCPU has taken an interrupt.
  mutating func takeInterrupt(_ index: Int) {
    if isTold {
      isTold = false
      for thread in threads.indices { threads[thread].sent.free() }
    }
    guard isAsserted, !isHandled else { return decide(index) }
    isAsserted = false
    isHandled = true
    go(index, .looking, for: times.looks)
  }

  /// The accesses of a step are made.
  mutating func endAccesses(_ index: Int) {
    switch vcpus[index].phase {
    case .looking where isStatusSet:
      shared.interrupts += 1
      return go(index, .clearing, for: times.clears)
    case .clearing:
      isStatusSet = false
      return go(index, .reading, for: times.reads)
    case .reading:
      tell(index)
      return go(index, .leaving, for: times.leaves)
    case .looking: shared.spurious += 1
    default: break
    }
    isHandled = false
    if isAsserted { takeNext(index) } else { decide(index) }
  }

  /// The jobs of all requests that are done are ready; a vCPU that has none of its own takes the first.
  private mutating func tell(_ index: Int) {
    let told = done
    done.removeAll(keepingCapacity: true)
    let isFree = vcpus[index].left < 0 ? 1 : 0
    waking += isFree
    for job in told where takePart(of: job) { enter(job, inFlow: setting.hasFlows) }
    waking -= isFree
  }
}

extension SampledHalts.Result.Shared {
  func divided(by requests: Double) -> Self {
    Self(
      halts: halts / requests, kicks: kicks / requests, interrupts: interrupts / requests,
      spurious: spurious / requests, bells: bells / requests,
      diskBells: diskBells / requests, latency: latency / requests, networkWakes: networkWakes / requests,
      diskWakes: diskWakes / requests, diskBellWakes: diskBellWakes / requests)
  }
}
