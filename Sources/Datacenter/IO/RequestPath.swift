import EventKernel
import Model
import Virtualization

/// The way of a request: backend, guest, disk, guest, backend, wire.
struct RequestPath {
  let vm: VirtualMachine
  let design: CompiledDesign
  /// Time that a request holds a vCPU, in nanoseconds, the accesses at interrupts left out.
  let job: Double
  let wire: Double
  let model: SimulationModel

  /// Rates and shares along the way.
  struct Flow {
    /// Requests per second.
    var rate: Double
    var latency: Double?
    var isSaturated: Bool
    /// Per request: wakings and haltings of a vCPU, interrupts taken by a running one, interrupts for packets.
    var wakes = 0.0
    var halts = 0.0
    var kicks = 0.0
    var interrupts = 0.0
    /// Per request: bells and wakings of the backends.
    var bells = 0.0
    var diskBells = 0.0
    var backendWakes = 0.0
    var diskBackendWakes = 0.0
    /// Share of time that backends poll.
    var polling = 0.0
    var diskPolling = 0.0
  }

  private func stall(_ operation: GuestOperation, _ target: TargetState = .running) -> Double {
    design.cost(of: operation, target: target)?.synchronousMean ?? 0
  }
  private func elsewhere(_ operation: GuestOperation) -> Double { design.cost(of: operation)?.asynchronousMean ?? 0 }
  private var wakeTime: Double { stall(.interrupt, .halted) + stall(.eoi, .halted) }
  private var kickTime: Double { stall(.interrupt) + stall(.eoi) }
  private var hasBackend: Bool { design.hasNetworkBackend && vm.load.packetsSent + vm.load.packetsReceived > 0 }
  private var sends: Bool { hasBackend && vm.load.packetsSent > 0 }
  private var receives: Bool { hasBackend && vm.load.packetsReceived > 0 }
  private var receiveTime: Double { Double(vm.load.packetsReceived) * elsewhere(.netRx) }
  private var sendTime: Double { Double(vm.load.packetsSent) * elsewhere(.netTx) }

  // Block requests.
  private var device: StorageDevice? { vm.io.disk.flatMap { model.disks[$0] } }
  private var blocks: Double { device == nil ? 0 : vm.load.block.count }
  private var readShare: Double { vm.load.block.count > 0 ? vm.load.block.reads / vm.load.block.count : 1 }
  private var submitTime: Double { readShare * elsewhere(.blockRead) + (1 - readShare) * elsewhere(.blockWrite) }
  private var completionTime: Double { elsewhere(.blockCompletion) }
  private var hasDiskBackend: Bool { blocks > 0 && submitTime + completionTime > 0 }
  private var stages: Double { 1 + blocks }
  private var accessTime: Double { vm.load.interruptAccesses.reduce(0) { $0 + $1.rate * stall($1.operation) } }
  /// Whether disk and network wait for the same thread.
  private var isShared: Bool {
    hasBackend && hasDiskBackend && (design.sharesBackend || design.hasPrivilegedDomain)
  }

  /// Threads that serve the queues of each device.
  private var networkWorkers: Int { design.workers(of: vm.io.networkOptions) }
  private var diskWorkers: Int { design.workers(of: vm.io.blockOptions) }

  private func networkBackend(rate: Double) -> BackendStation {
    var station = BackendStation(
      received: (receives ? rate : 0, receiveTime), sent: (sends ? rate : 0, sendTime),
      wake: elsewhere(.doorbell), bell: stall(.doorbell))
    station.divide(among: networkWorkers, queues: vm.io.networkOptions.queues)
    station.addOthers(SharedBackends.others(beside: vm, in: model))
    if isShared {
      let own = rate * blocks
      station.other.rate += 2 * own
      station.other.load += own * (submitTime + completionTime)
      station.other.secondMoment += own * (submitTime * submitTime + completionTime * completionTime)
    }
    if !design.hasPrivilegedDomain { station.poll = Double(vm.io.networkOptions.busyPoll.nanoseconds) }
    station.notification = vm.io.network?.notification ?? .eventIndex
    return station
  }

  private func diskBackend(rate: Double) -> BackendStation {
    let own = rate * blocks
    var station = BackendStation(
      received: (hasDiskBackend ? own : 0, completionTime), sent: (submitTime > 0 ? own : 0, submitTime),
      wake: elsewhere(.doorbell), bell: stall(.doorbell))
    station.divide(among: diskWorkers, queues: vm.io.blockOptions.queues)
    station.addOthers(SharedBackends.others(beside: vm, in: model))
    if isShared {
      let count = (receives ? 1.0 : 0) + (sends ? 1.0 : 0)
      station.other.rate += rate * count
      station.other.load += rate * ((receives ? receiveTime : 0) + (sends ? sendTime : 0))
      station.other.secondMoment +=
        rate * ((receives ? receiveTime * receiveTime : 0) + (sends ? sendTime * sendTime : 0))
    }
    if !design.hasPrivilegedDomain { station.poll = Double(vm.io.blockOptions.busyPoll.nanoseconds) }
    station.notification = vm.io.block?.notification ?? .eventIndex
    return station
  }

  private func disk(rate: Double) -> DiskStation? {
    guard let device, blocks > 0 else { return nil }
    let others = SharedBackends.diskRates(beside: vm, in: model)
    let transfer =
      readShare * max(device.transfer(vm.load.block.readSize), vm.io.blockWalks)
      + (1 - readShare) * max(device.transfer(vm.load.block.writeSize), vm.io.blockWalks)
    return DiskStation(
      device: device, reads: others.reads + rate * vm.load.block.reads,
      writes: others.writes + rate * vm.load.block.writes, transfer: transfer,
      gap: vm.io.blockOptions.limit.map { 1e9 / $0 } ?? 0, own: rate * blocks)
  }

  /// Rates for `rate` requests per second that all get through, and the stations at that rate.
  private func flow(
    rate perSecond: Double, variability: Double
  ) -> (flow: Flow, guest: GuestStation, network: BackendStation, diskBackend: BackendStation, disk: DiskStation?) {
    let rate = perSecond * 1e-9
    let network = networkBackend(rate: rate)
    let diskBackend = diskBackend(rate: rate)
    let disk = disk(rate: rate)
    let bells = sends ? network.bellsPerBatch : 0
    let diskBells = submitTime > 0 && blocks > 0 ? diskBackend.bellsPerBatch * blocks : 0
    // The driver polls while the packets of requests before are processed.
    let window = min(
      1, rate * Double(vm.load.packetsReceived) * (design.cost(of: .netRx)?.nativeMean ?? 0))
    let interrupts = vm.load.packetsReceived > 0 ? 1 - window : 0
    let held = job + interrupts * accessTime
    var station = GuestStation(
      servers: vm.vcpus, arrivals: rate * stages, job: held / stages,
      afterwork: (bells + diskBells) * stall(.doorbell) / stages, wake: wakeTime, halt: stall(.halt),
      variability: variability)
    // Interrupts that meet no halted vCPU are taken by a running one.
    station.afterwork += max(0, 1 - station.wakesPerJob - window / stages) * kickTime
    var flow = Flow(rate: perSecond, latency: nil, isSaturated: !station.isStable)
    if !network.isStable || !diskBackend.isStable || !(disk?.isStable ?? true) { flow.isSaturated = true }
    flow.wakes = station.wakesPerJob * stages
    flow.halts = station.haltsPerJob * stages
    flow.kicks = kickTime > 0 ? max(0, stages - flow.wakes - window) : 0
    flow.interrupts = interrupts
    flow.bells = bells
    flow.diskBells = diskBells
    if hasBackend { flow.backendWakes = network.asleep * ((receives ? 1 : 0) + (sends ? 1 : 0)) }
    if hasDiskBackend { flow.diskBackendWakes = diskBackend.asleep * blocks * (submitTime > 0 ? 2 : 1) }
    flow.polling = hasBackend ? network.polling * Double(networkWorkers) : 0
    flow.diskPolling = hasDiskBackend && !isShared ? diskBackend.polling * Double(diskWorkers) : 0
    return (flow, station, network, diskBackend, disk)
  }

  /// Time of the interface's moderation before packets are handed over: the residual of an interval that is open.
  private func moderationDelay(_ rate: Double) -> Double {
    let interval = Double(vm.io.moderation)
    guard interval > 0, vm.load.packetsReceived > 0 else { return 0 }
    var arrivals = SharedBackends.packetRate(of: vm, in: model, own: rate)
    if vm.io.hasOwnInterrupts { arrivals /= Double(vm.io.networkOptions.queues) }
    return arrivals * interval / (1 + arrivals * interval) * interval / 2
  }

  /// The VM's own limit on what it sends, as a queue with constant service; infinite beyond it.
  private func limitDelay(_ rate: Double) -> Double {
    let time = Double(model.limitTime(ofRequestBy: vm))
    guard time > 0 else { return 0 }
    return rate * time < 1 ? time + rate * time * time / (2 * (1 - rate * time)) : .infinity
  }

  /// Time outside the guest in nanoseconds.
  private func outside(
    _ flow: Flow, _ network: BackendStation, _ diskBackend: BackendStation, _ disk: DiskStation?
  ) -> Double {
    let rate = flow.rate * 1e-9
    var time = sends || vm.load.packetsSent > 0 ? wire + limitDelay(rate) : 0
    time += moderationDelay(rate)
    if receives { time += network.delay + receiveTime }
    if sends { time += flow.bells * stall(.doorbell) + network.delay + sendTime }
    if let disk {
      time += blocks * disk.sojourn
      if submitTime > 0 { time += flow.diskBells * stall(.doorbell) + blocks * (diskBackend.delay + submitTime) }
      if completionTime > 0 { time += blocks * (diskBackend.delay + completionTime) }
    }
    return time
  }

  /// Time that requests take of each resource at least.
  private var bottleneck: Double {
    var times = [(job + kickTime) / Double(vm.vcpus)]
    let network = (receives ? receiveTime : 0) + (sends ? sendTime : 0)
    let block = blocks * (submitTime + completionTime)
    times += isShared ? [network + block] : [network / Double(networkWorkers), block / Double(diskWorkers)]
    if let disk = disk(rate: 1e-9) {
      times += [
        blocks * disk.service / Double(disk.device.parallelism), blocks * disk.start, blocks * disk.transfer,
        blocks * disk.gap,
      ]
    }
    times.append(Double(model.limitTime(ofRequestBy: vm)))
    return times.max() ?? 0
  }

  /// Requests that arrive at a given rate.
  func open(rate: Double, variability: Double) -> Flow {
    var (flow, station, network, diskBackend, disk) = flow(rate: rate, variability: variability)
    if flow.isSaturated || rate * Double(model.limitTime(ofRequestBy: vm)) >= 1e9 {
      // Served as fast as the slowest resource can; nobody sleeps.
      let limit = bottleneck > 0 ? 1e9 / bottleneck : rate
      var saturated = Flow(rate: min(rate, limit), latency: nil, isSaturated: true)
      saturated.kicks = kickTime > 0 ? stages : 0
      return saturated
    }
    flow.latency = station.sojourn.map { $0 * stages + outside(flow, network, diskBackend, disk) }
    return flow
  }

  /// Populations beyond this are taken as one queue at the guest.
  private static let largestNetwork = 256

  /// Requests of a closed population.
  func closed(clients: Int, think: Double) -> Flow {
    (hasBackend || blocks > 0) && clients <= Self.largestNetwork
      ? network(clients: clients, think: think) : single(clients: clients, think: think)
  }

  /// The closed network of guest, backends and disk, by fixed point over what waking and ringing add.
  private func network(clients: Int, think: Double) -> Flow {
    var flow = Flow(rate: Double(clients) / (think + job) * 1e9, latency: nil, isSaturated: false)
    // A guest whose own thread goes on at once is told of block requests alone.
    let isLocal = think == 0 && vm.load.packetsSent + vm.load.packetsReceived == 0
    let entries = isLocal ? blocks : stages
    flow.wakes = entries
    flow.bells = sends ? 1 : 0
    flow.diskBells = submitTime > 0 ? blocks : 0
    flow.interrupts = vm.load.packetsReceived > 0 ? 1 : 0
    flow.backendWakes = (receives ? 1 : 0) + (sends ? 1 : 0)
    flow.diskBackendWakes = hasDiskBackend ? blocks * (submitTime > 0 ? 2 : 1) : 0
    let disk = disk(rate: 0)
    let networkTime = (receives ? receiveTime : 0) + (sends ? sendTime : 0)
    let blockTime = blocks * (submitTime + completionTime)
    for _ in 0..<60 {
      let held =
        job + flow.interrupts * accessTime + (flow.bells + flow.diskBells) * stall(.doorbell) + flow.kicks * kickTime
        + flow.wakes * wakeTime
      var stations = [ClosedNetwork.Station(servers: vm.vcpus, demand: held)]
      let networkDemand = networkTime + flow.backendWakes * elsewhere(.doorbell)
      let blockDemand = blockTime + flow.diskBackendWakes * elsewhere(.doorbell)
      var networkIndex: Int?
      var blockIndex: Int?
      if hasBackend {
        networkIndex = stations.count
        let each = (networkDemand + (isShared ? blockDemand : 0)) / Double(networkWorkers)
        for _ in 0..<networkWorkers { stations.append(ClosedNetwork.Station(servers: 1, demand: each)) }
      }
      if hasDiskBackend {
        blockIndex = isShared ? networkIndex : stations.count
        for _ in 0..<(isShared ? 0 : diskWorkers) {
          stations.append(ClosedNetwork.Station(servers: 1, demand: blockDemand / Double(diskWorkers)))
        }
      }
      if let disk {
        stations.append(
          ClosedNetwork.Station(
            servers: disk.device.parallelism, demand: blocks * max(0, disk.service - disk.start - disk.gap)))
        // What bounds the starts delays only those who come too early: it is a part of the service.
        for time in [disk.start, disk.transfer, disk.gap] where time > 0 {
          stations.append(ClosedNetwork.Station(servers: 1, demand: blocks * time))
        }
      }
      let limit = Double(model.limitTime(ofRequestBy: vm))
      if limit > 0 { stations.append(ClosedNetwork.Station(servers: 1, demand: limit)) }
      let away = think + (vm.load.packetsSent > 0 ? wire : 0) + moderationDelay(flow.rate * 1e-9)
      let solved = ClosedNetwork(clients: clients, away: away, stations: stations).solve()
      let rate = solved.throughput * 1e9
      let before = flow
      let window = min(1, rate * 1e-9 * Double(vm.load.packetsReceived) * (design.cost(of: .netRx)?.nativeMean ?? 0))
      // A polling driver's own client cannot be the next one: with one client nothing comes meanwhile.
      let others = window * (1 - 1 / Double(clients))
      flow.interrupts = vm.load.packetsReceived > 0 ? 1 - others : 0
      flow.wakes = solved.idle[0] * entries
      flow.kicks = kickTime > 0 ? max(0, entries - flow.wakes - others) : 0
      if let networkIndex {
        // Of what waits at a worker, so much was sent by the same queue.
        let share =
          networkDemand > 0 ? sendTime / Double(vm.io.networkOptions.queues) / stations[networkIndex].demand : 0
        if sends { flow.bells = bells(solved.found[networkIndex] * share, vm.io.network) }
        flow.backendWakes = solved.idle[networkIndex] * ((receives ? 1 : 0) + (sends ? 1 : 0))
      }
      if let blockIndex {
        let share =
          stations[blockIndex].demand > 0
          ? blocks * submitTime / Double(vm.io.blockOptions.queues) / stations[blockIndex].demand : 0
        if submitTime > 0 { flow.diskBells = blocks * bells(solved.found[blockIndex] * share, vm.io.block) }
        flow.diskBackendWakes = solved.idle[blockIndex] * blocks * (submitTime > 0 ? 2 : 1)
      }
      flow.rate = rate
      // Half-way, so that the point is not passed over again and again.
      flow.wakes = (flow.wakes + before.wakes) / 2
      flow.kicks = (flow.kicks + before.kicks) / 2
      if abs(rate - before.rate) < 1e-9 * rate && abs(flow.wakes - before.wakes) < 1e-9 { break }
    }
    flow.halts = flow.wakes
    flow.latency = flow.rate > 0 ? max(job, Double(clients) / flow.rate * 1e9 - think) : nil
    return flow
  }

  /// Bells per item when an arriving one finds so many of its kind on average, in geometric numbers.
  private func bells(_ found: Double, _ frontEnd: FrontEnd?) -> Double {
    frontEnd?.notification == .always ? 1 : 1 / (1 + found)
  }

  private func single(clients: Int, think: Double) -> Flow {
    var rate = Double(clients) / (think + job) * 1e9
    var flow = Flow(rate: rate, latency: nil, isSaturated: false)
    for _ in 0..<200 {
      let limit = 0.999 * 1e9 / max(bottleneck, 1e-3)
      let (next, _, network, diskBackend, disk) = self.flow(rate: min(rate, limit), variability: 1)
      flow = next
      let outside = network.isStable ? self.outside(flow, network, diskBackend, disk) : 0
      let solved = ClosedStation(
        clients: clients, servers: vm.vcpus,
        job: job + flow.interrupts * accessTime + (flow.bells + flow.diskBells) * stall(.doorbell)
          + flow.kicks * kickTime + flow.wakes * wakeTime,
        away: think + (outside.isFinite ? outside : 0)
      ).solve()
      let found = min(limit, solved.throughput * 1e9)
      flow.wakes = solved.idle * stages
      flow.halts = flow.wakes
      flow.kicks = kickTime > 0 ? stages - flow.wakes : 0
      if abs(found - rate) < 1e-9 * found { break }
      rate = (rate + found) / 2
    }
    flow.rate = rate
    flow.isSaturated = false
    flow.latency = rate > 0 ? max(job, Double(clients) / rate * 1e9 - think) : nil
    return flow
  }

  /// Adds the steps that requests cause outside their jobs.
  func book(_ flow: Flow, into expectation: inout VMExpectation) {
    func synchronous(_ operation: GuestOperation, _ target: TargetState = .running) -> [StepCharge] {
      design.cost(of: operation, target: target)?.synchronous ?? []
    }
    func asynchronous(_ operation: GuestOperation) -> [StepCharge] { design.cost(of: operation)?.asynchronous ?? [] }
    expectation.add(.interrupt, synchronous(.interrupt, .halted), rate: flow.rate * flow.wakes)
    expectation.add(.eoi, synchronous(.eoi, .halted), rate: flow.rate * flow.wakes)
    expectation.add(.interrupt, synchronous(.interrupt), rate: flow.rate * flow.kicks)
    expectation.add(.eoi, synchronous(.eoi), rate: flow.rate * flow.kicks)
    expectation.add(.halt, synchronous(.halt), rate: flow.rate * flow.halts)
    for entry in vm.load.interruptAccesses {
      expectation.add(
        entry.operation, synchronous(entry.operation), rate: flow.rate * flow.interrupts * entry.rate)
    }
    expectation.add(.doorbell, synchronous(.doorbell), rate: flow.rate * (flow.bells + flow.diskBells))
    func poll(_ share: Double, _ options: DeviceOptions, _ operation: GuestOperation) {
      guard share > 0, let place = asynchronous(operation).first?.place else { return }
      let charge = BackendPolling.charge(of: options.busyPoll, place: place, scenario: model.scenario)
      expectation.add(.busyPoll, [charge], rate: share * 1e9 / charge.mean)
    }
    if hasBackend {
      let kinds = (sends ? 1.0 : 0) + (receives ? 1.0 : 0)
      if sends {
        expectation.add(.doorbell, asynchronous(.doorbell), rate: flow.rate * flow.backendWakes / kinds)
        expectation.add(.netTx, asynchronous(.netTx), rate: flow.rate * Double(vm.load.packetsSent))
      }
      if receives {
        expectation.add(.deviceInterrupt, asynchronous(.deviceInterrupt), rate: flow.rate * flow.backendWakes / kinds)
        expectation.add(.netRx, asynchronous(.netRx), rate: flow.rate * Double(vm.load.packetsReceived))
      }
      poll(flow.polling, vm.io.networkOptions, sends ? .netTx : .netRx)
    }
    guard hasDiskBackend else { return }
    let halves = submitTime > 0 ? 2.0 : 1.0
    if submitTime > 0 {
      expectation.add(.doorbell, asynchronous(.doorbell), rate: flow.rate * flow.diskBackendWakes / halves)
    }
    expectation.add(.deviceInterrupt, asynchronous(.deviceInterrupt), rate: flow.rate * flow.diskBackendWakes / halves)
    expectation.add(.blockRead, asynchronous(.blockRead), rate: flow.rate * vm.load.block.reads)
    expectation.add(.blockWrite, asynchronous(.blockWrite), rate: flow.rate * vm.load.block.writes)
    expectation.add(.blockCompletion, asynchronous(.blockCompletion), rate: flow.rate * blocks)
    poll(flow.diskPolling, vm.io.blockOptions, .blockCompletion)
  }
}
