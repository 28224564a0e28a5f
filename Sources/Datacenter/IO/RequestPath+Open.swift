import Model
import Statistics
import Virtualization

/// Requests that arrive at a given rate, and closed populations too large for a network, as queues one after another.
extension RequestPath {
  /// Rates for `rate` requests per second that all get through, and the stations at that rate.
  private func flow(
    rate perSecond: Double, variability: Double, isRegular: Bool = false,
    polls: SampledHalts.Result = SampledHalts.Result()
  ) -> (flow: Flow, guest: GuestStation, network: BackendStation, diskBackend: BackendStation, disk: DiskStation?) {
    let rate = perSecond * 1e-9
    let network = networkBackend(rate: rate)
    let diskBackend = diskBackend(rate: rate)
    let disk = disk(rate: rate)
    let bells = sends ? network.bellsPerBatch : 0
    let diskBells = submitTime > 0 && blocks > 0 ? diskBackend.bellsPerBatch * blocks : 0
    let delay = delays.vcpus
    var station = GuestStation(
      servers: vm.vcpus, arrivals: rate * stages, job: job / stages, afterwork: 0,
      wake: wakeTime(polled: polls.success) * delay.slowdown, wait: delay.wait * (1 - polls.success),
      halt: stall(.halt) * delay.slowdown, variability: variability,
      isRegular: isRegular && stages == 1, paces: vm.load.lock?.paces ?? [])
    let told = sentInterrupts(drains: network.drainsPerBatch)
    station.told = tellsOfSent ? 1 / stages : 0
    if sendsBeforeItReceives {
      station.heldBefore = sendTime * delays.network.slowdown
      station.nextAfter = receiveTime * delays.network.slowdown
    }
    station.toldAfter = network.delay + sendTime * delays.network.slowdown
    // The driver polls while the packets of requests before are processed, unless a vCPU is halted meanwhile.
    let processing = pollingShare(rate)
    var window = processing
    var flow = Flow(rate: perSecond, latency: nil, isSaturated: false)
    flow.shared = polls.shared
    let (accesses, together) = (sharedTime(flow), toldTogether(flow))
    for _ in 0..<4 {
      station.job = (job + (1 - window) * interruptTime + accesses) / stages * delay.slowdown
      station.afterwork = (bells + diskBells) * stall(.doorbell) / stages * delay.slowdown
      // Interrupts that meet no halted vCPU are taken by a running one, whose jobs they delay.
      let kicks = 1 - station.wakesPerJob - station.coveredPerJob - (window + together) / stages
      station.job += max(0, kicks + told / stages - station.toldWakesPerJob) * kickTime * delay.slowdown
      window = processing * station.allBusyAfterArrival
    }
    var (wakes, halts) = (station.wakesPerJob, station.haltsPerJob)
    var busy = 1 - wakes - station.coveredPerJob
    var sentWakes = station.toldWakesPerJob
    if vm.vcpus > 1, vm.vcpus <= MultiServer.most {
      // Who waits is behind bells and interrupts, and a part of the interrupts of its packets is left to polling.
      let interrupt = interruptTime * delay.slowdown / stages
      let kick = kickTime * delay.slowdown
      let free = station.job - max(0, busy - window / stages) * kick + window * interrupt
      let servers = MultiServer(
        servers: vm.vcpus,
        service: (free - processing * interrupt + (1 - processing / stages) * kick + station.afterwork, free),
        wake: station.wait.mean(with: station.wake), closeDown: station.halt + station.afterwork,
        told: told * rate)
      if let seen = servers.solve(open: station.arrivals) {
        (wakes, halts, busy) = (seen.wakes, seen.halts, seen.interrupting)
        sentWakes = seen.toldWakes
      }
    }
    let interrupts = vm.load.packetsReceived > 0 ? (1 - window) * moderatedShare(rate) : 0
    flow.isSaturated = !station.isStable
    if !network.isStable || !diskBackend.isStable || !(disk?.isStable ?? true) { flow.isSaturated = true }
    flow.wakes = wakes * stages
    flow.halts = halts * stages
    take(polls, into: &flow)
    flow.kicks = kickTime > 0 ? max(0, stages * busy - window - together) : 0
    flow.interrupts = interrupts
    flow.told = told
    flow.sentWakes = min(told, sentWakes * stages)
    flow.sentKicks = kickTime > 0 ? max(0, told - flow.sentWakes) : 0
    flow.bells = bells
    flow.diskBells = diskBells
    if hasBackend { flow.backendWakes = network.asleep * ((receives ? 1 : 0) + (handsOver ? 1 : 0)) }
    if hasDiskBackend { flow.diskBackendWakes = diskBackend.asleep * blocks * (submitTime > 0 ? 2 : 1) }
    flow.polling = hasBackend ? network.polling * Double(networkWorkers) : 0
    flow.diskPolling = hasDiskBackend && !isShared ? diskBackend.polling * Double(diskWorkers) : 0
    takeShared(polls, into: &flow)
    return (flow, station, network, diskBackend, disk)
  }

  /// Time of the interface's moderation before packets are handed over: the residual of an interval that is open.
  func moderationDelay(_ rate: Double) -> Double {
    guard vm.load.packetsReceived > 0 else { return 0 }
    func residual(_ interval: Double, _ arrivals: Double) -> Double {
      arrivals * interval / (1 + arrivals * interval) * interval / 2
    }
    var arrivals = neighbours.batches(of: vm, own: rate)
    if vm.io.hasOwnInterrupts { arrivals /= Double(vm.io.networkOptions.queues) }
    // A front end that spares an idle VM holds packets back while the vCPUs have other work: nobody waits for it.
    return residual(Double(vm.io.moderation), arrivals)
      + (vm.io.network?.moderatesIdle ?? true ? residual(frontModeration, rate) : 0)
  }

  /// Least time between interrupts of the front end in nanoseconds.
  var frontModeration: Double { Double(vm.io.network?.moderation.nanoseconds ?? 0) }

  /// Interrupts for a request's packets that a front end leaves of those that its moderation does not know of.
  ///
  /// One follows another after the interval, if anything has come meanwhile, else with the next request.
  func moderatedShare(_ rate: Double) -> Double {
    let load = rate * frontModeration
    return 1 / (load + PortableMath.exp(-load))
  }

  /// The VM's own limit on what it sends, as a queue with constant service; infinite beyond it.
  private func limitDelay(_ rate: Double) -> Double {
    let time = Double(model.limitTime(ofRequestBy: vm))
    guard time > 0 else { return 0 }
    return rate * time < 1 ? time + rate * time * time / (2 * (1 - rate * time)) : .infinity
  }

  /// Waiting for the wire (M/D/1) and passing it; infinite beyond its capacity.
  private func wireDelay(_ rate: Double) -> Double {
    var passing = neighbours.wire(beside: vm)
    passing.add(rate, wireTime)
    return passing.load < 1 ? wireTime + passing.secondMoment / (2 * (1 - passing.load)) : .infinity
  }

  /// Time of a request's packets at their interface, in nanoseconds.
  private func passage(_ rate: Double) -> Double {
    (vm.load.packetsSent > 0 ? wireDelay(rate) + limitDelay(rate) : 0) + vm.io.walkDelay + moderationDelay(rate)
  }

  /// Time outside the guest in nanoseconds.
  private func outside(
    _ flow: Flow, _ network: BackendStation, _ diskBackend: BackendStation, _ disk: DiskStation?
  ) -> Double {
    var time = passage(flow.rate * 1e-9)
    let (guest, packets) = (delays.vcpus.slowdown, delays.network.slowdown)
    if receives { time += network.delay + receiveTime * packets }
    if sends {
      time += flow.bells * stall(.doorbell) * guest + (handsOver ? network.delay + sendTime * packets : 0)
    }
    if disk != nil {
      time += blocks * blockTime(diskBackend, disk)
      if submitTime > 0 { time += flow.diskBells * stall(.doorbell) * guest }
    }
    return time
  }

  /// Time of a block request outside the guest in nanoseconds.
  private func blockTime(_ backend: BackendStation, _ disk: DiskStation?) -> Double {
    guard let disk else { return 0 }
    let slowdown = delays.disk.slowdown
    return disk.sojourn + (submitTime > 0 ? backend.delay + submitTime * slowdown : 0)
      + (completionTime > 0 ? backend.delay + completionTime * slowdown : 0)
  }

  /// Time that requests take of each resource at least.
  var bottleneck: Double {
    var held = job + kickTime
    if sharedInterrupt != nil {
      for _ in 0..<16 {
        held = job + kickTime + sharedTime(Flow(rate: Double(vm.vcpus) / held * 1e9, latency: nil, isSaturated: true))
      }
    }
    var times = [held / Double(vm.vcpus) * delays.vcpus.slowdown]
    let network = ((receives ? receiveTime : 0) + (sends ? sendTime : 0)) * delays.network.slowdown
    let block = blocks * (submitTime + completionTime) * delays.disk.slowdown
    times += isShared ? [network + block] : [network / Double(networkWorkers), block / Double(diskWorkers)]
    if let disk = disk(rate: 1e-9, isAlone: true) {
      times += [
        blocks * disk.service / Double(disk.device.parallelism), blocks * disk.start, blocks * transferTime,
        blocks * disk.gap,
      ]
    }
    times.append(Double(model.limitTime(ofRequestBy: vm)))
    return times.max() ?? 0
  }

  /// Requests that arrive at a given rate.
  func open(rate: Double, variability: Double, isRegular: Bool = false) -> Flow {
    var (flow, station, network, diskBackend, disk) = flow(
      rate: rate, variability: variability, isRegular: isRegular)
    if flow.isSaturated || rate * Double(model.limitTime(ofRequestBy: vm)) >= 1e9 {
      return saturated(rate: rate)
    }
    if needsSample {
      let polls = polls(flow)
      (flow, station, network, diskBackend, disk) = self.flow(
        rate: rate, variability: variability, isRegular: isRegular, polls: polls)
    }
    flow.latency = station.sojourn.map { $0 * stages + outside(flow, network, diskBackend, disk) }
    if hasParts, let shared = flow.shared { flow.latency = shared.latency + passage(flow.rate * 1e-9) }
    if flow.latency == .infinity { flow.latency = nil }
    return flow
  }

  func single(clients: Int, think: Double) -> Flow {
    var rate = Double(clients) / (think + job) * 1e9
    var flow = Flow(rate: rate, latency: nil, isSaturated: false)
    for _ in 0..<200 {
      let limit = 0.999 * 1e9 / max(bottleneck, 1e-3)
      let (next, _, network, diskBackend, disk) = self.flow(rate: min(rate, limit), variability: 1)
      flow = next
      let outside = network.isStable ? self.outside(flow, network, diskBackend, disk) : 0
      let solved = ClosedStation(
        clients: clients, servers: vm.vcpus,
        job: delays.vcpus.slowdown
          * (job + flow.interrupts * interruptTime + sharedTime(flow) + (flow.bells + flow.diskBells) * stall(.doorbell)
            + (flow.kicks + flow.sentKicks) * kickTime + flow.allWakes * wakeTime)
          + flow.allWakes * delays.vcpus.wait.mean,
        away: think + (outside.isFinite ? outside : 0)
      ).solve()
      let found = min(limit, solved.throughput * 1e9)
      flow.wakes = solved.idle * stages
      flow.sentWakes = solved.idle * sentInterrupts(drains: network.drainsPerBatch)
      flow.sentKicks = kickTime > 0 ? sentInterrupts(drains: network.drainsPerBatch) - flow.sentWakes : 0
      flow.halts = flow.allWakes
      flow.kicks = kickTime > 0 ? max(0, stages - toldTogether(flow) - flow.wakes) : 0
      if abs(found - rate) < 1e-9 * found { break }
      rate = (rate + found) / 2
    }
    flow.rate = rate
    flow.isSaturated = false
    let polls = polls(flow)
    take(polls, into: &flow)
    takeShared(polls, into: &flow)
    flow.latency = rate > 0 ? max(job, Double(clients) / rate * 1e9 - think) : nil
    return flow
  }
}
