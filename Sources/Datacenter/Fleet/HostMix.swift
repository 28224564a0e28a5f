import Model
import Virtualization

/// VMs that share a host and its devices: so many of each class.
///
/// Backends that work on several requests in one go, a privileged domain that all go through, disks and wires make what a VM
/// costs depend on what its neighbours do. VMs that serve requests ask for the same all the time, so that a mix of them has
/// one cost for each of its classes: that which the fluid engine finds for such a host alone.
struct HostMix: Hashable {
  /// Index of the class of hosts.
  let hostClass: Int
  /// VMs of each class, and the classes.
  let counts: [Int32]
  let classes: [Int]

  init(hostClass: Int, counts: [Int32], of classes: [Int]) {
    self.hostClass = hostClass
    let present = counts.indices.filter { counts[$0] > 0 }
    self.counts = present.map { counts[$0] }
    self.classes = present.map { classes[$0] }
  }

  /// What VMs of each class cost on average; none where a class has no load on such hosts.
  ///
  /// - Complexity: that of the fluid engine for a VM of each class on each vCPU of the privileged domain.
  func costs(in model: SimulationModel, isMigrating: Bool = false) -> [FleetCost] {
    guard let fleet = model.fleet else { return [] }
    let vms = zip(classes, counts).flatMap { repeatElement($0, count: Int($1)) }
    guard let host = model.host(ofClass: hostClass, with: vms) else { return [] }
    let alike = representatives(of: vms, on: host)
    var (expectations, neighbours) = FluidEngine.expectations(of: host, alike: alike)
    let shares = DeviceSharing(neighbours).shares(of: expectations.map { $0.throughput * 1e-9 })
    if isMigrating, let moving = model.host(ofClass: hostClass, with: vms, isMigrating: true) {
      // The others run as before.
      for index in vms.indices where alike[index] == index {
        expectations[index] = FluidEngine.steady(moving.vms[index], in: moving, beside: neighbours)
      }
      for index in vms.indices { expectations[index] = expectations[alike[index]] }
    }
    VMExpectation.yieldPolling(
      of: Array(vms.indices), in: host, capacity: host.hosts[0].processors.capacity, &expectations)
    var first = 0
    return zip(classes, counts).map { number, count in
      let own = first..<first + Int(count)
      first = own.upperBound
      let each = 1 / Double(count)
      var cost = FleetCost(vm: number, host: hostClass, fleet: fleet)
      cost.takeRequests(
        .mean(of: own.map { (expectations[$0], each) }), share: own.reduce(0) { $0 + shares[$1] * each },
        speed: fleet.hostClasses[hostClass].coreSpeed)
      return cost
    }
  }

  /// For each VM the first that meets the same: one of its class and, where there is a privileged domain, on its vCPU.
  private func representatives(of vms: [Int], on host: SimulationModel) -> [Int] {
    struct Alike: Hashable {
      let vmClass: Int
      let thread: Int
    }
    var known: [Alike: Int] = [:]
    return vms.enumerated().map { index, number in
      let design = host.vms[index].design
      let thread = design.hasPrivilegedDomain ? index % max(1, host.hosts[0].privilegedVCPUs) : 0
      let key = Alike(vmClass: number, thread: thread)
      if let first = known[key] { return first }
      known[key] = index
      return index
    }
  }
}
