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
  /// Lists as they were before the round, of hosts that it changed.
  private var saved: [(host: Int32, slots: [CompatibleFleet.Slot])] = []
  private var isSaved: [Bool]

  init(fleet: CompatibleFleet, policy: ConsolidationPolicy, detector: CompatibleFleet.Detector) {
    self.fleet = fleet
    self.policy = policy
    self.detector = detector
    candidates = CandidateHosts(capacity: fleet.hostCount)
    isOver = [Bool](repeating: false, count: fleet.hostCount)
    isSaved = isOver
  }

  func deallocate() { candidates.hosts.deallocate() }

  /// Runs the whole round and leaves the hosts as they were.
  mutating func run(random: inout RandomStream) {
    moves.removeAll(keepingCapacity: true)
    var leaving: [Int32] = []
    for host in 0..<fleet.hostCount {
      isOver[host] = fleet.hosts[host].count > 0 && fleet.isOverloaded(host, by: detector)
    }
    for host in 0..<fleet.hostCount where isOver[host] {
      save(host)
      repeat {
        guard let vm = selected(of: host, random: &random) else { break }
        leaving.append(Int32(vm))
        fleet.displace(vm, from: host)
      } while fleet.isOverloaded(host, by: detector)
    }
    candidates.removeAll()
    for host in 0..<fleet.hostCount where !isOver[host] { candidates.append(host) }
    fleet.sortByDemand(&leaving)
    for vm in leaving {
      guard let target = fleet.leastPowerIncrease(for: Int(vm), among: candidates, detector: detector) else { continue }
      place(vm, on: target)
    }
    if policy.evacuates { evacuate() }
    restore()
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
    // Hosts that may still be emptied: on, neither overloaded nor a target of this part.
    var isExcluded = isOver
    // Those that just took VMs from overloaded hosts are targets, but stay.
    var takes = [Bool](repeating: false, count: fleet.corrections.evacuation ? fleet.hostCount : 0)
    if fleet.corrections.evacuation { for move in moves { takes[Int(move.target)] = true } }
    for host in 0..<fleet.hostCount where fleet.utilization(fleet.hosts[host].utilization, of: host) == 0 {
      isExcluded[host] = true
    }
    candidates.removeAll()
    for host in 0..<fleet.hostCount where !isExcluded[host] { candidates.append(host) }
    // What ranks the hosts does not change during the round, so that one sort stands for all searches.
    var order: [(utilization: Double, host: Int32)] = []
    for host in 0..<fleet.hostCount where !isExcluded[host] {
      let utilization = fleet.utilization(fleet.hosts[host].utilization, of: host)
      if utilization > 0, utilization < 1 { order.append((utilization, Int32(host))) }
    }
    order.sort { $0.utilization == $1.utilization ? $0.host < $1.host : $0.utilization < $1.utilization }
    var vms: [Int32] = []
    for (_, number) in order {
      let host = Int(number)
      // A host whose VMs are all on their way, or still come in, is passed over, but remains a target.
      guard !isExcluded[host], hasSettledVM(host), takes.isEmpty || !takes[host] else { continue }
      isExcluded[host] = true
      candidates.remove(host)
      vms.removeAll(keepingCapacity: true)
      for index in 0..<Int(fleet.hosts[host].count) {
        let vm = fleet.hosts[host].slots[index].vm
        if !fleet.vms[Int(vm)].isMigrating { vms.append(vm) }
      }
      fleet.sortByDemand(&vms)
      let before = moves.count
      for vm in vms {
        guard let target = fleet.leastPowerIncrease(for: Int(vm), among: candidates, detector: detector) else {
          for move in moves[before...] { fleet.displace(Int(move.vm), from: Int(move.target)) }
          moves.removeSubrange(before...)
          break
        }
        place(vm, on: target)
      }
      for move in moves[before...] { isExcluded[Int(move.target)] = true }
    }
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
  private func selected(of host: Int, random: inout RandomStream) -> Int? {
    var best: (vm: Int, value: Double)?
    var settled: [Int] = []
    for index in 0..<Int(fleet.hosts[host].count) {
      let vm = Int(fleet.hosts[host].slots[index].vm)
      guard !fleet.vms[vm].isMigrating else { continue }
      settled.append(vm)
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
    case .random: return settled[random.nextInteger(below: settled.count)]
    case .maximumCorrelation:
      let length = OverloadStatistics.historyLength
      let shortest = settled.reduce(length) { min($0, Int(fleet.vms[$1].historyCount)) }
      let chosen = Correlation.mostCorrelated(
        settled.map { UnsafePointer(fleet.vmHistories + $0 * length) }, samples: shortest)
      return chosen.map { settled[$0] } ?? best?.vm
    }
  }

  private mutating func save(_ host: Int) {
    guard !isSaved[host] else { return }
    isSaved[host] = true
    let state = fleet.hosts[host]
    saved.append((Int32(host), (0..<Int(state.count)).map { state.slots[$0] }))
  }

  /// Puts back the lists of the hosts: VMs that come in first, then the others.
  private mutating func restore() {
    for (number, slots) in saved {
      let host = Int(number)
      fleet.hosts[host].count = 0
      for slot in slots where slot.isIncoming { fleet.append(Int(slot.vm), to: host, incoming: true) }
      for slot in slots where !slot.isIncoming { fleet.append(Int(slot.vm), to: host, incoming: false) }
      fleet.allocate(host)
      isSaved[host] = false
    }
    saved.removeAll(keepingCapacity: true)
  }
}
