import Model
import Statistics

/// Interrupts of an emulated disk that tell of all requests that are done.
extension RequestPath {
  /// How they do; nil where each request has an interrupt of its own.
  var sharedInterrupt: FrontEnd.SharedInterrupt? { hasDiskBackend ? vm.load.sharedInterrupt : nil }

  /// Time of the register accesses of a request's share of the interrupts.
  func sharedTime(_ flow: Flow) -> Double {
    sharedInterrupt.map { sharedAccesses(flow) * stall($0.operation) } ?? 0
  }

  /// Register accesses of a request's share of the interrupts.
  func sharedAccesses(_ flow: Flow) -> Double {
    guard let sharedInterrupt else { return 0 }
    let shared = flow.shared ?? estimate(flow.rate * 1e-9)
    return shared.interrupts * Double(sharedInterrupt.count) + shared.spurious * Double(sharedInterrupt.status)
  }

  /// Interrupts of block requests that come back as if at random, at so many requests a nanosecond: one follows another if
  /// anything has come meanwhile, else with the next request, so that there is one every `h + exp(-λh) / λ`.
  private func estimate(_ rate: Double) -> SampledHalts.Result.Shared {
    var shared = SampledHalts.Result.Shared()
    guard let sharedInterrupt else { return shared }
    let load = rate * blocks * Double(sharedInterrupt.count) * stall(sharedInterrupt.operation)
    shared.interrupts = blocks / (load + PortableMath.exp(-load))
    return shared
  }

  /// Block requests of a request of which the interrupt for another one tells.
  func toldTogether(_ flow: Flow) -> Double {
    guard sharedInterrupt != nil else { return 0 }
    return max(0, blocks - (flow.shared ?? estimate(flow.rate * 1e-9)).interrupts)
  }

  /// Takes over what a sample tells: who comes when, and so what an interrupt tells of, has no formula.
  func takeShared(_ polls: SampledHalts.Result, into flow: inout Flow) {
    guard let shared = polls.shared, let wakes = polls.wakes else { return }
    flow.shared = shared
    flow.wakes = wakes
    flow.halts = shared.halts
    flow.kicks = kickTime > 0 ? shared.kicks : 0
    if hasParts || tellsOfSent {
      flow.diskBells = shared.diskBells
      if sends { flow.bells = shared.bells }
    }
    // Other VMs keep a privileged domain awake, which a sample of one does not know.
    if neighbours.privileged(beside: vm).load == 0 {
      flow.backendWakes = hasBackend ? shared.networkWakes : 0
      flow.diskBackendWakes = shared.diskWakes
      flow.diskBellWakes = shared.diskBellWakes
    }
    // Those for packets sent are among them.
    flow.sentWakes = 0
    flow.sentKicks = 0
  }

  /// Interrupts of a sample.
  var sampledInterrupts: SampledHalts.Interrupts? {
    guard drawsInterrupts else { return nil }
    var interrupts = SampledHalts.Interrupts(kick: kickTime, pollTime: pollTime)
    guard let sharedInterrupt else { return interrupts }
    let time = stall(sharedInterrupt.operation)
    interrupts.looks = Double(sharedInterrupt.status) * time
    interrupts.clears = Double(sharedInterrupt.clear - sharedInterrupt.status) * time
    interrupts.reads = Double(sharedInterrupt.completions - sharedInterrupt.clear) * time
    interrupts.leaves = Double(sharedInterrupt.count - sharedInterrupt.completions) * time
    interrupts.isShared = true
    return interrupts
  }
}
