import Model
import Statistics

/// Polls for wake-ups on processors that threads share.
extension HostContention {
  /// How polls for a vCPU of a VM give way to the other threads of the host.
  ///
  /// While it polls, the others run or are polled for on the processors that are left: a product form, cut off where they are
  /// taken. Who then wakes up gets the processor of one that is polled for.
  func cuts(
    of vm: Int, _ use: ThreadUse, among all: [Threads], polling: [Int: Double], on host: Int
  ) -> PollCuts {
    let processors = model.hosts[host].processors.threads
    guard !all.contains(where: \.isEndless) || processors > 1 else { return PollCuts(refused: 1) }
    var (threads, ratios): ([Threads], [Double]) = ([], [])
    var (running, polled) = (0.0, 0.0)
    var taken = 0
    for var thread in all {
      if thread.isEndless {
        taken += Int(thread.count)
        continue
      }
      if thread.owner == .vcpus(vm) { thread.count -= 1 }
      if thread.owner == .network(vm) || thread.owner == .disk(vm) { thread.count = 0 }
      guard thread.count > 0 else { continue }
      let load = thread.presence * thread.burst / (thread.burst + thread.sleep)
      var share = 0.0
      if case .vcpus(let other) = thread.owner { share = polling[other, default: 0] / Double(model.vms[other].vcpus) }
      running += thread.count * load
      polled += thread.count * share
      threads.append(thread)
      ratios.append((load + share) / max(1e-3, 1 - load - share))
    }
    // Those who never sleep leave fewer processors.
    let left = processors - taken
    guard left > 0 else { return PollCuts(refused: 1) }
    guard !threads.isEmpty else { return PollCuts() }
    func sums(without absent: Int? = nil) -> [Double] {
      var sums = [1.0] + [Double](repeating: 0, count: left - 1)
      for (index, thread) in threads.enumerated() {
        for _ in 0..<max(0, Int(thread.count.rounded()) - (index == absent ? 1 : 0)) {
          for number in stride(from: left - 1, to: 0, by: -1) { sums[number] += sums[number - 1] * ratios[index] }
        }
      }
      return sums
    }
    let some = sums()
    let whole = some.reduce(0, +)
    guard whole.isFinite else { return PollCuts(refused: 1) }
    let full = some[left - 1] / whole
    // One of those that are polled for goes: this one, or any other.
    let share = running + polled > 0 ? polled / (running + polled) : 0
    let chosen = share > 0 ? (1 - PortableMath.pow(1 - share, Double(left))) / (share * Double(left)) : 1
    let isSmall = threads.reduce(0) { $0 + $1.count } <= Double(Self.mostThreads)
    var result = PollCuts()
    for (index, thread) in threads.enumerated() {
      let others = isSmall ? sums(without: index)[left - 1] / whole : full
      // It sleeps, with odds of one to the ratio that it does not.
      result.rate += thread.count * thread.wakes * others * chosen * (isSmall ? 1 + ratios[index] : 1)
    }
    result.own = use.isTold * full * chosen
    // Whoever waits when the vCPU halts: the backend that it has just rung, or others.
    // Short bursts are over before it has halted.
    let halting = model.vms[vm].design.cost(of: .halt)?.synchronousMean ?? 0
    for index in threads.indices where threads[index].burst > 0 {
      threads[index].presence *= PortableMath.exp(-halting / threads[index].burst)
    }
    let found = distribution(threads, processors: processors)
    func atLeast(_ number: Int) -> Double { found.dropFirst(max(0, number - taken)).reduce(0, +) }
    result.refused = use.rings * atLeast(processors - 1) + (1 - use.rings) * atLeast(processors)
    return result
  }
}
