import EventKernel
import Model
import Virtualization

/// Polling of the host for wake-ups of halted vCPUs.
extension RequestPath {
  var polling: HaltPolling? { model.hosts[vm.host].processors.haltPolling }

  /// Whether halts, or interrupts, are drawn.
  var needsSample: Bool { polling != nil || drawsInterrupts }
  /// Whether interrupts are a part of the sample: where those of a disk tell of several requests, parts of a request are under way
  /// together, or drivers ask for interrupts for packets sent.
  var drawsInterrupts: Bool { sharedInterrupt != nil || hasParts || tellsOfSent }
  var hasParts: Bool { blocks > 0 && vm.load.block.hasParts }

  /// Time of the interrupt that wakes a vCPU, when a share of the wake-ups comes while the host polls.
  func wakeTime(polled share: Double) -> Double {
    share > 0 ? (1 - share) * wakeTime + share * polledWakeTime : wakeTime
  }

  private var polledWakeTime: Double { stall(.interrupt, .polled) + stall(.eoi, .polled) }

  /// What polling does for the vCPUs of a flow.
  func polls(_ flow: Flow) -> SampledHalts.Result {
    guard needsSample, flow.rate > 0, !flow.isSaturated else { return SampledHalts.Result() }
    var service = Distribution.deterministic(mean: vm.guest.idleWork)
    var arrivals = ArrivalProcess.poisson(rate: .init(perSecond: flow.rate))
    var discipline = ServiceDiscipline.processorSharing
    if case .requests(let requests) = model.workloads[vm.workload].shape {
      service = requests.service
      arrivals = requests.arrivals
      discipline = requests.discipline
    }
    if case .poisson = arrivals { arrivals = .poisson(rate: .init(perSecond: flow.rate)) }
    // Where interrupts are a part of the sample, who takes them and when is a part of the sample.
    let kicks = !drawsInterrupts ? (flow.kicks + flow.sentKicks) * kickTime : 0
    let added = flow.interrupts * interruptTime + kicks
    var halts = SampledHalts(
      polling: polling ?? HaltPolling(limit: 0, start: 0, growth: 1, shrink: 0, source: ""), vcpus: vm.vcpus,
      arrivals: arrivals, service: service,
      scale: service.mean > 0 ? max(0, job - fixed) / service.mean : 0, fixed: fixed + added)
    halts.isSharing = discipline == .processorSharing && !drawsInterrupts
    if discipline == .processorSharing, drawsInterrupts { halts.turn = sharing?.turn ?? 0 }
    halts.wake = wakeTime + delays.vcpus.wait.mean
    halts.polledWake = polledWakeTime
    halts.halt = stall(.halt)
    halts.bell = stall(.doorbell)
    halts.alwaysRings = sends && !handsOver
    halts.hasFlows = max(vm.io.networkOptions.queues, vm.io.blockOptions.queues) > 1
    halts.arrivesInFlows = vm.load.packetsReceived > 0
    halts.interrupts = sampledInterrupts
    halts.cuts = delays.polls
    halts.notice = max(receives ? elsewhere(.deviceInterrupt) + receiveTime : 0, hasDiskBackend ? completionTime : 0)
    addBackends(to: &halts)
    addDisk(to: &halts, rate: flow.rate * 1e-9)
    if case .closed(let clients, let think) = arrivals {
      halts.isThinkingAlone = vm.load.packetsSent + vm.load.packetsReceived == 0
      halts.isLocal = isLocal(think: Double(think.nanoseconds))
      if clients == 1, vm.vcpus == 1, blocks == 0, think.nanoseconds > 0, !tellsOfSent {
        // All that is not the vCPU's.
        let inside = job + added + flow.bells * halts.bell + Double(think.nanoseconds) + halts.wake
        halts.away = max(0, 1e9 / flow.rate - inside)
      } else {
        halts.away = vm.io.walkDelay + moderationDelay(flow.rate * 1e-9)
        if vm.load.packetsSent > 0 { halts.away += wireTime + Double(model.limitTime(ofRequestBy: vm)) }
        if hasCompany, !hasParts { halts.rate = flow.rate * 1e-9 }
      }
    }
    halts.coarsen()
    return halts.result(from: neighbours.halts)
  }

  /// Whether other VMs or threads delay the requests.
  var hasCompany: Bool {
    let disk = neighbours.disk(beside: vm)
    return neighbours.wire(beside: vm).load > 0 || disk.reads + disk.writes > 0
      || neighbours.privileged(beside: vm).load > 0 || delays.vcpus.wait.mean > 0 || delays.vcpus.slowdown > 1
      || delays.network.slowdown > 1
  }

  private func addBackends(to halts: inout SampledHalts) {
    var worker = SampledHalts.Worker()
    worker.bellWake = elsewhere(.doorbell)
    worker.deviceWake = elsewhere(.deviceInterrupt)
    worker.ofPackets = vm.io.network?.notification ?? .eventIndex
    worker.ofBlocks = vm.io.block?.notification ?? .eventIndex
    halts.network = worker
    halts.network.threads = hasBackend ? networkWorkers : 1
    if receives { halts.network.receive = receiveTime }
    if handsOver { halts.network.transmit = sendTime }
    if tellsOfSent, let share = vm.io.network?.transmitInterrupts {
      halts.network.transmitShare = share
      halts.network.packets = vm.load.packetsSent
      halts.network.transmitBatch = design.transmitBatch
    }
    if hasDiskBackend {
      worker.threads = diskWorkers
      worker.submit = submitTime
      worker.complete = completionTime
    }
    halts.disk = worker
    guard isShared else { return }
    halts.disk = nil
    halts.network.submit = worker.submit
    halts.network.complete = worker.complete
  }

  private func addDisk(to halts: inout SampledHalts, rate: Double) {
    guard blocks > 0, let shared = disk(rate: rate), let alone = disk(rate: rate, isAlone: true) else {
      return
    }
    let block = vm.load.block
    halts.cutReads = block.cutReads
    halts.cutWrites = block.cutWrites
    halts.readParts = block.readParts
    halts.writeParts = block.writeParts
    halts.reads = block.readStages - block.cutReads
    halts.writes = block.writeStages - block.cutWrites
    halts.readTime = alone.device.read.latency
    halts.writeTime = alone.device.write.latency
    halts.channels = alone.device.parallelism
    halts.starts = max(alone.start, alone.gap)
    halts.readTransfer = vm.transferTime(block.readSize, alone.device)
    halts.writeTransfer = vm.transferTime(block.writeSize, alone.device)
    // What others make it wait for.
    if shared.isStable, alone.isStable { halts.blockTime = max(0, shared.sojourn - alone.sojourn) }
  }

  /// Takes over what polling does for a flow.
  func take(_ polls: SampledHalts.Result, into flow: inout Flow) {
    guard polling != nil else { return }
    flow.polled = polls.success
    flow.haltPolling = polls.time
    flow.polls = (polls.wakes ?? flow.allWakes) * polls.polled
  }

  /// Whether clients are threads of the guest that go on at once, of which nobody needs to tell a vCPU.
  func isLocal(think: Double) -> Bool {
    think == 0 && vm.load.packetsSent + vm.load.packetsReceived == 0
  }
}

/// Results of samples: VMs that are alike share them, and fixed points come back to them.
final class SampledHaltsCache {
  private var results: [SampledHalts: SampledHalts.Result] = [:]

  func solve(_ halts: SampledHalts) -> SampledHalts.Result {
    if let known = results[halts] { return known }
    let result = halts.solve()
    results[halts] = result
    return result
  }
}
