import Quantities
import Virtualization

/// Hosts that promise more memory than they have.
extension ModelAssembly {
  /// Faults a VM that a host cannot hold, with all means of overcommitment that the scenario gives it.
  mutating func checkOvercommit(
    _ slot: Int, adding asked: MemoryReclaim.Guest, sizes: [GuestSize], name: String, needed: Int64, _ group: VMGroup
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
    let schedules = slots[slot].sizes + [sizes]
    let hasMeans =
      host.overcommit.swap != nil || isMerging || guests.contains { $0.balloonTarget < $0.size }
      || zip(guests, schedules).contains { $1.count > 1 || $1[0].bytes < $0.size }
    guard hasMeans else {
      fault(
        group.location,
        "vm '\(name)' needs \(ByteCount(bytes: needed)) of memory, but no host has more than \(free) left; "
          + "memory is not overcommitted")
      return
    }
    let reclaim = worstReclaim(guests, sizes: schedules, slot: slot)
    if reclaim.swapped > 0 && host.overcommit.swap == nil {
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

  /// Faults operations of programs, and touches of areas, that the guest system does not have.
  mutating func checkPrograms(of workload: Workload, guest: GuestSystem, _ group: VMGroup) {
    for operation in GuestOperation.allCases {
      checkTouches(of: operation, workload, guest: guest, group)
      guard let program = workload.extents[operation]?.program, let paging = guest.paging,
        paging.program(named: program) == nil
      else { continue }
      fault(
        group.location,
        "'\(operation)' of workload '\(workload.name)': "
          + unknown("program", program, among: paging.processes.map(\.name), of: "guest '\(guest.name)'"))
    }
  }

  private mutating func checkTouches(
    of operation: GuestOperation, _ workload: Workload, guest: GuestSystem, _ group: VMGroup
  ) {
    guard let extent = workload.extents[operation], let stated = extent.touches else { return }
    let owner = "'\(operation)' of workload '\(workload.name)': "
    guard let paging = guest.paging else {
      fault(group.location, owner + "guest '\(guest.name)' does not describe its programs; expected no touches")
      return
    }
    guard let program = paging.program(named: extent.program) else { return }
    for touch in stated.all {
      guard let area = program.areas.first(where: { $0.name == touch.area }) else {
        fault(
          group.location,
          owner + unknown("area", touch.area, among: program.areas.map(\.name), of: "program '\(program.name)'"))
        continue
      }
      let most = area.isFile ? (area.pages - 1) / paging.faultAround + 1 : area.pages
      if touch.count > most {
        let unit = area.isFile ? "windows of \(paging.faultAround) pages" : "pages"
        fault(group.location, owner + "area '\(area.name)' has \(most) \(unit), found '\(touch.count)'")
      }
    }
  }

  /// What is taken back when guests ask for the most. A balloon that moves counts as the smaller of its sizes.
  private func worstReclaim(
    _ guests: [MemoryReclaim.Guest], sizes: [[GuestSize]], slot: Int
  ) -> MemoryReclaim {
    let times = Set(sizes.flatMap { $0.map(\.time) }).sorted()
    let scanned = hosts[slot].scannedPages
    let reclaims = times.map { time in
      let present = zip(guests, sizes).map { guest, sizes in
        var guest = guest
        guard sizes.count > 1 || sizes[0].bytes < guest.size else { return guest }
        let before = sizes.last { $0.time < time }?.bytes ?? 0
        guest.size = max(before, sizes.last { $0.time <= time }?.bytes ?? guest.size)
        guest.balloonTarget = guest.size
        return guest
      }
      return MemoryReclaim(guests: present, capacity: Double(slots[slot].capacity), scannedPages: scanned)
    }
    return reclaims.max { $0.swapped < $1.swapped }
      ?? MemoryReclaim(guests: guests, capacity: Double(slots[slot].capacity), scannedPages: scanned)
  }

  /// Sizes that a VM is to have, the first from the beginning.
  func sizes(of group: VMGroup) -> [GuestSize] {
    var sizes = (group.balloon?.schedule ?? []).map {
      GuestSize(time: $0.at.nanoseconds, bytes: Double($0.target.bytes))
    }
    if sizes.first?.time != 0 { sizes.insert(GuestSize(time: 0, bytes: Double(group.memory.bytes)), at: 0) }
    return sizes
  }

  /// Whether a VM's design and guest can have its balloon.
  mutating func checkBalloon(_ group: VMGroup, guest: GuestSystem, design: CompiledDesign) {
    guard let balloon = group.balloon else { return }
    let choice = design.choice
    guard choice.design.capabilities.canOvercommitMemory else {
      fault(
        group.location,
        "vm group '\(group.name)' has a balloon, but design '\(choice.label)' cannot take memory back"
          + reason(of: choice.design.capabilities))
      return
    }
    guard !balloon.schedule.isEmpty else { return }
    if design.cost(of: .balloonPage) == nil {
      fault(group.location, "vm group '\(group.name)' has a balloon, but design '\(choice.label)' has none")
    } else if let interfaces = guest.interfaces, interfaces.isEmpty {
      fault(group.location, "vm group '\(group.name)' has a balloon, but guest '\(guest.name)' has no driver for it")
    }
  }

  /// Takes memory back on hosts that promised more than they have, and charges their VMs for it.
  mutating func reclaimMemory() {
    for group in scenario.vms where isFleet && !(group.balloon?.schedule.isEmpty ?? true) {
      fault(group.location, "the balloon of vm group '\(group.name)' follows a schedule, which fleets do not simulate")
    }
    guard faults.isEmpty else { return }
    for index in slots.indices where !slots[index].guests.isEmpty {
      let capacity = Double(slots[index].capacity)
      let hasSchedule = slots[index].members.contains { !(scenario.vms[$0.group].balloon?.schedule.isEmpty ?? true) }
      let reclaim =
        hasSchedule
        ? worstReclaim(slots[index].guests, sizes: slots[index].sizes, slot: index)
        : MemoryReclaim(
          guests: slots[index].guests, capacity: capacity, scannedPages: hosts[index].scannedPages)
      if reclaim.ballooned + reclaim.swapped > 0 || slots[index].freeMemory < 0 {
        func size(_ bytes: Double) -> String { "\(Int64((bytes / 1_048_576).rounded())) MiB" }
        warn(
          "host '\(hosts[index].name)' promises \(size(Double(-slots[index].freeMemory))) more memory than it has: merging "
            + "saves \(size(reclaim.merged)), balloons take \(size(reclaim.ballooned)), "
            + "\(size(reclaim.swapped)) are swapped out")
      }
      let kept = slots[index].guests.reduce(0) { $0 + $1.overhead }
      hosts[index].guestPages = max(0, (capacity - kept + reclaim.merged) / BasePage.size)
      for (position, member) in slots[index].members.enumerated() {
        let group = scenario.vms[member.group]
        vms[member.vm].memory.size = Double(group.memory.bytes)
        vms[member.vm].memory.merged = reclaim.mergedBytes[position]
        (vms[member.vm].swapDisk, vms[member.vm].swapWrites) = swapDisk(ofSlot: index)
        breakMerged(member.vm, breaks: reclaim.mergeBreaks[position])
        if hasSchedule {
          plan(
            member.vm, of: member.group, sizes: slots[index].sizes[position], resident: reclaim.guestResident[position],
            slot: index)
        } else {
          swap(
            member.vm, of: group, resident: reclaim.guestResident[position],
            hostResident: reclaim.hostResident[position], scenario.hosts[slots[index].group])
        }
      }
    }
  }

  /// Writes to merged pages, which break by a copy.
  private mutating func breakMerged(_ vm: Int, breaks: Double) {
    guard breaks > 0 else { return }
    let workload = scenario.workloads[vms[vm].workload]
    let busy = workload.nominalBusy(vcpus: vms[vm].vcpus)
    guard busy > 0 else { return }
    let entry = OperationLoad.Entry(operation: .mergeBreak, rate: breaks / busy)
    vms[vm].changeLoads { $0.adding([entry]) }
  }

  // MARK: Steady memory

  /// Time in nanoseconds that the host's swap device takes for a page while nobody else uses it; nil without one.
  func swapLatency(of host: HostGroup) -> Double? {
    switch host.overcommit.swap {
    case nil: return nil
    case .latency(let latency): return Double(latency.nanoseconds)
    case .disk(let name, _, _):
      guard let model = host.disks.first(where: { $0.name == name })?.model,
        case .storage(let device) = library.devices[model]?.kind
      else { return nil }
      return device.read.latency.mean + device.transfer(ByteCount(bytes: BasePage.bytes))
    }
  }

  /// The disk to which a host swaps, among all disks of all hosts, and what it writes there.
  private func swapDisk(ofSlot slot: Int) -> (Int?, SwapWrites) {
    let host = scenario.hosts[slots[slot].group]
    guard case .disk(let name, let writes, _) = host.overcommit.swap,
      let position = host.disks.firstIndex(where: { $0.name == name }), disks[slots[slot].firstDisk + position] != nil
    else { return (nil, SwapWrites()) }
    return (slots[slot].firstDisk + position, writes)
  }

  /// Faults a host that swaps to a disk which it does not have, or of which nothing is known.
  mutating func checkSwap(of host: HostGroup) {
    guard case .disk(let name, _, let location) = host.overcommit.swap else { return }
    guard let disk = host.disks.first(where: { $0.name == name }) else {
      fault(location, unknown("disk", name, among: host.disks.map(\.name), of: "host '\(host.name)'"))
      return
    }
    if disk.model == nil { fault(location, "disk '\(name)' needs a model: host '\(host.name)' swaps to it") }
  }

  /// The load of a guest that swaps to its disk; its own where nothing is swapped, or after a fault.
  private mutating func swappingToDisk(
    _ load: OperationLoad, faults rate: Double, _ vm: Int, of workload: Workload, _ group: VMGroup, _ host: HostGroup
  ) -> OperationLoad {
    guard rate > 0 else { return load }
    guard case .requests(let requests) = workload.shape else {
      fault(
        group.location,
        "vm group '\(group.name)' swaps to its disk, but workload '\(workload.name)' has no requests that could wait for "
          + "it; expected 'latency' in its balloon")
      return load
    }
    let reading = load.readingSwap(rate * requests.service.mean * 1e-9, vcpus: vms[vm].vcpus)
    checkDisk(
      reading, of: workload, group: group, disk: group.disk.flatMap { name in host.disks.first { $0.name == name } })
    return reading
  }

  private mutating func swap(
    _ vm: Int, of group: VMGroup, resident: Double, hostResident: Double, _ host: HostGroup
  ) {
    let workload = scenario.workloads[vms[vm].workload]
    guard resident < Double(group.memory.bytes) || hostResident < resident else { return }
    vms[vm].memory.balloon = Double(group.memory.bytes) - resident
    vms[vm].memory.swapped = resident - hostResident
    guard let memory = workload.memory else {
      warn(
        "memory of vm group '\(group.name)' is taken back, but workload '\(workload.name)' says nothing on its memory: no "
          + "faults follow")
      return
    }
    let faults = ReclaimFaults(
      memory: memory, references: vms[vm].load.translation?.references ?? memory.referencesPerSecond,
      size: Double(group.memory.bytes), resident: resident, hostResident: hostResident,
      inactiveShare: inactiveShare(of: group))
    vms[vm].memory.guestSwapped = faults.guestSwapped
    let entries = faults.entries
    let toDisk =
      group.balloon?.usesDisk == true
      ? entries.reduce(0) { $0 + ($1.operation == .guestSwapIn || $1.operation == .cacheRead ? $1.rate : 0) } : 0
    var loads = vms[vm]
    loads.changeLoads { load in
      let swapping = load.adding(entries, design: priced(load.design, group, host))
      let reading = swappingToDisk(swapping, faults: toDisk, vm, of: workload, group, host)
      return check(reading, of: workload, group: group) ? reading : load
    }
    vms[vm] = loads
  }

  func inactiveShare(of group: VMGroup) -> Double {
    library.guests[group.guest]?.inactiveShare ?? GuestSystem.usualInactiveShare
  }

  private func priced(_ design: CompiledDesign, _ group: VMGroup, _ host: HostGroup) -> CompiledDesign {
    design.swapping(
      hostLatency: swapLatency(of: host),
      guestLatency: group.balloon?.latency.map { Double($0.nanoseconds) }, scenario: scenario.name)
  }

  // MARK: Memory that changes

  /// What the memory of a VM does on a host of which some balloon follows a schedule.
  private mutating func plan(_ vm: Int, of index: Int, sizes: [GuestSize], resident: Double, slot: Int) {
    let group = scenario.vms[index]
    let host = scenario.hosts[slots[slot].group]
    let workload = scenario.workloads[vms[vm].workload]
    let size = (Double(group.memory.bytes) / BasePage.size).rounded(.up)
    func balloon(_ bytes: Double) -> Double { max(0, size - (bytes / BasePage.size).rounded(.up)) }
    let isScheduled = !(group.balloon?.schedule.isEmpty ?? true)
    let first = isScheduled ? balloon(sizes[0].bytes) : balloon(resident)
    let curve: FaultCurve
    let fileCurve: FaultCurve
    if let known = curves[index] {
      (curve, fileCurve) = known
    } else {
      curve = workload.memory.map { FaultCurve($0) } ?? FaultCurve()
      fileCurve = workload.memory?.files.map { FaultCurve($0.references) } ?? FaultCurve()
      curves[index] = (curve, fileCurve)
    }
    let initial = MemoryResidence(
      size: size, workingSet: curve.pages, fileSet: fileCurve.pages, balloon: first,
      inactiveShare: inactiveShare(of: group))
    let orders =
      isScheduled
      ? sizes.dropFirst().map { MemoryPlan.Order(time: $0.time, balloon: balloon($0.bytes)) } : []
    let load = vms[vm].load
    let plan = MemoryPlan(
      initial: initial, orders: orders, timePerPage: group.balloon?.rate.map { 1e9 / $0.perSecond } ?? 0,
      references: load.translation?.references ?? workload.memory?.referencesPerSecond ?? 0, curve: curve,
      fileReferences: workload.memory?.files?.referencesPerSecond ?? 0, fileCurve: fileCurve,
      guestLatency: Double(group.balloon?.latency?.nanoseconds ?? 0),
      writeCluster: library.guests[group.guest]?.writeCluster ?? GuestSystem.usualWriteCluster,
      batch: hosts[slot].design.choice.design.balloon.batch)
    let fewest = size - ([first] + orders.map(\.balloon)).reduce(0, max)
    if isScheduled, group.balloon?.latency == nil, fewest < curve.pages + fileCurve.pages {
      fault(
        group.location,
        "the balloon of vm group '\(group.name)' leaves less than its workload's \(ByteCount(bytes: Int64(curve.pages + fileCurve.pages) * BasePage.bytes)) "
          + "in memory; expected 'latency' of the guest's swap device in its balloon")
      return
    }
    var changed = vms[vm]
    changed.changeLoads { $0.adding([], design: priced($0.design, group, host)) }
    changed.plan = plan
    vms[vm] = changed
    // The worst that may come, for the check alone.
    let worst = changed.load.adding([
      OperationLoad.Entry(operation: .guestSwapIn, rate: plan.references * curve.ratio(fewest)),
      OperationLoad.Entry(
        operation: .cacheRead, rate: plan.fileReferences * fileCurve.ratio(max(0, fewest - curve.pages))),
    ])
    _ = check(worst, of: workload, group: group)
  }
}

/// A size that a VM is to have from some time on.
struct GuestSize {
  /// In nanoseconds of simulated time.
  let time: Int64
  let bytes: Double
}

/// What is known of a VM's memory before the run, in bytes.
public struct MemoryFigures: Sendable, Hashable {
  /// The VM's memory.
  public internal(set) var size = 0.0
  /// What its balloon takes all the time.
  public internal(set) var balloon = 0.0
  /// Of it merged with other VMs' pages.
  public internal(set) var merged = 0.0
  /// Swapped out by the host.
  public internal(set) var swapped = 0.0
  /// Of its workload's memory swapped out by the guest.
  public internal(set) var guestSwapped = 0.0

  init() {}
}
