import Quantities
import Virtualization

/// How the vCPUs of a VM use the lock of its shadow tables, per taking of it.
///
/// The lock is taken by fills, emulated stores, the lifting of protections and synchronizations. A change that flushes kicks
/// the siblings that run their guest, and its vCPU waits with the lock in hand until they have answered. While a sibling has
/// work, the lines of memory that the lock guards come from its processor's caches, which makes the hold longer: so many at
/// every taking, and those of long lists of the entries that map a page.
///
/// Where tables and lists have locks of their own, the VM's is taken for the making and tearing down of tables alone, and by
/// all changes in address spaces that several vCPUs run. Lists are read, and flushes asked for and awaited, before it is
/// taken, which in truth is at the locks of tables and lists: no other address space wants them for long.
public struct ShadowLockUse: Sendable, Hashable {
  /// Operations that take the lock.
  public static let takers: [GuestOperation] = [.hiddenFault, .emulatedStore, .tableUnprotect, .tableSync]

  /// Takings of the VM's lock by one of these operations, from 0 to 1.
  public let share: Double
  /// Whether lists are read and flushes awaited without the lock.
  public let isFine: Bool
  /// Mean length of a hold in nanoseconds, siblings' answers and transfers of lines left out.
  public let hold: Double
  /// Time that lines take from one processor to the next with the lock in hand, in nanoseconds.
  public let transfer: Double
  /// The same without the lock.
  public let outside: Double
  /// Time in nanoseconds in which a flush is asked of one sibling with work, whose record has its own processor's changes.
  public let request: Double
  /// Flushes of siblings that a taking asks for.
  public let flushes: Double
  /// Time until siblings have answered a flush, in nanoseconds.
  public let answer: Double
  /// Share of the time outside holds in which a vCPU runs its guest and a kick reaches it; in the hypervisor it only finds
  /// the flush before it enters the guest again.
  public let guestShare: Double
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
    let taken = ShadowLockLoad.takers(of: design).reduce(0) { $0 + (rates[$1] ?? 0) } * share
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

  /// Takings of a lock, and the time for which it is held.
  private struct Takings {
    var number = 0.0
    var held = 0.0
  }

  private func takings(_ rate: (GuestOperation) -> Double, hold: Double) -> Takings {
    func cost(_ operation: GuestOperation) -> Double { design.cost(of: operation)?.synchronousMean ?? 0 }
    // A hold is part of the operation that takes the lock; a synchronization holds it all the time.
    return Self.takers(of: design).reduce(into: Takings(held: rate(.entrySync) * cost(.entrySync))) {
      $0.number += rate($1)
      $0.held += rate($1) * ($1 == .tableSync ? cost($1) : min(hold, cost($1)))
    }
  }

  /// The use of the lock; nil where nothing takes it or nobody contends.
  ///
  /// - Parameters:
  ///   - perRequest: all operations of a request, `remoteFlush` being flushes asked for.
  ///   - perCPUSecond: all operations of a second of work.
  ///   - changes: what a request, or a second of work, changes in shadow tables.
  ///   - translation: time in which the code of a request, or of a second of work, is translated, in nanoseconds.
  ///   - ticks: share of running time that ticks take.
  func use(
    perRequest: [GuestOperation: Double], perCPUSecond: [GuestOperation: Double], changes: ShadowTableChanges,
    translation: Double, ticks: Double
  ) -> ShadowLockUse? {
    guard contenders > 1, design.choice.axes[.paging] == "shadow",
      let mean = design.cost(of: .lockWait)?.synchronousMean, mean > 0
    else { return nil }
    let service = workload.unitOfWork
    func all(_ operation: GuestOperation) -> Double {
      (perRequest[operation] ?? 0) + (perCPUSecond[operation] ?? 0) * service * 1e-9
    }
    let every = takings(all, hold: mean)
    guard every.number > 0 else { return nil }
    let isFine = design.choice.axes[.shadowLock] == ShadowLock.Grain.table.rawValue
    var taken = every
    if isFine {
      taken = takings({ changes.shared[$0] ?? 0 }, hold: mean)
      let tables = min(changes.tables, every.number - taken.number)
      taken.number += tables
      taken.held += tables * mean
    }
    guard taken.number > 0, taken.held > 0 else { return nil }
    let hold = taken.held / taken.number
    func price(_ step: String) -> Double {
      design.profile.price(of: step, backends: design.choice.design.backends)?.nanoseconds ?? 0
    }
    let lists = changes.lines / taken.number * price("reverse_mapping_line")
    let transfer = price("mmu_lock_transfer") + (isFine ? 0 : lists)
    let outside = isFine ? lists : 0
    let request = price("flush_request")
    var busy = service + translation
    var inHypervisor = translation
    for operation in GuestOperation.allCases where operation != .lockWait && operation != .remoteFlush {
      guard let cost = design.cost(of: operation) else { continue }
      busy += all(operation) * (cost.synchronousMean - cost.nativeReplaced)
      inHypervisor += all(operation) * cost.synchronous.reduce(0) { $0 + ($1.place == .guest ? 0 : $1.mean) }
    }
    let guestShare = min(1, max(0, busy - inHypervisor) / max(1, busy - taken.held))
    let inGuest = max(0, busy / (1 - min(0.99, ticks)) / taken.number - hold)
    let flushes = all(.remoteFlush) / taken.number
    let answer = design.cost(of: .remoteFlush)?.synchronousMean ?? 0
    let takers = (1...contenders).map {
      let asking = flushes * request * Double($0 - 1)
      return Takers(
        number: $0, hold: hold, inGuest: inGuest, transfer: transfer + (isFine ? 0 : asking),
        outside: isFine ? ($0 > 1 ? outside + asking : 0) : nil, guestShare: guestShare, flushes: flushes,
        answer: answer)
    }
    // Requests last much longer than takings of the lock, so that death rates follow from its queue at each number of vCPUs.
    let weights = BusyVCPUs(workload: workload, vcpus: vcpus).weights {
      Double($0) / takers[$0 - 1].cycle / taken.number
    }
    func average(_ value: (Takers) -> Double) -> Double { zip(takers, weights).reduce(0) { $0 + value($1.0) * $1.1 } }
    return ShadowLockUse(
      share: taken.number / every.number, isFine: isFine, hold: hold, transfer: transfer, outside: outside,
      request: request, flushes: flushes, answer: answer, guestShare: guestShare,
      waits: average { $0.waits }, wait: average { $0.wait }, kicks: average { $0.kicks },
      paces: takers.map { $0.cycle / average { $0.cycle } })
  }
}

/// What a taking of the lock meets while a number of vCPUs compute or want it.
///
/// While siblings answer a flush that is asked for with the lock in hand nobody computes: time stands still for all but those
/// who wait. So the queue is solved without answers, and those who wait, wait for them too. Flushes asked for without it, and
/// kicks by others', are time between two takings.
private struct Takers {
  let waits: Double
  let wait: Double
  let kicks: Double
  /// Time between two takings of a vCPU.
  let cycle: Double

  init(
    number: Int, hold: Double, inGuest: Double, transfer: Double, outside: Double?, guestShare: Double,
    flushes: Double, answer: Double
  ) {
    let moved = number > 1 ? transfer : 0
    // A flush that kicks nobody waits for nobody.
    func answered(_ kicked: Double) -> Double {
      let missed = 1 - kicked / Double(max(1, number - 1))
      return flushes * (1 - (1..<max(1, number)).reduce(1.0) { product, _ in product * missed })
    }
    guard let outside else {
      let solution = ShadowLock.solve(takers: number, think: inGuest, hold: hold + moved)
      let kicked = max(0, Double(number - 1) - solution.others) * guestShare
      let answers = answered(kicked)
      waits = solution.waits + (moved > 0 ? 1 : 0) + min(1, answers)
      wait = solution.wait + moved + answers * answer * (1 + solution.others)
      kicks = flushes * kicked
      cycle = inGuest + hold + wait + kicks * answer
      return
    }
    // Kicked are those that run their guest, and being kicked takes time from that. Who asks is not being kicked at that
    // time: kicks that it would have shared are left out.
    var kicked = Double(number - 1) * guestShare
    var solution = ShadowLock.solve(takers: 1, think: inGuest, hold: hold)
    var between = 0.0
    for _ in 0..<60 {
      between = outside + answered(kicked) * answer
      let think = inGuest + between + flushes * kicked * answer
      solution = ShadowLock.solve(takers: number, think: think, hold: hold + moved)
      let others = inGuest + between + (1 - guestShare) * flushes * kicked * answer
      let running = guestShare * inGuest / (others + solution.wait + hold + moved)
      kicked = (kicked + Double(number - 1) * running) / 2
    }
    waits = solution.waits + (moved > 0 ? 1 : 0) + (between > 0 ? 1 : 0)
    wait = solution.wait + moved + between
    kicks = flushes * kicked
    cycle = inGuest + hold + wait + kicks * answer
  }
}
