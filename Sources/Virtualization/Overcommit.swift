/// Memory of a host that guests are promised more than once, in the order in which it is taken back: merging of equal
/// pages, balloons, host swap.
public struct MemoryReclaim: Sendable, Hashable {
  /// What one VM asks for.
  public struct Guest: Sendable, Hashable {
    /// Memory of the VM in bytes.
    public var size: Double
    /// Memory that the hypervisor keeps for it.
    public var overhead: Double
    /// Image that VMs with equal pages share; nil for none.
    public var image: String?
    /// Share of its memory that is equal in all VMs of the image.
    public var sharedShare: Double
    /// Size down to which a balloon may shrink it; its size without one.
    public var balloonTarget: Double
    /// Writes to each page of that share per second.
    public var writesPerPage = 0.0

    /// Pages of 4 KiB that are equal in all VMs of the image.
    public var sharedPages: Double { sharedShare * size / BasePage.size }

    /// Creates a guest; sizes in bytes.
    public init(size: Double, overhead: Double, image: String?, sharedShare: Double, balloonTarget: Double) {
      self.size = size
      self.overhead = overhead
      self.image = image
      self.sharedShare = sharedShare
      self.balloonTarget = balloonTarget
    }
  }

  /// Memory in bytes that merging saves: `(n − 1) s M` for `n` VMs of one image, less what writes have broken.
  public let merged: Double
  /// Per guest: memory that is merged with other guests'.
  public let mergedBytes: [Double]
  /// Per guest: writes a second that break a merged page.
  public let mergeBreaks: [Double]
  /// Memory that balloons take from guests.
  public let ballooned: Double
  /// Memory that lies in the host's swap.
  public let swapped: Double
  /// Per guest: memory that its balloon leaves it.
  public let guestResident: [Double]
  /// Per guest: memory of it that the host keeps resident.
  public let hostResident: [Double]

  /// Takes back what `guests` ask for beyond `capacity` bytes.
  ///
  /// - Parameter scannedPages: pages a second that the host compares to merge equal ones; 0 for none.
  /// - Complexity: O(guests).
  public init(guests: [Guest], capacity: Double, scannedPages: Double) {
    let members = scannedPages > 0 ? Dictionary(grouping: guests.indices) { guests[$0].image } : [:]
    // The scanner goes through the memory of all guests in turn.
    let period = scannedPages > 0 ? guests.reduce(0) { $0 + $1.size } / BasePage.size / scannedPages : 0
    var saved = 0.0
    var mergedBytes = [Double](repeating: 0, count: guests.count)
    var breaks = mergedBytes
    for (image, group) in members.sorted(by: { $0.value[0] < $1.value[0] }) where image != nil && group.count > 1 {
      for (position, index) in group.enumerated() {
        let merging = PageMerging(writes: guests[index].writesPerPage, period: period)
        mergedBytes[index] = merging.mergedShare * guests[index].sharedShare * guests[index].size
        breaks[index] = merging.breaks * guests[index].sharedPages
        // The first VM of an image keeps its pages; each further one saves its own.
        if position > 0 { saved += mergedBytes[index] }
      }
    }
    merged = saved
    self.mergedBytes = mergedBytes
    mergeBreaks = breaks
    var deficit = max(0, guests.reduce(0) { $0 + $1.size + $1.overhead } - merged - capacity)
    let room = guests.reduce(0) { $0 + max(0, $1.size - $1.balloonTarget) }
    let taken = min(deficit, room)
    ballooned = taken
    let resident = guests.map { $0.size - (room > 0 ? taken / room * max(0, $0.size - $0.balloonTarget) : 0) }
    guestResident = resident
    deficit -= taken
    swapped = deficit
    let all = resident.reduce(0, +)
    hostResident = resident.map { all > 0 ? $0 * max(0, 1 - deficit / all) : 0 }
  }
}

/// Page faults of a workload whose memory is not all resident.
public enum SwapModel {
  /// Share of page references that miss `resident` bytes of memory: the least recently used pages of 4 KiB are out.
  public static func faultRatio(_ memory: MemoryReferences, resident: Double) -> Double {
    memory.missRatio(page: BasePage.size, entries: (max(0, resident) / BasePage.size).rounded(.down))
  }
}

extension GuestOperation {
  /// Operations that read a page from the host's swap.
  public static let hostSwapReads: [GuestOperation] = [.swapIn, .doublePaging]
  /// Whether it is one of them.
  public var readsHostSwap: Bool { Self.hostSwapReads.contains(self) }
}

extension CompiledDesign {
  /// The design with swap devices of the given latencies in nanoseconds: what a fault waits for beyond its steps.
  public func swapping(hostLatency: Double?, guestLatency: Double?, scenario: String) -> CompiledDesign {
    var design = self
    let waits: [(GuestOperation, Double?, Place)] = [
      (.swapIn, hostLatency, .hostKernel), (.doublePaging, hostLatency, .hostKernel),
      (.guestSwapIn, guestLatency, .guest), (.cacheRead, guestLatency, .guest),
    ]
    for (operation, latency, place) in waits {
      guard let latency, let path = design.cost(of: operation) else { continue }
      let origin = PriceOrigin(document: scenario, source: "latency of the swap device, as the scenario states it")
      let wait = Self.swapWait(latency, at: place, origin)
      design = design.replacing(
        operation, by: OperationCost(steps: path.steps + [wait], bareHost: path.bareHostMean))
    }
    return design
  }

  /// The design with another time in nanoseconds that a page takes which the host has swapped out, for its device has a
  /// queue.
  public func waitingForSwap(_ time: Double) -> CompiledDesign {
    var design = self
    for operation in GuestOperation.hostSwapReads {
      guard let path = design.cost(of: operation) else { continue }
      let steps = path.steps.map { step in
        step.role == .waiting && step.charge.step == Self.swapDevice
          ? Self.swapWait(time, at: step.charge.place, step.charge.origin) : step
      }
      design = design.replacing(operation, by: OperationCost(steps: steps, bareHost: path.bareHostMean))
    }
    return design
  }

  private static let swapDevice = "swap_device"

  private static func swapWait(_ time: Double, at place: Place, _ origin: PriceOrigin?) -> OperationCost.PathStep {
    OperationCost.PathStep(
      charge: StepCharge(
        step: swapDevice, place: place, count: 1, exitsPerStep: 0, stepMean: time, distribution: .deterministic,
        kind: .assumed, origin: origin),
      role: .waiting)
  }
}
