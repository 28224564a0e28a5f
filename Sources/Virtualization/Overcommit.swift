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

    /// Creates a guest; sizes in bytes.
    public init(size: Double, overhead: Double, image: String?, sharedShare: Double, balloonTarget: Double) {
      self.size = size
      self.overhead = overhead
      self.image = image
      self.sharedShare = sharedShare
      self.balloonTarget = balloonTarget
    }
  }

  /// Memory in bytes that merging saves: `(n − 1) s M` for `n` VMs of one image.
  public let merged: Double
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
  /// - Complexity: O(guests).
  public init(guests: [Guest], capacity: Double, isMerging: Bool) {
    var images: [String: (count: Double, saved: Double)] = [:]
    for guest in guests {
      guard isMerging, let image = guest.image else { continue }
      var entry = images[image] ?? (0, 0)
      entry.count += 1
      // The first VM of an image keeps its pages; each further one saves its shared share.
      if entry.count > 1 { entry.saved += guest.sharedShare * guest.size }
      images[image] = entry
    }
    merged = images.sorted { $0.key < $1.key }.reduce(0) { $0 + $1.value.saved }
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
    memory.missRatio(page: 4096, entries: (max(0, resident) / 4096).rounded(.down))
  }
}

extension CompiledDesign {
  /// The design with swap devices of the given latencies in nanoseconds: what a fault waits for beyond its steps.
  public func swapping(hostLatency: Double?, guestLatency: Double?, scenario: String) -> CompiledDesign {
    var design = self
    for (operation, latency) in [(GuestOperation.swapIn, hostLatency), (.guestSwapIn, guestLatency)] {
      guard let latency, let path = design.cost(of: operation) else { continue }
      let wait = StepCharge(
        step: "swap_device", place: operation == .swapIn ? .hostKernel : .guest, count: 1, exitsPerStep: 0,
        stepMean: latency, distribution: .deterministic, kind: .assumed,
        origin: PriceOrigin(document: scenario, source: "latency of the swap device, as the scenario states it"))
      design = design.replacing(
        operation,
        by: OperationCost(
          steps: path.steps + [OperationCost.PathStep(charge: wait, role: .waiting)], bareHost: path.bareHostMean))
    }
    return design
  }
}
