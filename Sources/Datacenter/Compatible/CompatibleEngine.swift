import EventKernel
import Model
import Quantities

/// A fleet under the semantics of CloudSim 3.0.3's power package: the experiment of Beloglazov & Buyya 2012, defects
/// included.
///
/// Time is CloudSim's: seconds as `Double`, VMs created at 0.1, ticks every interval from then. Pending events are kept by
/// the bit patterns of their times, which order as the times do.
final class CompatibleEngine {
  let model: FleetModel
  private let seed: UInt64
  private let replication: Int
  let fleet: CompatibleFleet
  private let detector: CompatibleFleet.Detector
  private let events = PendingEventSet()
  private let watts: UnsafeMutablePointer<Double>
  /// What VMs point into.
  private let demands: [TraceSet]
  let sampleInterval: Double
  var now = CompatibleEngine.creationTime
  var last = 0.0
  var migrations = FleetReport.Migrations()
  /// Migrations that are under way. They share interfaces only where that is mended; else each has a rate of its own.
  let moving: Moves
  var energy: [Double]
  var total = 0.0
  var ticks: [FleetReport.Tick] = []
  var endedVMs = 0
  var initialHosts: [Int32] = []
  let limit: Double

  /// CloudSim's least gap between events, at which VMs and their work begin.
  static let creationTime = 0.1

  enum Kind: UInt8 { case tick, arrival }

  init(model: FleetModel, duration: TimeSpan, seed: UInt64, replication: Int) {
    self.model = model
    self.seed = seed
    self.replication = replication
    limit = duration.seconds
    energy = [Double](repeating: 0, count: model.hostClass.count)
    demands = model.demands.map { $0.resolved(duration: duration, seed: seed, replication: replication) }
    sampleInterval = demands.first?.interval.seconds ?? 300
    let interval = model.policies.consolidation?.interval.seconds ?? sampleInterval
    let hostCount = model.hostClass.count
    let vmCount = model.vmClass.count
    let share = model.policies.migration.bandwidthShare
    moving = Moves(
      capacities: model.hostClass.map { model.hostClasses[Int($0)].bandwidth * share }, vmCount: vmCount,
      limit: .infinity, isShared: model.policies.corrections.contains(.bandwidth))
    watts = .allocate(capacity: max(1, model.hostClasses.count * 11))
    for (index, group) in model.hostClasses.enumerated() {
      for point in 0...10 {
        watts[index * 11 + point] = group.power?.power(at: Double(point) / 10) ?? 0
      }
    }
    let length = OverloadStatistics.historyLength
    fleet = CompatibleFleet(
      hostCount: hostCount, vmCount: vmCount, hosts: .allocate(capacity: hostCount),
      hostKinds: .allocate(capacity: hostCount), hostAccounts: .allocate(capacity: hostCount),
      vms: .allocate(capacity: vmCount), vmKinds: .allocate(capacity: vmCount),
      vmHistories: .allocate(capacity: vmCount * length), hostHistories: .allocate(capacity: hostCount * length),
      interval: interval, corrections: CompatibleCorrections(model.policies.corrections))
    fleet.vmHistories.initialize(repeating: 0, count: vmCount * length)
    fleet.hostHistories.initialize(repeating: 0, count: hostCount * length)
    for host in 0..<hostCount {
      let group = model.hostClasses[Int(model.hostClass[host])]
      (fleet.hostKinds + host).initialize(
        to: CompatibleFleet.HostKind(
          element: group.coreSpeed, total: group.capacity,
          watts: UnsafePointer(watts + Int(model.hostClass[host]) * 11), memory: group.memory,
          group: model.hostClass[host]))
      (fleet.hosts + host).initialize(to: CompatibleFleet.HostState(slots: .allocate(capacity: 4), capacity: 4))
      fleet.hosts[host].power = watts[Int(model.hostClass[host]) * 11]
      fleet.hosts[host].available = group.capacity
      (fleet.hostAccounts + host).initialize(to: HostAccount())
    }
    for vm in 0..<vmCount {
      let group = model.vmClasses[Int(model.vmClass[vm])]
      let series = Int(model.vmSeries[vm])
      let samples = series < 0 ? nil : demands[group.demand].samples(of: series)
      (fleet.vmKinds + vm).initialize(
        to: CompatibleFleet.VMKind(
          mips: group.speed * group.cpus, vcpus: Int32(group.vcpus), megabytes: Double(group.memory) / 1e6,
          memory: group.memory, samples: samples?.baseAddress, sampleCount: samples?.count ?? 0,
          constant: group.constantDemand))
      (fleet.vms + vm).initialize(to: CompatibleFleet.VMState())
    }
    let bandwidth = model.hostClasses.map(\.bandwidth).min() ?? 0
    detector = CompatibleFleet.Detector(
      overload: model.policies.consolidation?.overload ?? .threshold,
      parameter: model.policies.consolidation?.parameter ?? 1,
      migrationRate: bandwidth * model.policies.migration.bandwidthShare)
  }

  deinit {
    for host in 0..<fleet.hostCount { fleet.hosts[host].slots.deallocate() }
    fleet.hosts.deallocate()
    fleet.hostKinds.deallocate()
    fleet.hostAccounts.deallocate()
    fleet.vms.deallocate()
    fleet.vmKinds.deallocate()
    fleet.vmHistories.deallocate()
    fleet.hostHistories.deallocate()
    watts.deallocate()
  }

  /// Runs to the end.
  ///
  /// - Throws: `RunInterrupted` when cancelled; `FleetError` when a VM finds no host.
  func run(isCancelled: () -> Bool) throws -> FleetReport {
    try create()
    var round = model.policies.consolidation.map { CompatibleRound(fleet: fleet, policy: $0, detector: detector) }
    defer { round?.deallocate() }
    var random = RandomStream(seed: seed, replication: UInt32(replication), entity: 0, purpose: FleetStreams.selection)
    plan(.tick, at: now + fleet.interval)
    while let event = events.popFirst() {
      let time = Double(bitPattern: UInt64(event.time))
      guard time < limit else { break }
      now = time
      if event.kind == Kind.arrival.rawValue {
        guard isDue(event) else { continue }
        if now > last { updateAll() }
        arrive(Int(event.handle))
        // Arrivals of one time are one step; a tick that shares it comes after them.
        var following = events.popFirst(notAfter: event.time)
        while let next = following, next.kind == Kind.arrival.rawValue {
          if isDue(next) { arrive(Int(next.handle)) }
          following = events.popFirst(notAfter: event.time)
        }
        updateAll()
        shareBandwidth()
        guard following != nil else { continue }
      }
      if isCancelled() { throw RunInterrupted() }
      if now > last { updateAll() }
      round?.run(random: &random)
      for move in round?.moves ?? [] { start(move) }
      shareBandwidth()
      note()
      plan(.tick, at: now + fleet.interval)
    }
    return report()
  }

  func plan(_ kind: Kind, at time: Double, handle: Int = 0, generation: UInt32 = 0) {
    events.insert(
      Event(time: Int64(time.bitPattern), kind: kind.rawValue, handle: UInt32(handle), generation: generation))
  }
}
