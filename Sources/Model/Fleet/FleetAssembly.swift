import Quantities
import Virtualization

extension Scenario {
  /// Whether the scenario is run as a fleet: it has policies, or workloads that ask for a share of their vCPUs.
  public var isFleet: Bool { policies != nil || workloads.contains { $0.utilization != nil } }
}

extension ModelAssembly {
  /// Whether the fleet can be run as the scenario asks.
  mutating func checkFleet(fidelity: Fidelity) {
    if fidelity == .exit {
      fault(
        scenario.location,
        "workloads of utilization, and policies beyond placement by first-fit, best-fit, worst-fit or round-robin, are "
          + "simulated by the fluid engine only; expected fidelity: fluid")
    }
    if scenario.warmup > .zero {
      fault(scenario.location, "a fleet has no warm-up, found \(scenario.warmup); expected 0 s")
    }
  }

  /// Joins the classes of the fleet; nil after faults.
  mutating func makeFleet() -> FleetModel? {
    let policies = scenario.policies ?? FleetPolicies()
    let hostClasses = makeHostClasses(policies)
    checkMigration(policies)
    if policies.semantics == .standard, policies.consolidation != nil {
      for group in scenario.hosts where group.nics.isEmpty {
        fault(
          group.location, "host '\(group.name)' has no nics; expected one, over which policy 'consolidation' moves VMs")
      }
    }
    var builder = VMClassBuilder()
    for group in scenario.vms {
      guard let workload = scenario.workloads.firstIndex(where: { $0.name == group.workload }) else {
        fault(
          group.location(of: "workload"), unknown("workload", group.workload, among: scenario.workloads.map(\.name)))
        continue
      }
      guard let guest = library.guests[group.guest] else {
        fault(group.location(of: "guest"), unknown("guest", group.guest, among: library.guests.keys))
        continue
      }
      guard let demand = makeDemand(group, workload: scenario.workloads[workload], in: &builder) else { continue }
      guard let sizes = sizes(of: group, demand) else { continue }
      if policies.semantics == .cloudSimCompatible, sizes.all.contains(where: { $0.speed == 0 }) {
        fault(
          group.location,
          "vm group '\(group.name)' needs cpu: {speed: ...}; expected one with the policy set cloudsim-compatible")
      }
      let requirement = makeRequirement(group, hostClasses: hostClasses, in: &builder)
      builder.add(group, sizes, workload: workload, guest: guest, demand: demand, requirement: requirement)
      if policies.semantics == .standard {
        var known: [SizeKey: ClassLoads] = [:]
        for size in sizes.all {
          addLoads(
            of: group, size, workload: scenario.workloads[workload], guest: guest, policies, known: &known, to: &builder
          )
        }
      }
    }
    let intervals = Set(builder.demands.map(\.interval))
    if policies.semantics == .cloudSimCompatible, intervals.count > 1 {
      fault(scenario.location, "the policy set cloudsim-compatible needs one sampling interval for all traces")
    }
    guard faults.isEmpty else { return nil }
    var fleet = FleetModel(
      hostClasses: hostClasses, vmClasses: builder.classes, series: builder.series, vmClass: builder.vmClass,
      demands: builder.demands, policies: policies, loads: builder.loads, migratingLoads: builder.migratingLoads,
      guests: builder.guests,
      distinctLoads: builder.distinctLoads)
    if hostClasses.contains(where: { $0.memoryRatio > 1 }) { fleet.swapping = builder.swapping }
    fleet.nics = builder.nics
    fleet.assigned = builder.assigned.allSatisfy(\.isEmpty) ? [] : builder.assigned
    return fleet
  }

  private mutating func makeHostClasses(_ policies: FleetPolicies) -> [FleetModel.HostClass] {
    var classes: [FleetModel.HostClass] = []
    var first = 0
    for group in scenario.hosts {
      guard first < hosts.count else { break }
      let design = hosts[first].design
      var power: PowerCurve?
      if let reference = group.power {
        power = scenario.powerCurves.first { $0.name == reference.name } ?? library.powerCurves[reference.name]
        if power == nil {
          let known = scenario.powerCurves.map(\.name) + library.powerCurves.keys
          fault(reference.location, unknown("power curve", reference.name, among: known))
        }
      }
      let kept = policies.semantics == .standard ? design.choice.design.memory.perHost : 0
      var hostClass = FleetModel.HostClass(
        name: group.name, count: group.count, cores: group.cpu.cores,
        coreSpeed: Double(group.cpu.frequency.hertz) / 1e6, memory: group.memory.bytes - kept,
        bandwidth: group.nics.map { Double($0.bandwidth.bitsPerSecond) / 8 }.max() ?? 0, power: power,
        representative: first, capabilities: Set(group.capabilities), hypervisor: design.choice.design.name)
      hostClass.processorRatio = group.processorRatio ?? policies.placement.cpuAllocationRatio
      hostClass.memoryRatio = group.memoryRatio ?? policies.placement.memoryAllocationRatio
      if policies.semantics == .standard {
        // Services of VMs have no threads yet.
        hostClass.works = hosts[first].works.map { work in
          var one = work
          one.threads = max(1, work.threads)
          return (one, work.threads == 0)
        }
        hostClass.privilegedVCPUs = hosts[first].privilegedVCPUs
        hostClass.deviceLimits = deviceLimits(of: group, design: design)
      }
      hostClass.nicCount = group.nics.count
      hostClass.disks = Array(disks[slots[first].firstDisk...].prefix(group.disks.count))
      if policies.semantics == .standard {
        hostClass.scannedPages = group.overcommit.scannedPages?.perSecond ?? 0
        checkRatio(group, design.choice, ratio: hostClass.memoryRatio)
      } else if group.processorRatio != nil || group.memoryRatio != nil {
        fault(group.location, "ratios of hosts '\(group.name)' have no meaning in the policy set cloudsim-compatible")
      }
      classes.append(hostClass)
      first += group.count
    }
    return classes
  }

  /// Where the demand of a group comes from.
  struct GroupDemand {
    var source = -1
    var constant = 0.0
    /// Series that its VMs take in turn.
    var series = 0..<0
  }

  private mutating func makeDemand(
    _ group: VMGroup, workload: Workload, in builder: inout VMClassBuilder
  ) -> GroupDemand? {
    switch workload.utilization?.demand {
    case nil:
      switch workload.shape {
      case .requests, .idle: return GroupDemand(constant: 1)
      case .batch, .program:
        fault(
          group.location,
          "workload '\(workload.name)' is a \(workload.shape.name); in a fleet, expected utilization, requests or idle")
        return nil
      }
    case .constant(let share): return GroupDemand(constant: share)
    case .generated(let demand):
      // 4 bytes a sample; a series of the daily profile takes 8 more.
      let samples = scenario.duration.nanoseconds / demand.interval.nanoseconds + 2
      if samples > 1 << 26 || samples * Int64(demand.series) > 1 << 30 {
        fault(
          workload.location,
          "workload '\(workload.name)' has \(demand.series) series of \(samples) samples of \(demand.interval); expected "
            + "at most \(1 << 26) of a series and \(1 << 30) in all")
        return nil
      }
      let source = builder.source(of: .generated(demand), key: "workload \(workload.name)")
      return GroupDemand(source: source, series: 0..<demand.series)
    case .trace:
      guard let selection = group.fleet.trace else {
        fault(group.location, "vm group '\(group.name)' needs a trace: its workload '\(workload.name)' follows one")
        return nil
      }
      guard let demand = library.demands[selection.name] else {
        fault(selection.location, unknown("trace", selection.name, among: library.demands.keys))
        return nil
      }
      let series = selection.series(of: demand.count)
      if series.isEmpty {
        fault(
          selection.location,
          "trace '\(selection.name)' has \(demand.count) series, none of them in part \(selection.part) of "
            + "\(selection.parts)")
        return nil
      }
      // The default engine lets VMs come and go as their trace says.
      let isCompatible = scenario.policies?.semantics == .cloudSimCompatible
      let late = !isCompatible ? 0 : series.count { demand.entities[$0].start > 0 }
      if late > 0 {
        warn(
          "\(late) of \(series.count) VMs of trace '\(selection.name)' begin later than the first; in the policy set "
            + "cloudsim-compatible all of them begin at 0, each with its own first sample")
      }
      return GroupDemand(source: builder.source(of: .series(demand), key: "trace \(selection.name)"), series: series)
    }
  }

  private mutating func makeRequirement(
    _ group: VMGroup, hostClasses: [FleetModel.HostClass], in builder: inout VMClassBuilder
  ) -> FleetModel.Requirement {
    var requirement = FleetModel.Requirement()
    if let wanted = group.host {
      requirement.hostClass = scenario.hosts.firstIndex { $0.name == wanted }
      if requirement.hostClass == nil { requirement.host = hosts.firstIndex { $0.name == wanted } }
      if requirement.hostClass == nil, requirement.host == nil {
        fault(group.location(of: "host"), unknown("host", wanted, among: scenario.hosts.map(\.name)))
      }
    }
    requirement.capabilities = Set(group.fleet.capabilities)
    requirement.hypervisors = Set(group.fleet.hypervisors)
    let labels = scenario.hosts.flatMap(\.capabilities)
    for name in group.fleet.capabilities where !labels.contains(name) {
      fault(group.location(of: "requires"), unknown("capability", name, among: Set(labels)))
    }
    for name in group.fleet.hypervisors where library.designs[name] == nil {
      fault(group.location(of: "requires"), unknown("hypervisor", name, among: library.designs.keys))
    }
    requirement.affinity = group.fleet.affinity.map { builder.group(named: $0, among: .affinity) }
    requirement.antiAffinity = group.fleet.antiAffinity.map { builder.group(named: $0, among: .antiAffinity) }
    return requirement
  }

  /// What a load of a group's VMs depends on: the memory only where there are shadow tables or VMs are copied.
  private struct SizeKey: Hashable {
    let vcpus: Int
    let memory: Int64
    let hostGroup: Int
  }

  /// The loads of a group's VMs of one size on all groups of hosts.
  private mutating func addLoads(
    of group: VMGroup, _ size: VMSize, workload: Workload, guest: GuestSystem, _ policies: FleetPolicies,
    known: inout [SizeKey: ClassLoads], to builder: inout VMClassBuilder
  ) {
    var first = 0
    for (number, hostGroup) in scenario.hosts.enumerated() {
      guard first < hosts.count else { return }
      let isSized = hosts[first].design.choice.axes[.paging] == "shadow" || policies.consolidation != nil
      let key = SizeKey(vcpus: size.vcpus, memory: isSized ? size.memory : 0, hostGroup: number)
      if let loads = known[key] {
        builder.add(loads)
      } else {
        let loads = makeLoads(of: group, size, workload: workload, guest: guest, policies, on: hostGroup, first: first)
        known[key] = loads
        builder.add(loads)
        builder.distinctLoads += loads.plain.map { [$0] } ?? []
      }
      first += hostGroup.count
    }
  }

  /// The loads of a group's VMs of one size on hosts of a group, of which the first is at `first`.
  private mutating func makeLoads(
    of group: VMGroup, _ size: VMSize, workload: Workload, guest: GuestSystem, _ policies: FleetPolicies,
    on hostGroup: HostGroup, first: Int
  ) -> ClassLoads {
    let design = hosts[first].design
    let isAllowed =
      (group.fleet.hypervisors.isEmpty || group.fleet.hypervisors.contains(design.choice.design.name))
      && (group.host == nil || group.host == hostGroup.name
        || hosts[first...].prefix(hostGroup.count).contains { $0.name == group.host })
    if isAllowed { checkCapabilities(of: design.choice, for: group) }
    if let logging = group.dirtyLogging, !logging.isAlwaysOn {
      fault(
        group.location,
        "vm group '\(group.name)' is logged for a part of the run, which fleets do not simulate; expected dirty_logging "
          + "without start and stop")
    }
    let layout = PageLayout(
      guest: PageMix(page: group.page.bytes, hugeShare: group.hugePageShare),
      host: PageMix(page: hostGroup.page.bytes, hugeShare: hostGroup.hugePageShare),
      guestLevels: group.pageTableLevels, hostLevels: hostGroup.pageTableLevels, size: size.memory,
      shadowPages: group.shadowPages)
    let (nic, disk) = isAllowed ? devices(of: group, on: hostGroup) : (nil, nil)
    let io =
      isAllowed
      ? setting(
        of: group, design: design, nic: nic.map { hostGroup.nics[$0] }, disk: disk, iommu: nil) : IOSetting()
    func makeLoad(_ logging: DirtyLogging?) -> OperationLoad {
      OperationLoad(
        workload: workload, guest: guest, memory: layout, vcpus: size.vcpus, design: design, logging: logging, io: io,
        measured: scenario.measured)
    }
    let load = makeLoad(group.dirtyLogging)
    if isAllowed { checkDisk(load, of: workload, group: group, disk: disk.map { hostGroup.disks[$0] }) }
    var loads = ClassLoads(plain: check(load, of: workload, group: group) ? load : nil)
    loads.nic = nic
    loads.assigned = assignedDevices(of: group, nic: nic, disk: disk, on: hostGroup, design: design)
    if policies.consolidation != nil {
      let isNoted =
        policies.migration.mechanism == .preCopy && policies.migration.dirtyRate > 0
        && design.choice.axes[.dirtyLogging] != "none"
      let logging = migrationLogging(of: size, from: hostGroup, policies.migration)
      loads.migrating = isNoted ? makeLoad(group.dirtyLogging ?? logging) : load
    }
    let ratio = hostGroup.memoryRatio ?? policies.placement.memoryAllocationRatio
    if isAllowed { loads.swapping = swappingLoad(load, of: group, size, on: hostGroup, ratio: ratio) }
    return loads
  }

  /// What the hypervisor notes while a VM is copied, in rounds as long as the first one.
  private func migrationLogging(of size: VMSize, from host: HostGroup, _ policy: MigrationPolicy) -> DirtyLogging {
    let wire = host.nics.map { Double($0.bandwidth.bitsPerSecond) / 8 }.max() ?? 0
    let rate = max(1, min(policy.bandwidthLimit, wire * policy.bandwidthShare))
    return DirtyLogging(
      interval: Double(size.memory) / rate * 1e9,
      writesPerSecond: policy.dirtyRate / BasePage.size / Double(size.vcpus),
      writableSet: Int64(max(1, Double(size.memory) * policy.writableShare)))
  }
}
