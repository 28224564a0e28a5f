import EventKernel
import Model
import Virtualization

/// How a host polls for the wake-ups of a VM's vCPUs, as the mean over halts that are drawn one after another.
///
/// Windows grow and shrink from halt to halt, and how long halts last depends on what is under way: block requests, clients
/// that come back, siblings that take the next job. No formula has their order, so the mean is taken over a sample: requests
/// with their own service times pass the vCPUs as they come, and what lies between guest and guest is a time. The draws are
/// the same for everybody, so that like VMs have like results. Where a single vCPU waits for Poisson arrivals, or for clients
/// that think, the Markov chain of `HaltPolling` has it exactly.
struct SampledHalts: Hashable {
  var polling: HaltPolling
  var vcpus: Int
  var arrivals: ArrivalProcess
  /// Service time of a request on the bare host; what it holds a vCPU for a nanosecond of it, and beside it.
  var service: Distribution
  var scale: Double
  var fixed: Double
  /// Block requests of a request, the time of each on its device, and beside it.
  var reads = 0.0
  var writes = 0.0
  var readTime = Distribution.deterministic(mean: 0)
  var writeTime = Distribution.deterministic(mean: 0)
  var blockTime = 0.0
  /// Of a closed population: a constant part of the time away, requests per nanosecond while nobody polls, and whether
  /// clients are threads of the guest that go on at once.
  var away = 0.0
  var rate = 0.0
  var isLocal = false
  /// Whether clients do nothing but think while they are away.
  var isThinkingAlone = false
  /// Whether each flow has a vCPU that its interrupts go to, and whether requests come as packets of theirs.
  var hasFlows = false
  var arrivesInFlows = false
  /// Time to wake a vCPU, one that is polled for, and to halt one; bells of a request and of a block request.
  var wake = 0.0
  var polledWake = 0.0
  var halt = 0.0
  var bells = 0.0
  var blockBells = 0.0

  /// What a halt meets on average.
  struct Result {
    /// Share that ends while the host polls, and share that it polls for at all.
    var success = 0.0
    var polled = 0.0
    /// Time of a poll in nanoseconds.
    var time = 0.0
    /// Wake-ups of a request; nil where the sample was not needed.
    var wakes: Double?
    /// Completed requests per nanosecond.
    fileprivate var rate = 0.0
  }

  /// Requests of a sample. Windows are renewed every thirty halts or so: the mean of 40,000 or more has a standard error of
  /// 2 to 3 %.
  private static let requests = 40_000

  /// Rounds times and rates to one part in a thousand, so that fixed points find again what they know.
  mutating func coarsen() {
    func round(_ value: inout Double) {
      guard value > 0, value.isFinite else { return }
      let step = value.ulp * 0x1p42
      value = (value / step).rounded() * step
    }
    for path in [
      \SampledHalts.scale, \.fixed, \.blockTime, \.away, \.rate, \.wake, \.polledWake, \.halt, \.bells, \.blockBells,
    ] { round(&self[keyPath: path]) }
  }

  /// The mean over a sample.
  ///
  /// - Complexity: O(requests of the sample · log(events under way)).
  func solve() -> Result {
    if let chain {
      return Result(
        success: chain.success, polled: chain.polled, time: chain.polled > 0 ? chain.time / chain.polled : 0)
    }
    guard case .closed(let clients, _) = arrivals, rate > 0 else { return sample(Self.requests) }
    // The rest of a round takes as long as it must for the rate of the population, which was found without polling.
    var adjusted = self
    adjusted.polling.limit = 0
    for _ in 0..<3 {
      let found = adjusted.sample(Self.requests / 8)
      guard found.rate > 0 else { break }
      let difference = Double(clients) * (1 / rate - 1 / found.rate)
      if isLocal {
        adjusted.blockTime = max(0, adjusted.blockTime + difference / max(1e-9, reads + writes))
      } else {
        adjusted.away = max(0, adjusted.away + difference)
      }
    }
    adjusted.polling.limit = polling.limit
    return adjusted.sample(Self.requests)
  }

  /// By the windows' Markov chain where halts are independent of each other.
  private var chain: (success: Double, time: Double, polled: Double)? {
    guard vcpus == 1, reads + writes == 0 else { return nil }
    switch arrivals {
    case .poisson(let rate): return polling.expectation(idle: 1e9 / max(1e-9, rate.perSecond))
    case .deterministic: return nil
    case .closed(let clients, let think):
      guard think.nanoseconds > 0, isThinkingAlone || clients == 1 else { return nil }
      return polling.expectation(
        idle: Double(think.nanoseconds) / Double(clients), after: clients == 1 ? max(0, away - bells - halt) : 0)
    }
  }

  private func sample(_ count: Int) -> Result {
    var course = Course(self)
    return course.run(requests: count)
  }
}

extension SampledHalts {
  private enum Phase { case halted, halting, waking, working, ringing }

  private enum Kind: UInt8 { case arrival, entry, vcpu, block }

  /// A vCPU and how long the host polls for it.
  private struct VCPU {
    var phase = Phase.halted
    var job = -1
    var haltedAt: Int64 = 0
    var window = 0.0
  }

  private struct Job {
    var stages = 1
    var reads = 0
    var stage = 0
    /// CPU time of a stage.
    var time = 0.0
    var preferred = 0
  }

  /// A sample under way.
  private struct Course {
    let setting: SampledHalts
    let events = PendingEventSet()
    let service: Sampler
    let readTime: Sampler
    let writeTime: Sampler
    var random = (1...3).map { RandomStream(seed: 0, replication: 0, entity: 0, purpose: UInt16($0)) }
    var vcpus: [VCPU]
    var jobs: [Job] = []
    var free: [Int] = []
    var queue: [Int] = []
    var head = 0
    var waking = 0
    var now: Int64 = 0
    var completed = 0
    var halts = 0.0
    var met = 0.0
    var polls = 0.0
    var polled = 0.0

    init(_ setting: SampledHalts) {
      self.setting = setting
      service = Sampler(setting.service)
      readTime = Sampler(setting.readTime)
      writeTime = Sampler(setting.writeTime)
      vcpus = [VCPU](repeating: VCPU(), count: setting.vcpus)
    }

    var waiting: Int { queue.count - head }

    mutating func run(requests: Int) -> Result {
      switch setting.arrivals {
      case .poisson, .deterministic: scheduleArrival()
      case .closed(let clients, _):
        for _ in 0..<clients { setting.isLocal ? enter(makeJob()) : comeBack() }
      }
      let before = requests / 10
      var start: Int64 = 0
      var isMeasuring = false
      // Bounded also where nothing is ever completed.
      var most = 64 * requests
      while completed < requests + before, most > 0, let event = events.popFirst() {
        now = event.time
        most -= 1
        if !isMeasuring, completed >= before {
          isMeasuring = true
          start = now
          (halts, met, polls, polled) = (0, 0, 0, 0)
        }
        let handle = Int(event.handle)
        switch Kind(rawValue: event.kind) {
        case .arrival:
          scheduleArrival()
          enter(makeJob())
        case .entry: enter(makeJob())
        case .block: enter(handle, inFlow: setting.hasFlows)
        case .vcpu: end(handle)
        case nil: break
        }
      }
      let counted = isMeasuring ? completed - before : completed
      let rate = now > start ? Double(counted) / Double(now - start) : 0
      return Result(
        success: halts > 0 ? met / halts : 0, polled: halts > 0 ? polls / halts : 0,
        time: polls > 0 ? polled / polls : 0,
        wakes: halts / Double(max(1, counted)), rate: rate)
    }

    func schedule(_ kind: Kind, _ handle: Int, after time: Double) {
      // What comes in a century does not come.
      guard Double(now) + time < 4e18 else { return }
      events.insert(Event(time: now + Int64(time.rounded()), kind: kind.rawValue, handle: UInt32(handle)))
    }

    mutating func scheduleArrival() {
      switch setting.arrivals {
      case .poisson(let rate) where rate.perSecond > 0:
        schedule(.arrival, 0, after: random[0].nextExponential(mean: 1e9 / rate.perSecond))
      case .deterministic(let rate) where rate.perSecond > 0: schedule(.arrival, 0, after: 1e9 / rate.perSecond)
      default: break
      }
    }

    mutating func comeBack() {
      guard case .closed(_, let think) = setting.arrivals else { return }
      if setting.isLocal {
        queue.append(makeJob())
        return
      }
      let pause = think.nanoseconds > 0 ? random[0].nextExponential(mean: Double(think.nanoseconds)) : 0
      schedule(.entry, 0, after: pause + setting.away)
    }

    mutating func count(_ mean: Double) -> Int {
      let whole = mean.rounded(.down)
      return Int(whole) + (mean > whole && random[2].nextUniform() < mean - whole ? 1 : 0)
    }

    mutating func makeJob() -> Int {
      var job = Job()
      job.reads = count(setting.reads)
      job.stages = 1 + job.reads + count(setting.writes)
      let time = setting.scale * service.sample(using: &random[1]) + setting.fixed
      job.time = max(0, time) / Double(job.stages)
      if setting.hasFlows { job.preferred = Int(random[2].nextUniform() * Double(vcpus.count)) }
      guard let place = free.popLast() else {
        jobs.append(job)
        return jobs.count - 1
      }
      jobs[place] = job
      return place
    }

    /// A job is ready: wakes a halted vCPU for it if there is one.
    mutating func enter(_ job: Int, inFlow: Bool? = nil) {
      queue.append(job)
      guard waiting > waking else { return }
      let own = jobs[job].preferred
      let isInFlow = inFlow ?? (setting.hasFlows && setting.arrivesInFlows)
      let preferred = isInFlow && vcpus[own].phase == .halted ? own : nil
      guard let index = preferred ?? vcpus.firstIndex(where: { $0.phase == .halted }) else { return }
      let idle = Double(now - vcpus[index].haltedAt)
      let window = vcpus[index].window
      halts += 1
      polls += window > 0 ? 1 : 0
      polled += min(idle, window)
      if idle <= window {
        met += 1
      } else {
        vcpus[index].window = setting.polling.window(after: window, idle: idle)
      }
      waking += 1
      go(index, .waking, for: idle <= window ? setting.polledWake : setting.wake)
    }

    mutating func go(_ index: Int, _ phase: Phase, for time: Double) {
      vcpus[index].phase = phase
      schedule(.vcpu, index, after: time)
    }

    mutating func end(_ index: Int) {
      switch vcpus[index].phase {
      case .halted: break
      case .waking:
        waking -= 1
        decide(index)
      case .ringing: decide(index)
      case .halting:
        if waiting > waking {
          decide(index)
        } else {
          vcpus[index].phase = .halted
          vcpus[index].haltedAt = now
        }
      case .working:
        let job = vcpus[index].job
        let isBlock = jobs[job].stage < jobs[job].stages - 1
        if isBlock {
          let isRead = jobs[job].stage < jobs[job].reads
          jobs[job].stage += 1
          let time = isRead ? readTime.sample(using: &random[2]) : writeTime.sample(using: &random[2])
          // The request is on its way when the bell has been rung.
          schedule(.block, job, after: setting.blockBells + time + setting.blockTime)
        } else {
          completed += 1
          free.append(job)
          comeBack()
        }
        go(index, .ringing, for: isBlock ? setting.blockBells : setting.bells)
      }
    }

    mutating func decide(_ index: Int) {
      guard waiting > 0 else { return go(index, .halting, for: setting.halt) }
      let job = queue[head]
      head += 1
      if head > 1024, head * 2 > queue.count {
        queue.removeFirst(head)
        head = 0
      }
      vcpus[index].job = job
      go(index, .working, for: jobs[job].time)
    }
  }
}
