import Quantities
import Virtualization

/// The processors of a host as its scheduler sees them: hardware threads, numbered core by core.
public struct HostProcessors: Sendable, Hashable {
  /// Cores of all sockets.
  public var cores: Int
  /// Hardware threads of a core.
  public var threadsPerCore = 1
  /// What a core does with all its threads busy, in units of what it does with one.
  public var smtThroughput = 1.0
  /// How fast cores are by how many are active, in units of the host's frequency; empty for a fixed frequency.
  public var boost: [Boost] = []
  /// How threads are scheduled.
  public var scheduler = SchedulerKind.fair
  /// Longest time on a processor while others wait, in nanoseconds; nil for the scheduler's own.
  public var slice: Int64?
  /// How far a vCPU may be ahead of its slowest sibling under co-scheduling, in nanoseconds.
  public var skew = HostProcessors.usualSkew

  /// What becomes of a vCPU that spins.
  public var pauseResponse = PauseLoops.Response.off
  /// Time of spinning after which it exits, in nanoseconds.
  public var pauseWindow = 0.0
  /// To what that may grow, in nanoseconds.
  public var longestPauseWindow = Double.infinity
  /// Polling for wake-ups of halted vCPUs; nil for none.
  public var haltPolling: HaltPolling?
  /// Idle states of the cores; nil for cores that wake up at once.
  public var idleStates: IdleStates?

  /// The speed of all active cores while no more than so many are.
  public struct Boost: Sendable, Hashable {
    /// Active cores.
    public var cores: Int
    /// Speed in units of the host's frequency.
    public var speed: Double

    /// Creates an entry.
    public init(cores: Int, speed: Double) {
      self.cores = cores
      self.speed = speed
    }
  }

  /// Speed of each active core while `active` of them are, in units of the host's frequency.
  public func speed(active: Int) -> Double {
    boost.first { active <= $0.cores }?.speed ?? boost.last?.speed ?? 1
  }

  /// Mean speed at which work is done when `demand` cores of the host's frequency are asked for by `parallel` threads that
  /// become active independently of each other and go on at the speed of all: the number of active cores is that of a
  /// birth-death chain, `P(k) ∝ C(n,k) r^k / Π_{i≤k} speed(i)`, with `r` such that the work is done.
  ///
  /// - Complexity: O(200 × cores).
  public func meanSpeed(demand: Double, parallel: Int) -> Double {
    guard !boost.isEmpty, demand > 0 else { return 1 }
    let count = max(1, min(cores, parallel))
    guard demand < Double(count) * speed(active: count) else { return speed(active: count) }
    func active(_ ratio: Double) -> (cores: Double, work: Double) {
      var (weight, all, active, work) = (1.0, 1.0, 0.0, 0.0)
      for number in 1...count {
        weight *= Double(count - number + 1) / Double(number) * ratio / speed(active: number)
        all += weight
        active += weight * Double(number)
        work += weight * Double(number) * speed(active: number)
      }
      return (active / all, work / all)
    }
    // By the odds of being active, so that the bracket is finite.
    var lower = 0.0
    var upper = 1.0
    for _ in 0..<200 {
      let middle = (lower + upper) / 2
      if active(middle / max(1e-15, 1 - middle)).work < demand { lower = middle } else { upper = middle }
    }
    let result = active(upper / max(1e-15, 1 - upper))
    return result.work / result.cores
  }

  /// Sets what the design and the processor make of vCPUs that spin; `window` where the scenario states it.
  mutating func setPauseLoops(of design: CompiledDesign, at frequency: Frequency, window: Cost?) {
    pauseResponse = PauseLoops.Response(rawValue: design.choice.axes[.pauseLoopExiting]) ?? .off
    if design.profile.backend == "amd-v" {
      let pass = design.cost(of: .lockSpin)?.nativeMean ?? GuestLockUse.usualPass
      pauseWindow = PauseLoops.filterCount * pass
      longestPauseWindow = PauseLoops.largestFilterCount * pass
    } else {
      pauseWindow = Cost.cycles(PauseLoops.windowCycles).nanoseconds(at: frequency)
    }
    if let window { pauseWindow = window.nanoseconds(at: frequency) }
    if pauseWindow <= 0 { pauseResponse = .off }
  }

  /// Hardware threads.
  public var threads: Int { cores * threadsPerCore }

  /// Slowdown of a thread on a core of which so many threads are busy: throughput grows evenly from the first to the last.
  public func stretch(busy: Int) -> Double {
    guard busy > 1, threadsPerCore > 1 else { return 1 }
    return Double(busy) / throughput(busy: Double(busy))
  }

  /// What a core does with so many threads busy.
  private func throughput(busy: Double) -> Double {
    1 + (smtThroughput - 1) * (busy - 1) / Double(threadsPerCore - 1)
  }

  /// Work that the host does in its time when all threads are busy, in cores.
  public var capacity: Double { Double(cores) * (threadsPerCore > 1 ? smtThroughput : 1) }

  /// Work that the host does in its time, in cores, when no more than so many threads can be busy: they spread over idle
  /// cores first.
  public func capacity(busyThreads: Int) -> Double {
    guard threadsPerCore > 1, busyThreads > cores else { return Double(min(busyThreads, cores)) }
    let gained = (smtThroughput - 1) / Double(threadsPerCore - 1)
    return min(capacity, Double(cores) + gained * Double(busyThreads - cores))
  }

  /// Busy threads that do the work of `demand` unshared cores, when threads spread over idle cores first.
  ///
  /// Exact where the number of busy threads does not vary.
  public func busyThreads(demand: Double) -> Double {
    let count = Double(cores)
    guard threadsPerCore > 1, demand > count else { return min(demand, count) }
    let gained = (smtThroughput - 1) / Double(threadsPerCore - 1)
    return min(Double(threads), count + (demand - count) / max(gained, 1e-9))
  }

  /// The slice of a scheduler that the scenario does not set, in nanoseconds.
  ///
  /// Xen's credit: 30 ms, credit2: 10 ms of credit. ESXi: `Cpu.Quantum`, assumed 50 ms (1 to 200). Hyper-V: assumed 10 ms
  /// (1 to 50). Others: the base slice of Linux's fair scheduler on eight or more CPUs, 0.75 ms × (1 + log2 8).
  public static func usualSlice(of scheduler: SchedulerKind) -> Int64 {
    switch scheduler {
    case .credit: 30_000_000
    case .credit2, .core: 10_000_000
    case .relaxedCoscheduling, .strictCoscheduling: 50_000_000
    case .fair, .roundRobin: 3_000_000
    }
  }
  /// Assumed, 1 to 5 ms: the threshold of ESXi's relaxed co-scheduling.
  public static let usualSkew: Int64 = 3_000_000
  /// Assumed, 1.1 to 1.35: what two busy siblings do together.
  public static let usualSMTThroughput = 1.25

  /// Creates the processors of a host.
  public init(cores: Int) { self.cores = cores }
}

/// What a VM may use of its host's processors.
public struct ProcessorShare: Sendable, Hashable {
  /// Weight of each of the VM's threads against others'.
  public var weight = 1.0
  /// Processors that the VM's vCPUs may use together; nil for as many as they are.
  public var cap: Double?
  /// Processors that the VM's vCPUs have together at least, if they want them; nil for none.
  public var reservation: Double?
  /// Period in which the cap holds, in nanoseconds. Linux's default for bandwidth control is 100 ms.
  public var period: Int64 = 100_000_000
  /// Numbers of the hardware threads that the VM's threads may run on; nil for all.
  public var pinned: [Int]?

  /// No limits, weight 1.
  public init() {}
}
