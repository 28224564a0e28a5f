import Virtualization

extension SimulationModel {
  /// One host of a fleet's class by itself, with VMs of some classes on it.
  ///
  /// VMs that serve requests ask for the same all the time, so that what they do, and what they cost beside each other,
  /// is that of a scenario with this host alone.
  ///
  /// - Parameters:
  ///   - hostClass: index of the class of hosts.
  ///   - vmClasses: index of the class of each VM, in the order in which the VMs stand on the host.
  ///   - isMigrating: whether the hypervisor notes what the VMs write, to copy them away.
  /// - Returns: nil where this is no fleet, or a class has no load on such hosts.
  /// - Complexity: O(VMs + devices of the host).
  public func host(ofClass hostClass: Int, with vmClasses: [Int], isMigrating: Bool = false) -> SimulationModel? {
    guard let fleet else { return nil }
    let group = fleet.hostClasses[hostClass]
    var vms: [VirtualMachine] = []
    for (number, index) in vmClasses.enumerated() {
      let entry = index * fleet.hostClasses.count + hostClass
      let loads = isMigrating && !fleet.migratingLoads.isEmpty ? fleet.migratingLoads : fleet.loads
      guard loads.indices.contains(entry), let load = loads[entry] else { return nil }
      let vmClass = fleet.vmClasses[index]
      let nic = fleet.nics.indices.contains(entry) && fleet.nics[entry] >= 0 ? Int(fleet.nics[entry]) : nil
      var vm = VirtualMachine(
        name: vmClass.name, host: 0, vcpus: vmClass.vcpus, workload: vmClass.workload, guest: fleet.guests[index],
        bandwidth: nic == nil ? nil : load.io.bandwidth, nic: nic, load: load, stream: UInt32(number))
      vm.io = load.io
      vms.append(vm)
    }
    return SimulationModel(
      scenario: scenario, duration: duration, warmup: warmup, seed: seed, hosts: [hosts[group.representative]],
      vms: vms, workloads: workloads, nicCount: group.nicCount, disks: group.disks, fidelity: .fluid, fleet: nil,
      remarks: [])
  }
}
