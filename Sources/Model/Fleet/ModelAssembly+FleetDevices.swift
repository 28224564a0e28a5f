import Virtualization

/// Devices that VMs of a fleet have for themselves, or as virtual functions.
extension ModelAssembly {
  /// VMs that each device of a group's hosts takes, interfaces first: one where it is handed over, as many as it has
  /// functions where it is divided; no limit otherwise, and for devices that name no model.
  mutating func deviceLimits(of group: HostGroup, design: CompiledDesign) -> [Int] {
    func limit(_ use: FrontEnd.Use, named: Bool, _ functions: Int?) -> Int {
      guard design.isAssigned(use) else { return .max }
      if design.choice.axes[use == .network ? .network : .disk] == "passthrough" { return 1 }
      return named ? functions ?? 0 : .max
    }
    let nics = group.nics.map { limit(.network, named: $0.model != nil, interface(of: $0)?.functions) }
    return nics + group.disks.map { limit(.block, named: $0.model != nil, storage(of: $0)?.functions) }
  }

  /// Devices, among all of its host, that a VM of a group has for itself or as a virtual function.
  mutating func assignedDevices(
    of group: VMGroup, nic: Int?, disk: Int?, on host: HostGroup, design: CompiledDesign
  ) -> [Int] {
    let limits = deviceLimits(of: host, design: design)
    var devices: [Int] = []
    func add(_ use: FrontEnd.Use, _ device: Int?, _ what: String) {
      guard let device, design.isAssigned(use) else { return }
      devices.append(device)
      let axis: DesignAxis = use == .network ? .network : .disk
      if limits[device] == 0 {
        fault(
          group.location,
          "vm group '\(group.name)' is to have virtual functions of \(what) of hosts '\(host.name)', whose device has none; "
            + "expected a device with 'functions', or another \(axis) of design '\(design.choice.design.name)'")
      }
    }
    add(.network, nic, nic.map { "nic '\(host.nics[$0].name)'" } ?? "")
    add(.block, disk.map { host.nics.count + $0 }, disk.map { "disk '\(host.disks[$0].name)'" } ?? "")
    return devices
  }
}
