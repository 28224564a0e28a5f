import Virtualization

extension VMExpectation {
  /// What is expected of VMs on average, by weights that add up to 1. Latencies are left out.
  static func mean(of parts: [(expectation: VMExpectation, weight: Double)]) -> VMExpectation {
    var result = VMExpectation()
    for (part, weight) in parts {
      result.guest += part.guest * weight
      result.spin += part.spin * weight
      result.utilization += part.utilization * weight
      result.waiting += part.waiting * weight
      result.throughput += part.throughput * weight
      result.isSaturated = result.isSaturated || part.isSaturated
      for (index, flow) in part.flows.enumerated() {
        // VMs that do the same have their steps in the same order.
        if result.flows.indices.contains(index), result.flows[index].isSameStep(as: flow) {
          result.flows[index].rate += flow.rate * weight
        } else {
          var own = flow
          own.rate *= weight
          result.flows.append(own)
        }
      }
    }
    return result
  }
}

extension VMExpectation.Flow {
  fileprivate func isSameStep(as other: VMExpectation.Flow) -> Bool {
    operation == other.operation && charge == other.charge
  }
}
