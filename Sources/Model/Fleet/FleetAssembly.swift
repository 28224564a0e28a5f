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
        "policies and workloads of utilization are simulated by the fluid engine only; expected fidelity: fluid")
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
    for (index, group) in scenario.vms.enumerated() {
      guard let workload = scenario.workloads.firstIndex(where: { $0.name == group.workload }) else {
        fault(group.location, unknown("workload", group.workload, among: scenario.workloads.map(\.name)))
        continue
      }
      guard let guest = library.guests[group.guest] else {
        fault(group.location, unknown("guest", group.guest, among: library.guests.keys))
        continue
      }
      guard let demand = makeDemand(group, workload: scenario.workloads[workload], in: &builder) else { continue }
      if policies.semantics == .cloudSimCompatible, group.fleet.speed == nil {
        fault(
          group.location,
          "vm group '\(group.name)' needs cpu: {speed: ...}; expected one with the policy set cloudsim-compatible")
      }
      let requirement = makeRequirement(group, hostClasses: hostClasses, in: &builder)
      builder.add(group, workload: workload, guest: guest, demand: demand, requirement: requirement)
      if policies.semantics == .standard {
        addLoads(of: index, workload: workload, guest: guest, policies, to: &builder)
      }
    }
    let intervals = Set(builder.demands.map(\.interval))
    if policies.semantics == .cloudSimCompatible, intervals.count > 1 {
      fault(scenario.location, "the policy set cloudsim-compatible needs one sampling interval for all traces")
    }
    guard faults.isEmpty else { return nil }
    return FleetModel(
      hostClasses: hostClasses, vmClasses: builder.classes, series: builder.series, demands: builder.demands,
      policies: policies, loads: builder.loads, migratingLoads: builder.migratingLoads, guests: builder.guests)
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
      classes.append(
        FleetModel.HostClass(
          name: group.name, count: group.count, cores: group.cpu.cores,
          coreSpeed: Double(group.cpu.frequency.hertz) / 1e6, memory: group.memory.bytes - kept,
          bandwidth: group.nics.map { Double($0.bandwidth.bitsPerSecond) / 8 }.max() ?? 0, power: power,
          representative: first, capabilities: Set(group.capabilities), hypervisor: design.choice.design.name))
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
        fault(group.location, unknown("host", wanted, among: scenario.hosts.map(\.name)))
      }
    }
    requirement.capabilities = Set(group.fleet.capabilities)
    requirement.hypervisors = Set(group.fleet.hypervisors)
    let labels = scenario.hosts.flatMap(\.capabilities)
    for name in group.fleet.capabilities where !labels.contains(name) {
      fault(group.location, unknown("capability", name, among: Set(labels)))
    }
    for name in group.fleet.hypervisors where library.designs[name] == nil {
      fault(group.location, unknown("hypervisor", name, among: library.designs.keys))
    }
    requirement.affinity = group.fleet.affinity.map { builder.group(named: $0, among: .affinity) }
    requirement.antiAffinity = group.fleet.antiAffinity.map { builder.group(named: $0, among: .antiAffinity) }
    return requirement
  }

  private mutating func addLoads(
    of index: Int, workload: Int, guest: GuestSystem, _ policies: FleetPolicies, to builder: inout VMClassBuilder
  ) {
    let group = scenario.vms[index]
    var first = 0
    for hostGroup in scenario.hosts {
      guard first < hosts.count else { return }
      let design = hosts[first].design
      let isAllowed =
        (group.fleet.hypervisors.isEmpty || group.fleet.hypervisors.contains(design.choice.design.name))
        && (group.host == nil || group.host == hostGroup.name)
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
        guestLevels: group.pageTableLevels, hostLevels: hostGroup.pageTableLevels, size: group.memory.bytes)
      func makeLoad(_ logging: DirtyLogging?) -> OperationLoad {
        OperationLoad(
          workload: scenario.workloads[workload], guest: guest, memory: layout, vcpus: group.vcpus, design: design,
          logging: logging)
      }
      let load = makeLoad(group.dirtyLogging)
      if policies.consolidation != nil, policies.migration.mechanism == .preCopy, policies.migration.dirtyRate > 0,
        design.choice.axes[.dirtyLogging] != "none"
      {
        let logging = migrationLogging(of: group, from: hostGroup, policies.migration)
        builder.migratingLoads.append(makeLoad(group.dirtyLogging ?? logging))
      } else if policies.consolidation != nil {
        builder.migratingLoads.append(load)
      }
      builder.loads.append(check(load, of: scenario.workloads[workload], group: group) ? load : nil)
      first += hostGroup.count
    }
  }
}

extension ModelAssembly {
  /// What the hypervisor notes while a VM is copied, in rounds as long as the first one.
  private func migrationLogging(of group: VMGroup, from host: HostGroup, _ policy: MigrationPolicy) -> DirtyLogging {
    let wire = host.nics.map { Double($0.bandwidth.bitsPerSecond) / 8 }.max() ?? 0
    let rate = max(1, min(policy.bandwidthLimit, wire * policy.bandwidthShare))
    return DirtyLogging(
      interval: Double(group.memory.bytes) / rate * 1e9,
      writesPerSecond: policy.dirtyRate / 4096 / Double(group.vcpus),
      writableSet: Int64(max(1, Double(group.memory.bytes) * policy.writableShare)))
  }
}

/// Collects VM classes, their series and the demand that they refer to.
struct VMClassBuilder {
  private(set) var classes: [FleetModel.VMClass] = []
  private(set) var series: [Int32] = []
  private(set) var demands: [DemandSource] = []
  private(set) var guests: [GuestSystem] = []
  var loads: [OperationLoad?] = []
  var migratingLoads: [OperationLoad?] = []
  private var sources: [String: Int] = [:]
  private var groups: [String: Int] = [:]

  enum GroupKind: String { case affinity, antiAffinity }

  mutating func source(of demand: DemandSource, key: String) -> Int {
    if let known = sources[key] { return known }
    demands.append(demand)
    sources[key] = demands.count - 1
    return demands.count - 1
  }

  /// The number of a group of VMs that belong together, or apart.
  mutating func group(named name: String, among kind: GroupKind) -> Int {
    let key = "\(kind.rawValue) \(name)"
    if let known = groups[key] { return known }
    groups[key] = groups.count
    return groups.count - 1
  }

  mutating func add(
    _ group: VMGroup, workload: Int, guest: GuestSystem, demand: ModelAssembly.GroupDemand,
    requirement: FleetModel.Requirement
  ) {
    let count = group.fleet.hasCount || demand.series.isEmpty ? group.count : demand.series.count
    classes.append(
      FleetModel.VMClass(
        name: group.name, count: count, vcpus: group.vcpus,
        speed: group.fleet.speed.map { Double($0.hertz) / 1e6 } ?? 0, memory: group.memory.bytes,
        bandwidth: group.fleet.bandwidth.map { Double($0.bitsPerSecond) / 8 } ?? 0, workload: workload,
        demand: demand.source, constantDemand: demand.constant, weight: group.fleet.weight,
        reservation: group.fleet.reservation.map { Double($0.hertz) / 1e6 } ?? 0,
        limit: group.fleet.limit.map { Double($0.hertz) / 1e6 } ?? .infinity, requirement: requirement))
    guests.append(guest)
    if demand.series.isEmpty {
      series += repeatElement(-1, count: count)
    } else {
      let width = demand.series.count
      series += (0..<count).map { Int32(demand.series.lowerBound + $0 % width) }
    }
  }
}
