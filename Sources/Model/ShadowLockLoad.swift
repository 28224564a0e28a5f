import Quantities
import Virtualization

/// How the vCPUs of a VM use the lock of its shadow tables, per taking of it.
///
/// The lock is taken by fills, emulated stores and the lifting of protections. A change that flushes kicks the siblings
/// that run their guest, and its vCPU waits with the lock in hand until they have answered.
public struct ShadowLockUse: Sendable, Hashable {
  /// Operations that take the lock.
  public static let takers: [GuestOperation] = [.hiddenFault, .emulatedStore, .tableUnprotect]

  /// Length of a hold in nanoseconds, siblings' answers left out.
  public let hold: Double
  /// Flushes of siblings that a taking asks for.
  public let flushes: Double
  /// Time until siblings have answered a flush, in nanoseconds.
  public let answer: Double
  /// Expected waits for the lock or for answers.
  public let waits: Double
  /// Expected time of them in nanoseconds.
  public let wait: Double
  /// Expected siblings that are kicked.
  public let kicks: Double

  /// Waits and kicks that go with some operations.
  func operations(among rates: [GuestOperation: Double]) -> (waits: Double?, kicks: Double?) {
    let taken = ShadowLockLoad.takings(rates)
    return taken > 0 ? (taken * waits, taken * kicks) : (nil, nil)
  }
}

/// Finds the use of the lock from a VM's operations.
struct ShadowLockLoad {
  let workload: Workload
  let vcpus: Int
  let design: CompiledDesign

  /// vCPUs that may want the lock at a time.
  var contenders: Int {
    switch workload.shape {
    case .requests: vcpus
    case .batch(let batch): min(batch.threads, vcpus)
    case .program, .idle: 1
    }
  }

  static func takings(_ rates: [GuestOperation: Double]) -> Double {
    ShadowLockUse.takers.reduce(0) { $0 + (rates[$1] ?? 0) }
  }

  /// The use of the lock; nil where nothing takes it or nobody contends.
  ///
  /// - Parameters:
  ///   - perRequest: all operations of a request, `remoteFlush` being flushes asked for.
  ///   - perCPUSecond: all operations of a second of work.
  ///   - ticks: share of running time that ticks take.
  func use(
    perRequest: [GuestOperation: Double], perCPUSecond: [GuestOperation: Double], ticks: Double
  ) -> ShadowLockUse? {
    guard contenders > 1, design.choice.axes[.paging] == "shadow",
      let price = design.cost(of: .lockWait)?.synchronousMean, price > 0
    else { return nil }
    var service = 1e9
    if case .requests(let requests) = workload.shape { service = requests.service.mean }
    func all(_ operation: GuestOperation) -> Double {
      (perRequest[operation] ?? 0) + (perCPUSecond[operation] ?? 0) * service * 1e-9
    }
    let taken = ShadowLockUse.takers.reduce(0) { $0 + all($1) }
    guard taken > 0 else { return nil }
    // A hold is part of the operation that takes the lock.
    let hold = ShadowLockUse.takers.filter { all($0) > 0 }.reduce(price) {
      min($0, design.cost(of: $1)?.synchronousMean ?? 0)
    }
    guard hold > 0 else { return nil }
    var busy = service
    for operation in GuestOperation.allCases where operation != .lockWait && operation != .remoteFlush {
      guard let cost = design.cost(of: operation) else { continue }
      busy += all(operation) * (cost.synchronousMean - cost.nativeReplaced)
    }
    let inGuest = max(0, busy / (1 - min(0.99, ticks)) / taken - hold)
    let flushes = all(.remoteFlush) / taken
    let answer = design.cost(of: .remoteFlush)?.synchronousMean ?? 0
    return solve(hold: hold, inGuest: inGuest, flushes: flushes, answer: answer, cycle: cycle(taken: taken, busy: busy))
  }

  /// Time between two takings of a vCPU where arrivals and not vCPUs set the pace; nil where vCPUs do.
  private func cycle(taken: Double, busy: Double) -> Double? {
    guard case .requests(let requests) = workload.shape else { return nil }
    switch requests.arrivals {
    case .poisson(let rate), .deterministic(let rate):
      return rate.perSecond > 0 ? Double(vcpus) * 1e9 / rate.perSecond / taken : nil
    case .closed(let clients, let think):
      // The asymptotic bound: clients that do not wait for each other.
      return Double(vcpus) * (Double(think.nanoseconds) + busy) / Double(clients) / taken
    }
  }

  /// While siblings answer a flush nobody computes: time stands still for all but those who wait. So the queue is solved
  /// without answers, and those who wait, wait for them too.
  private func solve(
    hold: Double, inGuest: Double, flushes: Double, answer: Double, cycle: Double?
  ) -> ShadowLockUse {
    var think = inGuest
    var solution = ShadowLock.solve(takers: contenders, think: think, hold: hold)
    let siblings = Double(contenders - 1)
    func kicked() -> Double { max(0, siblings - solution.others) * (think > 0 ? min(1, inGuest / think) : 1) }
    if let cycle {
      // What arrivals leave of a cycle is computing or idling.
      for _ in 0..<100 {
        let stalls = flushes * answer * (1 + solution.others + kicked())
        let next = max(inGuest, cycle - hold - solution.wait - stalls)
        if abs(next - think) < 1e-9 * next { break }
        think = (think + next) / 2
        solution = ShadowLock.solve(takers: contenders, think: think, hold: hold)
      }
    }
    let kicks = flushes * kicked()
    // A flush waits for an answer when it kicks anyone; with few idle siblings that is nearly always.
    let answered = flushes > 0 ? flushes * min(1, kicked()) : 0
    return ShadowLockUse(
      hold: hold, flushes: flushes, answer: answer, waits: solution.waits + min(answered, 1),
      wait: solution.wait + answered * answer * (1 + solution.others), kicks: kicks)
  }
}
