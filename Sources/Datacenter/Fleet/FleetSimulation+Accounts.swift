import EventKernel
import Model

/// Samples of demand, and accounts.
extension FleetSimulation {
  /// A new sample of a set holds: hosts with VMs that follow it are settled and shared anew.
  func sample(set: Int) {
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

  func note() {
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

  func finish() -> FleetReport {
    var active = 0.0
    var short = 0.0
    for index in 0..<fleet.hostClass.count {
      let host = state.hosts + index
      state.settle(host, at: now)
      bookMode(of: index)
      for slot in 0..<Int(host.pointee.count) { account(host.pointee.slots[slot], of: index) }
      finishMemory(of: index)
      report.hostWorks[index] = state.works[Int(host.pointee.group)].indices.map {
        state.done(by: $0, of: host, awake: awakeTime[index]) / speed(of: index)
      }
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
    report.unplacedVMs = waiting.count + report.oversizedVMs
    report.shortTime = active > 0 ? short / active : 0
    report.overallViolation = report.asked > 0 ? max(0, report.asked - report.done) / report.asked : 0
    report.degradation = report.asked > 0 ? report.lostMoving / report.asked : 0
    report.ticks = ticks
    report.steps = steps + memorySteps
    return report
  }

  /// Steps of all classes: those of the work done, in the order of the classes of VMs, then of hosts.
  private var steps: [FleetReport.Step] {
    let hostClasses = fleet.hostClasses.count
    var ofPair = [[Int]](repeating: [], count: fleet.vmClasses.count * hostClasses)
    for index in costs.indices where work[index] > 0 { ofPair[Int(pairs[index])].append(index) }
    return ofPair.enumerated().flatMap { pair, members in
      members.flatMap { index in
        costs[index].flows.compactMap { flow in
          let operations = flow.rate * work[index]
          return operations > 0
            ? FleetReport.Step(
              hostClass: pair % hostClasses, vmClass: fleet.vmClasses[pair / hostClasses].group,
              operation: flow.operation,
              charge: flow.charge, operations: operations) : nil
        }
      }
    }
  }

  /// Books what a VM did on a host since it came there.
  func account(_ own: FleetState.Slot, of host: Int) {
    let speed = fleet.hostClasses[Int(fleet.hostClass[host])].coreSpeed
    let index = Int(own.cost)
    let account = account(ofCost: index, vm: Int(own.vm), on: host)
    let cost = costs[account]
    let vm = Int(own.vm)
    let seconds = own.done / speed
    report.vmRequested[vm] += own.asked / speed
    report.vmGuest[vm] += seconds * cost.guest
    report.vmBackend[vm] += seconds * cost.backend
    report.vmSpin[vm] += seconds * cost.spin
    report.vmStall[vm] += seconds * (cost.vcpu - cost.guest)
    report.vmSteal[vm] += own.stolen / speed
    report.vmExits[vm] += seconds * cost.exits
    report.vmCompleted[vm] += seconds * cost.completed
    work[account] += seconds
    if reclaims { bookFaults(vm, on: host, account: account, seconds: seconds) }
    report.hostGuest[host] += seconds * cost.guest
    for place in cost.places.indices { report.hostVirtualization[place][host] += seconds * cost.places[place] }
    report.asked += own.asked
    report.done += own.done
  }

  /// Adds up what all hosts draw until the next event, apart from their own accounts.
  func integratesPower(to time: Int64) -> Bool {
    guard time > now else { return true }
    let power = (0..<fleet.hostClass.count).reduce(0.0) { $0 + state.power(of: state.hosts + $1) }
    integrated += power * Double(time - now) * 1e-9
    return true
  }

  /// Whether every host gives as much CPU as its VMs get, has promised no memory that it lacks, and runs VMs that are
  /// nowhere else.
  ///
  /// - Complexity: O(hosts + VMs): for debug builds.
  var isConsistent: Bool {
    var running = 0
    for index in 0..<fleet.hostClass.count {
      let host = state.hosts + index
      var used = state.beside(host) + (host.pointee.count > 0 ? host.pointee.merging : 0)
      var memory = placer.rooms[index].memory
      let number = Int(fleet.hostClass[index])
      var devices = fleet.hostClasses[number].deviceLimits.map { _ in 0 }
      for place in 0..<Int(host.pointee.count) {
        let slot = host.pointee.slots[place]
        let cost = state.costs[Int(slot.cost)]
        used += slot.rate * (cost.vcpu + cost.backend)
        let group = Int(fleet.vmClass[Int(slot.vm)])
        memory += Double(fleet.vmClasses[group].memory) + kept[group][number]
        guard report.vmHost[Int(slot.vm)] == Int32(index) else { return false }
        if !fleet.assigned.isEmpty {
          for device in fleet.assigned[pair(vm: Int(slot.vm), host: index)] { devices[device] += 1 }
        }
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
      for (device, limit) in fleet.hostClasses[number].deviceLimits.enumerated() where limit < devices[device] {
        return false
      }
      let size = Double(fleet.hostClasses[number].memory) * fleet.hostClasses[number].memoryRatio
      guard abs(used - host.pointee.used) <= 1e-9 * host.pointee.total, placer.rooms[index].memory >= -1,
        abs(memory - size) <= 1, host.pointee.power == state.power(of: host)
      else { return false }
    }
    return running == report.runningVMs
  }
}
