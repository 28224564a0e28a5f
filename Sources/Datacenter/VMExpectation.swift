import EventKernel
import Model
import Virtualization

/// What a VM is expected to do and to cost while it has the cores it asks for.
struct VMExpectation {
  /// A step of virtualization with how often its operation happens.
  struct Flow {
    let operation: GuestOperation
    let charge: StepCharge
    /// Operations per second.
    var rate: Double
  }

  /// Steps of the vCPUs and of the backend.
  var flows: [Flow] = []
  /// The guest's own work in nanoseconds per second.
  var guest = 0.0
  /// The part of it in which it spins for locks.
  var spin = 0.0
  /// CPUs' worth of native work.
  var utilization = 0.0
  /// Time that vCPUs with work wait without a core, in nanoseconds per second.
  var waiting = 0.0
  /// Requests, iterations or idle wake-ups per second; for a batch, nanoseconds of native work per second.
  var throughput = 0.0
  /// Mean latency in nanoseconds; nil when it does not exist.
  var latency: Double?
  /// How its threads use processors; loads of vCPUs that always have work are their number.
  var use = ThreadUse()
  /// Time that vCPUs with work that will be done in time wait for processors, in nanoseconds per second.
  var steal = 0.0
  /// Whether the vCPUs always have work: what they are refused is steal.
  var isSaturated = false
  /// Time that a unit of work takes; more than 1 where siblings of a core slow each other down.
  var stretch = 1.0
  /// Work in the units of `throughput` after which the VM falls idle.
  var workLimit = Double.infinity
  /// Its memory, where that changes.
  var memory: MemoryUse?

  /// CPU time of the vCPUs in nanoseconds per second.
  var vcpuDemand: Double { guest + stall }
  /// Stalls of the vCPUs in nanoseconds per second.
  var stall: Double { flows.reduce(0) { $0 + ($1.charge.place.isAsynchronous ? 0 : $1.rate * $1.charge.mean) } }
  /// Processors that steps at some places ask for.
  func demand(at isThere: (Place) -> Bool) -> Double {
    flows.reduce(0) { $0 + (isThere($1.charge.place) ? $1.rate * $1.charge.mean : 0) } * 1e-9
  }
  /// Processors that its own threads ask for.
  var ownDemand: Double { guest * 1e-9 + demand { $0 != .privilegedDomain } }
  /// CPU time of the backend in nanoseconds per second.
  var backendDemand: Double {
    flows.reduce(0) { $0 + ($1.charge.place.isAsynchronous ? $1.rate * $1.charge.mean : 0) }
  }

  mutating func add(_ operation: GuestOperation, _ charges: [StepCharge], rate: Double) {
    guard rate > 0 else { return }
    for charge in charges { flows.append(Flow(operation: operation, charge: charge, rate: rate)) }
  }
}

/// The costs of a VM's jobs in expectation: the slowdown of its native work.
///
/// With operations per work `r_k` and per running time `f_j`, a job of native work `s` holds a vCPU for
/// `[s·e + Σ r_k c_k] / [1 − Σ f_j c_j]`, `e` being the guest's own share.
struct JobExpectation {
  /// The guest's own work of a job in nanoseconds, ticks left out.
  var guest: Double
  /// Native work by which rates per CPU second are counted.
  var native: Double
  let load: OperationLoad
  let design: CompiledDesign
  /// CPUs' worth of native work that the VM does, on which the pages dirtied in a round depend.
  var utilization = 1.0
  /// Nanoseconds of the run that the results are about, and work after which nothing more is done.
  var window = 0.0...0.0
  var limit = Double.infinity
  /// vCPUs that work without a pause, so that the work done follows from its cost; nil where it follows from arrivals.
  var busy: Int?

  /// CPU time by which dirtied pages are counted.
  var work: Double { native > 0 ? native : guest }

  /// Share of running time that ticks take, and their native part.
  private var ticks: (all: Double, native: Double) {
    load.perRunningSecond.reduce(into: (0.0, 0.0)) { sums, entry in
      guard let cost = design.cost(of: entry.operation) else { return }
      sums.0 += entry.rate * (cost.synchronousMean + cost.nativeMean) * 1e-9
      sums.1 += entry.rate * cost.nativeMean * 1e-9
    }
  }

  /// Operations of one job with the steps they cause, ticks left out.
  private var operations: [(GuestOperation, [StepCharge], Double)] {
    var all: [(GuestOperation, [StepCharge], Double)] = []
    for entry in load.perRequest {
      all.append((entry.operation, design.cost(of: entry.operation)?.synchronous ?? [], entry.rate))
    }
    for entry in load.perCPUSecond {
      let count = entry.rate * native * 1e-9
      guard let cost = design.cost(of: entry.operation) else { continue }
      all.append((entry.operation, cost.synchronous, count))
      if entry.operation == .tlbMiss, entry.rate > load.bareHostTLBMisses {
        all.append((.tlbMiss, cost.native, (entry.rate - load.bareHostTLBMisses) * native * 1e-9))
      }
    }
    if let logging = load.logging {
      let rates = logging.rates(utilization: utilization, exits: load.exitsPerCPUSecond)
      for (operation, rate) in [(GuestOperation.dirtyPage, rates.dirty), (.dirtyLogFull, rates.full)] {
        all.append((operation, design.cost(of: operation)?.synchronous ?? [], rate * work * 1e-9))
      }
    }
    if let deferred = load.deferredInvalidation, work > 0, utilization > 0 {
      let requests = utilization / work * 1e9
      let charges = design.cost(of: .iotlbFlush)?.synchronous ?? []
      all.append((.iotlbFlush, charges, deferred.rate(requests: requests) / requests))
    }
    if let code = load.codeTranslation {
      let charges = design.cost(of: .codeTranslation)?.synchronous ?? []
      // Work takes longer while code is cold.
      let warm = all.reduce(guest) { $0 + $1.2 * $1.1.reduce(0) { $0 + $1.mean } } / max(work, 1e-12)
      let cold = charges.reduce(0) { $0 + $1.mean }
      func done(at time: Double) -> Double {
        guard let busy else { return min(limit, utilization * time) }
        let available = time * Double(busy) * (1 - ticks.all)
        var lower = 0.0
        var upper = warm > 0 ? available / warm : available
        for _ in 0..<80 {
          let middle = (lower + upper) / 2
          if middle * warm + code.translated(after: middle) * cold < available {
            lower = middle
          } else {
            upper = middle
          }
        }
        return min(limit, (lower + upper) / 2)
      }
      let rate = code.rate(from: done(at: window.lowerBound), to: done(at: window.upperBound))
      all.append((.codeTranslation, charges, rate * work))
    }
    return all
  }

  /// Time that a job waits on its vCPU without a core, in nanoseconds: for swapped pages.
  private var waits: Double {
    let perRequest = load.perRequest.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.waitMean ?? 0) }
    return load.perCPUSecond.reduce(perRequest) {
      $0 + $1.rate * native * 1e-9 * (design.cost(of: $1.operation)?.waitMean ?? 0)
    }
  }

  /// Time that a job holds a vCPU, in nanoseconds.
  var time: Double { runningTime + waits }

  /// Time of it on a core.
  private var runningTime: Double {
    let work = operations.reduce(guest) { sum, entry in
      sum + entry.2 * entry.1.reduce(0) { $0 + $1.mean }
    }
    return work / (1 - ticks.all) + spin
  }

  /// Expected spinning for locks, while no vCPU waits for a processor.
  private var spin: Double {
    guard let locks = load.guestLocks else { return 0 }
    return locks.spinPerRequest + locks.spinPerWork * native
  }

  /// Adds the steps of `rate` jobs per second to an expectation, and the guest's own work.
  func book(rate: Double, into expectation: inout VMExpectation) {
    for (operation, charges, count) in operations { expectation.add(operation, charges, rate: rate * count) }
    let running = rate * (runningTime - spin) * 1e-9
    for entry in load.perRunningSecond {
      expectation.add(entry.operation, design.cost(of: entry.operation)?.synchronous ?? [], rate: entry.rate * running)
    }
    expectation.utilization = rate * work * 1e-9
    expectation.guest += rate * (guest + spin + (runningTime - spin) * ticks.native)
    expectation.spin += rate * spin
    expectation.waiting += rate * waits
  }
}
