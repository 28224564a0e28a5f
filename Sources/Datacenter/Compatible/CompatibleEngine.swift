import EventKernel
import Model
import Quantities

/// A fleet under the semantics of CloudSim 3.0.3's power package: the experiment of Beloglazov & Buyya 2012, defects
/// included.
///
/// Time is CloudSim's: seconds as `Double`, VMs created at 0.1, ticks every interval from then. Pending events are kept by
/// the bit patterns of their times, which order as the times do.
final class CompatibleEngine {
  private let model: FleetModel
  private let seed: UInt64
  private let replication: Int
  private let fleet: CompatibleFleet
  private let detector: CompatibleFleet.Detector
  private let events = PendingEventSet()
  private let watts: UnsafeMutablePointer<Double>
  /// What VMs point into.
  private let demands: [TraceSet]
  private let sampleInterval: Double
  private var now = CompatibleEngine.creationTime
  private var last = 0.0
  private var migrations = FleetReport.Migrations()
  private var moving: [(vm: Int32, target: Int32, record: Int32)] = []
  /// Migrations that share interfaces; unused where each has a rate of its own.
  private let shared: Moves
  private var energy: [Double]
  private var total = 0.0
  private var ticks: [FleetReport.Tick] = []
  private var endedVMs = 0
  private let limit: Double

  /// CloudSim's least gap between events, at which VMs and their work begin.
  static let creationTime = 0.1

  private enum Kind: UInt8 { case tick, arrival }

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
    let isShared = model.policies.corrections.contains(.bandwidth)
    let share = model.policies.migration.bandwidthShare
    shared = Moves(
      capacities: isShared ? model.hostClass.map { model.hostClasses[Int($0)].bandwidth * share } : [],
      vmCount: isShared ? vmCount : 0, limit: .infinity)
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

  private func plan(_ kind: Kind, at time: Double, handle: Int = 0) {
    events.insert(Event(time: Int64(time.bitPattern), kind: kind.rawValue, handle: UInt32(handle)))
  }

  // MARK: Creation

  /// Places all VMs, which ask for their full MIPS then, while those already placed ask for nothing.
  private func create() throws {
    var memory = model.hostClass.map { model.hostClasses[Int($0)].memory }
    var bandwidth = model.hostClass.map { model.hostClasses[Int($0)].bandwidth }
    var hosts = CandidateHosts(capacity: fleet.hostCount)
    defer { hosts.hosts.deallocate() }
    for host in 0..<fleet.hostCount { hosts.append(host) }
    for vm in 0..<fleet.vmCount {
      let group = model.vmClasses[Int(model.vmClass[vm])]
      fleet.vms[vm].request = fleet.vmKinds[vm].mips
      func hasRoom(_ host: Int) -> Bool {
        fleet.isSuitable(host, for: vm) && memory[host] >= group.memory && bandwidth[host] >= group.bandwidth
      }
      var chosen: Int?
      if model.policies.placement.rule == .powerAware {
        var least = Double.greatestFiniteMagnitude
        for host in 0..<fleet.hostCount where hasRoom(host) {
          let after = (fleet.hosts[host].potential + fleet.vms[vm].request) / fleet.hostKinds[host].total
          guard let power = fleet.power(of: host, at: after) else { continue }
          let increase = power - fleet.presentPower(of: host)
          if increase < least {
            least = increase
            chosen = host
          }
        }
      } else {
        chosen = (0..<fleet.hostCount).first(where: hasRoom)
      }
      guard let chosen else {
        throw FleetError(
          "vm '\(model.vmName(vm))' finds no host with \(fleet.vmKinds[vm].mips) MHz, memory and bandwidth for it")
      }
      memory[chosen] -= group.memory
      bandwidth[chosen] -= group.bandwidth
      fleet.place(vm, on: chosen)
      fleet.vms[vm].host = Int32(chosen)
      fleet.vms[vm].lastHost = Int32(chosen)
      // CloudSim's histories begin with the moment of creation, when nothing was asked for.
      fleet.remember(0, of: vm)
    }
    initialHosts = (0..<fleet.vmCount).map { fleet.vms[$0].host }
  }
  private var initialHosts: [Int32] = []

  // MARK: Time

  /// Advances all hosts, adds up energy, and ends VMs that ask for nothing.
  private func updateAll() {
    let sampled = (now - Self.creationTime).truncatingRemainder(dividingBy: fleet.interval) == 0
    let clock = SampleClock(time: now, interval: sampleInterval, isSampled: sampled)
    for host in 0..<fleet.hostCount { fleet.update(host, at: clock) }
    let span = now - last
    if span > 0 {
      var frame = 0.0
      for host in 0..<fleet.hostCount {
        let used = energyUsed(by: host, in: span)
        energy[host] += used
        frame += used
      }
      total += frame
    }
    if model.policies.endsIdleVMs { endIdleVMs() }
    last = now
  }

  /// Joules of a host since the last update: power changes evenly from then to now; nothing when nothing ran then.
  private func energyUsed(by host: Int, in span: Double) -> Double {
    if fleet.corrections.energy { return heldEnergy(of: host, in: span) }
    if !model.policies.isPowerAware {
      // From the first tick on, all hosts draw what they draw at full load; the time before VMs exist does not count.
      return (fleet.power(of: host, at: 1) ?? 0) * (last == 0 ? span - Self.creationTime : span)
    }
    let before = fleet.utilization(fleet.hosts[host].previousUtilization, of: host)
    guard before != 0 else { return fleet.corrections.emptyHosts ? (fleet.power(of: host, at: 0) ?? 0) * span : 0 }
    let from = fleet.power(of: host, at: before) ?? 0
    let to = fleet.hosts[host].power
    return (from + (to - from) / 2) * span
  }

  /// Joules of a host since the last update at the power of that; before the first update, at that of the first.
  private func heldEnergy(of host: Int, in span: Double) -> Double {
    let span = last == 0 ? span - Self.creationTime : span
    guard model.policies.isPowerAware else { return (fleet.power(of: host, at: 1) ?? 0) * span }
    let held = last == 0 ? fleet.hosts[host].utilization : fleet.hosts[host].previousUtilization
    let utilization = fleet.utilization(held, of: host)
    guard utilization != 0 || fleet.corrections.emptyHosts else { return 0 }
    return (fleet.power(of: host, at: utilization) ?? 0) * span
  }

  /// The time from the last update to the end.
  private func finishEnergy() {
    guard fleet.corrections.energy, limit > last, last > 0 else { return }
    for host in 0..<fleet.hostCount {
      let utilization = fleet.utilization(fleet.hosts[host].utilization, of: host)
      let isOff = model.policies.isPowerAware && utilization == 0 && !fleet.corrections.emptyHosts
      let watts = fleet.power(of: host, at: model.policies.isPowerAware ? utilization : 1) ?? 0
      let used = isOff ? 0 : watts * (limit - last)
      energy[host] += used
      total += used
    }
  }

  private func endIdleVMs() {
    for host in 0..<fleet.hostCount {
      var index = 0
      while index < Int(fleet.hosts[host].count) {
        let vm = Int(fleet.hosts[host].slots[index].vm)
        if !fleet.vms[vm].isMigrating, fleet.vms[vm].request == 0 {
          fleet.displace(vm, from: host)
          fleet.vms[vm].isAlive = false
          fleet.vms[vm].host = -1
          endedVMs += 1
        } else {
          index += 1
        }
      }
    }
  }

  // MARK: Migration

  private func start(_ move: CompatibleFleet.Move) {
    let vm = Int(move.vm)
    let target = Int(move.target)
    let source = Int(fleet.vms[vm].host)
    fleet.vms[vm].isMigrating = true
    let isThere = (0..<Int(fleet.hosts[target].count)).contains {
      fleet.hosts[target].slots[$0].vm == move.vm && fleet.hosts[target].slots[$0].isIncoming
    }
    if !isThere {
      fleet.append(vm, to: target, incoming: true)
      let clock = SampleClock(time: now, interval: sampleInterval, isSampled: false)
      fleet.update(target, at: clock)
      if source >= 0 { fleet.update(source, at: clock) }
    }
    // Megabytes over half of the interface in megabytes a second.
    let rate = model.hostClasses[Int(model.hostClass[target])].bandwidth * model.policies.migration.bandwidthShare / 1e6
    let arrival = now + fleet.vmKinds[vm].megabytes / rate
    let record = migrations.start(
      vm: vm, source: source, target: target, at: now, bytes: Double(fleet.vmKinds[vm].memory))
    moving.append((move.vm, move.target, Int32(record)))
    if fleet.corrections.bandwidth {
      share(move, source: source, record: record)
      return
    }
    plan(.arrival, at: arrival, handle: moving.count - 1)
  }

  /// Lets a migration share the interfaces of its hosts with the others.
  private func share(_ move: CompatibleFleet.Move, source: Int, record: Int) {
    let bytes = fleet.vmKinds[Int(move.vm)].megabytes * 1e6
    let index = shared.add(
      Moves.Move(
        vm: move.vm, source: Int32(source), target: move.target, record: Int32(record), cost: 0, account: 0,
        progress: PreCopy.Progress(left: bytes),
        copy: PreCopy(memory: bytes, bandwidth: 0, dirtyRate: 0, writable: 0, policy: model.policies.migration),
        left: bytes, settled: nanoseconds))
    shared[index].phase = .copying
    shared.change(shared[index])
  }

  private var nanoseconds: Int64 { Int64((now * 1e9).rounded()) }

  private func shareBandwidth() {
    guard fleet.corrections.bandwidth, shared.needsSharing else { return }
    shared.share { index, rate in
      shared.settle(index, at: nanoseconds)
      shared[index].rate = rate
      shared[index].isFresh = false
      shared[index].generation &+= 1
      events.insert(
        Event(
          time: Int64((now + shared[index].left / rate).bitPattern), kind: Kind.arrival.rawValue, handle: UInt32(index),
          generation: shared[index].generation))
    }
  }

  /// Whether an arrival still holds: shares of the interfaces may have changed since it was planned.
  private func isDue(_ event: Event) -> Bool {
    guard fleet.corrections.bandwidth else { return true }
    return shared[Int(event.handle)].generation & Event.generationMask == event.generation
  }

  private func arrive(_ index: Int) {
    let (number, targetNumber, record): (Int32, Int32, Int32)
    if fleet.corrections.bandwidth {
      (number, targetNumber, record) = (shared[index].vm, shared[index].target, shared[index].record)
      shared.remove(index)
    } else {
      (number, targetNumber, record) = moving[index]
    }
    let vm = Int(number)
    let target = Int(targetNumber)
    let source = Int(fleet.vms[vm].host)
    if source >= 0 { fleet.displace(vm, from: source) }
    fleet.remove(vm, from: target)
    fleet.vms[vm].isMigrating = false
    fleet.place(vm, on: target)
    fleet.vms[vm].host = targetNumber
    fleet.vms[vm].lastHost = targetNumber
    fleet.vms[vm].moves += 1
    migrations.finish(Int(record), source: source, at: now)
  }

  // MARK: Results

  private func note() {
    var active = 0
    var allocated = 0.0
    for host in 0..<fleet.hostCount {
      if fleet.hosts[host].utilization > 0 { active += 1 }
      allocated += fleet.hosts[host].utilization
    }
    ticks.append(
      FleetReport.Tick(
        time: now, activeHosts: active, allocated: allocated, energy: total, migrations: migrations.count))
  }

  private func report() -> FleetReport {
    finishEnergy()
    var report = FleetReport(hostCount: fleet.hostCount, vmCount: fleet.vmCount)
    report.energy = total
    report.ticks = ticks
    report.migrations = migrations
    report.initialHosts = initialHosts
    report.endedVMs = endedVMs
    var requested = 0.0
    var allocated = 0.0
    var lost = 0.0
    var missing = 0.0
    var missingCount = 0
    for vm in 0..<fleet.vmCount {
      let account = fleet.vms[vm].account
      // In CPU seconds of a vCPU at its nominal speed.
      let speed = max(1, fleet.vmKinds[vm].mips / Double(fleet.vmKinds[vm].vcpus))
      report.vmRequested[vm] = account.requested / speed
      report.vmGuest[vm] = account.allocated / speed
      report.vmSteal[vm] = max(0, account.requested - account.allocated) / speed
      report.vmHost[vm] = fleet.vms[vm].lastHost
      report.vmMigrations[vm] = fleet.vms[vm].moves
      requested += account.requested
      allocated += account.allocated
      lost += account.lostToMigration
      missing += account.missingShares
      missingCount += account.missingCount
    }
    var active = 0.0
    var short = 0.0
    for host in 0..<fleet.hostCount {
      fleet.hostAccounts[host].finish()
      let speed = fleet.hostKinds[host].element
      report.hostEnergy[host] = energy[host]
      report.hostGuest[host] = fleet.hostAccounts[host].used / speed
      report.hostActive[host] = fleet.hostAccounts[host].active
      report.hostShort[host] = fleet.hostAccounts[host].short
      active += fleet.hostAccounts[host].active
      short += fleet.hostAccounts[host].short
      report.shutdowns += fleet.hostAccounts[host].shutdowns
    }
    report.degradation = requested > 0 ? lost / requested : 0
    report.shortTime = active > 0 ? short / active : 0
    report.overallViolation = requested > 0 ? (requested - allocated) / requested : 0
    report.averageViolation = missingCount > 0 ? missing / Double(missingCount) : 0
    return report
  }
}

/// Purposes of random streams of a fleet.
enum FleetStreams {
  static let selection: UInt16 = 64
  static let placement: UInt16 = 65
  static let demand: UInt16 = 66
}
