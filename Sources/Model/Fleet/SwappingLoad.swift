import Virtualization

/// Faults of a workload of whose memory some was taken back.
struct ReclaimFaults {
  /// Operations in the order of `rates`.
  static let operations: [GuestOperation] = [.swapIn, .guestSwapIn, .doublePaging, .cacheRead, .mergeBreak]

  /// Of each operation, per second of CPU time.
  let rates: SIMD8<Double>
  /// Bytes of the workload's memory that the guest itself swapped out.
  let guestSwapped: Double

  /// Finds them for a VM of `size` bytes, of which a balloon leaves `resident` and the host keeps `hostResident`.
  ///
  /// - Parameter references: page references per second of CPU time.
  init(
    memory: MemoryReferences, references: Double, size: Double, resident: Double, hostResident: Double,
    inactiveShare: Double
  ) {
    let inGuest = MemoryResidence(
      size: size / BasePage.size, workingSet: (Double(memory.workingSet) / BasePage.size).rounded(.up),
      fileSet: (Double(memory.files?.bytes ?? 0) / BasePage.size).rounded(.up),
      balloon: (size - resident) / BasePage.size, inactiveShare: inactiveShare)
    guestSwapped = (inGuest.workingSet - inGuest.resident) * BasePage.size
    let guestFaults = SwapModel.faultRatio(memory, resident: resident)
    let hostFaults = max(0, SwapModel.faultRatio(memory, resident: hostResident) - guestFaults)
    let fileFaults = memory.files.map {
      ($0.referencesPerSecond, SwapModel.faultRatio($0.references, resident: inGuest.cached * BasePage.size))
    }
    let double = DoublePaging.probability(
      swapped: (resident - hostResident) / BasePage.size, of: inGuest.resident + inGuest.cached,
      inactive: inactiveShare)
    rates = [
      references * hostFaults, references * guestFaults, references * guestFaults * double,
      fileFaults.map { $0.0 * $0.1 } ?? 0, 0, 0, 0, 0,
    ]
  }

  /// Those that happen, as entries of a load.
  var entries: [OperationLoad.Entry] {
    Self.operations.indices.map { OperationLoad.Entry(operation: Self.operations[$0], rate: rates[$0]) }.filter {
      $0.rate > 0
    }
  }
}

/// How a class of VMs meets memory that was taken from it on a class of hosts.
public struct SwappingLoad: Sendable {
  /// Page references of the workload; nil where it says nothing on its memory, and no faults follow.
  public let memory: MemoryReferences?
  /// Page references per second of CPU time.
  public let references: Double
  /// CPUs that the VM keeps busy, by which breaks of merged pages are counted.
  public let busy: Double
  /// Share of its pages among which the guest finds those that it evicts.
  public let inactiveShare: Double
  /// Costs of the operations in the order of `rates`.
  public let costs: [OperationCost?]

  /// The operations that taking memory back causes, in the order of `rates`.
  public static var operations: [GuestOperation] { ReclaimFaults.operations }

  /// Operations per second of CPU time with the memory left by a balloon and that which the host keeps resident, in bytes.
  ///
  /// - Complexity: that of `SwapModel.faultRatio`.
  public func rates(size: Double, resident: Double, hostResident: Double) -> SIMD8<Double> {
    guard let memory, hostResident < size else { return .zero }
    return ReclaimFaults(
      memory: memory, references: references, size: size, resident: resident, hostResident: hostResident,
      inactiveShare: inactiveShare
    ).rates
  }

  /// Operations per second of CPU time when so many merged pages a second are broken by writes.
  public func rates(breaks: Double) -> SIMD8<Double> {
    [0, 0, 0, 0, busy > 0 ? breaks / busy : 0, 0, 0, 0]
  }
}

extension ModelAssembly {
  /// Checks that hosts which promise more memory than they have can make up for it.
  mutating func checkRatio(_ group: HostGroup, _ choice: DesignChoice, ratio: Double) {
    guard ratio > 1 else { return }
    if !choice.design.capabilities.canOvercommitMemory {
      fault(
        group.location,
        "hosts '\(group.name)' promise \(ratio) times their memory, but design '\(choice.label)' cannot overcommit memory"
          + "\(reason(of: choice.design.capabilities))")
    } else if group.overcommit.swap == nil {
      fault(
        group.location,
        "hosts '\(group.name)' promise \(ratio) times their memory; expected swap: {latency: ...} in it, for what merging "
          + "and balloons do not make up for")
    }
  }

  /// What taking memory back from VMs of a group costs; nil on hosts that promise no more than they have.
  mutating func swappingLoad(
    _ load: OperationLoad, of group: VMGroup, _ size: VMSize, on host: HostGroup, ratio: Double
  ) -> SwappingLoad? {
    guard ratio > 1, let workload = scenario.workloads.first(where: { $0.name == group.workload }) else { return nil }
    let memory = workload.memory
    if group.balloon?.usesDisk == true {
      fault(
        group.location,
        "vm group '\(group.name)' swaps to its disk, which fleets do not simulate; expected 'latency' in its balloon")
    }
    if memory == nil {
      warn(
        "hosts '\(host.name)' promise \(ratio) times their memory, but workload '\(group.workload)' says nothing on its "
          + "memory: no faults follow")
    }
    let design = load.design.swapping(
      hostLatency: swapLatency(of: host),
      guestLatency: group.balloon?.latency.map { Double($0.nanoseconds) }, scenario: scenario.name)
    return SwappingLoad(
      memory: memory, references: load.translation?.references ?? memory?.referencesPerSecond ?? 0,
      busy: workload.nominalBusy(vcpus: size.vcpus), inactiveShare: inactiveShare(of: group),
      costs: SwappingLoad.operations.map { design.cost(of: $0) })
  }
}
