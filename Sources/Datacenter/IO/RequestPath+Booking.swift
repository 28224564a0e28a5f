import Model
import Virtualization

extension RequestPath {
  /// Adds the steps that requests cause outside their jobs.
  func book(_ flow: Flow, into expectation: inout VMExpectation) {
    func synchronous(_ operation: GuestOperation, _ target: TargetState = .running) -> [StepCharge] {
      design.cost(of: operation, target: target)?.synchronous ?? []
    }
    func asynchronous(_ operation: GuestOperation) -> [StepCharge] { design.cost(of: operation)?.asynchronous ?? [] }
    let wakes = flow.allWakes * (1 - flow.polled)
    expectation.add(.interrupt, synchronous(.interrupt, .halted), rate: flow.rate * wakes)
    expectation.add(.eoi, synchronous(.eoi, .halted), rate: flow.rate * wakes)
    let polled = flow.allWakes * flow.polled
    expectation.add(.interrupt, synchronous(.interrupt, .polled), rate: flow.rate * polled)
    expectation.add(.eoi, synchronous(.eoi, .polled), rate: flow.rate * polled)
    if let polling, flow.haltPolling > 0 {
      expectation.add(.haltPoll, [polling.charge(mean: flow.haltPolling)], rate: flow.rate * flow.polls)
    }
    let kicks = flow.kicks + flow.sentKicks
    expectation.add(.interrupt, synchronous(.interrupt), rate: flow.rate * kicks)
    expectation.add(.eoi, synchronous(.eoi), rate: flow.rate * kicks)
    expectation.add(.interruptWindow, synchronous(.interruptWindow), rate: flow.rate * kicks * windowShare)
    expectation.add(.halt, synchronous(.halt), rate: flow.rate * flow.halts)
    for entry in vm.load.interruptAccesses {
      expectation.add(
        entry.operation, synchronous(entry.operation), rate: flow.rate * flow.interrupts * entry.rate)
    }
    if let sharedInterrupt {
      expectation.add(
        sharedInterrupt.operation, synchronous(sharedInterrupt.operation), rate: flow.rate * sharedAccesses(flow))
    }
    expectation.add(.doorbell, synchronous(.doorbell), rate: flow.rate * (flow.bells + flow.diskBells))
    func poll(_ share: Double, _ options: DeviceOptions, _ operation: GuestOperation) {
      guard share > 0, let place = asynchronous(operation).first?.place else { return }
      let charge = BackendPolling.charge(of: options.busyPoll, place: place, scenario: model.scenario)
      expectation.add(.busyPoll, [charge], rate: share * 1e9 / charge.mean)
    }
    if hasBackend {
      let kinds = (handsOver ? 1.0 : 0) + (receives ? 1.0 : 0)
      if handsOver {
        expectation.add(.doorbell, asynchronous(.doorbell), rate: flow.rate * flow.backendWakes / kinds)
        expectation.add(.netTx, asynchronous(.netTx), rate: flow.rate * Double(vm.load.packetsSent))
      }
      if receives {
        expectation.add(.deviceInterrupt, asynchronous(.deviceInterrupt), rate: flow.rate * flow.backendWakes / kinds)
        expectation.add(.netRx, asynchronous(.netRx), rate: flow.rate * Double(vm.load.packetsReceived))
      }
      poll(flow.polling, vm.io.networkOptions, handsOver ? .netTx : .netRx)
    }
    guard hasDiskBackend else { return }
    let rung = submitTime > 0 ? flow.diskBellWakes ?? flow.diskBackendWakes / 2 : 0
    expectation.add(.doorbell, asynchronous(.doorbell), rate: flow.rate * rung)
    expectation.add(
      .deviceInterrupt, asynchronous(.deviceInterrupt), rate: flow.rate * max(0, flow.diskBackendWakes - rung))
    expectation.add(.blockRead, asynchronous(.blockRead), rate: flow.rate * vm.load.block.reads)
    expectation.add(.blockWrite, asynchronous(.blockWrite), rate: flow.rate * vm.load.block.writes)
    expectation.add(.blockCompletion, asynchronous(.blockCompletion), rate: flow.rate * blocks)
    poll(flow.diskPolling, vm.io.blockOptions, .blockCompletion)
  }
  /// How the VM's threads use processors; `vcpus` is the load of its vCPUs. Disk and network that share a thread count as
  /// network.
  func use(of flow: Flow, vcpus: Double) -> ThreadUse {
    let rate = flow.rate * 1e-9
    var use = ThreadUse()
    use.polling = rate * flow.polls * flow.haltPolling
    use.vcpus = ThreadUse.Kind(load: max(0, vcpus - use.polling), wakes: rate * flow.allWakes * (1 - flow.polled))
    func kind(_ time: Double, _ wakes: Double) -> ThreadUse.Kind {
      ThreadUse.Kind(load: rate * (time + wakes * elsewhere(.doorbell)), wakes: rate * wakes)
    }
    if hasBackend { use.network = kind((receives ? receiveTime : 0) + (sends ? sendTime : 0), flow.backendWakes) }
    if flow.wakes > 0 {
      use.rings = min(1, ((handsOver ? flow.bells : 0) + flow.diskBells) / flow.wakes)
      // Half of what wakes a backend that also sends are bells.
      let told =
        (receives ? flow.backendWakes / (handsOver ? 2 : 1) : 0)
        + (completionTime > 0 ? flow.diskBackendWakes / (submitTime > 0 ? 2 : 1) : 0)
      use.isTold = min(1, told / flow.wakes)
    }
    if hasDiskBackend { use.disk = kind(blocks * (submitTime + completionTime), flow.diskBackendWakes) }
    if isShared {
      use.network = use.network + use.disk
      use.disk = ThreadUse.Kind()
    }
    return use
  }
}
