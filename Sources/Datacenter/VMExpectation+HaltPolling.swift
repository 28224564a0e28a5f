import Model
import Virtualization

extension VMExpectation {
  /// Time of polling for wake-ups in processors.
  fileprivate var polling: Double {
    flows.reduce(0) { $0 + ($1.operation == .haltPoll ? $1.rate * $1.charge.mean * 1e-9 : 0) }
  }

  /// Lets polling give way: a vCPU polls for no longer than it has nothing else to do, and nobody polls on processors that
  /// are asked for more than they can do.
  ///
  /// - Parameters:
  ///   - vms: indices of the host's VMs.
  ///   - model: tells their vCPUs.
  ///   - capacity: processors, counted by what they can do.
  static func yieldPolling(
    of vms: [Int], in model: SimulationModel, capacity: Double, _ expectations: inout [VMExpectation]
  ) {
    for vm in vms {
      let polling = expectations[vm].polling
      let idle = Double(model.vms[vm].vcpus) - (expectations[vm].vcpuDemand * 1e-9 - polling)
      if polling > idle { expectations[vm].scalePolling(by: max(0, idle) / polling) }
    }
    let polling = vms.reduce(0) { $0 + expectations[$1].polling }
    guard polling > 0 else { return }
    let all = vms.reduce(0) { $0 + (expectations[$1].vcpuDemand + expectations[$1].backendDemand) * 1e-9 }
    let share = min(1, max(0, capacity - (all - polling)) / polling)
    guard share < 1 else { return }
    for vm in vms { expectations[vm].scalePolling(by: share) }
  }

  private mutating func scalePolling(by factor: Double) {
    for index in flows.indices where flows[index].operation == .haltPoll { flows[index].rate *= factor }
  }
}
