import EventKernel
import Model
import Virtualization

/// Polling of the host for wake-ups of halted vCPUs.
extension RequestPath {
  var polling: HaltPolling? { model.hosts[vm.host].processors.haltPolling }

  /// Time of the interrupt that wakes a vCPU, when a share of the wake-ups comes while the host polls.
  func wakeTime(polled share: Double) -> Double {
    share > 0 ? (1 - share) * wakeTime + share * polledWakeTime : wakeTime
  }

  private var polledWakeTime: Double { stall(.interrupt, .polled) + stall(.eoi, .polled) }

  /// What polling does for the vCPUs of a flow.
  ///
  /// - Parameters:
  ///   - flow: what else is known of the requests.
  ///   - blockTime: time of a block request outside the guest in nanoseconds.
  func polls(_ flow: Flow, blockTime: Double) -> SampledHalts.Result {
    guard let polling, flow.rate > 0, !flow.isSaturated else { return SampledHalts.Result() }
    var service = Distribution.deterministic(mean: vm.guest.idleWork)
    var arrivals = ArrivalProcess.poisson(rate: .init(perSecond: flow.rate))
    if case .requests(let requests) = model.workloads[vm.workload].shape {
      service = requests.service
      arrivals = requests.arrivals
    }
    if case .poisson = arrivals { arrivals = .poisson(rate: .init(perSecond: flow.rate)) }
    let added = flow.interrupts * interruptTime + flow.kicks * kickTime
    var halts = SampledHalts(
      polling: polling, vcpus: vm.vcpus, arrivals: arrivals, service: service,
      scale: service.mean > 0 ? max(0, job - fixed) / service.mean : 0, fixed: fixed + added)
    halts.wake = wakeTime
    halts.polledWake = polledWakeTime
    halts.halt = stall(.halt)
    halts.bells = flow.bells * stall(.doorbell)
    halts.hasFlows = max(vm.io.networkOptions.queues, vm.io.blockOptions.queues) > 1
    halts.arrivesInFlows = vm.load.packetsReceived > 0
    if let device, blocks > 0 {
      halts.reads = vm.load.block.reads
      halts.writes = vm.load.block.writes
      halts.readTime = device.read.latency
      halts.writeTime = device.write.latency
      let mean = readShare * device.read.latency.mean + (1 - readShare) * device.write.latency.mean
      halts.blockTime = max(0, blockTime - mean)
      halts.blockBells = flow.diskBells / blocks * stall(.doorbell)
    }
    if case .closed(let clients, let think) = arrivals {
      halts.rate = flow.rate * 1e-9
      halts.isThinkingAlone = vm.load.packetsSent + vm.load.packetsReceived == 0
      halts.isLocal = isLocal(think: Double(think.nanoseconds))
      // Several clients also wait for each other: the sample finds out for how long.
      if clients == 1 {
        let inside = job + added + blocks * blockTime + Double(think.nanoseconds) + halts.wake
        halts.away = max(0, 1 / halts.rate - inside)
      }
    }
    halts.coarsen()
    return neighbours.halts.solve(halts)
  }

  /// Takes over what polling does for a flow.
  func take(_ polls: SampledHalts.Result, into flow: inout Flow) {
    flow.polled = polls.success
    flow.haltPolling = polls.time
    flow.polls = (polls.wakes ?? flow.wakes) * polls.polled
  }

  /// Whether clients are threads of the guest that go on at once, of which nobody needs to tell a vCPU.
  func isLocal(think: Double) -> Bool {
    think == 0 && blocks > 0 && vm.load.packetsSent + vm.load.packetsReceived == 0
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
