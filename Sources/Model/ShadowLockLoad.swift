import Quantities
import Virtualization

/// How the vCPUs of a VM use the lock of its shadow tables, per taking of it.
///
/// The lock is taken by fills, emulated stores, the lifting of protections and synchronizations. A change that flushes kicks
/// the siblings that run their guest, and its vCPU waits with the lock in hand until they have answered. While a sibling has
/// work, the lines of memory that the lock guards come from its processor's caches, which makes the hold longer: so many at
/// every taking, and those of long lists of the entries that map a page.
public struct ShadowLockUse: Sendable, Hashable {
  /// Operations that take the lock.
  public static let takers: [GuestOperation] = [.hiddenFault, .emulatedStore, .tableUnprotect, .tableSync]

  /// Mean length of a hold in nanoseconds, siblings' answers and transfers of lines left out.
  public let hold: Double
  /// Time that lines take from one processor to the next, in nanoseconds.
  public let transfer: Double
  /// Time in nanoseconds in which a flush is asked of one sibling with work, whose record has its own processor's changes.
  public let request: Double
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
  /// Time of a request while 1, 2, ... vCPUs are busy, in units of its mean.
  public let paces: [Double]

  /// Waits and kicks that go with some operations under a design.
  func operations(
    among rates: [GuestOperation: Double], design: CompiledDesign
  ) -> (waits: Double?, kicks: Double?) {
    let taken = ShadowLockLoad.takers(of: design).reduce(0) { $0 + (rates[$1] ?? 0) }
    return taken > 0 ? (taken * waits, taken * kicks) : (nil, nil)
  }
}

/// Finds the use of the lock from a VM's operations.
struct ShadowLockLoad {
  let workload: Workload
  let vcpus: Int
  let design: CompiledDesign

  /// vCPUs that may want the lock at a time.
  var contenders: Int { BusyVCPUs(workload: workload, vcpus: vcpus).most }

  /// Operations that take the lock under a design: those that take time there.
  static func takers(of design: CompiledDesign) -> [GuestOperation] {
    ShadowLockUse.takers.filter { !(design.cost(of: $0)?.synchronous ?? []).isEmpty }
  }

  /// The use of the lock; nil where nothing takes it or nobody contends.
  ///
  /// - Parameters:
  ///   - perRequest: all operations of a request, `remoteFlush` being flushes asked for.
  ///   - perCPUSecond: all operations of a second of work.
  ///   - lines: lines of lists of entries that a request, or a second of work, reads beyond the first record of each.
  ///   - ticks: share of running time that ticks take.
  func use(
    perRequest: [GuestOperation: Double], perCPUSecond: [GuestOperation: Double], lines: Double,
    ticks: Double
  ) -> ShadowLockUse? {
    guard contenders > 1, design.choice.axes[.paging] == "shadow",
      let mean = design.cost(of: .lockWait)?.synchronousMean, mean > 0
    else { return nil }
    let service = workload.unitOfWork
    func all(_ operation: GuestOperation) -> Double {
      (perRequest[operation] ?? 0) + (perCPUSecond[operation] ?? 0) * service * 1e-9
    }
    let operations = Self.takers(of: design)
    let taken = operations.reduce(0) { $0 + all($1) }
    guard taken > 0 else { return nil }
    func cost(_ operation: GuestOperation) -> Double { design.cost(of: operation)?.synchronousMean ?? 0 }
    // A hold is part of the operation that takes the lock; a synchronization holds it all the time.
    let held = operations.reduce(all(.entrySync) * cost(.entrySync)) {
      $0 + all($1) * ($1 == .tableSync ? cost($1) : min(mean, cost($1)))
    }
    let hold = held / taken
    guard hold > 0 else { return nil }
    func price(_ step: String) -> Double {
      design.profile.price(of: step, backends: design.choice.design.backends)?.nanoseconds ?? 0
    }
    let transfer = price("mmu_lock_transfer") + lines / taken * price("reverse_mapping_line")
    let request = price("flush_request")
    var busy = service
    for operation in GuestOperation.allCases where operation != .lockWait && operation != .remoteFlush {
      guard let cost = design.cost(of: operation) else { continue }
      busy += all(operation) * (cost.synchronousMean - cost.nativeReplaced)
    }
    let inGuest = max(0, busy / (1 - min(0.99, ticks)) / taken - hold)
    let flushes = all(.remoteFlush) / taken
    let answer = design.cost(of: .remoteFlush)?.synchronousMean ?? 0
    let takers = (1...contenders).map {
      Takers(
        number: $0, hold: hold, inGuest: inGuest, transfer: transfer + flushes * request * Double($0 - 1),
        flushes: flushes, answer: answer)
    }
    // Requests last much longer than takings of the lock, so that death rates follow from its queue at each number of vCPUs.
    let weights = BusyVCPUs(workload: workload, vcpus: vcpus).weights {
      Double($0) / takers[$0 - 1].cycle / taken
    }
    func average(_ value: (Takers) -> Double) -> Double { zip(takers, weights).reduce(0) { $0 + value($1.0) * $1.1 } }
    return ShadowLockUse(
      hold: hold, transfer: transfer, request: request, flushes: flushes, answer: answer, waits: average { $0.waits },
      wait: average { $0.wait },
      kicks: average { $0.kicks }, paces: takers.map { $0.cycle / average { $0.cycle } })
  }
}

/// What a taking of the lock meets while a number of vCPUs compute or want it.
///
/// While siblings answer a flush nobody computes: time stands still for all but those who wait. So the queue is solved
/// without answers, and those who wait, wait for them too.
private struct Takers {
  let waits: Double
  let wait: Double
  let kicks: Double
  /// Time between two takings of a vCPU.
  let cycle: Double

  init(number: Int, hold: Double, inGuest: Double, transfer: Double, flushes: Double, answer: Double) {
    let moved = number > 1 ? transfer : 0
    let solution = ShadowLock.solve(takers: number, think: inGuest, hold: hold + moved)
    let kicked = max(0, Double(number - 1) - solution.others)
    // With idle siblings a flush may kick nobody.
    let answered = flushes * min(1, kicked)
    waits = solution.waits + (moved > 0 ? 1 : 0) + min(1, answered)
    wait = solution.wait + moved + answered * answer * (1 + solution.others)
    kicks = flushes * kicked
    cycle = inGuest + hold + wait + kicks * answer
  }
}
