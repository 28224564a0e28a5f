import Quantities
import Virtualization

/// Polling for the wake-up of halted vCPUs on their processors.
extension Simulation {
  mutating func addHaltPolling(of index: Int, to state: inout VMState) {
    let vm = model.vms[index]
    guard let polling = model.hosts[vm.host].processors.haltPolling else { return }
    state.haltPoll = open(.haltPoll, of: index, charges: [polling.charge(mean: polling.limit)])
    func charges(_ operation: GuestOperation) -> [StepCharge] {
      vm.design.cost(of: operation, target: .polled)?.synchronous ?? []
    }
    state.polledWake = pair(
      open(.interrupt, of: index, charges: charges(.interrupt)), open(.eoi, of: index, charges: charges(.eoi)))
  }

  /// A vCPU has halted: its thread polls as long as its window says, unless somebody waits for a processor, or gives up its
  /// processor.
  mutating func haltOrPoll(thread index: Int) {
    let vm = Int(threads[index].vm)
    let host = Int(threads[index].host)
    threads[index].haltedAt = now
    let window = FineTime.units(nanoseconds: threads[index].pollWindow)
    guard window > 0, !vms[vm].haltPoll.isEmpty, hosts[host].waiting == 0 else {
      block(thread: index)
      return
    }
    hosts[host].polling += 1
    plan(.haltPoll, group: vms[vm].haltPoll, time: window, thread: index)
    beginBurst(thread: index)
  }

  /// Ends the polling of a vCPU before its window does.
  private mutating func cutPolling(thread index: Int) {
    hosts[Int(threads[index].host)].polling -= 1
    if threads[index].state == .running { cut(thread: index) }
    dropPlan(thread: index)
  }

  /// The window is over.
  mutating func endPolling(thread index: Int) {
    hosts[Int(threads[index].host)].polling -= 1
    block(thread: index)
  }

  /// Wakes a vCPU that polls: it takes its interrupt at once, or as soon as it has a processor.
  mutating func wakePolling(thread index: Int) {
    cutPolling(thread: index)
    let vm = Int(threads[index].vm)
    vms[vm].waking += 1
    guard threads[index].state == .running else {
      threads[index].activity = .woken
      return
    }
    begin(.wake, group: vms[vm].polledWake, operations: 1, thread: index)
  }

  /// A halted vCPU without a processor is woken: its window follows from how long it has halted.
  mutating func adaptPolling(thread index: Int) {
    guard !vms[Int(threads[index].vm)].haltPoll.isEmpty,
      let polling = model.hosts[Int(threads[index].host)].processors.haltPolling
    else { return }
    threads[index].pollWindow = polling.window(
      after: threads[index].pollWindow, idle: Double(now - threads[index].haltedAt))
  }

  /// Somebody waits for a processor: those that poll give theirs up.
  ///
  /// - Complexity: O(processors of the host), when any polls.
  mutating func endPolls(host: Int) {
    let first = Int(hosts[host].firstProcessor)
    for processor in first..<first + Int(hosts[host].processors) where hosts[host].polling > 0 {
      let thread = Int(processors[processor].thread)
      guard thread >= 0, threads[thread].activity == .haltPoll else { continue }
      cutPolling(thread: thread)
      block(thread: thread)
      if hosts[host].waiting == 0 { return }
    }
  }
}
