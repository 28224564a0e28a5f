import Model
import Virtualization

/// The mean of expectations that hold one after the other.
struct WeightedExpectation {
  private var weight = 0.0
  private var sum = VMExpectation()
  private var latency: Double? = 0
  private var positions: [Key: Int] = [:]

  private struct Key: Hashable {
    let operation: GuestOperation
    let charge: StepCharge
  }

  /// Adds what holds for a time of that length.
  mutating func add(_ other: VMExpectation, weight: Double) {
    self.weight += weight
    sum.guest += other.guest * weight
    sum.utilization += other.utilization * weight
    sum.waiting += other.waiting * weight
    sum.throughput += other.throughput * weight
    sum.isSaturated = sum.isSaturated || other.isSaturated
    sum.workLimit = other.workLimit
    if let latency, let others = other.latency {
      self.latency = latency + others * other.throughput * weight
    } else {
      latency = nil
    }
    for flow in other.flows {
      let key = Key(operation: flow.operation, charge: flow.charge)
      if let position = positions[key] {
        sum.flows[position].rate += flow.rate * weight
      } else {
        positions[key] = sum.flows.count
        var weighted = flow
        weighted.rate *= weight
        sum.flows.append(weighted)
      }
    }
  }

  /// The mean; nil when nothing was added.
  var mean: VMExpectation? {
    guard weight > 0 else { return nil }
    var mean = sum
    mean.guest /= weight
    mean.utilization /= weight
    mean.waiting /= weight
    mean.throughput /= weight
    for index in mean.flows.indices { mean.flows[index].rate /= weight }
    mean.latency = sum.throughput > 0 ? latency.map { $0 / sum.throughput } : nil
    return mean
  }
}
