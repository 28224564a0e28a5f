import Virtualization

extension VirtualMachine {
  /// A VM without a network interface that stands for all of a fleet's class on hosts of one class.
  public init(
    representing vmClass: FleetModel.VMClass, on hostClass: FleetModel.HostClass, guest: GuestSystem,
    load: OperationLoad
  ) {
    self.init(
      name: vmClass.name, host: hostClass.representative, vcpus: vmClass.vcpus, workload: vmClass.workload,
      guest: guest,
      bandwidth: nil, nic: nil, load: load, stream: 0)
  }
}
