import Model

/// Hosts and VMs of a fleet as structure of arrays; rates are constant between changes.
///
/// A host's VMs lie side by side, so that an update reads memory in order. Nothing is retained or allocated while time
/// passes, except when a host's list grows.
struct FleetState {
  /// A VM on its host.
  struct Slot {
    var vm: Int32
    var cost: Int32
    var series: Int32
    var demandSet: Int32
    /// MHz of work asked for, and done.
    var demand = 0.0
    var rate = 0.0
    /// MHz × seconds of both, since the VM came to this host.
    var asked = 0.0
    var done = 0.0
    /// MHz × seconds that the vCPUs could have run without other VMs, less what they ran.
    var stolen = 0.0
    /// MHz that the vCPUs wanted and did not get.
    var missing = 0.0

    /// Begins accounts anew, those so far being booked.
    mutating func clearAccounts() {
      asked = 0
      done = 0
      stolen = 0
    }
  }

  /// A host.
  struct Host {
    var slots: UnsafeMutablePointer<Slot>
    var count: Int32 = 0
    var capacity: Int32
    var group: Int32
    /// MHz of all cores, and in use.
    var total: Double
    var used = 0.0
    /// Watts drawn now, and joules so far.
    var power = 0.0
    var energy = 0.0
    /// Up to when its accounts are settled, in nanoseconds.
    var settled: Int64 = 0
    var active = 0.0
    var short = 0.0
    /// MHz that its VMs would take without other VMs, its own ones alone.
    var wanted = 0.0
    var isShort = false
    /// MHz that services of the host take while it runs VMs.
    var services = 0.0
    var mode = Mode.awake
    /// Migrations of its VMs away from it, and of others to it.
    var outgoing: Int32 = 0
    var incoming: Int32 = 0
    /// Bit `i` tells that a VM follows demand set `i`.
    var demandSets: UInt64 = 0
  }

  /// Whether a host can run VMs.
  enum Mode: UInt8 { case awake, fallingAsleep, asleep, waking }

  /// Where a VM is in a trace of its own life time.
  struct Cursor {
    var samples: UnsafePointer<Float>?
    var count: Int32 = 0
    /// Sample of the set's clock that is the VM's first.
    var firstRow: Int32 = 0
    /// Whether it asks for its last sample after its end; else it begins anew.
    var ends = false

    /// The demand in percent, so many samples after the first.
    func value(at sample: Int) -> Float {
      guard let samples, count > 0 else { return 0 }
      return ends ? samples[min(max(0, sample), Int(count) - 1)] : samples[max(0, sample) % Int(count)]
    }
  }

  /// The scalars of `FleetCost` that updates read.
  struct Cost {
    var vcpu: Double
    var backend: Double
    var perPercent: Double
    var cap: Double
    var weight: Double
    var reservation: Double
  }

  let hosts: UnsafeMutablePointer<Host>
  /// Where the costs are, which move when there are more.
  private let place: UnsafeMutablePointer<UnsafeMutablePointer<Cost>>
  var costs: UnsafeMutablePointer<Cost> { place.pointee }
  /// Points of the power curves, `segments` + 1 for each host class, and whether the class has one.
  let watts: [UnsafeMutablePointer<Double>?]
  let segments: [Int]
  /// Watts of sleeping hosts by host class.
  let sleepWatts: [Double]

  init(
    hosts: UnsafeMutablePointer<Host>, costCount: Int, watts: [UnsafeMutablePointer<Double>?], segments: [Int],
    sleepWatts: [Double]
  ) {
    self.hosts = hosts
    place = .allocate(capacity: 1)
    place.initialize(to: .allocate(capacity: max(1, costCount)))
    self.watts = watts
    self.segments = segments
    self.sleepWatts = sleepWatts
  }

  /// Gives back what `init` took; the hosts are their owner's.
  func deallocateCosts() {
    costs.deallocate()
    place.deallocate()
  }

  /// Makes room for more costs behind those of before, the first so many of which are kept.
  func moveCosts(keeping count: Int, capacity: Int) {
    let larger = UnsafeMutablePointer<Cost>.allocate(capacity: capacity)
    larger.moveInitialize(from: costs, count: count)
    costs.deallocate()
    place.pointee = larger
  }

  /// Settles a host's accounts up to `now`: rates have been constant since the last time.
  func settle(_ host: UnsafeMutablePointer<Host>, at now: Int64) {
    let span = Double(now - host.pointee.settled) * 1e-9
    host.pointee.settled = now
    guard span > 0 else { return }
    host.pointee.energy += host.pointee.power * span
    guard host.pointee.count > 0 else { return }
    host.pointee.active += span
    let isShort = host.pointee.isShort
    if isShort { host.pointee.short += span }
    let slots = host.pointee.slots
    for index in 0..<Int(host.pointee.count) {
      slots[index].asked += slots[index].demand * span
      slots[index].done += slots[index].rate * span
      if isShort { slots[index].stolen += slots[index].missing * span }
    }
  }

  /// Takes up the demand of a set at a new sample and shares the host anew.
  func update(_ host: UnsafeMutablePointer<Host>, set: Int32, row: UnsafePointer<Float>) {
    refresh(host) { slot, cost in
      if slot.pointee.demandSet == set {
        slot.pointee.demand = Double(row[Int(slot.pointee.series)]) * cost.pointee.perPercent
      }
    }
  }

  /// The same for a set whose VMs have life times.
  func update(_ host: UnsafeMutablePointer<Host>, set: Int32, cursors: UnsafePointer<Cursor>, row: Int) {
    refresh(host) { slot, cost in
      if slot.pointee.demandSet == set {
        let cursor = cursors + Int(slot.pointee.vm)
        slot.pointee.demand =
          Double(cursor.pointee.value(at: row - Int(cursor.pointee.firstRow))) * cost.pointee.perPercent
      }
    }
  }

  /// Shares the host anew with the demand as it is.
  func share(_ host: UnsafeMutablePointer<Host>) { refresh(host) { _, _ in } }

  @inline(__always)
  private func refresh(
    _ host: UnsafeMutablePointer<Host>, demand: (UnsafeMutablePointer<Slot>, UnsafeMutablePointer<Cost>) -> Void
  ) {
    let slots = host.pointee.slots
    let count = Int(host.pointee.count)
    let costs = self.costs
    var wanted = 0.0
    for index in 0..<count {
      let slot = slots + index
      let cost = costs + Int(slot.pointee.cost)
      demand(slot, cost)
      let vcpu = min(slot.pointee.demand * cost.pointee.vcpu, cost.pointee.cap)
      let rate = vcpu / cost.pointee.vcpu
      slot.pointee.rate = rate
      wanted += vcpu + rate * cost.pointee.backend
    }
    finishSharing(host, wanted: wanted)
  }

  /// MHz that a VM would take of a host at some cost, for MHz of work asked for.
  func wanted(_ demand: Double, at cost: Cost) -> Double {
    let vcpu = min(demand * cost.vcpu, cost.cap)
    return vcpu + vcpu / cost.vcpu * cost.backend
  }

  private func finishSharing(_ host: UnsafeMutablePointer<Host>, wanted: Double) {
    let services = host.pointee.count > 0 ? host.pointee.services : 0
    let wanted = wanted + services
    host.pointee.wanted = wanted
    if wanted > host.pointee.total {
      host.pointee.isShort = true
      shareScarce(host)
    } else {
      host.pointee.isShort = false
      host.pointee.used = wanted
    }
    assert(host.pointee.used <= host.pointee.total * (1 + 1e-9), "a host gives more CPU than it has")
    host.pointee.power = power(of: host)
  }

  /// Watts of a host at its load; 0 without a curve.
  func power(of host: UnsafeMutablePointer<Host>) -> Double {
    let group = Int(host.pointee.group)
    guard let points = watts[group] else { return 0 }
    switch host.pointee.mode {
    case .awake:
      return PowerCurve.power(
        at: host.pointee.used / host.pointee.total, points: points, segments: segments[group])
    case .fallingAsleep: return points[0]
    case .asleep: return sleepWatts[group]
    case .waking: return points[segments[group]]
    }
  }

  /// Weighted max-min sharing with reservations, as on single hosts: `min(wanted, max(reservation, weight × level))` with
  /// the level at which nothing is left.
  ///
  /// - Complexity: O(VMs) for each time that some VMs have enough, or their reservation only, at the level of the rest; few
  ///   times in practice.
  private func shareScarce(_ host: UnsafeMutablePointer<Host>) {
    let slots = host.pointee.slots
    let count = Int(host.pointee.count)
    let costs = self.costs
    withUnsafeTemporaryAllocation(of: Scarce.self, capacity: count) { buffer in
      let claims = buffer.baseAddress!
      var reserved = 0.0
      var weights = 0.0
      for index in 0..<count {
        let cost = costs[Int(slots[index].cost)]
        let wanted = slots[index].rate * (cost.vcpu + cost.backend)
        let floor = min(wanted, cost.reservation)
        claims[index] = Scarce(slot: Int32(index), wanted: wanted, floor: floor, weight: cost.weight)
        reserved += floor
        weights += cost.weight
      }
      let total = max(0, host.pointee.total - host.pointee.services)
      if reserved > total {
        for index in 0..<count { claims[index].floor *= total / reserved }
      }
      var left = total
      var used = host.pointee.total - total
      func settle(_ claim: Scarce, _ given: Double) {
        used += given
        let factor = claim.wanted > 0 ? given / claim.wanted : 0
        let slot = slots + Int(claim.slot)
        slot.pointee.missing = slot.pointee.rate * costs[Int(slot.pointee.cost)].vcpu * (1 - factor)
        slot.pointee.rate *= factor
      }
      var open = count
      while open > 0 {
        let level = left / weights
        // Where reservations add more to even shares than VMs leave of theirs, the level can only fall: those below their
        // reservation have just that. Else it can only rise, and those who want no more than their share have enough.
        var balance = 0.0
        if reserved > 0 {
          for index in 0..<open {
            let even = level * claims[index].weight
            balance += max(claims[index].floor, min(claims[index].wanted, even)) - even
          }
        }
        let falls = balance > 0
        var kept = 0
        weights = 0
        for index in 0..<open {
          let claim = claims[index]
          let even = level * claim.weight
          if falls ? claim.floor > even : claim.wanted <= even {
            let given = falls ? claim.floor : claim.wanted
            left = max(0, left - given)
            settle(claim, given)
          } else {
            claims[kept] = claim
            kept += 1
            weights += claim.weight
          }
        }
        if kept == open {
          for index in 0..<open { settle(claims[index], level * claims[index].weight) }
          open = 0
        } else {
          open = kept
        }
      }
      host.pointee.used = min(used, host.pointee.total)
    }
  }

  /// What a VM of a scarce host wants, and what it has at least.
  private struct Scarce {
    var slot: Int32
    var wanted: Double
    var floor: Double
    var weight: Double
  }

  func append(_ slot: Slot, to host: UnsafeMutablePointer<Host>) {
    if host.pointee.count == host.pointee.capacity {
      let larger = UnsafeMutablePointer<Slot>.allocate(capacity: Int(host.pointee.capacity) * 2)
      larger.moveInitialize(from: host.pointee.slots, count: Int(host.pointee.count))
      host.pointee.slots.deallocate()
      host.pointee.slots = larger
      host.pointee.capacity *= 2
    }
    host.pointee.slots[Int(host.pointee.count)] = slot
    host.pointee.count += 1
    if slot.demandSet >= 0 { host.pointee.demandSets |= 1 << UInt64(slot.demandSet & 63) }
  }

  /// Where a VM is on its host.
  func slot(of vm: Int, on host: UnsafeMutablePointer<Host>) -> Int? {
    for index in 0..<Int(host.pointee.count) where host.pointee.slots[index].vm == Int32(vm) { return index }
    return nil
  }

  /// Takes a VM off a host; the others keep their order.
  func remove(_ index: Int, from host: UnsafeMutablePointer<Host>) {
    let slots = host.pointee.slots
    for next in index + 1..<max(index + 1, Int(host.pointee.count)) { slots[next - 1] = slots[next] }
    host.pointee.count -= 1
  }
}
