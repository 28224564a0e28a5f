import Quantities
import Virtualization

/// How often each operation of a VM happens, before any cost: what both engines charge.
public struct OperationLoad: Sendable {
  /// Expected operations per request, loop iteration or idle wake-up, in the order of `GuestOperation`.
  public let perRequest: [Entry]
  /// Operations per second of CPU time on the bare host, TLB misses under the design among them.
  public let perCPUSecond: [Entry]
  /// Operations per second during which a vCPU runs its guest.
  public let perRunningSecond: [Entry]
  /// TLB misses per second of CPU time on the bare host, where the design has another rate; 0 when they are not modelled.
  public let bareHostTLBMisses: Double
  /// Packets received per request.
  public let packetsReceived: Int
  /// Packets sent per request.
  public let packetsSent: Int

  /// An operation with its frequency.
  public struct Entry: Sendable, Hashable {
    /// The operation.
    public let operation: GuestOperation
    /// How often.
    public let rate: Double

    /// Creates an entry.
    public init(operation: GuestOperation, rate: Double) {
      self.operation = operation
      self.rate = rate
    }
  }

  /// Ticks per second of the host's own clock.
  ///
  /// Linux's default on x86 servers: CONFIG_HZ=250 (Debian, Ubuntu); the host's tick stops the running guest.
  public static let hostTickRate = 250.0

  /// Creates the load of a VM.
  ///
  /// - Parameters:
  ///   - workload: what the VM does.
  ///   - guest: its system, which expands operations and ticks.
  ///   - guestPage: the guest's page size in bytes.
  ///   - hostPage: the page size in bytes by which the host backs the guest.
  ///   - design: the compiled design, asked for its paging and TLB data.
  public init(workload: Workload, guest: GuestSystem, guestPage: Int64, hostPage: Int64, design: CompiledDesign) {
    var perRequest: [GuestOperation: Double] = [:]
    var perCPUSecond: [GuestOperation: Double] = [:]
    var ticks = true
    switch workload.shape {
    case .requests(let requests):
      perRequest = requests.perRequest
      perCPUSecond = requests.perCPUSecond
    case .batch(let batch):
      perCPUSecond = batch.perCPUSecond
    case .program(let program):
      perRequest = program.operations.mapValues(Double.init)
    case .idle:
      // An idle wake-up programs the timer twice: once for the handler's own timers, once on the way back to idle.
      perRequest = [.timerProgram: 2]
      ticks = false
    }
    packetsReceived = Int(perRequest[.netRx] ?? 0)
    packetsSent = Int(perRequest[.netTx] ?? 0)
    perRequest = guest.expand(perRequest)
    perCPUSecond = guest.expand(perCPUSecond)

    var bareHostMisses = 0.0
    if let memory = workload.memory, let tlb = design.profile.effectiveTLB, perCPUSecond[.tlbMiss] == nil {
      bareHostMisses = TLBModel.missesPerSecond(memory: memory, pageSize: guestPage, tlb: tlb)
      let isNative = design.choice.axes[.paging] == "native"
      perCPUSecond[.tlbMiss] =
        isNative
        ? bareHostMisses
        : TLBModel.missesPerSecond(memory: memory, pageSize: min(guestPage, hostPage), tlb: tlb)
    } else {
      bareHostMisses = perCPUSecond[.tlbMiss] ?? 0
    }
    bareHostTLBMisses = bareHostMisses
    perRunningSecond =
      ticks
      ? [
        Entry(operation: .timerInterrupt, rate: guest.tickRate),
        Entry(operation: .hostInterrupt, rate: Self.hostTickRate),
      ].filter { $0.rate > 0 } : []
    self.perRequest = Self.entries(perRequest)
    self.perCPUSecond = Self.entries(perCPUSecond)
  }

  private static func entries(_ rates: [GuestOperation: Double]) -> [Entry] {
    GuestOperation.allCases.compactMap { operation in
      guard let rate = rates[operation], rate > 0 else { return nil }
      return Entry(operation: operation, rate: rate)
    }
  }

  /// CPU time in nanoseconds that the operations of one request cost the bare host.
  public func bareHostCost(perRequestUnder design: CompiledDesign) -> Double {
    perRequest.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.bareHostMean ?? 0) }
  }

  /// Share of a bare host's CPU time that goes into operations with a rate per CPU second or per running second.
  public func bareHostShare(under design: CompiledDesign) -> Double {
    let byWork = perCPUSecond.reduce(0.0) { sum, entry in
      let rate = entry.operation == .tlbMiss ? bareHostTLBMisses : entry.rate
      return sum + rate * (design.cost(of: entry.operation)?.bareHostMean ?? 0)
    }
    let byTime = perRunningSecond.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.bareHostMean ?? 0) }
    return (byWork + byTime) * 1e-9
  }

  /// The share of a request's or batch's native work that the guest still does under the design: native steps that paths
  /// replace, and the bare host's ticks, are taken out, because the engines charge what stands in their place.
  public func guestShare(of workload: Workload, under design: CompiledDesign) -> Double {
    let byWork = perCPUSecond.reduce(0.0) { sum, entry in
      sum + entry.rate * (design.cost(of: entry.operation)?.nativeReplaced ?? 0)
    }
    let byTime = perRunningSecond.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.bareHostMean ?? 0) }
    var share = 1 - (byWork + byTime) * 1e-9
    if case .requests(let requests) = workload.shape, requests.service.mean > 0 {
      let replaced = perRequest.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.nativeReplaced ?? 0) }
      share -= replaced / requests.service.mean
    }
    return max(0, share)
  }
}
