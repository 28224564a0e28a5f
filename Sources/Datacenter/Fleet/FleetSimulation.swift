import EventKernel
import Model
import Quantities
import Virtualization

/// A run of a fleet under the default policies.
///
/// Events change rates; what depends on all changes of one instant (placement, looks at the fleet) is done by an event
/// that comes last in it.
final class FleetSimulation {
  let model: SimulationModel
  let fleet: FleetModel
  let state: FleetState
  /// Costs by class of VMs and hosts, then those of mixes.
  var costs: [FleetCost]
  /// How many are by class; the classes of each cost, as an index of `FleetModel.loads`.
  let plainCosts: Int
  var pairs: [Int32]
  /// Seconds of work done at each of the costs.
  var work: [Double]
  /// Classes of VMs that meet others at the devices, by class of hosts.
  let meeting: [[Int]]
  var mixes: [KnownMix] = []
  var numberOfMix: [HostMix: Int32] = [:]
  /// The mix of VMs of each host, -1 for none; empty where none meet.
  var mixOfHost: [Int32]
  /// How many costs the state has room for.
  var costCapacity: Int
  /// Whether hosts promise more memory than they have; what follows is empty otherwise.
  let reclaims: Bool
  /// Faults of each VM per second of work, in the order of `SwappingLoad.operations`.
  var faults: [SIMD8<Double>]
  /// Faults at each of the costs.
  var faultCounts: [SIMD8<Double>]
  /// What each host takes back now, and since when.
  var reclaimed: [Reclaimed]
  var changedHosts: [Int32] = []
  var knownFaults: [FaultKey: SIMD8<Double>] = [:]
  /// Steps of merging by host class, each with its pages a second.
  let scans: [[StepCharge]]
  let demands: [FleetDemand]
  let events = PendingEventSet()
  let replication: Int
  var report: FleetReport
  var ticks: [FleetReport.Tick] = []
  var placer: Placer
  /// Memory that the design keeps for each VM, by VM and host class.
  let kept: [[Double]]
  var now: Int64 = 0
  /// Whether the event that ends this instant is pending.
  var endsInstant = false
  var notes = false
  /// VMs in the order in which they begin, and how many have begun.
  var arrivals: [Int32] = []
  var arrived = 0
  /// VMs that wait for room, and classes that have found none since room was last freed.
  var waiting: [Int32] = []
  var blocked: Set<Int32> = []
  var isRoomFreed = false
  /// By class of VMs: whether no host could take one even empty.
  var isOversized: [Bool] = []
  /// Places of VMs in traces with life times.
  let cursors: UnsafeMutablePointer<FleetState.Cursor>

  var hasWaiting: Bool { !waiting.isEmpty }

  // What only consolidation needs; empty without it.
  let moves: Moves
  /// Bytes a second by which predictions look ahead: what a migration gets that is alone.
  let nominalRate: Double
  /// Demand of VMs at the last looks, rings of `OverloadStatistics.historyLength`, and how many were noted.
  var histories: [Float]
  var historyCounts: [Int32]
  var plans: [HostPlan]
  /// Hosts that a round may choose from, and those that are empty, by class.
  let targets: [HostIndex]
  let spares: [HostIndex]
  var isSpare: [Bool]
  var emptied: [Int32] = []
  /// Migrations that have their first share of bandwidth, hosts that a look goes through, and VMs of one of them: kept so
  /// that looks allocate nothing.
  var fresh: [Int] = []
  var ready: [Int] = []
  var active: [Int] = []
  var members: [Int] = []
  var chosen: [(vm: Int32, target: Int32)] = []
  var leaving: [LeavingVM] = []
  var emptying: [EmptyingHost] = []
  let correlation = Correlation()
  /// The first host of each class.
  let representatives: [Int]
  var modeSince: [Int64]
  /// Seconds in which hosts were awake.
  var awakeTime: [Double]
  private let lacks: UnsafeMutablePointer<FleetState.Lack>
  /// VMs that wait for their host to wake up.
  var arriving: [(vm: Int32, host: Int32)] = []
  var expected: [Int32]
  var random: RandomStream
  private var looks = false
  /// Energy once more, from all powers at all events: for debug builds.
  var integrated = 0.0

  /// Kinds of events.
  enum Kind: UInt8 { case sample, ownSample, arrival, departure, instant, round, look, slept, woke }

  init(model: SimulationModel, fleet: FleetModel, replication: Int) {
    self.model = model
    self.fleet = fleet
    self.replication = replication
    let hostCount = fleet.hostClass.count
    report = FleetReport(hostCount: hostCount, vmCount: fleet.vmClass.count)
    demands = fleet.demands.map {
      FleetDemand($0.resolved(duration: model.duration, seed: model.seed, replication: replication))
    }
    let policies = fleet.policies
    let consolidates = policies.consolidation != nil
    // First all as they run, then all as they run while they are copied away.
    costs = (consolidates ? [false, true] : [false]).flatMap { isMigrating in
      fleet.vmClasses.indices.flatMap { vm in
        fleet.hostClasses.indices.map {
          FleetCost(vm: vm, host: $0, fleet: fleet, model: model, isMigrating: isMigrating)
        }
      }
    }
    plainCosts = costs.count
    let classes = fleet.vmClasses.count * fleet.hostClasses.count
    pairs = costs.indices.map { Int32($0 % max(1, classes)) }
    work = [Double](repeating: 0, count: costs.count)
    let vmCount = fleet.vmClass.count
    meeting = fleet.hostClasses.indices.map { Self.meeting(on: $0, of: fleet, model: model) }
    mixOfHost = meeting.allSatisfy(\.isEmpty) ? [] : [Int32](repeating: -1, count: hostCount)
    reclaims = !fleet.swapping.isEmpty
    faults = [SIMD8<Double>](repeating: .zero, count: reclaims ? vmCount : 0)
    faultCounts = [SIMD8<Double>](repeating: .zero, count: reclaims ? costs.count : 0)
    reclaimed = reclaims ? [Reclaimed](repeating: Reclaimed(), count: hostCount) : []
    scans = fleet.hostClasses.map {
      $0.scannedPages > 0
        ? model.hosts[$0.representative].design.cost(of: .memoryScan)?.asynchronous ?? [] : []
    }
    let share = policies.migration.bandwidthShare
    moves = Moves(
      capacities: consolidates ? fleet.hostClass.map { fleet.hostClasses[Int($0)].bandwidth * share } : [],
      vmCount: consolidates ? vmCount : 0, limit: policies.migration.bandwidthLimit)
    nominalRate = min(
      policies.migration.bandwidthLimit, share * (fleet.hostClasses.map(\.bandwidth).filter { $0 > 0 }.min() ?? 1))
    histories = [Float](repeating: 0, count: consolidates ? vmCount * OverloadStatistics.historyLength : 0)
    historyCounts = [Int32](repeating: 0, count: consolidates ? vmCount : 0)
    plans = [HostPlan](repeating: HostPlan(), count: consolidates ? hostCount : 0)
    targets = consolidates ? fleet.hostClasses.map { _ in HostIndex(capacity: hostCount) } : []
    spares = consolidates ? fleet.hostClasses.map { _ in HostIndex(capacity: hostCount) } : []
    isSpare = [Bool](repeating: false, count: hostCount)
    expected = [Int32](repeating: 0, count: hostCount)
    modeSince = [Int64](repeating: 0, count: hostCount)
    representatives = fleet.hostClasses.indices.map { number in
      fleet.hostClass.firstIndex(of: Int32(number)) ?? 0
    }
    random = RandomStream(
      seed: model.seed, replication: UInt32(replication), entity: 0, purpose: FleetStreams.selection)
    placer = Placer(model: fleet, seed: model.seed, replication: replication)
    kept = fleet.vmClasses.indices.map { _ in
      fleet.hostClasses.map { Double(model.hosts[$0.representative].design.choice.design.memory.perVM) }
    }
    cursors = .allocate(capacity: max(1, demands.contains { $0.matrix == nil } ? fleet.vmClass.count : 0))
    costCapacity = plainCosts + (consolidates ? vmCount : 0) + (reclaims ? vmCount : 0)
    state = FleetState(
      hosts: .allocate(capacity: hostCount),
      costCount: costCapacity,
      watts: fleet.hostClasses.map { group in
        group.power.map { curve in
          let points = UnsafeMutablePointer<Double>.allocate(capacity: curve.watts.count)
          for (index, watt) in curve.watts.enumerated() { points[index] = watt }
          return points
        }
      },
      segments: fleet.hostClasses.map { ($0.power?.watts.count ?? 2) - 1 },
      sleepWatts: fleet.hostClasses.map { $0.power?.sleepWatts ?? 0 },
      works: fleet.hostClasses.map { group in
        group.works.map {
          FleetState.Work(
            demand: $0.work.demand * group.coreSpeed, perVM: $0.perVM,
            weight: Double($0.work.threads) * $0.work.weight, isInDomain: $0.work.home == .privilegedDomain)
        }
      },
      coreSpeeds: fleet.hostClasses.map(\.coreSpeed))
    let most = fleet.hostClasses.map(\.works.count).max() ?? 0
    lacks = .allocate(capacity: max(1, hostCount * most))
    lacks.initialize(repeating: FleetState.Lack(), count: max(1, hostCount * most))
    awakeTime = [Double](repeating: 0, count: hostCount)
    for (index, cost) in costs.enumerated() { (state.costs + index).initialize(to: cost.rates) }
    for host in 0..<hostCount {
      let group = fleet.hostClass[host]
      (state.hosts + host).initialize(
        to: FleetState.Host(
          slots: .allocate(capacity: 8), capacity: 8, group: group, total: fleet.hostClasses[Int(group)].capacity,
          merging: merging(ofClass: Int(group))))
      let works = state.works[Int(group)]
      guard !works.isEmpty else { continue }
      let place = state.hosts + host
      place.pointee.lacks = lacks + host * most
      place.pointee.beside = works.reduce(0) { $0 + ($1.perVM ? 0 : $1.demand) }
      if works.contains(where: \.isInDomain) {
        let own = fleet.hostClasses[Int(group)]
        place.pointee.domain = Double(min(own.privilegedVCPUs, own.cores)) * own.coreSpeed
      }
      place.pointee.besideEach = works.reduce(0) { $0 + ($1.perVM ? $1.demand : 0) }
    }
  }

  deinit {
    for host in 0..<fleet.hostClass.count { state.hosts[host].slots.deallocate() }
    state.hosts.deallocate()
    state.deallocateCosts()
    cursors.deallocate()
    lacks.deallocate()
    for points in state.watts { points?.deallocate() }
  }

  /// Places the VMs and runs to the end.
  ///
  /// - Throws: `RunInterrupted`, or `FleetError` when a VM could never find a host, or finds none at the start in a fleet
  ///   whose VMs do not come and go.
  /// - Complexity: O(samples × VMs on hosts that follow the sampled set + arrivals × log hosts).
  func run(isCancelled: () -> Bool) throws -> FleetReport {
    try begin()
    workOffChangedHosts()
    for host in 0..<fleet.hostClass.count {
      state.share(state.hosts + host)
      updateSpare(host)
    }
    if let policy = fleet.policies.consolidation { plan(.look, at: policy.interval.nanoseconds, handle: 0) }
    for set in demands.indices { plan(.sample, at: 0, handle: set) }
    let end = model.duration.nanoseconds
    while let event = events.popFirst(notAfter: end - 1) {
      assert(integratesPower(to: event.time))
      now = event.time
      if event.kind != Kind.ownSample.rawValue, isCancelled() { throw RunInterrupted() }
      report.events += 1
      handle(event)
      assert(event.kind == Kind.ownSample.rawValue || isConsistent)
    }
    assert(integratesPower(to: end))
    now = end
    let report = finish()
    assert(abs(report.energy - integrated) <= 1e-9 * integrated + 1e-6, "energy is lost or made")
    return report
  }

  private func handle(_ event: Event) {
    let handle = Int(event.handle)
    switch Kind(rawValue: event.kind) {
    case .sample:
      sample(set: handle)
      notes = true
      endInstant()
      plan(.sample, at: now + demands[handle].interval, handle: handle)
    case .ownSample: ownSample(handle)
    case .arrival: arrive()
    case .departure: depart(handle)
    case .round: endRound(handle, generation: event.generation)
    case .look:
      looks = true
      endInstant()
      if let policy = fleet.policies.consolidation {
        plan(.look, at: now + policy.interval.nanoseconds, handle: 0)
      }
    case .slept: slept(handle)
    case .woke: woke(handle)
    case .instant, nil:
      endsInstant = false
      placeWaiting()
      if looks { consolidate() }
      looks = false
      shareBandwidth()
      workOffChangedHosts()
      sleepEmptied()
      if notes { note() }
      notes = false
    }
  }

  func plan(_ kind: Kind, at time: Int64, handle: Int) {
    events.insert(Event(time: time, kind: kind.rawValue, handle: UInt32(handle)))
  }

  /// Lets the instant end with what depends on all of its changes.
  func endInstant() {
    guard !endsInstant else { return }
    endsInstant = true
    plan(.instant, at: now, handle: 0)
  }
}
