import Quantities
import Virtualization

/// Devices of hosts and VMs.
extension ModelAssembly {
  /// The device of that name; nil after a fault.
  private mutating func device(_ name: String, at location: SourceLocation) -> Device? {
    if let device = library.devices[name] { return device }
    fault(location, unknown("device", name, among: library.devices.keys))
    return nil
  }

  /// The storage of a host's disk; nil without a model.
  mutating func storage(of disk: HostGroup.Disk) -> StorageDevice? {
    guard let device = disk.model.flatMap({ device($0, at: disk.location) }) else { return nil }
    if case .storage(let storage) = device.kind { return storage }
    fault(disk.location, "device '\(device.name)' is no storage; expected one of kind nvme, ssd or disk")
    return nil
  }

  /// The interface that a host's nic names as its model; nil without one.
  mutating func interface(of nic: HostGroup.NetworkInterface) -> NetworkDevice? {
    guard let device = nic.model.flatMap({ device($0, at: nic.location) }) else { return nil }
    if case .network(let interface) = device.kind { return interface }
    fault(nic.location, "device '\(device.name)' is no network interface; expected one of kind nic")
    return nil
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
    // Libraries without devices know rings as they usually are.
    if options.model == nil, library.devices[usual] == nil { return FrontEnd(use: use) }
    let location = options.location ?? group.location
    guard let device = device(options.model ?? usual, at: location) else { return nil }
    guard case .frontEnd(let found) = device.kind, found.use == use else {
      fault(location, "device '\(device.name)' is no front end for \(use.rawValue)")
      return nil
    }
    return found
  }

  /// Indices of a VM's interface and disk among those of its host.
  mutating func devices(of group: VMGroup, on host: HostGroup) -> (nic: Int?, disk: Int?) {
    let nic = group.nic.flatMap { wanted in host.nics.firstIndex { $0.name == wanted } }
    if let wanted = group.nic, nic == nil {
      fault(
        group.location(of: "nic"), unknown("nic", wanted, among: host.nics.map(\.name), of: "host '\(host.name)'"))
    }
    let disk = group.disk.flatMap { wanted in host.disks.firstIndex { $0.name == wanted } }
    if let wanted = group.disk, disk == nil {
      fault(
        group.location(of: "disk"), unknown("disk", wanted, among: host.disks.map(\.name), of: "host '\(host.name)'"))
    }
    return (nic, disk)
  }

  /// The way of a VM's packets and requests.
  mutating func setting(
    of group: VMGroup, design: CompiledDesign, nic: HostGroup.NetworkInterface?, disk: Int?, iommu: IOMMU?
  ) -> IOSetting {
    var setting = IOSetting()
    setting.dma = iommu.flatMap {
      DMASetting(design: design, iommu: $0, hasNetwork: nic != nil, hasDisk: disk != nil)
    }
    setting.networkOptions = group.nicOptions
    setting.blockOptions = group.diskOptions
    if group.nic != nil {
      setting.network = frontEnd(.network, of: group, options: group.nicOptions, design: design)
    }
    checkQueues(group.nicOptions, of: group, frontEnd: setting.network, what: "nic")
    if setting.network?.transmitInterrupts != nil, (design.cost(of: .netTx)?.asynchronous ?? []).isEmpty {
      fault(
        group.nicOptions.location ?? group.location(of: "nic"),
        "the nic of vm group '\(group.name)' interrupts for sent packets, but design '\(design.choice.label)' sends them "
          + "in the vCPU's own exit; expected a device without transmit_interrupts")
    }
    if group.disk != nil { setting.block = frontEnd(.block, of: group, options: group.diskOptions, design: design) }
    checkQueues(group.diskOptions, of: group, frontEnd: setting.block, what: "disk")
    if design.hasPrivilegedDomain, max(group.nicOptions.busyPoll, group.diskOptions.busyPoll) > .zero {
      warn(
        "'busy_poll' of vm group '\(group.name)' has no effect under design '\(design.choice.label)': the privileged "
          + "domain's vCPUs do not poll")
    } else {
      remarkOnPolling(group.nicOptions, of: group, what: "nic", design: design, handledBy: [.netTx, .netRx])
      remarkOnPolling(
        group.diskOptions, of: group, what: "disk", design: design, handledBy: [.blockRead, .blockCompletion])
    }
    setting.moderation = nic.flatMap { interface(of: $0) }?.moderation.nanoseconds ?? 0
    setting.bandwidth = nic?.bandwidth
    setting.hasOwnInterrupts = design.isAssigned(.network)
    setting.disk = disk
    return setting
  }

  /// Warns of polling by a backend that there is not.
  private mutating func remarkOnPolling(
    _ options: DeviceOptions, of group: VMGroup, what: String, design: CompiledDesign,
    handledBy operations: [GuestOperation]
  ) {
    guard options.busyPoll > .zero else { return }
    let hasBackend = operations.contains { !(design.cost(of: $0)?.asynchronous ?? []).isEmpty }
    guard !hasBackend else { return }
    warn(
      "'busy_poll' of the \(what) of vm group '\(group.name)' has no effect under design '\(design.choice.label)', which has "
        + "no backend there", at: options.location ?? group.location)
  }

  /// Faults more queues than a front end has, or than the VM has vCPUs.
  private mutating func checkQueues(
    _ options: DeviceOptions, of group: VMGroup, frontEnd: FrontEnd?, what: String
  ) {
    guard options.queues > 1 else { return }
    let location = options.location ?? group.location
    if options.queues > group.vcpus {
      fault(
        location,
        "the \(what) of vm group '\(group.name)' has \(options.queues) queues, but the VM only \(group.vcpus) vCPUs; "
          + "expected at most one for each")
    } else if let frontEnd, options.queues > frontEnd.queues {
      fault(
        location,
        "the \(what) of vm group '\(group.name)' has \(options.queues) queues, but its device at most "
          + "\(frontEnd.queues)")
    }
  }

  /// Faults a VM whose design hands it a device that another VM has already, or more virtual functions than there are.
  ///
  /// - Parameters:
  ///   - slot: the VM's host.
  ///   - nic: the interface among the host's, and `disk` the disk.
  mutating func assignDevices(
    name: String, slot: Int, design: CompiledDesign, nic: (index: Int, interface: HostGroup.NetworkInterface)?,
    disk: (index: Int, disk: HostGroup.Disk)?, group: VMGroup
  ) {
    if let nic {
      let functions = nic.interface.model == nil ? Int.max : interface(of: nic.interface)?.functions
      assign(
        .network, functions: functions, key: "nic \(nic.index)", what: "nic '\(nic.interface.name)'", name: name,
        slot: slot, design: design, group: group)
    }
    if let disk {
      let functions = disk.disk.model == nil ? Int.max : storage(of: disk.disk)?.functions
      assign(
        .block, functions: functions, key: "disk \(disk.index)", what: "disk '\(disk.disk.name)'", name: name,
        slot: slot, design: design, group: group)
    }
  }

  private mutating func assign(
    _ use: FrontEnd.Use, functions: Int?, key: String, what: String, name: String, slot: Int, design: CompiledDesign,
    group: VMGroup
  ) {
    guard design.isAssigned(use) else { return }
    let axis: DesignAxis = use == .network ? .network : .disk
    let taken = slots[slot].assigned[key, default: 0]
    slots[slot].assigned[key] = taken + 1
    let limit = design.choice.axes[axis] == "passthrough" ? 1 : functions
    guard let limit else {
      fault(
        group.location,
        "vm '\(name)' is to have a virtual function of \(what) of host '\(hosts[slot].name)', whose device has none; "
          + "expected a device with 'functions', or another \(axis) of design '\(design.choice.design.name)'")
      return
    }
    guard taken == limit else { return }
    if design.choice.axes[axis] == "passthrough" {
      fault(
        group.location,
        "vm '\(name)' needs \(what) of host '\(hosts[slot].name)' for itself, but another vm has it; expected a device "
          + "for each, or \(axis): sriov")
    } else {
      fault(
        group.location,
        "vm '\(name)' is one too many for \(what) of host '\(hosts[slot].name)', which has \(limit) virtual functions")
    }
  }

  /// Remarks on what a scenario says of a domain that the design does not have.
  mutating func checkPrivilegedDomain(_ reference: DesignReference, _ design: CompiledDesign) {
    guard reference.privilegedVCPUs != nil || reference.privilegedWeight != nil, !design.hasPrivilegedDomain else {
      return
    }
    warn("'privileged_domain' has no effect under design '\(design.choice.label)', which has none")
  }
}
