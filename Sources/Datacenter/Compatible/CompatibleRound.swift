import EventKernel
import Model

/// One look at the fleet: which VMs leave overloaded hosts, which hosts are emptied, and where their VMs go.
///
/// Placement goes on in the hosts' own lists, which `restore` puts back; only the moves remain.
struct CompatibleRound {
  let fleet: CompatibleFleet
  let policy: ConsolidationPolicy
  let detector: CompatibleFleet.Detector
  private(set) var moves: [CompatibleFleet.Move] = []
  private var candidates: CandidateHosts
  private var isOver: [Bool]
  /// Hosts that are not emptied (any more), and, where that is mended, those that took VMs from overloaded ones.
  private var isExcluded: [Bool]
  private var takes: [Bool]
  /// Lists as they were before the round, one behind the other, of hosts that it changed.
  private var saved: [(host: Int32, first: Int, count: Int)] = []
  private var savedSlots: [CompatibleFleet.Slot] = []
  private var isSaved: [Bool]
  // Lists of the moment, kept so that rounds allocate nothing.
  private var leaving: [LeavingVM] = []
  private var emptying: [EmptyingHost] = []
  private var settled: [Int32] = []
  private let correlation = Correlation()

  init(fleet: CompatibleFleet, policy: ConsolidationPolicy, detector: CompatibleFleet.Detector) {
    self.fleet = fleet
    self.policy = policy
    self.detector = detector
    candidates = CandidateHosts(capacity: fleet.hostCount)
    isOver = [Bool](repeating: false, count: fleet.hostCount)
    isExcluded = isOver
    takes = isOver
    isSaved = isOver
  }

  func deallocate() { candidates.hosts.deallocate() }

  /// Runs the whole round and leaves the hosts as they were.
  mutating func run(random: inout RandomStream) {
    moves.removeAll(keepingCapacity: true)
    leaving.removeAll(keepingCapacity: true)
    for host in 0..<fleet.hostCount {
      isOver[host] = fleet.hosts[host].count > 0 && fleet.isOverloaded(host, by: detector)
    }
    for host in 0..<fleet.hostCount where isOver[host] {
      save(host)
      repeat {
        guard let vm = selected(of: host, random: &random) else { break }
        noteLeaving(vm, from: host)
        fleet.displace(vm, from: host)
      } while fleet.isOverloaded(host, by: detector)
    }
    candidates.removeAll()
    for host in 0..<fleet.hostCount where !isOver[host] { candidates.append(host) }
    leaving.heapSort(by: LeavingVM.precedes)
    for index in leaving.indices {
      let vm = leaving[index].vm
      guard let target = fleet.leastPowerIncrease(for: Int(vm), among: candidates, detector: detector) else { continue }
      place(vm, on: target)
    }
    if policy.evacuates { evacuate() }
    restore()
  }

  private mutating func noteLeaving(_ vm: Int, from host: Int) {
    leaving.append(
      LeavingVM(
        vm: Int32(vm), source: Int32(host), demand: fleet.vms[vm].request, position: Int32(leaving.count)))
  }

  private mutating func place(_ vm: Int32, on target: Int) {
    save(target)
    fleet.place(Int(vm), on: target)
    moves.append(CompatibleFleet.Move(vm: vm, target: Int32(target)))
  }

  /// Empties hosts, the least utilized first, as long as all VMs of a host find another that is on.
  ///
  /// Targets of the moves from overloaded hosts may be emptied too, and then move such a VM a second time.
  private mutating func evacuate() {
    // Hosts that may still be emptied: on, neither overloaded nor a target of this part. What ranks them does not change
    // during the round, so that one sort stands for all searches.
    candidates.removeAll()
    emptying.removeAll(keepingCapacity: true)
    for host in 0..<fleet.hostCount {
      let utilization = fleet.utilization(fleet.hosts[host].utilization, of: host)
      isExcluded[host] = isOver[host] || utilization == 0
      takes[host] = false
      guard !isExcluded[host] else { continue }
      candidates.append(host)
      if utilization > 0, utilization < 1 {
        emptying.append(EmptyingHost(host: Int32(host), utilization: utilization))
      }
    }
    // Those that just took VMs from overloaded hosts are targets, but stay.
    if fleet.corrections.evacuation { for index in moves.indices { takes[Int(moves[index].target)] = true } }
    emptying.heapSort(by: EmptyingHost.precedes)
    for index in emptying.indices {
      let host = Int(emptying[index].host)
      // A host whose VMs are all on their way, or still come in, is passed over, but remains a target.
      guard !isExcluded[host], hasSettledVM(host), !takes[host] else { continue }
      empty(host)
    }
  }

  /// Moves all VMs of a host that are not on their way, or none.
  private mutating func empty(_ host: Int) {
    isExcluded[host] = true
    candidates.remove(host)
    leaving.removeAll(keepingCapacity: true)
    for index in 0..<Int(fleet.hosts[host].count) {
      let vm = Int(fleet.hosts[host].slots[index].vm)
      if !fleet.vms[vm].isMigrating { noteLeaving(vm, from: host) }
    }
    leaving.heapSort(by: LeavingVM.precedes)
    let before = moves.count
    for index in leaving.indices {
      let vm = leaving[index].vm
      guard let target = fleet.leastPowerIncrease(for: Int(vm), among: candidates, detector: detector) else {
        for move in before..<moves.count { fleet.displace(Int(moves[move].vm), from: Int(moves[move].target)) }
        moves.removeLast(moves.count - before)
        break
      }
      place(vm, on: target)
    }
    for index in before..<moves.count { isExcluded[Int(moves[index].target)] = true }
  }

  /// Whether the first VM that decides is one that stays: VMs on their way out are passed over until one comes in.
  private func hasSettledVM(_ host: Int) -> Bool {
    for index in 0..<Int(fleet.hosts[host].count) {
      let slot = fleet.hosts[host].slots[index]
      if !fleet.vms[Int(slot.vm)].isMigrating { return true }
      if slot.isIncoming { return false }
    }
    return false
  }

  /// The VM that leaves an overloaded host next; nil when all are on their way.
  private mutating func selected(of host: Int, random: inout RandomStream) -> Int? {
    var best: (vm: Int, value: Double)?
    settled.removeAll(keepingCapacity: true)
    for index in 0..<Int(fleet.hosts[host].count) {
      let vm = Int(fleet.hosts[host].slots[index].vm)
      guard !fleet.vms[vm].isMigrating else { continue }
      settled.append(Int32(vm))
      let value: Double
      switch policy.selection {
      case .minimumMigrationTime: value = fleet.vmKinds[vm].megabytes
      case .minimumUtilization: value = fleet.vms[vm].request / fleet.vmKinds[vm].mips
      case .random, .maximumCorrelation: value = 0
      }
      if best == nil || value < best!.value { best = (vm, value) }
    }
    guard !settled.isEmpty else { return nil }
    switch policy.selection {
    case .minimumMigrationTime, .minimumUtilization: return best?.vm
    case .random: return Int(settled[random.nextInteger(below: settled.count)])
    case .maximumCorrelation:
      let length = OverloadStatistics.historyLength
      let shortest = settled.reduce(length) { min($0, Int(fleet.vms[Int($1)].historyCount)) }
      correlation.begin(count: settled.count, samples: shortest)
      for index in settled.indices {
        correlation.series(index).update(from: fleet.vmHistories + Int(settled[index]) * length, count: shortest)
      }
      return correlation.mostCorrelated().map { Int(settled[$0]) } ?? best?.vm
    }
  }

  private mutating func save(_ host: Int) {
    guard !isSaved[host] else { return }
    isSaved[host] = true
    let state = fleet.hosts[host]
    saved.append((Int32(host), savedSlots.count, Int(state.count)))
    savedSlots.append(contentsOf: UnsafeBufferPointer(start: state.slots, count: Int(state.count)))
  }

  /// Puts back the lists of the hosts: VMs that come in first, then the others.
  private mutating func restore() {
    for entry in saved.indices {
      let host = Int(saved[entry].host)
      let slots = saved[entry].first..<saved[entry].first + saved[entry].count
      fleet.hosts[host].count = 0
      for isIncoming in [true, false] {
        for index in slots where savedSlots[index].isIncoming == isIncoming {
          fleet.append(Int(savedSlots[index].vm), to: host, incoming: isIncoming)
        }
      }
      fleet.allocate(host)
      isSaved[host] = false
    }
    saved.removeAll(keepingCapacity: true)
    savedSlots.removeAll(keepingCapacity: true)
  }
}
