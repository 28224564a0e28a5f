import EventKernel
import Virtualization

/// Idle states of cores: who is woken on a core that sleeps gets it when the core has left its state.
///
/// Meanwhile the core is idle in the books, and the thread waits, which is steal of a vCPU; its scheduler charges it as if
/// it ran already. Which state the governor chose follows from the idle times before, so that it is found at the wake-up.
extension Simulation {
  mutating func addIdleStates(of host: Int) {
    hosts[host].firstIdleState = Int32(idleLatencies.count)
    guard let states = model.hosts[host].processors.idleStates else { return }
    hosts[host].idleStates = Int32(states.states.count)
    for state in states.states {
      _ = idleLatencies.append(Int64(state.exitLatency))
      _ = idleResidencies.append(Int64(state.targetResidency))
    }
    // Before the run the host has slept.
    let deepest = Int64(states.states[states.states.count - 1].targetResidency)
    let first = Int(hosts[host].firstProcessor)
    for processor in first..<first + Int(hosts[host].processors) {
      processors[processor].firstIdleTime = Int32(idleTimes.count)
      processors[processor].idleSum = deepest * Int64(IdleStates.intervals)
      for _ in 0..<IdleStates.intervals { _ = idleTimes.append(deepest) }
    }
  }

  /// What the prices of a VM's wake-ups hold of leaving an idle state.
  mutating func addIncludedWakes(of index: Int, to state: inout VMState) {
    let vm = model.vms[index]
    guard let states = model.hosts[vm.host].processors.idleStates else { return }
    let wake = vm.design.cost(of: .interrupt, target: .halted)?.synchronous ?? []
    state.includedWake = Int64(states.included(in: wake))
    let backend = vm.design.cost(of: .deviceInterrupt)?.asynchronous ?? []
    state.includedBackendWake = Int64(states.included(in: backend))
  }

  /// Every thread has a processor to which it comes back while it is idle, at first in turns, core by core.
  mutating func addHomes(of host: Int) {
    guard hosts[host].idleStates > 0 else { return }
    let first = Int(hosts[host].firstProcessor)
    let siblings = Int(processors[first].siblings)
    let cores = Int(hosts[host].processors) / siblings
    var number = 0
    for thread in threads.indices where Int(threads[thread].host) == host {
      threads[thread].home = Int32(first + number % cores * siblings + number / cores % siblings)
      number += 1
    }
  }

  /// A thread is woken on an idle processor: time in nanoseconds until its core has left the idle state. The idle time
  /// becomes one of those that the governor goes by.
  mutating func leaveIdle(processor: Int, for thread: Int) -> Int64 {
    let host = Int(threads[thread].host)
    let idle = now - processors[processor].idleSince
    guard hosts[host].idleStates > 0, idle > 0 else { return 0 }
    var state = idleState(of: processor)
    let first = Int(processors[processor].firstSibling)
    for sibling in first..<first + Int(processors[processor].siblings) where sibling != processor {
      // A core sleeps no deeper than any of its threads.
      state = processors[sibling].thread >= 0 ? 0 : min(state, idleState(of: sibling))
    }
    let slot = Int(processors[processor].firstIdleTime) + Int(processors[processor].nextIdleTime)
    processors[processor].idleSum += idle - idleTimes[slot]
    idleTimes[slot] = idle
    processors[processor].nextIdleTime = (processors[processor].nextIdleTime + 1) % Int32(IdleStates.intervals)
    return max(0, idleLatencies[Int(hosts[host].firstIdleState) + state] - included(in: thread))
  }

  /// The state of an idle processor.
  private func idleState(of processor: Int) -> Int {
    let host = Int(processors[processor].host)
    let first = Int(hosts[host].firstIdleState)
    var state = Int(hosts[host].idleStates) - 1
    let predicted = processors[processor].idleSum / Int64(IdleStates.intervals)
    while state > 0, idleResidencies[first + state] > predicted { state -= 1 }
    return state
  }

  private func included(in thread: Int) -> Int64 {
    guard threads[thread].activity == .woken || threads[thread].activity == .lockKicked else { return 0 }
    let vm = Int(threads[thread].vm)
    switch threads[thread].role {
    case .vcpu: return vms[vm].includedWake
    case .backend: return vms[vm].includedBackendWake
    case .service, .work, .balloon: return 0
    }
  }

  /// Lets a thread wait on its processor until the core has left its idle state.
  mutating func awaitCore(thread index: Int, latency: Int64) {
    threads[index].isAwaitingCore = true
    threads[index].generation &+= 1
    events.insert(
      Event(
        time: now + latency, kind: EventKind.idleExit, handle: UInt32(index), generation: threads[index].generation))
  }

  /// The core has left its idle state.
  mutating func endIdleExit(thread index: Int) {
    threads[index].isAwaitingCore = false
    run(thread: index)
  }

  /// A thread loses the processor that it has waited for, or one that it runs on.
  mutating func interrupt(thread index: Int) {
    guard threads[index].isAwaitingCore else {
      cut(thread: index)
      return
    }
    threads[index].isAwaitingCore = false
    threads[index].generation &+= 1
    events.noteStale()
  }
}
