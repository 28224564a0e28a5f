import Statistics

/// A guest's vCPUs as a queueing station, with what waking and halting adds.
///
/// `c` vCPUs serve Poisson arrivals of rate `λ`; a job holds a vCPU for `T`. Under processor sharing the mean sojourn is
/// insensitive to the distribution: `T [1 + C(c,ρ) / (c (1 − ρ))]` with Erlang's `C`; under first come, first served the
/// waiting part is scaled by `(c_a² + c_s²)/2` (Allen-Cunneen; exact for one vCPU and Poisson arrivals), and for arrivals
/// at equal distances by `exp(-2 (1 − ρ) / (3 ρ c_s²))` on top (Krämer and Langenbach-Belz). A vCPU without work halts,
/// which takes `H`; the arrival that finds it halted wakes it, which takes `D`.
/// [A. O. Allen, Probability, Statistics and Queueing Theory, 1990; P. D. Welch, On a generalized M/G/1 queueing
/// process in which the first customer of each busy period receives exceptional service, Operations Research 12, 1964;
/// W. Krämer, M. Langenbach-Belz, Approximate formulae for the delay in the queueing system GI/G/1, Proc. 8th ITC, 1976]
struct GuestStation {
  /// vCPUs.
  var servers: Int
  /// Arrivals per nanosecond.
  var arrivals: Double
  /// Time that a job holds a vCPU, in nanoseconds.
  var job: Double
  /// Further time per job that holds a vCPU after the job has ended (doorbells, interrupts taken while running).
  var afterwork: Double
  /// Time to wake a halted vCPU.
  var wake: Double
  /// Time that it waits for a processor before.
  var wait = ProcessorWait()
  /// Time to halt one.
  var halt: Double
  /// Probability that a job causes an interrupt some time after its end, as for packets that have been sent, and when that
  /// comes. Where the same thread brings the arrivals none comes for so long before it, and then so long after it.
  var told = 0.0
  var toldAfter = 0.0
  var heldBefore = 0.0
  var nextAfter = 0.0
  /// `(c_a² + c_s²)/2`; 1 under processor sharing with Poisson arrivals.
  var variability: Double
  /// Whether jobs arrive at equal distances.
  var isRegular = false
  /// Time of a job while 1, 2, ... vCPUs are busy, in units of `job`; empty where siblings do not slow it down.
  var paces: [Double] = []

  /// Time until a halted vCPU has woken up.
  private var setUp: Double { wait.mean(with: wake) }
  /// Busy vCPUs on average without waking and halting.
  var load: Double { arrivals * (job + afterwork) }
  /// Whether the vCPUs can keep up.
  var isStable: Bool { load < Double(servers) }

  /// Probability that an arrival finds a halted vCPU and wakes it.
  ///
  /// One vCPU: the queue with set-up and interruptible close-down, exactly. More: `1 − C` at the load that waking and
  /// halting bring with them, by fixed point.
  var wakesPerJob: Double {
    guard isStable else { return 0 }
    if servers == 1, told > 0 { return idlePeriod.wakes * idlePeriodsPerJob }
    if servers == 1 {
      let undisturbed = PortableMath.exp(-arrivals * halt)
      return undisturbed * (1 - load) / (undisturbed * (1 + arrivals * setUp) + arrivals * halt)
    }
    var wakes = 1 - delayProbability(load)
    for _ in 0..<100 {
      let next = 1 - delayProbability(load + arrivals * wakes * (1 + told) * (setUp + halt))
      if abs(next - wakes) < 1e-12 { break }
      wakes = (wakes + next) / 2
    }
    return wakes
  }

  /// Times per job that a vCPU goes idle.
  var haltsPerJob: Double {
    guard servers == 1 else { return wakesPerJob * (1 + told) }
    if told > 0 { return idlePeriod.halts * idlePeriodsPerJob }
    return wakesPerJob * PortableMath.exp(arrivals * halt)
  }

  /// Times per job that an interrupt of an earlier job wakes a halted vCPU.
  var toldWakesPerJob: Double {
    guard isStable, told > 0 else { return 0 }
    return servers == 1 ? idlePeriod.toldWakes * idlePeriodsPerJob : told * wakesPerJob
  }

  /// Arrivals per job that neither wake a vCPU nor interrupt one, because one wakes up for such an interrupt.
  var coveredPerJob: Double {
    guard isStable, told > 0 else { return 0 }
    return servers == 1 ? idlePeriod.covered * idlePeriodsPerJob : arrivals * toldWakesPerJob * setUp
  }

  /// What happens between the end of the last job of a busy period and the first arrival after it, for one vCPU.
  private struct IdlePeriod {
    var wakes = 0.0
    var halts = 0.0
    var toldWakes = 0.0
    var covered = 0.0
    /// Arrivals until the first one is served, itself included, and twice the work that they wait for, per job.
    var jobs = 0.0
    var delay = 0.0

    static func + (left: IdlePeriod, right: IdlePeriod) -> IdlePeriod {
      IdlePeriod(
        wakes: left.wakes + right.wakes, halts: left.halts + right.halts, toldWakes: left.toldWakes + right.toldWakes,
        covered: left.covered + right.covered, jobs: left.jobs + right.jobs, delay: left.delay + right.delay)
    }

    static func * (left: IdlePeriod, factor: Double) -> IdlePeriod {
      IdlePeriod(
        wakes: left.wakes * factor, halts: left.halts * factor, toldWakes: left.toldWakes * factor,
        covered: left.covered * factor, jobs: left.jobs * factor, delay: left.delay * factor)
    }
  }

  /// The vCPU halts; if nobody has come until then, the interrupt wakes it, and it halts again. An arrival that meets a halted
  /// vCPU waits for the set-up, another one for the rest of halting or waking.
  private var idlePeriod: IdlePeriod {
    let rate = arrivals
    func none(_ time: Double) -> Double { PortableMath.exp(-rate * time) }
    let (wakeJobs, wakeDelay) = (1 + rate * setUp, 2 * setUp + rate * wait.secondMoment(with: wake))
    // From the beginning of a halt that nothing follows.
    let undisturbed = none(halt)
    let last = IdlePeriod(
      wakes: undisturbed, halts: 1, jobs: rate * halt + undisturbed * wakeJobs,
      delay: undisturbed * wakeDelay + rate * halt * halt)
    let after = none(max(halt, toldAfter - heldBefore))
    let slept = none(setUp)
    let held = 1 - none(heldBefore)
    // Who has been held up meets the vCPU that wakes up, that halts once more, or that has halted.
    let isCovered = nextAfter < setUp
    let isAsleep = nextAfter >= setUp + halt
    let begin = isCovered ? setUp : isAsleep ? nextAfter + setUp : setUp + halt
    let first = IdlePeriod(
      wakes: undisturbed - after * (isAsleep ? 1 - held : 1), halts: 1 + (isCovered ? 0 : after * held),
      toldWakes: after, covered: after * ((isCovered ? held : 0) + (1 - held) * (1 - slept)),
      jobs: rate * (halt + after * (heldBefore + held * begin + (1 - held) * setUp)) + (undisturbed - after) * wakeJobs,
      delay: rate * halt * halt + (undisturbed - after) * wakeDelay
        + after * (held * 2 * (begin - nextAfter) + (1 - held) * rate * wait.secondMoment(with: wake)))
    return (first + last * (after * (1 - held) * slept)) * told + last * (1 - told)
  }

  private var idlePeriodsPerJob: Double { (1 - load) / idlePeriod.jobs }

  /// Mean time from a job's arrival in the guest's queue to its end, in nanoseconds; nil when the vCPUs cannot keep up.
  var sojourn: Double? {
    guard isStable else { return nil }
    let count = Double(servers)
    var waiting = job * delayProbability(load) / (count - load) * variability
    if isRegular, load > 0, variability > 0 {
      waiting *= PortableMath.exp(-(count - load) / (3 * load * variability))
    }
    return (job + waiting) * crowding + wakeDelay
  }

  /// By how much the mean number of jobs grows because they take longer the more vCPUs are busy: of two birth-death
  /// processes, which are exact under processor sharing whatever the distribution.
  private var crowding: Double {
    guard paces.count == servers, load > 0, load * (paces.last ?? 1) < Double(servers) else { return 1 }
    func jobs(_ pace: (Int) -> Double) -> Double {
      var (state, sum, mean) = (1.0, 1.0, 0.0)
      for number in 1..<servers {
        state *= load * pace(number) / Double(number)
        sum += state
        mean += state * Double(number)
      }
      let ratio = load * pace(servers) / Double(servers)
      state *= ratio / (1 - ratio)
      return (mean + state * (Double(servers) + ratio / (1 - ratio))) / (sum + state)
    }
    return jobs { paces[$0 - 1] } / jobs { _ in 1 }
  }

  /// What waking adds to the mean sojourn. One vCPU: every job of a busy period is behind the waking that began it. More
  /// vCPUs: scaled by the probability that there was one to wake.
  private var wakeDelay: Double {
    if servers == 1, told > 0 { return idlePeriod.delay / (2 * idlePeriod.jobs) }
    if servers == 1 {
      let undisturbed = PortableMath.exp(-arrivals * halt)
      let numerator = undisturbed * (2 * setUp + arrivals * wait.secondMoment(with: wake)) + arrivals * halt * halt
      return numerator / (2 * (undisturbed * (1 + arrivals * setUp) + arrivals * halt))
    }
    let utilization = load / Double(servers)
    return setUp * wakesPerJob / (1 - PortableMath.pow(utilization, Double(servers)))
  }

  /// Probability that all vCPUs are busy just after an arrival, which found all of them busy but one.
  var allBusyAfterArrival: Double {
    guard isStable, load > 0 else { return 1 }
    return min(1, delayProbability(load) * Double(servers) / load)
  }

  private func delayProbability(_ load: Double) -> Double {
    load >= Double(servers) ? 1 : Erlang.c(servers: servers, offeredLoad: load)
  }
}

/// A closed population of clients that think and come back: the machine-repairman model with `c` repairmen.
///
/// State `n` (clients at the station) has weight `N!/(N−n)! (T/Z)^n / Π_{i≤n} min(i,c)`; product form holds for
/// processor sharing with any service distribution.
struct ClosedStation {
  /// Clients.
  var clients: Int
  /// vCPUs.
  var servers: Int
  /// Time that a job holds a vCPU, in nanoseconds.
  var job: Double
  /// Time away from the station: thinking, backends, wire.
  var away: Double

  /// Jobs per nanosecond, and the probability that an arriving job finds an idle vCPU.
  ///
  /// - Complexity: O(clients).
  func solve() -> (throughput: Double, idle: Double) {
    let all = distribution(population: clients)
    let busy = all.enumerated().reduce(0.0) { $0 + $1.element * Double(min($1.offset, servers)) }
    // Arrival theorem: an arrival sees the network with one client less.
    let seen = distribution(population: clients - 1)
    let idle = seen.prefix(servers).reduce(0, +)
    return (job > 0 ? busy / job : 0, min(1, idle))
  }

  private func distribution(population: Int) -> [Double] {
    guard population > 0 else { return [1] }
    if away <= 0 { return [Double](repeating: 0, count: population) + [1] }
    var weights = [1.0]
    for state in 1...population {
      let weight =
        weights[state - 1] * Double(population - state + 1) * (job / away) / Double(min(state, servers))
      weights.append(weight)
      if weight > 1e200 { for index in weights.indices { weights[index] *= 1e-200 } }
    }
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }
}
