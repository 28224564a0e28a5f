import EventKernel
import Model
import Quantities
import Virtualization

/// A run of a fleet under the default policies.
final class FleetSimulation {
  private let model: SimulationModel
  private let fleet: FleetModel
  private let state: FleetState
  private let costs: [FleetCost]
  private let demands: [DemandMatrix]
  private let events = PendingEventSet()
  private let replication: Int
  private var report: FleetReport
  private var ticks: [FleetReport.Tick] = []

  init(model: SimulationModel, fleet: FleetModel, replication: Int) {
    self.model = model
    self.fleet = fleet
    self.replication = replication
    let hostCount = fleet.hostClass.count
    report = FleetReport(hostCount: hostCount, vmCount: fleet.vmClass.count)
    demands = fleet.demands.map {
      DemandMatrix($0.resolved(duration: model.duration, seed: model.seed, replication: replication))
    }
    costs = fleet.vmClasses.indices.flatMap { vm in
      fleet.hostClasses.indices.map { FleetCost(vm: vm, host: $0, fleet: fleet, model: model) }
    }
    state = FleetState(
      hosts: .allocate(capacity: hostCount), costs: .allocate(capacity: max(1, costs.count)),
      watts: fleet.hostClasses.map { group in
        group.power.map { curve in
          let points = UnsafeMutablePointer<Double>.allocate(capacity: curve.watts.count)
          for (index, watt) in curve.watts.enumerated() { points[index] = watt }
          return points
        }
      },
      segments: fleet.hostClasses.map { ($0.power?.watts.count ?? 2) - 1 })
    for (index, cost) in costs.enumerated() {
      (state.costs + index).initialize(
        to: FleetState.Cost(
          vcpu: cost.vcpu, backend: cost.backend, perPercent: cost.perPercent, cap: cost.cap, weight: cost.weight,
          reservation: cost.reservation))
    }
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
    for points in state.watts { points?.deallocate() }
  }

  /// Places the VMs and runs to the end.
  ///
  /// - Throws: `RunInterrupted`, or `FleetError` when a VM finds no host.
  /// - Complexity: O(samples × VMs on hosts that follow the sampled set).
  func run(isCancelled: () -> Bool) throws -> FleetReport {
    try place()
    for host in 0..<fleet.hostClass.count { state.share(state.hosts + host) }
    for set in demands.indices { events.insert(Event(time: 0, kind: 0, handle: UInt32(set))) }
    let end = model.duration.nanoseconds
    while let event = events.popFirst(notAfter: end - 1) {
      if isCancelled() { throw RunInterrupted() }
      report.events += 1
      sample(set: Int(event.handle), at: event.time)
      note(at: event.time)
      events.insert(Event(time: event.time + demands[Int(event.handle)].interval, kind: 0, handle: event.handle))
    }
    return finish(at: end)
  }

  private func place() throws {
    var placer = Placer(model: fleet, seed: model.seed, replication: replication)
    let kept = fleet.vmClasses.indices.map { vm in
      fleet.hostClasses.map { Double(model.hosts[$0.representative].design.choice.design.memory.perVM) }
    }
    report.initialHosts = [Int32](repeating: -1, count: fleet.vmClass.count)
    var order = Array(fleet.vmClass.indices)
    if fleet.policies.placement.rule == .powerAware {
      // The largest promise first.
      let sizes = fleet.vmClasses.map { Double($0.vcpus) * max(1, $0.speed) }
      order.sort { (sizes[Int(fleet.vmClass[$0])], $1) > (sizes[Int(fleet.vmClass[$1])], $0) }
    }
    for vm in order {
      let number = Int(fleet.vmClass[vm])
      let group = fleet.vmClasses[number]
      guard let host = placer.place(group, extraMemory: { kept[number][$0] }) else {
        throw FleetError(
          "vm '\(fleet.vmName(vm))' finds no host; expected one with \(group.vcpus) cores, "
            + "\(ByteCount(bytes: group.memory)) of memory and CPU left, and all that the VM requires")
      }
      let cost = number * fleet.hostClasses.count + Int(fleet.hostClass[host])
      var slot = FleetState.Slot(
        vm: Int32(vm), cost: Int32(cost), series: max(0, fleet.vmSeries[vm]), demandSet: Int32(group.demand))
      slot.demand = group.constantDemand * 100 * costs[cost].perPercent
      state.append(slot, to: state.hosts + host)
      report.initialHosts[vm] = Int32(host)
      report.vmHost[vm] = Int32(host)
    }
  }

  /// A new sample of a set holds: hosts with VMs that follow it are settled and shared anew.
  private func sample(set: Int, at now: Int64) {
    let row = demands[set].row(at: now)
    let bit = UInt64(1) << UInt64(set & 63)
    for index in 0..<fleet.hostClass.count {
      let host = state.hosts + index
      guard host.pointee.demandSets & bit != 0 else { continue }
      state.settle(host, at: now)
      state.update(host, set: Int32(set), row: row)
      report.vmUpdates += Int64(host.pointee.count)
    }
  }

  private func note(at now: Int64) {
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

  private func finish(at end: Int64) -> FleetReport {
    var asked = 0.0
    var done = 0.0
    var active = 0.0
    var short = 0.0
    for index in 0..<fleet.hostClass.count {
      let host = state.hosts + index
      state.settle(host, at: end)
      let speed = fleet.hostClasses[Int(host.pointee.group)].coreSpeed
      for slot in 0..<Int(host.pointee.count) {
        let own = host.pointee.slots[slot]
        let cost = costs[Int(own.cost)]
        let vm = Int(own.vm)
        let seconds = own.done / speed
        report.vmRequested[vm] += own.asked / speed
        report.vmGuest[vm] += seconds * cost.guest
        report.vmBackend[vm] += seconds * cost.backend
        report.vmStall[vm] += seconds * (cost.vcpu - cost.guest)
        report.vmSteal[vm] += own.stolen / speed
        report.hostGuest[index] += seconds * cost.guest
        for place in cost.places.indices { report.hostVirtualization[place][index] += seconds * cost.places[place] }
        asked += own.asked
        done += own.done
      }
      report.hostEnergy[index] = host.pointee.energy
      report.hostActive[index] = host.pointee.active
      report.hostShort[index] = host.pointee.short
      report.energy += host.pointee.energy
      active += host.pointee.active
      short += host.pointee.short
    }
    report.shortTime = active > 0 ? short / active : 0
    report.overallViolation = asked > 0 ? max(0, asked - done) / asked : 0
    report.ticks = ticks
    return report
  }
}
