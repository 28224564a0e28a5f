import Quantities
import Virtualization

/// Polling for the wake-up of halted vCPUs on their processors.
extension Simulation {
  mutating func addHaltPolling(of index: Int, to state: inout VMState) {
    guard model.hosts[model.vms[index].host].processors.haltPolling != nil else { return }
    state.haltPoll = open(.haltPoll, of: index, charges: [HaltPolling.charge(mean: HaltPolling.usualLimit)])
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

  /// Wakes a vCPU that polls: it goes on at once, or as soon as it has a processor.
  mutating func wakePolling(thread index: Int) {
    cutPolling(thread: index)
    if threads[index].state == .running { decideVCPU(thread: index) }
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
