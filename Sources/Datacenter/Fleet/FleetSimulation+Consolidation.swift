import EventKernel
import Model

/// What a round of consolidation knows of a host: demand with the moves under way and those of the round counted as done.
struct HostPlan {
  /// MHz that its VMs will take now, and as predicted for the end of a migration.
  var wanted = 0.0
  var predicted = 0.0
  /// MHz above which it is overloaded.
  var limit = 0.0
  var isOver = false
  var isTarget = false
  var isIn = false
}

/// A VM that leaves its host in a round, and what ranks it.
struct LeavingVM {
  var vm: Int32
  var source: Int32
  /// MHz that it takes there.
  var demand: Double
  /// Its place among the VMs of the list, which decides between equals.
  var position: Int32

  /// The greatest demand first.
  static func precedes(_ first: LeavingVM, _ second: LeavingVM) -> Bool {
    first.demand == second.demand ? first.position < second.position : first.demand > second.demand
  }
}

/// A host that a round may empty, with its utilization.
struct EmptyingHost {
  var host: Int32
  var utilization: Double

  /// The least utilized first.
  static func precedes(_ first: EmptyingHost, _ second: EmptyingHost) -> Bool {
    first.utilization == second.utilization ? first.host < second.host : first.utilization < second.utilization
  }
}

extension FleetSimulation {
  private var usesPrediction: Bool {
    switch fleet.policies.consolidation?.overload {
    case .localRegression, .robustLocalRegression: true
    default: false
    }
  }

  /// One look at the fleet [Beloglazov & Buyya 2012]: VMs leave overloaded hosts, and hosts with little load are emptied.
  ///
  /// Unlike there: demand is that of now, with moves under way counted at their targets; memory is kept at both ends; hosts
  /// that take VMs from overloaded ones are not emptied in the same round; sleeping hosts come last.
  ///
  /// - Complexity: O(running VMs × history) for the histories, then O(host classes × log hosts) for each VM placed.
  func consolidate() {
    guard let policy = fleet.policies.consolidation else { return }
    recordHistory()
    active.removeAll(keepingCapacity: true)
    for host in 0..<fleet.hostClass.count where state.hosts[host].count > 0 || state.hosts[host].incoming > 0 {
      plans[host] = HostPlan()
      active.append(host)
      makePlan(host, policy)
    }
    relieve(policy)
    for host in active where !plans[host].isOver && state.hosts[host].mode == .awake { enter(host) }
    for index in leaving.indices {
      let (vm, source) = (Int(leaving[index].vm), Int(leaving[index].source))
      if let target = target(for: vm, from: source) ?? spare(for: vm, from: source) {
        commit(vm, to: target)
      } else {
        // It stays where it is.
        add(vm, to: source, sign: 1)
      }
    }
    if policy.evacuates { evacuate() }
    for host in active where plans[host].isIn { leave(host) }
    for index in chosen.indices { startMove(of: Int(chosen[index].vm), to: Int(chosen[index].target)) }
    chosen.removeAll(keepingCapacity: true)
  }

  // MARK: Histories

  /// Appends the demand of each VM to its history, in percent of its vCPUs.
  private func recordHistory() {
    let length = OverloadStatistics.historyLength
    for host in 0..<fleet.hostClass.count {
      for index in 0..<Int(state.hosts[host].count) {
        let slot = state.hosts[host].slots[index]
        let vm = Int(slot.vm)
        let scale = state.costs[Int(slot.cost)].perPercent
        histories[vm * length + Int(historyCounts[vm]) % length] = Float(scale > 0 ? slot.demand / scale : 0)
        historyCounts[vm] += 1
      }
    }
  }

  /// Sample of a VM's history, `age` looks ago.
  private func past(_ vm: Int, _ age: Int) -> Double {
    let length = OverloadStatistics.historyLength
    return Double(histories[vm * length + (Int(historyCounts[vm]) - 1 - age) % length])
  }

  /// MHz that a VM takes of hosts of a class at a demand in percent.
  private func megahertz(_ vm: Int, percent: Double, on host: Int) -> Double {
    let cost = state.costs[Int(place(ofAccount: accountIndex(vm: vm, host: host, isMigrating: false)))]
    return state.wanted(percent * cost.perPercent, at: cost)
  }

  private func currentWanted(_ vm: Int, on host: Int) -> Double {
    historyCounts[vm] > 0 ? megahertz(vm, percent: past(vm, 0), on: host) : 0
  }

  /// MHz that a VM is predicted to take at the end of a migration; that of now while its history is short.
  private func predicted(_ vm: Int, on host: Int) -> Double {
    let count = OverloadStatistics.regressionLength
    guard usesPrediction, historyCounts[vm] >= count, let policy = fleet.policies.consolidation else {
      return currentWanted(vm, on: host)
    }
    let group = fleet.vmClasses[Int(fleet.vmClass[vm])]
    let steps = (Double(group.memory) / nominalRate / policy.interval.seconds).rounded(.up)
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: count) { buffer in
      for index in 0..<count { buffer[index] = megahertz(vm, percent: past(vm, count - 1 - index), on: host) }
      return max(
        0,
        OverloadStatistics.localRegression(
          buffer.baseAddress!, count: count, to: Double(count) + steps,
          isRobust: policy.overload == .robustLocalRegression))
    }
  }

  // MARK: Overload

  private func makePlan(_ host: Int, _ policy: ConsolidationPolicy) {
    let place = state.hosts[host]
    members.removeAll(keepingCapacity: true)
    for index in 0..<Int(place.count) where moves.ofVM[Int(place.slots[index].vm)] < 0 {
      members.append(Int(place.slots[index].vm))
    }
    moves.forEach(to: host) { members.append(Int(moves[$0].vm)) }
    let beside = place.beside + place.besideEach * Double(members.count)
    plans[host].wanted = members.reduce(beside) { $0 + currentWanted($1, on: host) }
    plans[host].predicted =
      usesPrediction ? members.reduce(beside) { $0 + predicted($1, on: host) } : plans[host].wanted
    plans[host].limit = place.total * limit(of: host, policy)
    plans[host].isOver = isOver(host)
  }

  /// Utilization above which a host with the present `members` is overloaded.
  private func limit(of host: Int, _ policy: ConsolidationPolicy) -> Double {
    switch policy.overload {
    case .threshold: return policy.parameter
    case .localRegression, .robustLocalRegression: return min(1, 1 / policy.parameter)
    case .interquartileRange, .medianAbsoluteDeviation:
      let length = OverloadStatistics.historyLength
      let count = min(length, members.reduce(0) { max($0, Int(historyCounts[$1])) })
      // Fewer samples say nothing about the spread.
      guard count >= 12 else { return Self.shortHistoryLimit }
      return withUnsafeTemporaryAllocation(of: Double.self, capacity: length) { buffer in
        for age in 0..<count {
          buffer[age] = 0
          for vm in members where age < historyCounts[vm] {
            buffer[age] += megahertz(vm, percent: past(vm, age), on: host) / state.hosts[host].total
          }
        }
        let spread =
          policy.overload == .interquartileRange
          ? OverloadStatistics.interquartileRange(buffer.baseAddress!, count: count)
          : OverloadStatistics.medianAbsoluteDeviation(buffer.baseAddress!, count: count)
        return max(0, 1 - policy.parameter * spread)
      }
    }
  }

  /// Threshold while histories are too short [Beloglazov & Buyya 2012, as CloudSim has it].
  private static let shortHistoryLimit = 0.7

  private func isOver(_ host: Int) -> Bool {
    plans[host].predicted > plans[host].limit * (1 + 1e-9) || plans[host].wanted > state.hosts[host].total * (1 + 1e-9)
  }

  /// Whether a VM may be moved: not already, not bound to others or to a host.
  private func isMovable(_ vm: Int) -> Bool {
    let requirement = fleet.vmClasses[Int(fleet.vmClass[vm])].requirement
    return moves.ofVM[vm] < 0 && requirement.affinity == nil && requirement.host == nil
  }

  /// Selects VMs that leave overloaded hosts, those with the greatest demand first.
  private func relieve(_ policy: ConsolidationPolicy) {
    leaving.removeAll(keepingCapacity: true)
    for host in active where plans[host].isOver {
      members.removeAll(keepingCapacity: true)
      for index in 0..<Int(state.hosts[host].count) where isMovable(Int(state.hosts[host].slots[index].vm)) {
        members.append(Int(state.hosts[host].slots[index].vm))
      }
      while isOver(host), let position = select(on: host, policy) {
        let vm = members.remove(at: position)
        noteLeaving(vm, from: host)
        add(vm, to: host, sign: -1)
      }
    }
    leaving.heapSort(by: LeavingVM.precedes)
  }

  private func noteLeaving(_ vm: Int, from source: Int) {
    leaving.append(
      LeavingVM(
        vm: Int32(vm), source: Int32(source), demand: currentWanted(vm, on: source), position: Int32(leaving.count)))
  }

  /// The place among `members` of the VM that leaves a host next; nil without any.
  private func select(on host: Int, _ policy: ConsolidationPolicy) -> Int? {
    guard !members.isEmpty else { return nil }
    switch policy.selection {
    case .minimumMigrationTime: return smallestMember
    case .minimumUtilization: return leastMember { currentWanted($0, on: host) }
    case .random: return random.nextInteger(below: members.count)
    case .maximumCorrelation:
      let samples = members.reduce(OverloadStatistics.historyLength) { min($0, Int(historyCounts[$1])) }
      correlation.begin(count: members.count, samples: samples)
      for index in members.indices {
        let series = correlation.series(index)
        for age in 0..<samples { series[age] = past(members[index], age) }
      }
      return correlation.mostCorrelated() ?? smallestMember
    }
  }

  /// The first of the members with the least memory.
  private var smallestMember: Int { leastMember { Double(fleet.vmClasses[Int(fleet.vmClass[$0])].memory) } }

  @inline(__always)
  private func leastMember(_ value: (Int) -> Double) -> Int {
    var best = 0
    var least = value(members[0])
    for index in 1..<members.count {
      let own = value(members[index])
      if own < least { (best, least) = (index, own) }
    }
    return best
  }

  // MARK: Placement within the round

  /// Counts a VM in, or out of, a host's plan.
  private func add(_ vm: Int, to host: Int, sign: Double) {
    let isIn = plans[host].isIn
    if isIn { leave(host) }
    plans[host].wanted += sign * currentWanted(vm, on: host)
    plans[host].predicted += sign * predicted(vm, on: host)
    if isIn { enter(host) }
  }

  /// Lets a host be found as a target.
  private func enter(_ host: Int) {
    plans[host].isIn = true
    let total = state.hosts[host].total
    targets[Int(fleet.hostClass[host])].insert(
      host, key: plans[host].wanted / total, memory: placer.rooms[host].memory,
      cpu: min(plans[host].limit - plans[host].predicted, total - plans[host].wanted))
  }

  private func leave(_ host: Int) {
    plans[host].isIn = false
    targets[Int(fleet.hostClass[host])].remove(host)
  }

  /// Classes of hosts that a VM can move to: those of the same hypervisor.
  private func admits(_ number: Int, _ group: FleetModel.VMClass, from source: Int) -> Bool {
    let target = fleet.hostClasses[number]
    return placer.couldHold(group, target, 0) && placer.admits(number, group.requirement)
      && target.hypervisor == fleet.hostClasses[Int(fleet.hostClass[source])].hypervisor
  }

  /// A host of each class, to ask what a VM takes there.
  private func representative(_ number: Int) -> Int { representatives[number] }

  /// The active host where a VM adds the least power.
  private func target(for vm: Int, from source: Int) -> Int? {
    let number = Int(fleet.vmClass[vm])
    let group = fleet.vmClasses[number]
    var best: (host: Int, rank: Double)?
    for (kind, index) in targets.enumerated() where admits(kind, group, from: source) {
      let sample = representative(kind)
      let wanted = currentWanted(vm, on: sample)
      let need = max(wanted, predicted(vm, on: sample))
      let memory = Double(group.memory) + kept[number][kind]
      let total = fleet.hostClasses[kind].capacity
      let curve = fleet.hostClasses[kind].power
      func accepted(_ host: Int) -> Bool { host != source && placer.admits(host: host, group.requirement) }
      func consider(_ host: Int?) {
        guard let host else { return }
        let now = plans[host].wanted / total
        // Without a curve the fullest host counts as the cheapest.
        let rank = curve.map { $0.power(at: now + wanted / total) - $0.power(at: now) } ?? -now
        if best == nil || rank < best!.rank || (rank == best!.rank && host < best!.host) { best = (host, rank) }
      }
      index.edges(added: wanted / total, segments: (curve?.watts.count ?? 2) - 1) { from, to in
        consider(index.first(from: from, memory: memory, cpu: need, accepted: accepted))
        consider(index.last(to: to, memory: memory, cpu: need, accepted: accepted))
      }
    }
    return best?.host
  }

  /// The empty host where a VM draws the least.
  private func spare(for vm: Int, from source: Int) -> Int? {
    let number = Int(fleet.vmClass[vm])
    let group = fleet.vmClasses[number]
    var best: (host: Int, rank: Double)?
    for (kind, index) in spares.enumerated() where admits(kind, group, from: source) {
      let wanted = currentWanted(vm, on: representative(kind))
      let host = index.first(memory: Double(group.memory) + kept[number][kind], cpu: wanted) { host in
        host != source && placer.admits(host: host, group.requirement)
      }
      guard let host else { continue }
      let rank = fleet.hostClasses[kind].power?.power(at: wanted / fleet.hostClasses[kind].capacity) ?? 0
      if best == nil || rank < best!.rank { best = (host, rank) }
    }
    return best?.host
  }

  /// Takes a target: room is promised, and the plan has the VM there.
  private func commit(_ vm: Int, to target: Int) {
    let number = Int(fleet.vmClass[vm])
    if isSpare[target] {
      spares[Int(fleet.hostClass[target])].remove(target)
      isSpare[target] = false
      plans[target] = HostPlan()
      members.removeAll(keepingCapacity: true)
      plans[target].limit =
        state.hosts[target].total * (fleet.policies.consolidation.map { limit(of: target, $0) } ?? 1)
    }
    let isIn = plans[target].isIn
    if isIn { leave(target) }
    placer.take(fleet.vmClasses[number], on: target, extraMemory: { self.kept[number][$0] })
    if isIn { enter(target) }
    add(vm, to: target, sign: 1)
    plans[target].isTarget = true
    chosen.append((Int32(vm), Int32(target)))
  }

  /// Empties hosts, the least utilized first, where all VMs of a host find another active one.
  private func evacuate() {
    emptying.removeAll(keepingCapacity: true)
    for host in active where canEmpty(host) {
      emptying.append(EmptyingHost(host: Int32(host), utilization: plans[host].wanted / state.hosts[host].total))
    }
    emptying.heapSort(by: EmptyingHost.precedes)
    for index in emptying.indices where !plans[Int(emptying[index].host)].isTarget {
      empty(Int(emptying[index].host))
    }
  }

  private func canEmpty(_ host: Int) -> Bool {
    let place = state.hosts[host]
    guard plans[host].isIn, !plans[host].isTarget, place.count > 0, place.incoming == 0, place.outgoing == 0 else {
      return false
    }
    return (0..<Int(place.count)).allSatisfy { isMovable(Int(place.slots[$0].vm)) }
  }

  /// Moves all VMs of a host, or none.
  private func empty(_ host: Int) {
    leave(host)
    let place = state.hosts[host]
    leaving.removeAll(keepingCapacity: true)
    for index in 0..<Int(place.count) { noteLeaving(Int(place.slots[index].vm), from: host) }
    leaving.heapSort(by: LeavingVM.precedes)
    let before = chosen.count
    for index in leaving.indices {
      let vm = Int(leaving[index].vm)
      guard let target = target(for: vm, from: host) else { break }
      commit(vm, to: target)
    }
    if chosen.count - before == leaving.count { return }
    for index in (before..<chosen.count).reversed() { undo(Int(chosen[index].vm), on: Int(chosen[index].target)) }
    // Those that moves from other hosts go to remain targets.
    for index in before..<chosen.count { plans[Int(chosen[index].target)].isTarget = false }
    for index in 0..<before { plans[Int(chosen[index].target)].isTarget = true }
    chosen.removeLast(chosen.count - before)
    enter(host)
  }

  private func undo(_ vm: Int, on target: Int) {
    let number = Int(fleet.vmClass[vm])
    leave(target)
    placer.release(fleet.vmClasses[number], from: target, extraMemory: { self.kept[number][$0] })
    enter(target)
    add(vm, to: target, sign: -1)
  }
}
