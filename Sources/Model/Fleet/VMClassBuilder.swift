import Quantities
import Virtualization

/// What VMs of a class do on hosts of a class.
struct ClassLoads {
  /// Nil where they cannot run.
  var plain: OperationLoad?
  /// While they are copied away; nil where they never are.
  var migrating: OperationLoad?
  /// What memory costs that is taken back; nil where none is.
  var swapping: SwappingLoad?
  /// Index of the interface among those of the host.
  var nic: Int?
  /// Devices that the VM has, or has a virtual function of, among those of the host.
  var assigned: [Int] = []
}

/// Collects VM classes, their series and the demand that they refer to.
struct VMClassBuilder {
  private(set) var classes: [FleetModel.VMClass] = []
  private(set) var series: [Int32] = []
  private(set) var demands: [DemandSource] = []
  private(set) var guests: [GuestSystem] = []
  private(set) var loads: [OperationLoad?] = []
  private(set) var migratingLoads: [OperationLoad?] = []
  private(set) var swapping: [SwappingLoad?] = []
  private(set) var nics: [Int32] = []
  private(set) var assigned: [[Int]] = []
  var distinctLoads: [OperationLoad] = []
  private(set) var vmClass: [Int32] = []
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

  /// Adds the loads of a class of VMs on the next class of hosts.
  mutating func add(_ classLoads: ClassLoads) {
    loads.append(classLoads.plain)
    if let migrating = classLoads.migrating { migratingLoads.append(migrating) }
    swapping.append(classLoads.swapping)
    nics.append(Int32(classLoads.nic ?? -1))
    assigned.append(classLoads.assigned)
  }

  mutating func add(
    _ group: VMGroup, _ sizes: GroupSizes, workload: Int, guest: GuestSystem, demand: ModelAssembly.GroupDemand,
    requirement: FleetModel.Requirement
  ) {
    let count = group.fleet.hasCount || demand.series.isEmpty ? group.count : demand.series.count
    let width = max(1, demand.series.count)
    let first = classes.count
    var counts = [Int](repeating: 0, count: sizes.all.count)
    for number in 0..<count {
      let size = sizes.ofSeries.isEmpty ? 0 : Int(sizes.ofSeries[number % width])
      counts[size] += 1
      vmClass.append(Int32(first + size))
      series.append(demand.series.isEmpty ? -1 : Int32(demand.series.lowerBound + number % width))
    }
    for (index, size) in sizes.all.enumerated() {
      var vmClass =
        FleetModel.VMClass(
          name: group.name, count: counts[index], vcpus: size.vcpus, speed: size.speed, memory: size.memory,
          bandwidth: group.fleet.bandwidth.map { Double($0.bitsPerSecond) / 8 } ?? 0, workload: workload,
          demand: demand.source, constantDemand: demand.constant, weight: group.fleet.weight,
          reservation: group.fleet.reservation.map { Double($0.hertz) / 1e6 } ?? 0,
          limit: group.fleet.limit.map { Double($0.hertz) / 1e6 } ?? .infinity, requirement: requirement,
          cpus: size.cpus, groupCount: count, group: first)
      vmClass.cap = group.share.cap ?? .infinity
      vmClass.image = group.image?.name
      vmClass.sharedShare = group.image?.share ?? 0
      vmClass.balloonTarget = group.balloon?.target.map { min(size.memory, $0.bytes) }
      vmClass.imageWrites = group.image?.writes ?? 0
      vmClass.location = group.location
      classes.append(vmClass)
      guests.append(guest)
    }
  }
}
