import Model
import Virtualization

extension VMExpectation {
  /// The mean of a run of which the share `weight` is spent in the other's way.
  func mixed(with other: VMExpectation, weight: Double) -> VMExpectation {
    guard weight > 0 else { return self }
    guard weight < 1 else { return other }
    var result = self
    func mean(_ own: Double, _ others: Double) -> Double { own * (1 - weight) + others * weight }
    result.guest = mean(guest, other.guest)
    result.spin = mean(spin, other.spin)
    result.utilization = mean(utilization, other.utilization)
    result.waiting = mean(waiting, other.waiting)
    result.steal = mean(steal, other.steal)
    result.use = use * (1 - weight) + other.use * weight
    result.throughput = mean(throughput, other.throughput)
    result.isSaturated = isSaturated || other.isSaturated
    if let own = latency, let others = other.latency, result.throughput > 0 {
      result.latency = mean(own * throughput, others * other.throughput) / result.throughput
    } else {
      result.latency = nil
    }
    for index in result.flows.indices { result.flows[index].rate *= 1 - weight }
    for var flow in other.flows {
      flow.rate *= weight
      result.flows.append(flow)
    }
    return result
  }

  /// Adds faults that happen once: `count` of them in a window of `seconds`. A VM without a pause does less else.
  mutating func addOnce(
    _ operation: GuestOperation, _ charges: [StepCharge], count: Double, seconds: Double, parallel: Double
  ) {
    guard count > 0, seconds > 0 else { return }
    let rate = count / seconds
    if isSaturated {
      let kept = max(0, 1 - rate * charges.reduce(0) { $0 + $1.mean } * 1e-9 / parallel)
      throughput *= kept
      guest *= kept
      spin *= kept
      waiting *= kept
      for index in flows.indices { flows[index].rate *= kept }
    }
    add(operation, charges, rate: rate)
  }
}

extension LoggedPhase {
  /// Share of a measured window, in nanoseconds, in which logging is on.
  func share(of window: Range<Double>) -> Double {
    let begin = max(window.lowerBound, logging.start)
    let end = min(window.upperBound, logging.stop)
    return window.isEmpty ? 0 : max(0, end - begin) / (window.upperBound - window.lowerBound)
  }

  /// Large mappings that are split in the window by a VM that does `logged` CPUs' worth of work meanwhile, and those that
  /// are put together again at `plain` CPUs' worth.
  func faults(in window: Range<Double>, logged: Double, plain: Double) -> (splits: Double, joins: Double) {
    func written(_ time: Double, since start: Double, _ utilization: Double) -> Double {
      DirtyLogging.newlyWritten(
        of: regions, after: 0, writes: max(0, time - start) * 1e-9 * utilization * logging.writesPerSecond)
    }
    func count(from start: Double, until stop: Double, _ utilization: Double) -> Double {
      guard regions > 0, start.isFinite else { return 0 }
      let end = min(window.upperBound, stop)
      let begin = max(window.lowerBound, start)
      return end > begin ? written(end, since: start, utilization) - written(begin, since: start, utilization) : 0
    }
    return (
      count(from: logging.start, until: logging.stop, logged), count(from: logging.stop, until: .infinity, plain)
    )
  }
}
