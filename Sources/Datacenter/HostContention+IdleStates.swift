import Model
import Virtualization

/// What wake-ups wait for on cores that sleep.
extension HostContention {
  /// Where a host has a processor for every thread, a core sleeps as long as its thread does; else threads divide the
  /// idle times of all processors, which a wake-up meets as far as it finds one idle. Idle times are exponential.
  struct CoreSleep {
    let states: IdleStates
    /// Mean idle time of a thread's core in nanoseconds, by owner; of any core, where threads share them.
    var idle: [Owner: Double] = [:]
    var shared: Double?
    /// Share of the wake-ups that find an idle processor.
    var found = 1.0

    /// What a wake-up waits for whose price holds so much of it already.
    func wait(of owner: Owner, included: Double) -> ProcessorWait {
      guard let mean = shared ?? idle[owner] else { return ProcessorWait() }
      let latency = states.expectation(idle: mean, included: included)
      return ProcessorWait(mean: latency.mean, secondMoment: latency.secondMoment) * found
    }
  }

  /// Nil where cores wake up at once.
  func coreSleep(of host: Int, _ threads: [Threads]) -> CoreSleep? {
    guard let states = model.hosts[host].processors.idleStates else { return nil }
    var sleep = CoreSleep(states: states)
    let processors = model.hosts[host].processors.threads
    let active = threads.filter { !$0.isEndless }
    for thread in active { sleep.idle[thread.owner] = thread.sleep }
    guard threads.reduce(0, { $0 + $1.count }) > Double(processors), !active.isEmpty else { return sleep }
    let found = distribution(active, processors: processors).prefix(processors).reduce(0, +)
    var (busy, wakes) = (0.0, 0.0)
    for thread in threads {
      let cycle = thread.burst + thread.sleep
      busy += thread.isEndless ? thread.count : thread.count * thread.burst / cycle
      wakes += thread.isEndless ? 0 : thread.count / cycle
    }
    sleep.found = found
    sleep.shared = max(0, Double(processors) - busy) / max(1e-15, wakes * found)
    return sleep
  }

  /// Adds what the threads of a VM wait for beside other threads.
  func add(_ sleep: CoreSleep, of vm: Int, to waits: inout ProcessorDelays) {
    let design = model.vms[vm].design
    let wake = sleep.states.included(in: design.cost(of: .interrupt, target: .halted)?.synchronous ?? [])
    let backend = sleep.states.included(in: design.cost(of: .deviceInterrupt)?.asynchronous ?? [])
    let hasDomain = design.hasPrivilegedDomain
    let network = hasDomain ? Owner.domain(domainThreads[vm]) : .network(vm)
    let disk = !hasDomain && sleep.idle[.disk(vm)] != nil ? Owner.disk(vm) : network
    waits.vcpus.wait.add(sleep.wait(of: .vcpus(vm), included: wake))
    waits.network.wait.add(sleep.wait(of: network, included: backend))
    waits.disk.wait.add(sleep.wait(of: disk, included: backend))
  }
}
