import EventKernel
import Model
import Quantities
import Virtualization

/// Building the rings, backends and disks.
extension Simulation {
  mutating func addDisks() {
    for (index, disk) in model.disks.enumerated() {
      let device =
        disk
        ?? StorageDevice(
          parallelism: 1, read: .init(latency: .deterministic(mean: 0)), write: .init(latency: .deterministic(mean: 0)))
      _ = disks.append(
        DiskState(
          firstChannel: Int32(channelFree.count), channels: Int32(device.parallelism),
          readGap: Int64(device.read.gap.rounded()), writeGap: Int64(device.write.gap.rounded())))
      for _ in 0..<device.parallelism { _ = channelFree.append(0) }
      _ = readSamplers.append(Sampler(device.read.latency))
      _ = writeSamplers.append(Sampler(device.write.latency))
      _ = diskStreams.append(
        RandomStream(seed: model.seed, replication: replication, entity: UInt32(index), purpose: Purpose.disk))
    }
  }

  /// Opens the queues of a VM's device, and the threads that serve them. Devices that the VMM's main loop serves share its
  /// thread; the privileged domain's vCPUs are shared by all VMs of the host.
  private mutating func openQueues(
    of path: inout DevicePath, vm index: Int, options: DeviceOptions, charges: [StepCharge], shared other: Int32,
    isNetwork: Bool
  ) {
    let vm = model.vms[index]
    let isPrivileged = charges.contains { $0.place == .privilegedDomain }
    let count = vm.design.workers(of: options)
    var workers: [Int32] = []
    if isPrivileged {
      let domain = model.hosts[vm.host].privilegedVCPUs
      addPrivilegedDomain(host: vm.host, vm: index)
      let position = model.vms[..<index].count { $0.host == vm.host }
      workers = (0..<count).map { firstPrivileged[vm.host] + Int32((position + $0) % domain) }
    } else if other >= 0 {
      workers = [queues[Int(other)].backend]
    } else {
      workers = (0..<count).map { _ in addBackend(host: vm.host, vm: index) }
    }
    path.firstQueue = Int32(queues.count)
    path.queues = Int32(options.queues)
    for queue in 0..<options.queues {
      let backend = workers[queue % workers.count]
      if isNetwork { backends[Int(backend)].servesNetwork = true }
      _ = queues.append(DeviceQueue(backend: backend))
    }
  }

  /// Adds the vCPUs of a host's privileged domain, if they are not there.
  mutating func addPrivilegedDomain(host: Int, vm: Int) {
    guard firstPrivileged[host] < 0 else { return }
    firstPrivileged[host] = Int32(backends.count)
    for _ in 0..<model.hosts[host].privilegedVCPUs { _ = addBackend(host: host, vm: vm) }
  }

  private mutating func addBackend(host: Int, vm: Int) -> Int32 {
    var thread = Thread(host: Int32(host), vm: Int32(vm), role: .backend)
    thread.backend = Int32(backends.count)
    return Int32(backends.append(Backend(thread: Int32(threads.append(thread)))))
  }

  /// Whether a thread is a vCPU of the privileged domain.
  func isPrivileged(thread: Int) -> Bool {
    let host = Int(threads[thread].host)
    let first = firstPrivileged[host]
    let backend = threads[thread].backend
    return first >= 0 && backend >= first && backend < first + Int32(model.hosts[host].privilegedVCPUs)
  }

  private mutating func describe(
    _ path: inout DevicePath, of index: Int, frontEnd: FrontEnd?, options: DeviceOptions, place: Place
  ) {
    let design = model.vms[index].design
    let doorbell = design.cost(of: .doorbell)
    path.doorbell = open(.doorbell, of: index, charges: doorbell?.synchronous ?? [])
    path.wakeByBell = open(.doorbell, of: index, charges: doorbell?.asynchronous ?? [])
    path.wakeByDevice = open(
      .deviceInterrupt, of: index, charges: design.cost(of: .deviceInterrupt)?.asynchronous ?? [])
    path.entries = Int32(options.ring ?? frontEnd?.entries ?? FrontEnd.usualEntries)
    if let notification = frontEnd?.notification { path.notification = notification }
    if options.busyPoll > .zero, place != .privilegedDomain {
      path.poll = open(
        .busyPoll, of: index,
        charges: [BackendPolling.charge(of: options.busyPoll, place: place, scenario: model.scenario)])
    }
  }

  mutating func addNetwork(of index: Int, design: CompiledDesign, to state: inout VMState) {
    let vm = model.vms[index]
    guard vm.load.packetsSent + vm.load.packetsReceived > 0 else { return }
    state.packetsReceived = Int32(vm.load.packetsReceived)
    state.packetsSent = Int32(vm.load.packetsSent)
    state.nic = Int32(vm.nic ?? -1)
    // A function of its own interrupts for itself.
    state.interruptSource = vm.nic == nil ? -1 : vm.io.hasOwnInterrupts ? Int32(nextInterrupt.append(0)) : state.nic
    if vm.io.hasOwnInterrupts {
      state.interruptQueues = Int32(vm.io.networkOptions.queues)
      for _ in 1..<max(2, vm.io.networkOptions.queues) { _ = nextInterrupt.append(0) }
    }
    state.wireTime = model.wireTime(ofRequestBy: vm)
    state.walkDelay = Int64(vm.io.walkDelay.rounded())
    state.limitTime = model.limitTime(ofRequestBy: vm)
    state.moderation = vm.io.moderation
    if let frontEnd = vm.io.network, frontEnd.moderation > .zero {
      state.frontModeration = frontEnd.moderation.nanoseconds
      state.sparesIdle = !frontEnd.moderatesIdle
    }
    state.pollTime = Int64((Double(vm.load.packetsReceived) * (design.cost(of: .netRx)?.nativeMean ?? 0)).rounded())
    guard design.hasNetworkBackend else { return }
    let receive = design.cost(of: .netRx)?.asynchronous ?? []
    let transmit = design.cost(of: .netTx)?.asynchronous ?? []
    openQueues(
      of: &state.network, vm: index, options: vm.io.networkOptions, charges: transmit + receive, shared: -1,
      isNetwork: true)
    describe(
      &state.network, of: index, frontEnd: vm.io.network, options: vm.io.networkOptions,
      place: (transmit + receive).first?.place ?? .worker)
    if !transmit.isEmpty, let share = vm.io.network?.transmitInterrupts {
      state.network.transmitShare = share
      state.network.transmitBatch = Int32(design.transmitBatch)
    }
    state.network.receive = open(.netRx, of: index, charges: receive)
    state.network.transmit = open(.netTx, of: index, charges: transmit)
  }

  /// What a VM's host swaps to.
  func addSwapDisk(of index: Int, to state: inout VMState) {
    guard let disk = model.vms[index].swapDisk, let device = model.disks[disk] else { return }
    state.swapDisk = Int32(disk)
    let transfer = device.transfer(ByteCount(bytes: BasePage.bytes))
    let writes = model.vms[index].swapWrites
    state.swapTransfer = Int64(transfer.rounded())
    state.swapDirty = writes.dirty
    state.swapCluster = Double(writes.cluster)
    state.swapWriteTransfer = Int64((transfer * Double(writes.cluster)).rounded())
  }

  mutating func addBlock(of index: Int, design: CompiledDesign, to state: inout VMState) {
    let vm = model.vms[index]
    let load = vm.load.block
    guard load.count > 0, let disk = vm.io.disk, let device = model.disks[disk] else { return }
    state.disk = Int32(disk)
    state.reads = BlockStages(stages: load.readStages, cut: load.cutReads, parts: load.readParts)
    state.writes = BlockStages(stages: load.writeStages, cut: load.cutWrites, parts: load.writeParts)
    state.readTransfer = Int64(max(device.transfer(load.readSize), vm.io.blockWalks).rounded())
    state.writeTransfer = Int64(max(device.transfer(load.writeSize), vm.io.blockWalks).rounded())
    if let bandwidth = vm.io.blockOptions.bandwidth {
      state.readQuota = Int64((Double(load.readSize.bytes) / bandwidth * 1e9).rounded())
      state.writeQuota = Int64((Double(load.writeSize.bytes) / bandwidth * 1e9).rounded())
    }
    if let limit = vm.io.blockOptions.limit { state.diskGap = Int64((1e9 / limit).rounded()) }
    let read = design.cost(of: .blockRead)?.asynchronous ?? []
    let write = design.cost(of: .blockWrite)?.asynchronous ?? []
    let completion = design.cost(of: .blockCompletion)?.asynchronous ?? []
    guard !(read + write + completion).isEmpty else { return }
    // Emulated devices, and rings that the VMM's main loop serves, share one thread.
    let isShared = design.sharesBackend
    openQueues(
      of: &state.block, vm: index, options: vm.io.blockOptions, charges: read + write + completion,
      shared: isShared ? state.network.firstQueue : -1, isNetwork: false)
    describe(
      &state.block, of: index, frontEnd: vm.io.block, options: vm.io.blockOptions,
      place: (read + write + completion).first?.place ?? .worker)
    state.block.transmit = open(.blockRead, of: index, charges: read)
    state.block.write = open(.blockWrite, of: index, charges: write)
    state.block.receive = open(.blockCompletion, of: index, charges: completion)
    if let shared = vm.load.sharedInterrupt {
      state.doneRequests.status = Int64(shared.status)
      state.doneRequests.clear = Int64(shared.clear)
      state.doneRequests.completions = Int64(shared.completions)
      state.doneRequests.count = Int64(shared.count)
      state.doneRequests.access = open(
        shared.operation, of: index, charges: vm.load.design.cost(of: shared.operation)?.synchronous ?? [])
    }
    // How many requests an emulated disk's registers hold is left out unless it is stated.
    if (read + write).isEmpty, vm.io.blockOptions.ring == nil { state.block.entries = .max }
  }
}

extension BlockStages {
  /// So many a request on average, of which so many are cut.
  init(stages: Double, cut: Double, parts: Int) {
    let plain = stages - cut
    whole = Int32(plain.rounded(.down))
    fraction = plain - plain.rounded(.down)
    cutWhole = Int32(cut.rounded(.down))
    cutFraction = cut - cut.rounded(.down)
    self.parts = Int32(parts)
  }
}
