import EventKernel
import Model

extension FleetSimulation {
  /// Begins to move a VM, or to wait until its target is awake. Room on the target is promised already.
  func startMove(of vm: Int, to target: Int) {
    let source = Int(report.vmHost[vm])
    let group = fleet.vmClasses[Int(fleet.vmClass[vm])]
    let policy = fleet.policies.migration
    let memory = Double(group.memory)
    let record = report.migrations.start(
      vm: vm, source: source, target: target, at: Double(now) * 1e-9, bytes: memory)
    let account = accountIndex(vm: vm, host: source, isMigrating: true)
    let copy = PreCopy(
      memory: memory, bandwidth: 0, dirtyRate: policy.dirtyRate, writable: memory * policy.writableShare, policy: policy
    )
    let index = moves.add(
      Moves.Move(
        vm: Int32(vm), source: Int32(source), target: Int32(target), record: Int32(record), cost: 0,
        account: Int32(account), progress: copy.start, copy: copy, left: memory, settled: now))
    moves[index].cost = Int32(plainCosts + index)
    state.costs[Int(moves[index].cost)] = costs[account].rates
    state.hosts[source].outgoing += 1
    state.hosts[target].incoming += 1
    updateSpare(target)
    if state.hosts[target].mode == .awake { beginCopying(index) } else { wake(target) }
  }

  /// Begins the first round.
  func beginCopying(_ index: Int) {
    let move = moves[index]
    moves[index].phase = .copying
    moves[index].settled = now
    moves[index].roundStart = now
    report.migrations.begin(Int(move.record), at: Double(now) * 1e-9)
    changeVMs(of: Int(move.target))
    state.costs[Int(move.cost)] = rates(of: index)
    setCost(of: Int(move.vm), on: Int(move.source), to: move.cost)
    moves.change(move)
    endInstant()
  }

  /// Lets a VM have another cost from now on; what it did is booked at the old one.
  private func setCost(of vm: Int, on number: Int, to cost: Int32) {
    let host = state.hosts + number
    guard let index = state.slot(of: vm, on: host) else { return }
    change(number) {
      let slot = host.pointee.slots + index
      account(slot.pointee, of: number)
      slot.pointee.clearAccounts()
      slot.pointee.cost = cost
    }
  }

  /// Changes something on a host: what it did so far is booked before, and it is shared anew after.
  func change(_ number: Int, _ body: () -> Void) {
    let host = state.hosts + number
    settleMoves(of: number)
    state.settle(host, at: now)
    body()
    state.share(host)
    updateWriting(of: number)
  }

  /// Books what moves away from a host have sent and what their guests wrote.
  func settleMoves(of host: Int) {
    guard state.hosts[host].outgoing > 0 else { return }
    moves.forEach(from: host) { moves.settle($0, at: now) }
  }

  /// Guests write as fast as they run.
  func updateWriting(of host: Int) {
    guard state.hosts[host].outgoing > 0 else { return }
    moves.forEach(from: host) { index in
      guard let slot = state.slot(of: Int(moves[index].vm), on: state.hosts + host) else { return }
      let own = state.hosts[host].slots[slot]
      let full = 100 * state.costs[Int(own.cost)].perPercent
      moves[index].writing = full > 0 ? moves[index].copy.dirtyRate * own.rate / full : 0
    }
  }

  /// Shares the bandwidth after migrations began or ended.
  func shareBandwidth() {
    while moves.needsSharing {
      fresh.removeAll(keepingCapacity: true)
      moves.share { index, rate in
        moves.settle(index, at: now)
        moves[index].rate = rate
        if moves[index].isFresh { fresh.append(index) }
        planRound(index)
      }
      for index in fresh {
        moves[index].isFresh = false
        stopIfLast(index)
      }
    }
  }

  private func planRound(_ index: Int) {
    moves[index].generation &+= 1
    let time = moves[index].left / moves[index].rate
    let span = max(1, Int64(min(time * 1e9, 9e18).rounded(.up)))
    let (end, overflows) = now.addingReportingOverflow(span)
    guard !overflows else { return }
    events.insert(
      Event(
        time: end, kind: Kind.round.rawValue, handle: UInt32(index), generation: moves[index].generation))
  }

  /// Stops the VM when the round that begins is the last.
  private func stopIfLast(_ index: Int) {
    guard moves[index].copy.policy.mechanism == .preCopy else { return }
    let copy = moves[index].copy
    guard copy.stops(&moves[index].progress, bandwidth: moves[index].rate) else { return }
    moves[index].phase = .stopped
    moves[index].stopped = now
    setSpeed(of: index)
  }

  /// Lets a VM that is moved have the share of its speed that the migration leaves it.
  private func setSpeed(of index: Int) {
    let move = moves[index]
    change(Int(move.source)) {
      state.costs[Int(move.cost)] = rates(of: index)
    }
  }

  /// What a VM costs while it is moved: as it runs, with the share of its speed that the migration leaves it.
  func rates(of index: Int) -> FleetState.Cost {
    let move = moves[index]
    var rates = withFaults(
      costs[Int(move.account)].rates, vm: Int(move.vm), account: Int(move.account), on: Int(move.source))
    let isStopped = move.phase == .stopped || move.phase == .switching
    let share = isStopped ? 0 : 1 - move.progress.throttle
    let full = Double(fleet.vmClasses[Int(fleet.vmClass[Int(move.vm)])].vcpus) * speed(of: Int(move.source))
    if share < 1 { rates.cap = min(rates.cap, full * share) }
    return rates
  }

  func speed(of host: Int) -> Double { fleet.hostClasses[Int(fleet.hostClass[host])].coreSpeed }

  /// A round is over.
  func endRound(_ index: Int, generation: UInt32) {
    guard moves[index].generation & Event.generationMask == generation else { return }
    moves.settle(index, at: now)
    moves[index].left = 0
    let copy = moves[index].copy
    switch moves[index].phase {
    case .waiting: break
    case .copying where copy.policy.mechanism == .fixedRate, .switching: finishMove(index)
    case .copying:
      let throttle = moves[index].progress.throttle
      let sent = moves[index].progress.left
      copy.endRound(
        &moves[index].progress, sent: sent, seconds: Double(now - moves[index].roundStart) * 1e-9)
      moves[index].roundStart = now
      moves[index].left = moves[index].progress.left
      if moves[index].progress.throttle != throttle {
        setSpeed(of: index)
      }
      stopIfLast(index)
      planRound(index)
      if copy.policy.adaptation != nil {
        // The round has another bandwidth, of which what others have depends.
        moves.change(moves[index])
        endInstant()
      }
    case .stopped:
      guard copy.policy.switchoverTime > .zero else { return finishMove(index) }
      moves[index].phase = .switching
      moves[index].generation &+= 1
      moves.change(moves[index])
      endInstant()
      events.insert(
        Event(
          time: now + copy.policy.switchoverTime.nanoseconds, kind: Kind.round.rawValue, handle: UInt32(index),
          generation: moves[index].generation))
    }
  }

  /// The VM runs on its target.
  private func finishMove(_ index: Int) {
    let move = moves[index]
    let vm = Int(move.vm)
    let (source, target) = (Int(move.source), Int(move.target))
    guard var slot = takeOff(vm, from: source) else { return }
    report.lostMoving += max(0, slot.asked - slot.done)
    let old = state.costs[Int(slot.cost)].perPercent
    slot.clearAccounts()
    slot.cost = place(ofAccount: accountIndex(vm: vm, host: target, isMigrating: false))
    slot.demand = old > 0 ? slot.demand / old * state.costs[Int(slot.cost)].perPercent : 0
    endMove(index)
    release(vm, from: source)
    if reclaims { faults[vm] = .zero }
    changeVMs(of: source)
    changeVMs(of: target)
    report.vmHost[vm] = move.target
    change(target) { state.append(slot, to: state.hosts + target) }
    report.vmMigrations[vm] += 1
    let isLive = move.copy.policy.mechanism == .preCopy
    let downtime = isLive ? Double(now - move.stopped) * 1e-9 : 0
    report.downtime += downtime
    report.migrations.finish(
      Int(move.record), at: Double(now) * 1e-9, rounds: move.progress.rounds, downtime: downtime,
      bytes: move.progress.sent + move.progress.left, lastRound: isLive ? move.progress.left : 0,
      outcome: move.progress.outcome)
    updateSpare(source)
    updateSpare(target)
  }

  private func endMove(_ index: Int) {
    let move = moves[index]
    state.hosts[Int(move.source)].outgoing -= 1
    state.hosts[Int(move.target)].incoming -= 1
    moves.remove(index)
    endInstant()
  }

  /// A VM that ends while it is moved.
  func cancelMove(of vm: Int) {
    guard fleet.policies.consolidation != nil, moves.ofVM[vm] >= 0 else { return }
    let index = Int(moves.ofVM[vm])
    let move = moves[index]
    report.migrations.finish(
      Int(move.record), at: Double(now) * 1e-9, rounds: move.progress.rounds,
      bytes: move.progress.sent + move.progress.left - move.left, outcome: .cancelled)
    endMove(index)
    release(vm, from: Int(move.target))
    changeVMs(of: Int(move.target))
    updateSpare(Int(move.target))
  }

  /// Takes a VM off its host, its accounts booked. The slot still has them.
  func takeOff(_ vm: Int, from number: Int) -> FleetState.Slot? {
    let host = state.hosts + number
    guard let index = state.slot(of: vm, on: host) else { return nil }
    var slot: FleetState.Slot?
    change(number) {
      slot = host.pointee.slots[index]
      account(host.pointee.slots[index], of: number)
      state.remove(index, from: host)
    }
    return slot
  }

  /// Gives back the room that a VM was promised.
  func release(_ vm: Int, from host: Int) {
    let group = Int(fleet.vmClass[vm])
    placer.release(fleet.vmClasses[group], from: host, extraMemory: { self.kept[group][$0] })
    isRoomFreed = true
    if hasWaiting { endInstant() }
  }
}
