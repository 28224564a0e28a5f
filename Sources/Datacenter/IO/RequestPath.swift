import EventKernel
import Model
import Virtualization

/// The way of a request: backend, guest, disk, guest, backend, wire.
struct RequestPath {
  let vm: VirtualMachine
  let design: CompiledDesign
  /// Time that a request holds a vCPU, in nanoseconds, the accesses at interrupts left out.
  let job: Double
  let model: SimulationModel
  /// What its devices do for other VMs.
  let neighbours: SharedBackends
  /// The part of `job` that does not grow with the request's service time.
  var fixed = 0.0
  /// Squared coefficient of variation of the service time and a turn in nanoseconds under processor sharing; nil where jobs
  /// are served one by one.
  var sharing: (variation: Double, turn: Double)?

  /// Rates and shares along the way.
  struct Flow {
    /// Requests per second.
    var rate: Double
    var latency: Double?
    var isSaturated: Bool
    /// Requests whose work is done in a second, where that is more than those that end.
    var workRate: Double?
    /// Per request: wakings and haltings of a vCPU, interrupts taken by a running one, interrupts for packets.
    var wakes = 0.0
    var halts = 0.0
    var kicks = 0.0
    /// Share of wake-ups that come while the host polls, polls of a request, and time of each.
    var polled = 0.0
    var polls = 0.0
    var haltPolling = 0.0
    /// Of those interrupts of a running vCPU, the ones in the middle of a job.
    var kicksOfJobs = 0.0
    var interrupts = 0.0
    /// Interrupts for sent packets, those that wake a vCPU, and that a running one takes.
    var told = 0.0
    var sentWakes = 0.0
    var sentKicks = 0.0
    /// Interrupts of a disk that tell of several requests, by a sample; nil before.
    var shared: SampledHalts.Result.Shared?
    var allWakes: Double { wakes + sentWakes }
    /// Per request: bells and wakings of the backends.
    var bells = 0.0
    var diskBells = 0.0
    var backendWakes = 0.0
    var diskBackendWakes = 0.0
    /// Of those of the disk's backend the ones by bells, where they are known; else half of them.
    var diskBellWakes: Double?
    /// Share of time that backends poll.
    var polling = 0.0
    var diskPolling = 0.0
  }

  func stall(_ operation: GuestOperation, _ target: TargetState = .running) -> Double {
    design.cost(of: operation, target: target)?.synchronousMean ?? 0
  }
  func elsewhere(_ operation: GuestOperation) -> Double { design.cost(of: operation)?.asynchronousMean ?? 0 }
  var wakeTime: Double { stall(.interrupt, .halted) + stall(.eoi, .halted) }
  /// Where an interrupt kicks a running vCPU, a share of them meets a guest with interrupts off.
  var windowShare: Double { stall(.interrupt) + stall(.eoi) > 0 ? vm.guest.interruptsOff : 0 }
  var kickTime: Double { stall(.interrupt) + stall(.eoi) + windowShare * stall(.interruptWindow) }
  /// What its threads meet at the host's processors.
  var delays: ProcessorDelays { neighbours.delays(of: vm) }
  var hasBackend: Bool { design.hasNetworkBackend && vm.load.packetsSent + vm.load.packetsReceived > 0 }
  var sends: Bool { hasBackend && vm.load.packetsSent > 0 }
  var receives: Bool { hasBackend && vm.load.packetsReceived > 0 }
  /// Whether the backend sends; else the vCPU does so itself, within the exit of its bell.
  var handsOver: Bool { sends && sendTime > 0 }
  var receiveTime: Double { Double(vm.load.packetsReceived) * elsewhere(.netRx) }
  var sendTime: Double { Double(vm.load.packetsSent) * elsewhere(.netTx) }

  /// Time on the wire of what a request sends.
  var wireTime: Double { Double(model.wireTime(ofRequestBy: vm)) }

  // Block requests.
  var device: StorageDevice? { vm.io.disk.flatMap { model.disks[$0] } }
  var blocks: Double { device == nil ? 0 : vm.load.block.count }
  var readShare: Double { vm.load.block.count > 0 ? vm.load.block.reads / vm.load.block.count : 1 }
  var transferTime: Double {
    guard let device else { return 0 }
    return readShare * vm.transferTime(vm.load.block.readSize, device)
      + (1 - readShare) * vm.transferTime(vm.load.block.writeSize, device)
  }
  var submitTime: Double { readShare * elsewhere(.blockRead) + (1 - readShare) * elsewhere(.blockWrite) }
  var completionTime: Double { elsewhere(.blockCompletion) }
  var hasDiskBackend: Bool { blocks > 0 && submitTime + completionTime > 0 }
  /// Block requests of a request that wait for each other.
  var blockStages: Double { device == nil ? 0 : vm.load.block.readStages + vm.load.block.writeStages }
  var stages: Double { 1 + blockStages }
  /// Time that the guest processes a request's packets, during which its driver polls.
  var pollTime: Double { Double(vm.load.packetsReceived) * (design.cost(of: .netRx)?.nativeMean ?? 0) }
  /// Share of a request's packets that the driver finds by polling, at requests per nanosecond.
  ///
  /// A thread of a backend hands packets over one after another: those that take it as long as the guest takes to process
  /// them all cause interrupts. Other threads do not wait for it.
  func pollingShare(_ rate: Double) -> Double {
    let apart = receives ? receiveTime : 0
    let own = receives ? 1 / Double(networkWorkers) : 1
    var share = min(1, (1 - own) * rate * pollTime)
    if pollTime > apart {
      let quick = 1 - rate * apart
      share += own * (quick > 0 ? min(1, rate * (pollTime - apart) / quick) : 1)
    }
    return min(1, share)
  }
  /// Time of a bell, weighed by the share of the vCPUs that may hand over more meanwhile.
  var bellTime: Double { stall(.doorbell) * (1 - 1 / Double(vm.vcpus)) }
  /// Time of the register accesses of an interrupt.
  var interruptTime: Double { vm.load.interruptAccesses.reduce(0) { $0 + $1.rate * stall($1.operation) } }
  /// Whether disk and network wait for the same thread.
  var isShared: Bool {
    hasBackend && hasDiskBackend && (design.sharesBackend || design.hasPrivilegedDomain)
  }

  /// Threads that serve the queues of each device.
  var networkWorkers: Int { design.workers(of: vm.io.networkOptions) }
  var diskWorkers: Int { design.workers(of: vm.io.blockOptions) }

  func networkBackend(rate: Double) -> BackendStation {
    let slowdown = delays.network.slowdown
    var station = BackendStation(
      received: (receives ? rate : 0, receiveTime * slowdown), sent: (handsOver ? rate : 0, sendTime * slowdown),
      wake: elsewhere(.doorbell) * slowdown, wait: delays.network.wait, bell: bellTime)
    station.divide(among: networkWorkers, queues: vm.io.networkOptions.queues)
    station.other.add(neighbours.privileged(beside: vm).slowed(by: slowdown))
    if isShared {
      let own = rate * blocks
      station.other.rate += 2 * own
      station.other.load += own * (submitTime + completionTime) * slowdown
      station.other.secondMoment +=
        own * (submitTime * submitTime + completionTime * completionTime) * slowdown * slowdown
    }
    if !design.hasPrivilegedDomain { station.poll = Double(vm.io.networkOptions.busyPoll.nanoseconds) }
    station.notification = vm.io.network?.notification ?? .eventIndex
    return station
  }

  func diskBackend(rate: Double) -> BackendStation {
    let own = rate * blocks
    let slowdown = delays.disk.slowdown
    var station = BackendStation(
      received: (hasDiskBackend ? own : 0, completionTime * slowdown),
      sent: (submitTime > 0 ? own : 0, submitTime * slowdown),
      wake: elsewhere(.doorbell) * slowdown, wait: delays.disk.wait, bell: bellTime)
    station.divide(among: diskWorkers, queues: vm.io.blockOptions.queues)
    station.other.add(neighbours.privileged(beside: vm).slowed(by: slowdown))
    if isShared {
      let count = (receives ? 1.0 : 0) + (handsOver ? 1.0 : 0)
      station.other.rate += rate * count
      station.other.load += rate * ((receives ? receiveTime : 0) + (sends ? sendTime : 0)) * slowdown
      station.other.secondMoment +=
        rate * ((receives ? receiveTime * receiveTime : 0) + (sends ? sendTime * sendTime : 0)) * slowdown * slowdown
    }
    if !design.hasPrivilegedDomain { station.poll = Double(vm.io.blockOptions.busyPoll.nanoseconds) }
    station.notification = vm.io.block?.notification ?? .eventIndex
    return station
  }

  /// The disk, as it is for the VM at so many requests per nanosecond, or would be without others.
  func disk(rate: Double, isAlone: Bool = false) -> DiskStation? {
    guard var device, blocks > 0 else { return nil }
    // An emulated disk takes so many requests at a time. That it is told of an end later than the disk is left out.
    if hasDiskBackend, submitTime == 0, let ring = vm.io.blockOptions.ring { device = device.taking(ring) }
    var all = isAlone ? SharedBackends.DiskPassing() : neighbours.disk(beside: vm)
    all.add(vm, rate, device)
    return DiskStation(
      device: device, reads: all.reads, writes: all.writes, ownReadShare: readShare, ownTransfer: transferTime,
      transfer: all.transfer,
      gap: vm.io.blockOptions.gap(
        bytes: readShare * Double(vm.load.block.readSize.bytes)
          + (1 - readShare) * Double(vm.load.block.writeSize.bytes)),
      own: rate * blocks)
  }
}
