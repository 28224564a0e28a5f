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
  let costs: [FleetCost]
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
  private var notes = false
  /// VMs in the order in which they begin, and how many have begun.
  private var arrivals: [Int32] = []
  private var arrived = 0
  /// VMs that wait for room, and classes that have found none since room was last freed.
  private var waiting: [Int32] = []
  private var blocked: Set<Int32> = []
  var isRoomFreed = false
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
  var chosen: [(vm: Int32, target: Int32)] = []
  /// The first host of each class.
  let representatives: [Int]
  var modeSince: [Int64]
  /// VMs that wait for their host to wake up.
  var arriving: [(vm: Int32, host: Int32)] = []
  var expected: [Int32]
  var random: RandomStream
  private var looks = false
  /// Energy once more, from all powers at all events: for debug builds.
  private var integrated = 0.0

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
    let vmCount = fleet.vmClass.count
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
    state = FleetState(
      hosts: .allocate(capacity: hostCount),
      costs: .allocate(capacity: max(1, costs.count + (consolidates ? vmCount : 0))),
      watts: fleet.hostClasses.map { group in
        group.power.map { curve in
          let points = UnsafeMutablePointer<Double>.allocate(capacity: curve.watts.count)
          for (index, watt) in curve.watts.enumerated() { points[index] = watt }
          return points
        }
      },
      segments: fleet.hostClasses.map { ($0.power?.watts.count ?? 2) - 1 },
      sleepWatts: fleet.hostClasses.map { $0.power?.sleepWatts ?? 0 })
    for (index, cost) in costs.enumerated() { (state.costs + index).initialize(to: cost.rates) }
    for host in 0..<hostCount {
      let group = fleet.hostClass[host]
      (state.hosts + host).initialize(
        to: FleetState.Host(
          slots: .allocate(capacity: 8), capacity: 8, group: group, total: fleet.hostClasses[Int(group)].capacity))
    }
  }

  deinit {
    for host in 0..<fleet.hostClass.count { state.hosts[host].slots.deallocate() }
    state.hosts.deallocate()
    state.costs.deallocate()
    cursors.deallocate()
    for points in state.watts { points?.deallocate() }
  }

  /// Places the VMs and runs to the end.
  ///
  /// - Throws: `RunInterrupted`, or `FleetError` when a VM could never find a host, or finds none at the start in a fleet
  ///   whose VMs do not come and go.
  /// - Complexity: O(samples × VMs on hosts that follow the sampled set + arrivals × log hosts).
  func run(isCancelled: () -> Bool) throws -> FleetReport {
    try begin()
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

// MARK: - VMs that come and go

extension FleetSimulation {
  /// When a VM begins and ends by its trace.
  private func life(of vm: Int) -> (start: Int64, end: Int64) {
    let demand = fleet.vmClasses[Int(fleet.vmClass[vm])].demand
    guard demand >= 0, demands[demand].matrix == nil else { return (0, TraceSet.forever) }
    let entity = demands[demand].set.entities[Int(fleet.vmSeries[vm])]
    return (entity.start, entity.end)
  }

  /// Places what is there at the start, and plans what comes later.
  private func begin() throws {
    for (number, group) in fleet.vmClasses.enumerated() where group.count > 0 {
      guard placer.canEverTake(group, extraMemory: { self.kept[number][$0] }) else { throw noHost(group, group.name) }
    }
    report.initialHosts = [Int32](repeating: -1, count: fleet.vmClass.count)
    var order = fleet.vmClass.indices.map(Int32.init)
    if fleet.policies.placement.rule == .powerAware {
      // The largest promise first.
      let sizes = fleet.vmClasses.map { Double($0.vcpus) * max(1, $0.speed) }
      func size(_ vm: Int32) -> Double { sizes[Int(fleet.vmClass[Int(vm)])] }
      order.sort { (size($0), $1) > (size($1), $0) }
    }
    let comesAndGoes = demands.contains { $0.matrix == nil }
    if comesAndGoes {
      let lives = fleet.vmClass.indices.map { life(of: $0).start }
      arrivals = order.filter { lives[Int($0)] > 0 }
      // Of VMs that begin at once the order is that of placement.
      let ranks = arrivals.enumerated().sorted { (lives[Int($0.1)], $0.0) < (lives[Int($1.1)], $1.0) }
      arrivals = ranks.map(\.1)
      order = order.filter { lives[Int($0)] <= 0 }
    }
    for vm in order {
      if tryPlacing(Int(vm)) { continue }
      let group = fleet.vmClasses[Int(fleet.vmClass[Int(vm)])]
      guard comesAndGoes else { throw noHost(group, fleet.vmName(Int(vm))) }
      wait(vm)
    }
    planArrival()
  }

  private func noHost(_ group: FleetModel.VMClass, _ name: String) -> FleetError {
    FleetError(
      "vm '\(name)' finds no host; expected one with \(group.vcpus) cores, "
        + "\(ByteCount(bytes: group.memory)) of memory and CPU left, and all that the VM requires")
  }

  private func planArrival() {
    guard arrived < arrivals.count else { return }
    let vm = Int(arrivals[arrived])
    plan(.arrival, at: life(of: vm).start, handle: vm)
  }

  private func arrive() {
    let vm = arrivals[arrived]
    arrived += 1
    wait(vm)
    endInstant()
    planArrival()
  }

  private func wait(_ vm: Int32) { waiting.append(vm) }

  /// Gives waiting VMs hosts in their order; one for which there is none does not hold up those of other classes.
  ///
  /// - Complexity: O(waiting VMs) when room was freed, else O(VMs that came since).
  private func placeWaiting() {
    guard !waiting.isEmpty else { return }
    if isRoomFreed { blocked.removeAll(keepingCapacity: true) }
    isRoomFreed = false
    var left = 0
    for index in waiting.indices {
      let vm = waiting[index]
      let number = fleet.vmClass[Int(vm)]
      if !blocked.contains(number) {
        if tryPlacing(Int(vm)) { continue }
        blocked.insert(number)
      }
      waiting[left] = vm
      left += 1
    }
    waiting.removeSubrange(left...)
    report.mostWaiting = max(report.mostWaiting, left)
  }

  private func tryPlacing(_ vm: Int) -> Bool {
    let number = Int(fleet.vmClass[vm])
    let group = fleet.vmClasses[number]
    guard let host = placer.place(group, extraMemory: { self.kept[number][$0] }) else { return false }
    let life = life(of: vm)
    if now > life.start {
      report.waitedVMs += 1
      report.waitingTime += Double(now - life.start) * 1e-9
    }
    if state.hosts[host].mode == .awake {
      admit(vm, on: host)
    } else {
      expected[host] += 1
      arriving.append((Int32(vm), Int32(host)))
      updateSpare(host)
      wake(host)
    }
    return true
  }

  /// Index of what a VM costs on a host.
  func accountIndex(vm: Int, host: Int, isMigrating: Bool) -> Int {
    let index = Int(fleet.vmClass[vm]) * fleet.hostClasses.count + Int(fleet.hostClass[host])
    return isMigrating ? index + costs.count / 2 : index
  }

  /// Lets a VM begin to run.
  func admit(_ vm: Int, on host: Int) {
    let life = life(of: vm)
    let group = fleet.vmClasses[Int(fleet.vmClass[vm])]
    let cost = accountIndex(vm: vm, host: host, isMigrating: false)
    var slot = FleetState.Slot(
      vm: Int32(vm), cost: Int32(cost), series: max(0, fleet.vmSeries[vm]), demandSet: Int32(group.demand))
    slot.demand = group.constantDemand * 100 * costs[cost].perPercent
    if group.demand >= 0, demands[group.demand].matrix == nil {
      slot.demand = follow(vm, set: group.demand, &slot) * costs[cost].perPercent
      // A VM that had to wait lives as long as it would have.
      if life.end != TraceSet.forever { plan(.departure, at: now + (life.end - life.start), handle: vm) }
    }
    let place = state.hosts + host
    if now > 0 { change(host) { state.append(slot, to: place) } } else { state.append(slot, to: place) }
    report.initialHosts[vm] = Int32(host)
    report.vmHost[vm] = Int32(host)
    report.runningVMs += 1
    report.mostRunning = max(report.mostRunning, report.runningVMs)
    updateSpare(host)
  }

  /// Begins a VM's own way through its series. Returns its first sample.
  private func follow(_ vm: Int, set: Int, _ slot: inout FleetState.Slot) -> Double {
    let demand = demands[set]
    let samples = demand.set.samples(of: Int(slot.series))
    let (row, phase) = now.quotientAndRemainder(dividingBy: demand.interval)
    cursors[vm] = FleetState.Cursor(
      samples: samples.baseAddress, count: Int32(samples.count), firstRow: Int32(row),
      ends: demand.set.entities[Int(slot.series)].end != TraceSet.forever)
    if phase > 0 {
      // Between two ticks of the set's clock: the VM has a clock of its own.
      slot.demandSet = -1
      cursors[vm].firstRow = 1
      plan(.ownSample, at: now + demand.interval, handle: vm)
    }
    return Double(cursors[vm].value(at: 0))
  }

  /// The next sample of a VM with a clock of its own.
  private func ownSample(_ vm: Int) {
    let host = state.hosts + Int(report.vmHost[vm])
    guard let index = state.slot(of: vm, on: host) else { return }
    let demand = fleet.vmClasses[Int(fleet.vmClass[vm])].demand
    let percent = Double(cursors[vm].value(at: Int(cursors[vm].firstRow)))
    cursors[vm].firstRow += 1
    plan(.ownSample, at: now + demands[demand].interval, handle: vm)
    let slot = host.pointee.slots + index
    let asked = percent * state.costs[Int(slot.pointee.cost)].perPercent
    report.vmUpdates += 1
    guard asked != slot.pointee.demand else { return }
    change(Int(report.vmHost[vm])) { slot.pointee.demand = asked }
  }

  private func depart(_ vm: Int) {
    let number = Int(report.vmHost[vm])
    guard takeOff(vm, from: number) != nil else { return }
    cancelMove(of: vm)
    release(vm, from: number)
    report.runningVMs -= 1
    report.endedVMs += 1
    updateSpare(number)
  }
}

// MARK: - Samples and accounts

extension FleetSimulation {
  /// A new sample of a set holds: hosts with VMs that follow it are settled and shared anew.
  private func sample(set: Int) {
    let matrix = demands[set].matrix
    let row = matrix?.row(at: now)
    let number = Int(now / demands[set].interval)
    let bit = UInt64(1) << UInt64(set & 63)
    for index in 0..<fleet.hostClass.count {
      let host = state.hosts + index
      guard host.pointee.demandSets & bit != 0 else { continue }
      settleMoves(of: index)
      state.settle(host, at: now)
      if let row {
        state.update(host, set: Int32(set), row: row)
      } else {
        state.update(host, set: Int32(set), cursors: cursors, row: number)
      }
      updateWriting(of: index)
      report.vmUpdates += Int64(host.pointee.count)
    }
  }

  private func note() {
    var active = 0
    var used = 0.0
    var energy = 0.0
    for index in 0..<fleet.hostClass.count {
      let host = state.hosts + index
      if host.pointee.used > 0 { active += 1 }
      used += host.pointee.used
      energy += host.pointee.energy + host.pointee.power * Double(now - host.pointee.settled) * 1e-9
    }
    ticks.append(
      FleetReport.Tick(
        time: Double(now) * 1e-9, activeHosts: active, allocated: used, energy: energy,
        migrations: report.migrations.count))
  }

  private func finish() -> FleetReport {
    var active = 0.0
    var short = 0.0
    for index in 0..<fleet.hostClass.count {
      let host = state.hosts + index
      state.settle(host, at: now)
      bookMode(of: index)
      for slot in 0..<Int(host.pointee.count) { account(host.pointee.slots[slot], of: index) }
      report.hostEnergy[index] = host.pointee.energy
      report.hostActive[index] = host.pointee.active
      report.hostShort[index] = host.pointee.short
      report.energy += host.pointee.energy
      active += host.pointee.active
      short += host.pointee.short
    }
    for vm in waiting {
      report.waitedVMs += 1
      report.waitingTime += Double(now - life(of: Int(vm)).start) * 1e-9
    }
    report.unplacedVMs = waiting.count
    report.shortTime = active > 0 ? short / active : 0
    report.overallViolation = report.asked > 0 ? max(0, report.asked - report.done) / report.asked : 0
    report.degradation = report.asked > 0 ? report.lostMoving / report.asked : 0
    report.ticks = ticks
    return report
  }

  /// Books what a VM did on a host since it came there.
  func account(_ own: FleetState.Slot, of host: Int) {
    let speed = fleet.hostClasses[Int(fleet.hostClass[host])].coreSpeed
    let index = Int(own.cost)
    let cost = costs[index < costs.count ? index : Int(moves[index - costs.count].account)]
    let vm = Int(own.vm)
    let seconds = own.done / speed
    report.vmRequested[vm] += own.asked / speed
    report.vmGuest[vm] += seconds * cost.guest
    report.vmBackend[vm] += seconds * cost.backend
    report.vmStall[vm] += seconds * (cost.vcpu - cost.guest)
    report.vmSteal[vm] += own.stolen / speed
    report.hostGuest[host] += seconds * cost.guest
    for place in cost.places.indices { report.hostVirtualization[place][host] += seconds * cost.places[place] }
    report.asked += own.asked
    report.done += own.done
  }

  /// Adds up what all hosts draw until the next event, apart from their own accounts.
  private func integratesPower(to time: Int64) -> Bool {
    guard time > now else { return true }
    let power = (0..<fleet.hostClass.count).reduce(0.0) { $0 + state.power(of: state.hosts + $1) }
    integrated += power * Double(time - now) * 1e-9
    return true
  }

  /// Whether every host gives as much CPU as its VMs get, has promised no memory that it lacks, and runs VMs that are
  /// nowhere else.
  ///
  /// - Complexity: O(hosts + VMs): for debug builds.
  private var isConsistent: Bool {
    var running = 0
    for index in 0..<fleet.hostClass.count {
      let host = state.hosts + index
      var used = 0.0
      var memory = placer.rooms[index].memory
      let number = Int(fleet.hostClass[index])
      for place in 0..<Int(host.pointee.count) {
        let slot = host.pointee.slots[place]
        let cost = state.costs[Int(slot.cost)]
        used += slot.rate * (cost.vcpu + cost.backend)
        let group = Int(fleet.vmClass[Int(slot.vm)])
        memory += Double(fleet.vmClasses[group].memory) + kept[group][number]
        guard report.vmHost[Int(slot.vm)] == Int32(index) else { return false }
      }
      if fleet.policies.consolidation != nil {
        moves.forEach(to: index) {
          let group = Int(fleet.vmClass[Int(moves[$0].vm)])
          memory += Double(fleet.vmClasses[group].memory) + kept[group][number]
        }
        for entry in arriving where entry.host == Int32(index) {
          let group = Int(fleet.vmClass[Int(entry.vm)])
          memory += Double(fleet.vmClasses[group].memory) + kept[group][number]
        }
        guard host.pointee.mode == .awake || host.pointee.count == 0 else { return false }
      }
      running += Int(host.pointee.count)
      let size = Double(fleet.hostClasses[number].memory) * fleet.policies.placement.memoryAllocationRatio
      guard abs(used - host.pointee.used) <= 1e-9 * host.pointee.total, placer.rooms[index].memory >= -1,
        abs(memory - size) <= 1, host.pointee.power == state.power(of: host)
      else { return false }
    }
    return running == report.runningVMs
  }
}
