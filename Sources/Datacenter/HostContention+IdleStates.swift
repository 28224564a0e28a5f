import Model
import Statistics
import Virtualization

/// What wake-ups wait for on cores that sleep.
extension HostContention {
  /// Where a host has a processor for every thread, a core sleeps as long as its thread does; else also no longer than
  /// threads leave each processor idle, and a wake-up waits as far as it finds one idle. Idle times are exponential.
  struct CoreSleep {
    let states: IdleStates
    /// Mean idle times in nanoseconds of the cores of an owner's threads, with the shares of its wake-ups that meet
    /// them.
    var idle: [Owner: [(mean: Double, share: Double)]] = [:]
    /// Mean idle time of any core, where threads share them: a thread's core is idle no longer, and no longer than the
    /// thread that comes back to it.
    var shared = Double.infinity
    /// Share of the wake-ups that find an idle processor.
    var found = 1.0

    /// What a wake-up waits for whose price holds so much of it already.
    func wait(of owner: Owner, included: Double) -> ProcessorWait {
      var wait = ProcessorWait()
      for (mean, share) in idle[owner] ?? [] {
        let latency = states.expectation(idle: min(mean, shared), included: included)
        wait.mean += share * latency.mean
        wait.secondMoment += share * latency.secondMoment
      }
      return wait * found
    }
  }

  /// Nil where cores wake up at once.
  func coreSleep(of host: Int, _ threads: [Threads]) -> CoreSleep? {
    guard let states = model.hosts[host].processors.idleStates else { return nil }
    var sleep = CoreSleep(states: states)
    let processors = model.hosts[host].processors.threads
    let active = threads.filter { !$0.isEndless }
    for thread in active { sleep.idle[thread.owner] = Self.idleTimes(of: thread) }
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

  /// The mean idle time of a thread of its kind. Of vCPUs the first that has halted is woken, so that wake-ups pass on
  /// to the others as calls do that find the first lines busy.
  private static func idleTimes(of threads: Threads) -> [(mean: Double, share: Double)] {
    guard case .vcpus = threads.owner, threads.count > 1 else { return [(threads.sleep, 1)] }
    let cycle = threads.burst + threads.sleep
    let (load, wakes) = (threads.count * threads.burst / cycle, threads.count / cycle)
    let passing = (0...Int(threads.count)).map { Erlang.b(servers: $0, offeredLoad: load) }
    return zip(passing, passing.dropFirst()).map { before, after in
      let share = (before - after) / (1 - passing[passing.count - 1])
      return (max(0, 1 - share * load) / max(1e-15, share * wakes), share)
    }
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
