import Quantities
import Virtualization

/// Devices of hosts and VMs.
extension ModelAssembly {
  /// The storage of a host's disk; nil without a model.
  mutating func storage(of disk: HostGroup.Disk) -> StorageDevice? {
    guard let model = disk.model else { return nil }
    guard let device = library.devices[model] else {
      fault(disk.location, unknown("device", model, among: library.devices.keys))
      return nil
    }
    guard case .storage(let storage) = device.kind else {
      fault(disk.location, "device '\(model)' is no storage; expected one of kind nvme, ssd or disk")
      return nil
    }
    return storage
  }

  /// The interface that a host's nic names as its model; nil without one.
  mutating func interface(of nic: HostGroup.NetworkInterface) -> NetworkDevice? {
    guard let model = nic.model else { return nil }
    guard let device = library.devices[model] else {
      fault(nic.location, unknown("device", model, among: library.devices.keys))
      return nil
    }
    guard case .network(let interface) = device.kind else {
      fault(nic.location, "device '\(model)' is no network interface; expected one of kind nic")
      return nil
    }
    return interface
  }

  /// The front end of a VM's device under a design.
  mutating func frontEnd(
    _ use: FrontEnd.Use, of group: VMGroup, options: DeviceOptions, design: CompiledDesign
  ) -> FrontEnd? {
    let axis = design.choice.axes[use == .network ? .network : .disk]
    guard let usual = FrontEnd.usual(for: use, axis: axis) else {
      if let model = options.model {
        fault(
          options.location ?? group.location,
          "vm group '\(group.name)' names device '\(model)', but design '\(design.choice.label)' gives it a device of the host"
        )
      }
      return nil
    }
    let name = options.model ?? usual
    guard let device = library.devices[name] else {
      // Libraries without devices know rings as they usually are.
      if options.model == nil { return FrontEnd(use: use) }
      fault(options.location ?? group.location, unknown("device", name, among: library.devices.keys))
      return nil
    }
    guard case .frontEnd(let found) = device.kind, found.use == use else {
      fault(options.location ?? group.location, "device '\(name)' is no front end for \(use.rawValue)")
      return nil
    }
    return found
  }

  /// The way of a VM's packets and requests.
  mutating func setting(
    of group: VMGroup, design: CompiledDesign, nic: HostGroup.NetworkInterface?, disk: Int?
  ) -> IOSetting {
    var setting = IOSetting()
    setting.networkOptions = group.nicOptions
    setting.blockOptions = group.diskOptions
    if group.nic != nil {
      setting.network = frontEnd(.network, of: group, options: group.nicOptions, design: design)
    }
    if group.disk != nil { setting.block = frontEnd(.block, of: group, options: group.diskOptions, design: design) }
    setting.moderation = nic.flatMap { interface(of: $0) }?.moderation.nanoseconds ?? 0
    setting.disk = disk
    return setting
  }
}
