import EventKernel
import Model

/// Finds hosts for VMs by a rule, without looking at every host.
///
/// What VMs were promised counts: memory in full, CPU by the nominal speed of the vCPUs against the host's, multiplied by
/// the allocation ratios, and devices that VMs have for themselves or as virtual functions.
struct Placer {
  /// What a host has left to promise.
  struct Room {
    var memory: Double
    var cpu: Double
    /// MHz promised, and VMs placed.
    var promised = 0.0
    /// VMs that each device can still take; empty where VMs have no devices for themselves.
    var devices: [Int] = []
  }

  private let model: FleetModel
  private let policy: PlacementPolicy
  /// One index for each host class.
  private let indices: [HostIndex]
  private(set) var rooms: [Room]
  private var random: RandomStream
  /// Round robin goes on behind the last host taken.
  private var next = 0.0
  /// Hosts of VM groups that share one, and of those that keep apart.
  private var shared: [Int: (host: Int, count: Int)] = [:]
  private var apart: [Int: [Int: Int]] = [:]
  /// Hosts that sleep, or fall asleep or wake, in indices of their own: they come last.
  private let resting: [HostIndex]
  /// The hosts with devices left, for VMs that need one; empty where none do.
  private let equipped: [HostIndex]
  private var isResting: [Bool]

  init(model: FleetModel, seed: UInt64, replication: Int) {
    self.model = model
    policy = model.policies.placement
    random = RandomStream(seed: seed, replication: UInt32(replication), entity: 0, purpose: FleetStreams.placement)
    let descends = [.worstFit, .filterAndWeigh].contains(policy.rule)
    let count = model.hostClass.count
    indices = model.hostClasses.map { _ in HostIndex(capacity: count, equalsDescend: descends) }
    rooms = model.hostClass.map { number in
      let group = model.hostClasses[Int(number)]
      var room = Room(
        memory: Double(group.memory) * group.memoryRatio, cpu: group.capacity * group.processorRatio)
      if !model.assigned.isEmpty { room.devices = group.deviceLimits }
      return room
    }
    equipped =
      model.assigned.isEmpty
      ? [] : model.hostClasses.map { _ in HostIndex(capacity: count, equalsDescend: descends) }
    resting = model.policies.consolidation == nil ? [] : model.hostClasses.map { _ in HostIndex(capacity: count) }
    isResting = [Bool](repeating: false, count: count)
    for host in 0..<count { insert(host) }
  }

  private func index(of host: Int) -> HostIndex {
    (isResting[host] ? resting : indices)[Int(model.hostClass[host])]
  }

  private func insert(_ host: Int) {
    let key = isResting[host] ? Double(host) : key(of: host)
    index(of: host).insert(host, key: key, memory: rooms[host].memory, cpu: rooms[host].cpu)
    if isEquipped(host) {
      equipped[Int(model.hostClass[host])].insert(host, key: key, memory: rooms[host].memory, cpu: rooms[host].cpu)
    }
  }

  private func remove(_ host: Int) {
    index(of: host).remove(host)
    if isEquipped(host) { equipped[Int(model.hostClass[host])].remove(host) }
  }

  /// Whether a host is among those with devices left.
  private func isEquipped(_ host: Int) -> Bool {
    !equipped.isEmpty && !isResting[host]
      && rooms[host].devices.contains { $0 > 0 && $0 < .max }
  }

  /// Devices that a VM of a class has for itself on hosts of a class.
  private func devices(of vm: FleetModel.VMClass, on number: Int) -> [Int] {
    guard !model.assigned.isEmpty, let index = vm.index else { return [] }
    return model.assigned[index * model.hostClasses.count + number].filter {
      model.hostClasses[number].deviceLimits[$0] < .max
    }
  }

  private func hasDevices(_ devices: [Int], _ host: Int) -> Bool {
    devices.allSatisfy { rooms[host].devices[$0] > 0 }
  }

  /// By what the rule orders hosts.
  private func key(of host: Int) -> Double {
    let group = model.hostClasses[Int(model.hostClass[host])]
    switch policy.rule {
    case .firstFit, .roundRobin, .random: return Double(host)
    case .bestFit, .worstFit: return rooms[host].memory
    case .powerAware: return rooms[host].promised / group.capacity
    case .filterAndWeigh:
      return policy.memoryWeight * rooms[host].memory / max(1, Double(group.memory))
        + policy.cpuWeight * rooms[host].cpu / group.capacity
    }
  }

  /// The MHz that a VM is promised on hosts of a class.
  func promise(_ vm: FleetModel.VMClass, on group: FleetModel.HostClass) -> Double {
    vm.cpus * (vm.speed > 0 ? min(vm.speed, group.coreSpeed) : group.coreSpeed)
  }

  /// Places a VM; nil when no host can take it.
  ///
  /// - Complexity: O(host classes × log hosts), expected.
  mutating func place(_ vm: FleetModel.VMClass, extraMemory: (Int) -> Double) -> Int? {
    let requirement = vm.requirement
    var chosen: Int?
    if let group = requirement.affinity, let host = shared[group]?.host {
      chosen = fits(vm, on: host, extraMemory) ? host : nil
    } else if policy.rule == .random {
      chosen = anyHost(for: vm, extraMemory) ?? restingHost(for: vm, extraMemory)
    } else {
      chosen = bestHost(for: vm, extraMemory) ?? restingHost(for: vm, extraMemory)
    }
    guard let chosen else { return nil }
    take(vm, on: chosen, extraMemory: extraMemory)
    next = Double(chosen) + 1
    return chosen
  }

  /// Promises a VM room on a host, whether or not the rule would choose it.
  mutating func take(_ vm: FleetModel.VMClass, on host: Int, extraMemory: (Int) -> Double) {
    change(host, for: vm, extraMemory, sign: 1)
  }

  /// Takes back what a VM was promised on a host.
  mutating func release(_ vm: FleetModel.VMClass, from host: Int, extraMemory: (Int) -> Double) {
    change(host, for: vm, extraMemory, sign: -1)
  }

  private mutating func change(
    _ host: Int, for vm: FleetModel.VMClass, _ extraMemory: (Int) -> Double, sign: Double
  ) {
    let number = Int(model.hostClass[host])
    remove(host)
    let promised = sign * promise(vm, on: model.hostClasses[number])
    rooms[host].memory -= sign * (Double(vm.memory) + extraMemory(number))
    rooms[host].cpu -= promised
    rooms[host].promised += promised
    let step = Int(sign)
    for device in devices(of: vm, on: number) { rooms[host].devices[device] -= step }
    insert(host)
    if let group = vm.requirement.affinity {
      let count = (shared[group]?.count ?? 0) + step
      shared[group] = count > 0 ? (host, count) : nil
    }
    if let group = vm.requirement.antiAffinity {
      let count = (apart[group]?[host] ?? 0) + step
      apart[group, default: [:]][host] = count > 0 ? count : nil
    }
  }

  /// Moves a host between those that can run VMs and those that rest.
  mutating func rest(_ host: Int, _ rests: Bool) {
    guard isResting[host] != rests else { return }
    remove(host)
    isResting[host] = rests
    insert(host)
  }

  /// The first resting host that could take a VM.
  private func restingHost(for vm: FleetModel.VMClass, _ extraMemory: (Int) -> Double) -> Int? {
    var best: Int?
    for number in resting.indices {
      let group = model.hostClasses[number]
      guard couldHold(vm, group, extraMemory(number)), admits(number, vm.requirement) else { continue }
      let devices = devices(of: vm, on: number)
      let host = resting[number].first(
        memory: Double(vm.memory) + extraMemory(number), cpu: promise(vm, on: group),
        accepted: { admits(host: $0, vm.requirement) && hasDevices(devices, $0) })
      if let host { best = min(best ?? host, host) }
    }
    return best
  }

  /// Whether a VM could ever run here: some host can take it while empty.
  func canEverTake(_ vm: FleetModel.VMClass, extraMemory: (Int) -> Double) -> Bool {
    model.hostClasses.indices.contains { number in
      let group = model.hostClasses[number]
      return couldHold(vm, group, extraMemory(number)) && admits(number, vm.requirement)
        && Double(group.memory) * group.memoryRatio >= Double(vm.memory) + extraMemory(number)
        && group.capacity * group.processorRatio >= promise(vm, on: group)
        && devices(of: vm, on: number).allSatisfy { group.deviceLimits[$0] > 0 }
    }
  }

  /// Whether a VM by itself is no larger than a host of a class, whatever the ratios are.
  func couldHold(_ vm: FleetModel.VMClass, _ group: FleetModel.HostClass, _ extraMemory: Double) -> Bool {
    group.cores >= vm.vcpus && Double(group.memory) >= Double(vm.memory) + extraMemory
  }

  /// Whether hosts of a class pass the filters.
  func admits(_ number: Int, _ requirement: FleetModel.Requirement) -> Bool {
    let group = model.hostClasses[number]
    if let wanted = requirement.hostClass, wanted != number { return false }
    if let host = requirement.host, Int(model.hostClass[host]) != number { return false }
    if !requirement.hypervisors.isEmpty, !requirement.hypervisors.contains(group.hypervisor) { return false }
    return requirement.capabilities.isSubset(of: group.capabilities)
  }

  /// Whether a host itself passes the filters that its class does not decide.
  func admits(host: Int, _ requirement: FleetModel.Requirement) -> Bool {
    if let wanted = requirement.host, wanted != host { return false }
    if let group = requirement.antiAffinity, apart[group]?[host] != nil { return false }
    return true
  }

  private func fits(_ vm: FleetModel.VMClass, on host: Int, _ extraMemory: (Int) -> Double) -> Bool {
    let number = Int(model.hostClass[host])
    let group = model.hostClasses[number]
    return !isResting[host] && couldHold(vm, group, extraMemory(number)) && admits(number, vm.requirement)
      && admits(host: host, vm.requirement)
      && rooms[host].memory >= Double(vm.memory) + extraMemory(number) && rooms[host].cpu >= promise(vm, on: group)
      && hasDevices(devices(of: vm, on: number), host)
  }

  private func bestHost(for vm: FleetModel.VMClass, _ extraMemory: (Int) -> Double) -> Int? {
    var best: (host: Int, rank: Double)?
    for number in indices.indices {
      let group = model.hostClasses[number]
      guard couldHold(vm, group, extraMemory(number)), admits(number, vm.requirement) else { continue }
      let memory = Double(vm.memory) + extraMemory(number)
      let cpu = promise(vm, on: group)
      let devices = devices(of: vm, on: number)
      // A closure for each host looked at is paid for only where VMs name a host, keep apart or need devices.
      let only = vm.requirement.host
      let others = vm.requirement.antiAffinity.flatMap { apart[$0] }
      let acceptsAll = only == nil && others == nil && devices.isEmpty
      func accepted(_ host: Int) -> Bool {
        (only ?? host) == host && others?[host] == nil && hasDevices(devices, host)
      }
      // Ranks are such that the least is the best.
      func consider(_ host: Int?, _ rank: (Int) -> Double) {
        guard let host else { return }
        let own = rank(host)
        if best == nil || own < best!.rank || (own == best!.rank && host < best!.host) { best = (host, own) }
      }
      let index = devices.isEmpty ? indices[number] : equipped[number]
      func first(from lowest: Double = -.infinity) -> Int? {
        acceptsAll
          ? index.first(from: lowest, memory: memory, cpu: cpu)
          : index.first(from: lowest, memory: memory, cpu: cpu, accepted: accepted)
      }
      func last(to highest: Double = .infinity) -> Int? {
        acceptsAll
          ? index.last(to: highest, memory: memory, cpu: cpu)
          : index.last(to: highest, memory: memory, cpu: cpu, accepted: accepted)
      }
      switch policy.rule {
      case .firstFit, .random: consider(first()) { Double($0) }
      case .roundRobin:
        let host = first(from: next) ?? first()
        consider(host) { Double($0) < next ? Double($0) + Double(rooms.count) : Double($0) }
      case .bestFit:
        consider(first()) { rooms[$0].memory - memory }
      case .worstFit:
        consider(last()) { -(rooms[$0].memory - memory) }
      case .filterAndWeigh:
        consider(last()) { -index.key(of: $0) }
      case .powerAware:
        func increase(_ host: Int) -> Double {
          guard let power = group.power else { return 0 }
          let now = rooms[host].promised / group.capacity
          return power.power(at: now + cpu / group.capacity) - power.power(at: now)
        }
        index.edges(added: cpu / group.capacity, segments: (group.power?.watts.count ?? 2) - 1) { from, to in
          consider(first(from: from), increase)
          consider(last(to: to), increase)
        }
      }
    }
    return best?.host
  }

  /// Draws hosts until one fits; when most are full, draws among those that do.
  private mutating func anyHost(for vm: FleetModel.VMClass, _ extraMemory: (Int) -> Double) -> Int? {
    for _ in 0..<64 {
      let host = random.nextInteger(below: rooms.count)
      if fits(vm, on: host, extraMemory) { return host }
    }
    var fitting: [Int] = []
    for number in indices.indices where admits(number, vm.requirement) {
      let memory = Double(vm.memory) + extraMemory(number)
      let cpu = promise(vm, on: model.hostClasses[number])
      var from = -Double.infinity
      while let host = indices[number].first(
        from: from, memory: memory, cpu: cpu, accepted: { fits(vm, on: $0, extraMemory) })
      {
        fitting.append(host)
        from = Double(host) + 1
      }
    }
    return fitting.isEmpty ? nil : fitting[random.nextInteger(below: fitting.count)]
  }
}
