import Model

/// Hosts and VMs under the semantics of CloudSim 3.0.3's power package, as structure of arrays.
///
/// Every sum runs in the order in which CloudSim adds, so that results are equal to the last digit. Memory is bare and
/// owned by `CompatibleEngine`; nothing here is retained or allocated while time passes, except when a host's list of VMs
/// grows.
struct CompatibleFleet {
  /// A VM in the list of a host.
  struct Slot {
    var vm: Int32
    /// Whether the VM is still on its way to this host.
    var isIncoming: Bool
    /// MIPS that the host gives it.
    var allocated: Double
  }

  /// What is constant of a host.
  struct HostKind {
    /// MIPS of one processing element, and of all.
    var element: Double
    var total: Double
    /// Watts at 0, 10, ... 100 %.
    var watts: UnsafePointer<Double>
    /// Bytes of memory.
    var memory: Int64
    /// Hosts that differ in nothing have the same class.
    var group: Int32
  }

  /// What changes of a host.
  struct HostState {
    var slots: UnsafeMutablePointer<Slot>
    var count: Int32 = 0
    var capacity: Int32
    /// MIPS that no VM was given.
    var available = 0.0
    /// Sum of the VMs' requests, incoming ones in full.
    var requested = 0.0
    /// Sum of what the VMs were given, incoming ones tenfold: they get a tenth until they arrive.
    var potential = 0.0
    /// MIPS in use as of the last update, and of the one before.
    var utilization = 0.0
    var previousUtilization = 0.0
    /// Watts at `utilization`.
    var power = 0.0
    var hasHistory = false
    /// Over all VMs: memory of the largest.
    var largestMemory: Int64 = 0
  }

  /// What is constant of a VM.
  struct VMKind {
    var mips: Double
    var vcpus: Int32
    var megabytes: Double
    var memory: Int64
    /// First sample of its series; nil for constant demand.
    var samples: UnsafePointer<Float>?
    var sampleCount: Int
    var constant: Double
  }

  /// What changes of a VM.
  struct VMState {
    /// MIPS that it asks for.
    var request = 0.0
    var host: Int32 = -1
    var lastHost: Int32 = -1
    var moves: Int32 = 0
    /// Migrations that are under way.
    var isMigrating = false
    var isAlive = true
    var historyCount: Int32 = 0
    var account = VMAccount()
  }

  let hostCount: Int
  let vmCount: Int
  let hosts: UnsafeMutablePointer<HostState>
  let hostKinds: UnsafeMutablePointer<HostKind>
  let hostAccounts: UnsafeMutablePointer<HostAccount>
  let vms: UnsafeMutablePointer<VMState>
  let vmKinds: UnsafeMutablePointer<VMKind>
  /// Latest utilizations of each VM, the newest first.
  let vmHistories: UnsafeMutablePointer<Double>
  /// Sums over the VMs of each host, made when asked for.
  let hostHistories: UnsafeMutablePointer<Double>
  /// Seconds between samples, and between two ticks.
  let interval: Double
  /// Defects that are mended.
  let corrections: CompatibleCorrections

  // MARK: Lists

  func append(_ vm: Int, to host: Int, incoming: Bool) {
    let state = hosts + host
    if state.pointee.count == state.pointee.capacity { grow(host) }
    state.pointee.slots[Int(state.pointee.count)] = Slot(vm: Int32(vm), isIncoming: incoming, allocated: 0)
    state.pointee.count += 1
    state.pointee.hasHistory = false
  }

  private func grow(_ host: Int) {
    let state = hosts + host
    let old = state.pointee.slots
    let larger = UnsafeMutablePointer<Slot>.allocate(capacity: Int(state.pointee.capacity) * 2)
    larger.moveInitialize(from: old, count: Int(state.pointee.count))
    old.deallocate()
    state.pointee.slots = larger
    state.pointee.capacity *= 2
  }

  /// Takes a VM out of a host's list. Returns whether it was there.
  @discardableResult
  func remove(_ vm: Int, from host: Int) -> Bool {
    let state = hosts + host
    let slots = state.pointee.slots
    let count = Int(state.pointee.count)
    for index in 0..<count where slots[index].vm == vm {
      for next in index + 1..<max(count, index + 1) { slots[next - 1] = slots[next] }
      state.pointee.count -= 1
      state.pointee.hasHistory = false
      return true
    }
    return false
  }

  // MARK: Shares

  /// Gives the VMs of a host their MIPS: what they ask for while there is enough, else all in proportion, rounded down.
  ///
  /// A request is capped at the speed of the host's processing elements. A VM that migrates gets nine tenths at its source,
  /// but takes all of its request there, and a tenth at its target.
  func allocate(_ host: Int) {
    let state = hosts + host
    let kind = hostKinds[host]
    let slots = state.pointee.slots
    let count = Int(state.pointee.count)
    var available = kind.total
    var requested = 0.0
    var isShort = false
    var largest: Int64 = 0
    for index in 0..<count {
      let vm = Int(slots[index].vm)
      requested += vms[vm].request
      largest = max(largest, vmKinds[vm].memory)
      let wanted = capped(vm, on: kind)
      let taken = slots[index].isIncoming ? wanted * corrections.incomingShare : wanted
      if available >= taken {
        slots[index].allocated =
          slots[index].isIncoming
          ? wanted * corrections.incomingShare : vms[vm].isMigrating ? wanted * corrections.outgoingShare : wanted
        available -= taken
      } else {
        isShort = true
        available = 0
      }
    }
    if isShort { redistribute(host) }
    state.pointee.available = isShort ? 0 : available
    state.pointee.requested = requested
    state.pointee.largestMemory = largest
    var potential = 0.0
    for index in 0..<count {
      let allocated = slots[index].allocated
      if slots[index].isIncoming {
        potential += corrections.movingShares ? capped(Int(slots[index].vm), on: kind) : allocated * 0.9 / 0.1
      }
      potential += allocated
    }
    state.pointee.potential = potential
    assert(potential >= 0 && available >= 0, "a host gives no less than nothing")
  }

  private func redistribute(_ host: Int) {
    let state = hosts + host
    let kind = hostKinds[host]
    let slots = state.pointee.slots
    var required = 0.0
    for index in 0..<Int(state.pointee.count) {
      let wanted = capped(Int(slots[index].vm), on: kind)
      required += slots[index].isIncoming ? wanted * corrections.incomingShare : wanted
    }
    let scale = kind.total / required
    for index in 0..<Int(state.pointee.count) {
      let vm = Int(slots[index].vm)
      let elements = Double(vmKinds[vm].vcpus)
      var share = capped(vm, on: kind) / elements
      if slots[index].isIncoming {
        share = share * corrections.incomingShare * scale
      } else if vms[vm].isMigrating {
        share = share * scale * corrections.outgoingShare
      } else {
        share *= scale
      }
      slots[index].allocated = share.rounded(.down) * elements
    }
  }

  /// The request of a VM, each of its vCPUs at most as fast as a processing element of the host.
  private func capped(_ vm: Int, on kind: HostKind) -> Double {
    let elements = Double(vmKinds[vm].vcpus)
    let single = vms[vm].request / elements
    return single > kind.element ? kind.element * elements : vms[vm].request
  }

  /// Whether a host could take a VM as far as its processing elements tell.
  func isSuitable(_ host: Int, for vm: Int) -> Bool {
    let request = vms[vm].request
    if corrections.memory, !hasMemory(host, for: vm) { return false }
    return hostKinds[host].element >= request / Double(vmKinds[vm].vcpus) && hosts[host].available >= request
  }

  /// Whether a host has memory for one more VM; CloudSim's VMs ask for none once they run.
  private func hasMemory(_ host: Int, for vm: Int) -> Bool {
    var used = vmKinds[vm].memory
    for index in 0..<Int(hosts[host].count) { used += vmKinds[Int(hosts[host].slots[index].vm)].memory }
    return used <= hostKinds[host].memory
  }

  // MARK: Power

  /// Watts of a host with the VMs that it has now, those placed in this round among them.
  func presentPower(of host: Int) -> Double {
    guard corrections.placementPower else { return hosts[host].power }
    guard hosts[host].potential > 0 else { return 0 }
    return power(of: host, at: utilization(hosts[host].potential, of: host)) ?? hosts[host].power
  }

  /// The utilization of a host at so many MIPS; rounding errors above 1 count as 1.
  func utilization(_ mips: Double, of host: Int) -> Double {
    let utilization = mips / hostKinds[host].total
    return utilization > 1 && utilization < 1.01 ? 1 : utilization
  }

  /// Watts by linear interpolation between the points of every 10 %; nil outside of 0 to 1.
  func power(of host: Int, at utilization: Double) -> Double? {
    guard utilization >= 0, utilization <= 1 else { return nil }
    let watts = hostKinds[host].watts
    let scaled = utilization * 10
    let below = scaled.rounded(.down)
    let low = watts[Int(below)]
    let step = (watts[Int(scaled.rounded(.up))] - low) / 10
    return low + step * (utilization - below / 10) * 100
  }

  // MARK: Update

  /// Advances the VMs of a host to `time` and gives them their MIPS.
  ///
  /// - Parameter clock: where `time` lies between samples.
  func update(_ host: Int, at clock: SampleClock) {
    let state = hosts + host
    let count = Int(state.pointee.count)
    if count == 0, state.pointee.utilization == 0 {
      state.pointee.previousUtilization = 0
      return
    }
    if clock.isSampled { state.pointee.hasHistory = false }
    for index in 0..<count { advance(Int(state.pointee.slots[index].vm), to: clock) }
    state.pointee.previousUtilization = state.pointee.utilization
    allocate(host)
    var utilization = 0.0
    var requested = 0.0
    let slots = state.pointee.slots
    for index in 0..<count {
      let vm = vms + Int(slots[index].vm)
      var allocated = slots[index].allocated
      if !slots[index].isIncoming {
        vm.pointee.account.note(
          time: clock.time, allocated: allocated, requested: vm.pointee.request, isMigrating: vm.pointee.isMigrating)
        if vm.pointee.isMigrating { allocated /= corrections.outgoingShare }
      }
      utilization += allocated
      requested += vm.pointee.request
    }
    state.pointee.utilization = utilization
    state.pointee.power = power(of: host, at: self.utilization(utilization, of: host)) ?? 0
    hostAccounts[host].note(time: clock.time, allocated: utilization, requested: requested)
  }

  private func advance(_ vm: Int, to clock: SampleClock) {
    let kind = vmKinds + vm
    let utilization: Double
    if let samples = kind.pointee.samples {
      utilization = clock.value(of: samples, count: kind.pointee.sampleCount)
    } else {
      utilization = kind.pointee.constant
    }
    vms[vm].request = utilization * kind.pointee.mips
    if clock.isSampled, vms[vm].account.sampledAt != clock.time {
      vms[vm].account.sampledAt = clock.time
      remember(utilization, of: vm)
    }
  }

  /// Puts a sample at the front of a VM's history.
  func remember(_ utilization: Double, of vm: Int) {
    let length = OverloadStatistics.historyLength
    let history = vmHistories + vm * length
    let kept = min(Int(vms[vm].historyCount), length - 1)
    history.update(from: history, shiftedBy: 1, count: kept)
    history[0] = utilization
    vms[vm].historyCount = Int32(kept + 1)
  }
}

extension UnsafeMutablePointer where Pointee == Double {
  /// Moves values one place to the back, the last first.
  fileprivate func update(from source: Self, shiftedBy places: Int, count: Int) {
    var index = count - 1
    while index >= 0 {
      self[index + places] = source[index]
      index -= 1
    }
  }
}

/// A point in time between the samples of series, worked out once for all VMs.
struct SampleClock {
  /// Seconds.
  let time: Double
  /// Whether VMs' histories take a sample now.
  let isSampled: Bool
  private let below: Int
  private let above: Int
  private let span: Double
  private let offset: Double

  init(time: Double, interval: Double, isSampled: Bool) {
    self.time = time
    self.isSampled = isSampled
    below = Int((time / interval).rounded(.down))
    above = Int((time / interval).rounded(.up))
    span = Double(above - below) * interval
    offset = time - Double(below) * interval
  }

  /// The share of its vCPUs that a series asks for: linear between samples, the last sample held.
  func value(of samples: UnsafePointer<Float>, count: Int) -> Double {
    let first = Double(samples[min(below, count - 1)]) / 100
    guard above > below else { return first }
    let second = Double(samples[min(above, count - 1)]) / 100
    return first + (second - first) / span * offset
  }
}
