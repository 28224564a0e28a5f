import Quantities
import Virtualization

/// How often the vCPUs of a VM wait for each other at the lock of its shadow tables.
///
/// The lock is taken by fills, emulated stores and the lifting of protections. Waits are counted in holds, which a profile
/// prices; with several vCPUs a hold also lasts as long as the flushes that it asks of siblings.
struct ShadowLockLoad {
  let workload: Workload
  let vcpus: Int
  let design: CompiledDesign

  private static let takers: [GuestOperation] = [.hiddenFault, .emulatedStore, .tableUnprotect]

  /// vCPUs that may want the lock at a time.
  private var contenders: Int {
    switch workload.shape {
    case .requests: vcpus
    case .batch(let batch): min(batch.threads, vcpus)
    case .program, .idle: 1
    }
  }

  /// Share of time that the vCPUs are busy on the bare host.
  private var utilization: Double {
    guard case .requests(let requests) = workload.shape else { return 1 }
    switch requests.arrivals {
    case .poisson(let rate), .deterministic(let rate):
      return min(1, rate.perSecond * requests.service.mean * 1e-9 / Double(vcpus))
    case .closed: return 1
    }
  }

  private func rate(_ operations: [GuestOperation], in rates: [GuestOperation: Double]) -> Double {
    operations.reduce(0) { $0 + (rates[$1] ?? 0) }
  }

  /// Holds that the given operations wait for; nil where nothing waits.
  ///
  /// - Parameters:
  ///   - rates: the operations whose waits are asked for.
  ///   - perRequest: all operations of a request.
  ///   - perCPUSecond: all operations of a second of work.
  func waits(
    _ rates: [GuestOperation: Double], of perRequest: [GuestOperation: Double],
    and perCPUSecond: [GuestOperation: Double]
  ) -> Double? {
    let own = rate(Self.takers, in: rates)
    guard contenders > 1, own > 0, design.choice.axes[.paging] == "shadow",
      let hold = design.cost(of: .lockWait)?.synchronousMean, hold > 0
    else { return nil }
    var service = 1e9
    if case .requests(let requests) = workload.shape { service = requests.service.mean }
    let seconds = service * 1e-9
    func all(_ operations: [GuestOperation]) -> Double {
      rate(operations, in: perRequest) + rate(operations, in: perCPUSecond) * seconds
    }
    let taken = all(Self.takers)
    guard taken > 0, utilization > 0 else { return nil }
    // Siblings answer a flush at the same time: a hold waits for one of them.
    let flush = design.cost(of: .remoteFlush)?.synchronousMean ?? 0
    let held = hold + all([.remoteFlush]) / Double(vcpus - 1) / taken * flush
    let added = GuestOperation.allCases.reduce(0.0) { sum, operation in
      operation == .lockWait ? sum : sum + all([operation]) * (design.cost(of: operation)?.synchronousMean ?? 0)
    }
    let think = max(0, (service + added) / utilization / taken - held)
    return own * ShadowLock.wait(takers: contenders, think: think, hold: held) / hold
  }
}
