import EventKernel
import Model

/// Migrations: each with half of its target's interface, or, where that is mended, in shares of the interfaces.
extension CompatibleEngine {
  func start(_ move: CompatibleFleet.Move) {
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
    let bytes = fleet.vmKinds[vm].megabytes * 1e6
    let record = migrations.start(
      vm: vm, source: source, target: target, at: now, bytes: Double(fleet.vmKinds[vm].memory))
    let index = moving.add(
      Moves.Move(
        vm: move.vm, source: Int32(source), target: move.target, record: Int32(record), cost: 0, account: 0,
        progress: PreCopy.Progress(left: bytes),
        copy: PreCopy(memory: bytes, bandwidth: 0, dirtyRate: 0, writable: 0, policy: model.policies.migration),
        left: bytes, settled: nanoseconds))
    moving[index].phase = .copying
    if fleet.corrections.bandwidth {
      moving.change(moving[index])
    } else {
      // Megabytes over half of the interface in megabytes a second.
      let wire = model.hostClasses[Int(model.hostClass[target])].bandwidth
      let rate = wire * model.policies.migration.bandwidthShare / 1e6
      plan(
        .arrival, at: now + fleet.vmKinds[vm].megabytes / rate, handle: index, generation: moving[index].generation)
    }
  }

  private var nanoseconds: Int64 { Int64((now * 1e9).rounded()) }

  func shareBandwidth() {
    guard moving.needsSharing else { return }
    moving.share { index, rate in
      moving.settle(index, at: nanoseconds)
      moving[index].rate = rate
      moving[index].isFresh = false
      moving[index].generation &+= 1
      plan(.arrival, at: now + moving[index].left / rate, handle: index, generation: moving[index].generation)
    }
  }

  /// Whether an arrival still holds: shares of the interfaces may have changed since it was planned.
  func isDue(_ event: Event) -> Bool {
    moving[Int(event.handle)].generation & Event.generationMask == event.generation
  }

  func arrive(_ index: Int) {
    let move = moving[index]
    moving.remove(index)
    let vm = Int(move.vm)
    let target = Int(move.target)
    let source = Int(fleet.vms[vm].host)
    if source >= 0 { fleet.displace(vm, from: source) }
    fleet.remove(vm, from: target)
    fleet.vms[vm].isMigrating = false
    fleet.place(vm, on: target)
    fleet.vms[vm].host = move.target
    fleet.vms[vm].lastHost = move.target
    fleet.vms[vm].moves += 1
    migrations.finish(Int(move.record), source: source, at: now)
  }
}
