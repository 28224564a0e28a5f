import Quantities
import Virtualization

/// VMs on hosts, where the scenario is no fleet.
extension ModelAssembly {
  mutating func placeVMs() {
    for (index, group) in scenario.vms.enumerated() {
      let workload = scenario.workloads.firstIndex { $0.name == group.workload }
      if workload == nil {
        fault(
          group.location(of: "workload"),
          unknown("workload", group.workload, among: Set(scenario.workloads.map(\.name) + library.workloads.keys)))
      }
      let guest = library.guests[group.guest]
      if guest == nil { fault(group.location(of: "guest"), unknown("guest", group.guest, among: library.guests.keys)) }
      guard let workload, let guest, faults.isEmpty || !hosts.isEmpty else { continue }
      for number in 1...group.count {
        let name = group.count == 1 ? group.name : "\(group.name)-\(number)"
        guard place(name: name, index: index, workload: workload, guest: guest) else { break }
      }
    }
  }

  /// Orders hosts by memory left; of equals the first counts as the emptiest.
  private func isFuller(_ slot: Int, than other: Int) -> Bool {
    slots[slot].freeMemory == slots[other].freeMemory
      ? slot > other : slots[slot].freeMemory < slots[other].freeMemory
  }

  /// Places one VM of the group with that index. Returns whether it found a place and its workload can run there.
  private mutating func place(name: String, index: Int, workload: Int, guest: GuestSystem) -> Bool {
    let group = scenario.vms[index]
    guard group.vcpus != VMGroup.tracedVCPUs, group.memory != VMGroup.tracedMemory else {
      fault(
        group.location,
        "vm group '\(group.name)' takes its size from a trace, which only fleets follow; expected vcpus and memory")
      return false
    }
    let candidates = slots.indices.filter { slot in
      guard let wanted = group.host else { return true }
      return hosts[slot].name == wanted || scenario.hosts[slots[slot].group].name == wanted
    }
    if let wanted = group.host, candidates.isEmpty {
      fault(group.location(of: "host"), unknown("host", wanted, among: scenario.hosts.map(\.name)))
      return false
    }
    // Hosts with too few cores only when there are no others, for the message.
    let spacious = candidates.filter { hosts[$0].cores >= group.vcpus }
    guard
      let slot = scenario.policies == nil
        ? (spacious.isEmpty ? candidates : spacious).max(by: { isFuller($0, than: $1) })
        : placeByPolicy(group, name: name, among: spacious)
    else { return false }
    let design = hosts[slot].design
    let hostGroup = scenario.hosts[slots[slot].group]
    let before = faults.count
    checkCapabilities(of: design.choice, for: group)
    checkBalloon(group, guest: guest, design: design)
    let key = LoadKey(vmGroup: index, hostGroup: slots[slot].group)
    let backing = PageMix(page: hostGroup.page.bytes, hugeShare: hostGroup.hugePageShare)
    let (nic, disk) = devices(of: group, on: hostGroup)
    assignDevices(
      name: name, slot: slot, design: design, nic: nic.map { ($0, hostGroup.nics[$0]) },
      disk: disk.map { ($0, hostGroup.disks[$0]) }, group: group)
    let io = setting(
      of: group, design: design, nic: nic.map { hostGroup.nics[$0] }, disk: disk.map { slots[slot].firstDisk + $0 },
      iommu: iommu(of: hostGroup))
    checkPrograms(of: scenario.workloads[workload], guest: guest, group)
    func makeLoad(_ logging: DirtyLogging?) -> OperationLoad {
      OperationLoad(
        workload: scenario.workloads[workload], guest: guest,
        memory: PageLayout(
          guest: PageMix(page: group.page.bytes, hugeShare: group.hugePageShare), host: backing,
          guestLevels: group.pageTableLevels, hostLevels: hostGroup.pageTableLevels, size: group.memory.bytes,
          shadowPages: group.shadowPages),
        vcpus: group.vcpus, design: design, logging: logging, io: io, measured: scenario.measured)
    }
    let window = group.dirtyLogging.flatMap { $0.isAlwaysOn ? nil : $0 }
    let load = loads[key] ?? makeLoad(window == nil ? group.dirtyLogging : nil)
    // Shadow tables are the host's memory.
    let overhead = design.choice.design.memory.perVM + load.shadowTables
    let needed = group.memory.bytes + overhead
    var asked = MemoryReclaim.Guest(
      size: Double(group.memory.bytes), overhead: Double(overhead), image: group.image?.name,
      sharedShare: group.image?.share ?? 0,
      balloonTarget: Double(min(group.memory.bytes, group.balloon?.target?.bytes ?? group.memory.bytes)))
    if let writes = group.image?.writes, asked.sharedPages > 0 {
      asked.writesPerPage =
        writes * scenario.workloads[workload].nominalBusy(vcpus: group.vcpus) / asked.sharedPages
    }
    let sizes = sizes(of: group)
    if slots[slot].freeMemory < needed {
      checkOvercommit(slot, adding: asked, sizes: sizes, name: name, needed: needed, group)
    }
    if group.vcpus > hosts[slot].cores {
      fault(
        group.location,
        "vm '\(name)' has \(group.vcpus) vCPUs, but host '\(hosts[slot].name)' has only \(hosts[slot].cores) cores")
    }
    if let wrong = group.share.pinned?.first(where: { $0 >= hosts[slot].cores }) {
      fault(
        group.location,
        "vm '\(name)' is pinned to processor \(wrong), but host '\(hosts[slot].name)' has only 0 to "
          + "\(hosts[slot].cores - 1)")
    }
    checkReservation(of: group, name: name, slot: slot)
    guard faults.count == before else { return false }
    if loads[key] == nil {
      checkDisk(load, of: scenario.workloads[workload], group: group, disk: disk.map { hostGroup.disks[$0] })
      guard faults.count == before, check(load, of: scenario.workloads[workload], group: group) else { return false }
      if let window {
        let logged = makeLoad(window)
        guard check(logged, of: scenario.workloads[workload], group: group) else { return false }
        phases[key] = LoggedPhase(load: logged, logging: window, host: backing)
      }
      loads[key] = load
    }
    slots[slot].freeMemory -= needed
    slots[slot].reserved += share(of: group, on: hostGroup).reservation ?? 0
    slots[slot].guests.append(asked)
    slots[slot].sizes.append(sizes)
    slots[slot].members.append((vms.count, index))
    vms.append(
      VirtualMachine(
        name: name, host: slot, vcpus: group.vcpus, share: share(of: group, on: hostGroup), workload: workload,
        guest: guest,
        bandwidth: nic.map { hostGroup.nics[$0].bandwidth }, nic: nic.map { slots[slot].firstNIC + $0 }, load: load,
        logged: phases[key], io: io, stream: streamNames.name(for: name)))
    return true
  }
}
