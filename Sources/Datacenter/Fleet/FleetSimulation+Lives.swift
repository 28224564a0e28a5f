import EventKernel
import Model
import Quantities

/// VMs that come and go.
extension FleetSimulation {
  /// When a VM begins and ends by its trace.
  func life(of vm: Int) -> (start: Int64, end: Int64) {
    let demand = fleet.vmClasses[Int(fleet.vmClass[vm])].demand
    guard demand >= 0, demands[demand].matrix == nil else { return (0, TraceSet.forever) }
    let entity = demands[demand].set.entities[Int(fleet.vmSeries[vm])]
    return (entity.start, entity.end)
  }

  /// Places what is there at the start, and plans what comes later.
  func begin() throws {
    try judgeSizes()
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

  /// Finds the classes of VMs that no host could take even empty.
  ///
  /// A job of a trace that is larger than any host is told at the end, as one that waited in vain. A group of which no VM
  /// fits, or whose VMs all exist from the beginning, is a mistake in the scenario.
  private func judgeSizes() throws {
    isOversized = fleet.vmClasses.enumerated().map { number, group in
      group.count > 0 && !placer.canEverTake(group, extraMemory: { self.kept[number][$0] })
    }
    let fitting = Set(
      fleet.vmClasses.enumerated().lazy.filter { $1.count > 0 && !self.isOversized[$0] }.map(\.1.group))
    for (number, group) in fleet.vmClasses.enumerated() where isOversized[number] {
      let comesAndGoes = group.demand >= 0 && demands[group.demand].matrix == nil
      guard comesAndGoes, fitting.contains(group.group) else { throw noHost(group, group.name) }
    }
  }

  private func noHost(_ group: FleetModel.VMClass, _ name: String) -> FleetError {
    FleetError(
      "vm '\(name)' finds no host; expected one with \(group.vcpus) cores, "
        + "\(ByteCount(bytes: group.memory)) of memory and CPU left, and all that the VM requires"
        + (needsDevices(group) ? ", a device or virtual function of its own among it" : ""),
      location: group.location)
  }

  /// Whether VMs of a class have devices, or virtual functions, for themselves.
  private func needsDevices(_ group: FleetModel.VMClass) -> Bool {
    guard let index = group.index, !fleet.assigned.isEmpty else { return false }
    return fleet.hostClasses.indices.contains { !fleet.assigned[index * fleet.hostClasses.count + $0].isEmpty }
  }

  private func planArrival() {
    guard arrived < arrivals.count else { return }
    let vm = Int(arrivals[arrived])
    plan(.arrival, at: life(of: vm).start, handle: vm)
  }

  func arrive() {
    let vm = arrivals[arrived]
    arrived += 1
    wait(vm)
    endInstant()
    planArrival()
  }

  private func wait(_ vm: Int32) {
    if isOversized[Int(fleet.vmClass[Int(vm)])] { report.oversizedVMs += 1 } else { waiting.append(vm) }
  }

  /// Gives waiting VMs hosts in their order; one for which there is none does not hold up those of other classes.
  ///
  /// - Complexity: O(waiting VMs) when room was freed, else O(VMs that came since).
  func placeWaiting() {
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

  /// Lets a VM begin to run.
  func admit(_ vm: Int, on host: Int) {
    let life = life(of: vm)
    let group = fleet.vmClasses[Int(fleet.vmClass[vm])]
    let cost = accountIndex(vm: vm, host: host, isMigrating: false)
    var slot = FleetState.Slot(
      vm: Int32(vm), cost: place(ofAccount: cost), series: max(0, fleet.vmSeries[vm]), demandSet: Int32(group.demand))
    slot.demand = group.constantDemand * 100 * costs[cost].perPercent
    if group.demand >= 0, demands[group.demand].matrix == nil {
      slot.demand = follow(vm, set: group.demand, &slot) * costs[cost].perPercent
      // A VM that had to wait lives as long as it would have.
      if life.end != TraceSet.forever { plan(.departure, at: now + (life.end - life.start), handle: vm) }
    }
    let place = state.hosts + host
    if now > 0 { change(host) { state.append(slot, to: place) } } else { state.append(slot, to: place) }
    changeVMs(of: host)
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
  func ownSample(_ vm: Int) {
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

  func depart(_ vm: Int) {
    let number = Int(report.vmHost[vm])
    guard takeOff(vm, from: number) != nil else { return }
    cancelMove(of: vm)
    release(vm, from: number)
    changeVMs(of: number)
    report.runningVMs -= 1
    report.endedVMs += 1
    updateSpare(number)
  }
}
