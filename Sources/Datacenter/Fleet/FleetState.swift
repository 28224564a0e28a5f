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
    var isShort = false
    /// Bit `i` tells that a VM follows demand set `i`.
    var demandSets: UInt64 = 0
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
  let costs: UnsafeMutablePointer<Cost>
  /// Points of the power curves, `segments` + 1 for each host class, and whether the class has one.
  let watts: [UnsafeMutablePointer<Double>?]
  let segments: [Int]

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
    let slots = host.pointee.slots
    let count = Int(host.pointee.count)
    var wanted = 0.0
    for index in 0..<count {
      let slot = slots + index
      let cost = costs + Int(slot.pointee.cost)
      if slot.pointee.demandSet == set {
        slot.pointee.demand = Double(row[Int(slot.pointee.series)]) * cost.pointee.perPercent
      }
      let vcpu = min(slot.pointee.demand * cost.pointee.vcpu, cost.pointee.cap)
      let rate = vcpu / cost.pointee.vcpu
      slot.pointee.rate = rate
      wanted += vcpu + rate * cost.pointee.backend
    }
    finishSharing(host, wanted: wanted)
  }

  /// Shares the host anew with the demand as it is.
  func share(_ host: UnsafeMutablePointer<Host>) {
    // No slot has this set, so that no row is read.
    update(host, set: -2, row: UnsafePointer(bitPattern: 8)!)
  }

  private func finishSharing(_ host: UnsafeMutablePointer<Host>, wanted: Double) {
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
    guard let points = watts[Int(host.pointee.group)] else { return 0 }
    return PowerCurve.power(
      at: host.pointee.used / host.pointee.total, points: points, segments: segments[Int(host.pointee.group)])
  }

  /// Weighted max-min sharing: reservations first, then all shares grow in proportion to their weights until a VM has what
  /// it wants or nothing is left.
  private func shareScarce(_ host: UnsafeMutablePointer<Host>) {
    let slots = host.pointee.slots
    let count = Int(host.pointee.count)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 3 * count) { buffer in
      let wanted = buffer.baseAddress!
      let given = wanted + count
      let order = given + count
      var reserved = 0.0
      for index in 0..<count {
        let cost = costs[Int(slots[index].cost)]
        wanted[index] = slots[index].rate * (cost.vcpu + cost.backend)
        given[index] = min(wanted[index], cost.reservation)
        reserved += given[index]
        order[index] = Double(index)
      }
      if reserved > host.pointee.total {
        for index in 0..<count { given[index] *= host.pointee.total / reserved }
        reserved = host.pointee.total
      }
      // By what is missing for each unit of weight, the least first.
      func level(_ position: Int) -> Double {
        let index = Int(order[position])
        return (wanted[index] - given[index]) / costs[Int(slots[index].cost)].weight
      }
      for position in 1..<max(1, count) {
        var hole = position
        while hole > 0, level(hole) < level(hole - 1) {
          swap(&order[hole], &order[hole - 1])
          hole -= 1
        }
      }
      var left = host.pointee.total - reserved
      var weights = 0.0
      for index in 0..<count { weights += costs[Int(slots[index].cost)].weight }
      var used = 0.0
      for position in 0..<count {
        let index = Int(order[position])
        let cost = costs[Int(slots[index].cost)]
        let share = min(wanted[index] - given[index], left * cost.weight / weights)
        left -= share
        weights -= cost.weight
        let total = given[index] + share
        used += total
        let factor = wanted[index] > 0 ? total / wanted[index] : 0
        slots[index].missing = slots[index].rate * cost.vcpu * (1 - factor)
        slots[index].rate *= factor
      }
      host.pointee.used = min(used, host.pointee.total)
    }
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
}
