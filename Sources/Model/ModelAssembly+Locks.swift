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

  /// What the fluid engine does not know of locks: it reckons with waiters and holders that run.
  mutating func remarkOnLocks(fidelity: Fidelity) {
    guard fidelity == .fluid else { return }
    for (index, host) in hosts.enumerated() {
      let guests = vms.filter { $0.host == index }
      let vcpus = guests.reduce(0) { $0 + $1.vcpus }
      guard vcpus > host.cores, guests.contains(where: { $0.load.guestLocks != nil && $0.vcpus > 1 }) else { continue }
      warn(
        "host '\(host.name)' has \(vcpus) vCPUs on \(host.cores) processors, and locks are taken on it: the fluid engine "
          + "does not model holders and waiters that are preempted; expected fidelity exit")
    }
  }
}
