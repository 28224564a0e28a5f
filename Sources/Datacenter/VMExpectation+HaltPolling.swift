import Model
import Virtualization

extension VMExpectation {
  /// Time of polling for wake-ups in processors.
  fileprivate var polling: Double {
    flows.reduce(0) { $0 + ($1.operation == .haltPoll ? $1.rate * $1.charge.mean * 1e-9 : 0) }
  }

  /// Lets polling of a host give way where its processors are asked for more than they can do: nobody polls while a thread
  /// waits.
  ///
  /// - Parameters:
  ///   - vms: indices of the host's VMs.
  ///   - capacity: processors, counted by what they can do.
  static func yieldPolling(of vms: [Int], capacity: Double, _ expectations: inout [VMExpectation]) {
    let polling = vms.reduce(0) { $0 + expectations[$1].polling }
    guard polling > 0 else { return }
    let all = vms.reduce(0) { $0 + (expectations[$1].vcpuDemand + expectations[$1].backendDemand) * 1e-9 }
    let share = min(1, max(0, capacity - (all - polling)) / polling)
    guard share < 1 else { return }
    for vm in vms {
      for index in expectations[vm].flows.indices where expectations[vm].flows[index].operation == .haltPoll {
        expectations[vm].flows[index].rate *= share
      }
    }
  }
}
