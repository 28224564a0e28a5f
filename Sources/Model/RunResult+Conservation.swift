import Quantities
import Virtualization

/// A conservation law that a result breaks.
public struct ConservationError: Error, CustomStringConvertible {
  /// What does not add up.
  public let description: String
}

extension RunResult {
  /// Checks that the accounts close to the nanosecond: per host `guest + virtualization by place + services + idle = cores × time`,
  /// per VM `guest + stall + steal + halted = vCPUs × time`, and that the steps of `exits.csv` add up to both.
  ///
  /// - Complexity: O(rows).
  public func checkConservation() throws(ConservationError) {
    if let fleet { return try checkFleetConservation(fleet) }
    var byPlace = [[Int64]](
      repeating: [Int64](repeating: 0, count: Place.allCases.count), count: hosts.count)
    var stall = [Int64](repeating: 0, count: vms.count)
    var backend = [Int64](repeating: 0, count: vms.count)
    for row in exits {
      byPlace[row.host][Int(row.place.rawValue)] += row.nanoseconds
      if row.place.isAsynchronous { backend[row.vm] += row.nanoseconds } else { stall[row.vm] += row.nanoseconds }
      try require(row.count >= 0 && row.nanoseconds >= 0, "step \(row.step) of vm \(vms[row.vm].name) is negative")
    }
    var guest = [Int64](repeating: 0, count: hosts.count)
    for (index, vm) in vms.enumerated() {
      guest[vm.host] += vm.guest
      let all = vm.guest + vm.stall + vm.steal + vm.halted
      try require(
        all == Int64(vm.vcpus) * window.nanoseconds, "vm \(vm.name): \(all) ns do not fill its vCPUs' time")
      try require(vm.stall == stall[index], "vm \(vm.name): the steps add up to \(stall[index]) ns of stall")
      try require(vm.backend == backend[index], "vm \(vm.name): the steps add up to \(backend[index]) ns of backend")
      try require(
        vm.spin >= 0 && vm.spin <= vm.guest, "vm \(vm.name) spins for \(vm.spin) ns of \(vm.guest) ns of its own")
      try require([vm.guest, vm.steal, vm.halted].allSatisfy { $0 >= 0 }, "vm \(vm.name) has a negative time")
    }
    for (index, host) in hosts.enumerated() {
      let beside = services.reduce(0) { $0 + ($1.host == index ? $1.nanoseconds : 0) }
      let all = host.guest + host.virtualization.reduce(0, +) + host.services + host.idle
      try require(host.services == beside, "host \(host.name): the services add up to \(beside) ns")
      try require(
        all == Int64(host.cores) * window.nanoseconds, "host \(host.name): \(all) ns do not fill its cores' time")
      try require(host.virtualization == byPlace[index], "host \(host.name): the steps add up to other times by place")
      try require(host.guest == guest[index], "host \(host.name): the VMs add up to \(guest[index]) ns of guest work")
      try require(host.idle >= 0, "host \(host.name) is busier than its cores allow")
    }
  }

  private func require(_ holds: Bool, _ message: String) throws(ConservationError) {
    if !holds { throw ConservationError(description: message) }
  }
}
