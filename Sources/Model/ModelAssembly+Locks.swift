import Virtualization

/// Spin locks of workloads.
extension ModelAssembly {
  /// Faults a workload whose critical sections are longer than its work.
  mutating func checkLocks(_ load: OperationLoad, of workload: Workload, group: VMGroup) {
    guard let locks = load.guestLocks else { return }
    let service = workload.unitOfWork
    let held = locks.held(inRequestsOf: service)
    if held > 1 {
      fault(
        workload.location,
        "workload '\(workload.name)' holds locks for \(held) of its CPU time; expected at most all of it")
    }
  }
}
