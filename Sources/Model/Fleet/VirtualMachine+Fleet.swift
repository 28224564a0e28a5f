import Virtualization

extension VirtualMachine {
  /// A VM that stands for all of a fleet's class on hosts of one class. Its packets have the wire for themselves, its block
  /// requests the disk.
  public init(
    representing vmClass: FleetModel.VMClass, on hostClass: FleetModel.HostClass, guest: GuestSystem,
    load: OperationLoad
  ) {
    self.init(
      name: vmClass.name, host: hostClass.representative, vcpus: vmClass.vcpus, workload: vmClass.workload,
      guest: guest,
      bandwidth: nil, nic: nil, load: load, stream: 0)
    io = load.io
  }
}
