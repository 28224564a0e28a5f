import Quantities
import Virtualization

/// Hosts that promise more memory than they have.
extension ModelAssembly {
  /// Faults a VM that a host cannot hold, with all means of overcommitment that the scenario gives it.
  mutating func checkOvercommit(
    _ slot: Int, adding asked: MemoryReclaim.Guest, name: String, needed: Int64, _ group: VMGroup
  ) {
    let host = scenario.hosts[slots[slot].group]
    let free = ByteCount(bytes: max(0, slots[slot].freeMemory))
    let guests = slots[slot].guests + [asked]
    let choice = hosts[slot].design.choice
    // An emulated IOMMU pins what the guest maps, and nothing else.
    guard choice.design.capabilities.canOvercommitMemory || choice.axes[.iommu] == "emulated" else {
      fault(
        group.location,
        "vm '\(name)' needs \(ByteCount(bytes: needed)) of memory, but no host has more than \(free) left, and design "
          + "'\(choice.label)' cannot overcommit memory\(reason(of: choice.design.capabilities))")
      return
    }
    let isMerging = host.overcommit.scannedPages != nil
    let hasMeans = host.overcommit.swapLatency != nil || isMerging || guests.contains { $0.balloonTarget < $0.size }
    guard hasMeans else {
      fault(
        group.location,
        "vm '\(name)' needs \(ByteCount(bytes: needed)) of memory, but no host has more than \(free) left; "
          + "memory is not overcommitted")
      return
    }
    let reclaim = MemoryReclaim(guests: guests, capacity: Double(slots[slot].capacity), isMerging: isMerging)
    if reclaim.swapped > 0 && host.overcommit.swapLatency == nil {
      fault(
        group.location,
        "vm '\(name)' needs \(ByteCount(bytes: needed)) of memory, but no host has more than \(free) left, and merging "
          + "and balloons do not make up for it; expected 'swap' in the host's memory, or less memory")
    } else if reclaim.swapped > 0.95 * reclaim.guestResident.reduce(0, +) {
      fault(
        group.location,
        "vm '\(name)' leaves less than a twentieth of the guests' memory on host '\(hosts[slot].name)' resident; "
          + "expected less memory")
    }
  }

  /// Faults operations of programs that the guest system does not have.
  mutating func checkPrograms(of workload: Workload, guest: GuestSystem, _ group: VMGroup) {
    for operation in GuestOperation.allCases {
      guard let program = workload.extents[operation]?.program, let paging = guest.paging,
        paging.program(named: program) == nil
      else { continue }
      fault(
        group.location,
        "'\(operation)' of workload '\(workload.name)': "
          + unknown("program", program, among: paging.processes.map(\.name)) + " in guest '\(guest.name)'")
    }
  }

  /// Takes memory back on hosts that promised more than they have, and charges their VMs for it.
  mutating func reclaimMemory() {
    guard faults.isEmpty else { return }
    for index in slots.indices where !slots[index].guests.isEmpty {
      let group = scenario.hosts[slots[index].group]
      let reclaim = MemoryReclaim(
        guests: slots[index].guests, capacity: Double(slots[index].capacity),
        isMerging: group.overcommit.scannedPages != nil)
      if reclaim.ballooned + reclaim.swapped > 0 || slots[index].freeMemory < 0 {
        func size(_ bytes: Double) -> String { "\(Int64((bytes / 1_048_576).rounded())) MiB" }
        warn(
          "host '\(hosts[index].name)' promises \(size(Double(-slots[index].freeMemory))) more memory than it has: merging "
            + "saves \(size(reclaim.merged)), balloons take \(size(reclaim.ballooned)), "
            + "\(size(reclaim.swapped)) are swapped out")
      }
      for (position, member) in slots[index].members.enumerated() {
        swap(
          member.vm, of: scenario.vms[member.group], resident: reclaim.guestResident[position],
          hostResident: reclaim.hostResident[position], group)
      }
    }
  }

  private mutating func swap(
    _ vm: Int, of group: VMGroup, resident: Double, hostResident: Double, _ host: HostGroup
  ) {
    let workload = scenario.workloads[vms[vm].workload]
    guard resident < Double(group.memory.bytes) || hostResident < resident else { return }
    guard let memory = workload.memory else {
      warn(
        "memory of vm group '\(group.name)' is taken back, but workload '\(workload.name)' says nothing on its memory: no "
          + "faults follow")
      return
    }
    let guestFaults = SwapModel.faultRatio(memory, resident: resident)
    let hostFaults = max(0, SwapModel.faultRatio(memory, resident: hostResident) - guestFaults)
    func priced(_ design: CompiledDesign) -> CompiledDesign {
      design.swapping(
        hostLatency: host.overcommit.swapLatency.map { Double($0.nanoseconds) },
        guestLatency: group.balloon.map { Double($0.latency.nanoseconds) }, scenario: scenario.name)
    }
    func swapping(_ load: OperationLoad, _ design: CompiledDesign) -> OperationLoad {
      load.swapping(
        hostFaults: hostFaults, guestFaults: guestFaults,
        references: load.translation?.references ?? memory.referencesPerSecond, design: design)
    }
    let load = swapping(vms[vm].load, priced(vms[vm].load.design))
    if check(load, of: workload, group: group) { vms[vm].load = load }
    guard let phase = vms[vm].logged else { return }
    let logged = swapping(phase.load, priced(phase.load.design))
    if check(logged, of: workload, group: group) { vms[vm].logged?.load = logged }
  }
}
