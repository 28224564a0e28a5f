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
    /// MHz that merging takes while it runs VMs.
    var merging = 0.0
    /// MHz that works beside the guests ask for while it is awake, and for each VM on top.
    var beside = 0.0
    var besideEach = 0.0
    /// MHz × seconds of `besideEach` so far: VMs × seconds.
    var vmSeconds = 0.0
    /// MHz of the privileged domain's vCPUs where works are in it.
    var domain = Double.infinity
    /// What each of its works lacks of what it asks for; nil without works. See `Lack`.
    var lacks: UnsafeMutablePointer<Lack>?
    var isLacking = false
    var mode = Mode.awake
    /// Migrations of its VMs away from it, and of others to it.
    var outgoing: Int32 = 0
    var incoming: Int32 = 0
    /// Bit `i` tells that a VM follows demand set `i`.
    var demandSets: UInt64 = 0
  }

  /// A work beside the guests of a host of some class, in MHz.
  struct Work {
    /// What it asks for while the host is awake, or for each VM.
    var demand: Double
    var perVM: Bool
    /// Weight of its threads, or of those for each VM.
    var weight: Double
    /// Whether it has the vCPUs of the privileged domain, behind the backends.
    var isInDomain: Bool

    func demand(of host: UnsafeMutablePointer<Host>) -> Double {
      host.pointee.mode == .awake ? (perVM ? demand * Double(host.pointee.count) : demand) : 0
    }
    func weight(of host: UnsafeMutablePointer<Host>) -> Double {
      perVM ? weight * Double(host.pointee.count) : weight
    }
  }

  /// MHz that a work asks for and does not get, and MHz × seconds of them so far.
  struct Lack {
    var missing = 0.0
    var sum = 0.0
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
  /// Works beside the guests by host class.
  let works: [[Work]]
  /// MHz of a core by host class.
  let coreSpeeds: [Double]

  init(
    hosts: UnsafeMutablePointer<Host>, costCount: Int, watts: [UnsafeMutablePointer<Double>?], segments: [Int],
    sleepWatts: [Double], works: [[Work]], coreSpeeds: [Double]
  ) {
    self.hosts = hosts
    place = .allocate(capacity: 1)
    place.initialize(to: .allocate(capacity: max(1, costCount)))
    self.watts = watts
    self.segments = segments
    self.sleepWatts = sleepWatts
    self.works = works
    self.coreSpeeds = coreSpeeds
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
    if host.pointee.isLacking { settleLacks(host, span) }
    guard host.pointee.count > 0 else { return }
    host.pointee.active += span
    host.pointee.vmSeconds += Double(host.pointee.count) * span
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
    var beside = 0.0
    if host.pointee.mode == .awake {
      let count = host.pointee.count
      beside = host.pointee.beside + Double(count) * host.pointee.besideEach + (count > 0 ? host.pointee.merging : 0)
    }
    if let lacks = host.pointee.lacks {
      if host.pointee.isLacking { clearLacks(host, lacks) }
      if host.pointee.domain < .infinity { beside -= holdInDomain(host, lacks) }
    }
    let wanted = wanted + beside
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
