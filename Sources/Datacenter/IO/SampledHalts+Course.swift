import EventKernel
import Model
import Virtualization

extension SampledHalts {
  enum Phase { case halted, halting, waking, working, ringing, kicked, looking, clearing, reading, leaving }

  enum Kind: UInt8 { case arrival, entry, vcpu, turn, worker, disk }

  /// A vCPU and how long the host polls for it.
  struct VCPU {
    var phase = Phase.halted
    var job = -1
    var haltedAt: Int64 = 0
    var window = 0.0
    /// Whether it is to be interrupted, the number of its plan, and what is left of its job where an interrupt has cut it short.
    var isKicked = false
    var plan: UInt32 = 0
    var end = 0.0
    var left = -1.0
    /// Work of its job that it has planned.
    var burst = 0.0
    /// The thread that its bell wakes, and whether a request leaves when it is through; -1 and false for neither.
    var ringsAt = -1
    var leaves = false
  }

  struct Job {
    var stages = 1
    var reads = 0
    var stage = 0
    /// The first so many reads, and writes, are cut; parts of the present one that are not done; and when it came.
    var cutReads = 0
    var cutWrites = 0
    var parts = 0
    var arrival: Int64 = 0
    /// CPU time of a stage.
    var time = 0.0
    var flow = 0.0
    /// What is left of the stage, where jobs run in turns or to their end.
    var left = 0.0
    /// The vCPU that has it; -1 while it waits.
    var vcpu = -1
    /// Service of a vCPU, as shared by all jobs, at which its stage ends.
    var end = 0.0
  }

  struct Thread {
    enum Kind { case receive, transmit, submit, complete, wake, none }

    struct Item {
      var kind: Kind
      var job: Int
    }

    var worker: Worker
    var items: [Item] = []
    var head = 0
    var current = Item(kind: .none, job: -1)
    var isAsleep = true
    /// Packets on their way back to the driver.
    var sent = SentPackets()
    /// Items of its rings that it has not done.
    var packets = 0
    var blocks = 0
  }

  /// A sample under way.
  struct Course {
    let setting: SampledHalts
    let events = PendingEventSet()
    let service: Sampler
    let readTime: Sampler
    let writeTime: Sampler
    var random = (1...3).map { RandomStream(seed: 0, replication: 0, entity: 0, purpose: UInt16($0)) }
    var vcpus: [VCPU]
    var threads: [Thread]
    /// The first thread of the disk's.
    let firstOfDisk: Int
    var jobs: [Job] = []
    var free: [Int] = []
    /// Jobs that wait for a vCPU, in their order.
    var queue: [Int] = []
    var head = 0
    /// Jobs that have entered and not ended their stage, by the service at which they will, where they share.
    var pool: [Int] = []
    /// Service that each of them has had, when that was, at what speed it grows, and the number of its plan.
    var served = 0.0
    var servedAt = 0.0
    var speed = 0.0
    var plan: UInt32 = 0
    var working = 0
    var waking = 0
    var now: Int64 = 0
    // The disk.
    var onDisk = 0
    var held: [Int] = []
    var heldHead = 0
    var nextStart = 0.0
    var busFree = 0.0
    // What it has done and nobody knows of, whether its status is set and an interrupt waits to be taken, or is handled.
    var done: [Int] = []
    var isStatusSet = false
    var isAsserted = false
    var isHandled = false
    /// Until when the driver polls for packets.
    var pollsUntil = 0.0
    var shared = Result.Shared()
    /// Whether an interrupt for packets sent is on its way.
    var isTold = false
    // What is counted.
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
      threads = [Thread](repeating: Thread(worker: setting.network), count: setting.network.threads)
      firstOfDisk = setting.disk == nil ? 0 : threads.count
      if let disk = setting.disk { threads += [Thread](repeating: Thread(worker: disk), count: disk.threads) }
    }

    var waiting: Int { queue.count - head }

    mutating func run(halts most: Int, requests: Int) -> Result {
      switch setting.arrivals {
      case .poisson, .deterministic: scheduleArrival()
      case .closed(let clients, _):
        for _ in 0..<clients { setting.isLocal ? enter(makeJob(), inFlow: false) : comeBack() }
      }
      let before = requests / 10
      var start: Int64 = 0
      var isMeasuring = false
      // Bounded also where nothing is ever completed.
      var left = 64 * requests
      while completed < requests + before, halts < Double(most), left > 0, let event = events.popFirst() {
        now = event.time
        left -= 1
        if !isMeasuring, completed >= before || halts >= Double(most / 10) {
          // Guests that never halt need no longer sample.
          if halts < 3, setting.polling.limit > 0, setting.interrupts == nil { break }
          isMeasuring = true
          start = now
          (completed, halts, met, polls, polled) = (before, 0, 0, 0, 0)
          shared = Result.Shared()
        }
        let handle = Int(event.handle)
        switch Kind(rawValue: event.kind) {
        case .arrival:
          scheduleArrival()
          arrive()
        case .entry: arrive()
        case .vcpu:
          if event.generation == vcpus[handle].plan & Event.generationMask { end(handle) }
        case .turn:
          if event.generation == plan & Event.generationMask { endService() }
        case .worker: endItem(handle)
        case .disk: endDisk(handle)
        case nil: break
        }
      }
      let counted = isMeasuring ? completed - before : completed
      let rate = now > start ? Double(counted) / Double(now - start) : 0
      return Result(
        success: halts > 0 ? met / halts : 0, polled: halts > 0 ? polls / halts : 0,
        time: polls > 0 ? polled / polls : 0,
        wakes: halts / Double(max(1, counted)), rate: rate,
        shared: setting.interrupts == nil ? nil : shared.divided(by: Double(max(1, counted))))
    }

    func schedule(_ kind: Kind, _ handle: Int, after time: Double, generation: UInt32 = 0) {
      // What comes in a century does not come.
      guard Double(now) + time < 4e18 else { return }
      events.insert(
        Event(
          time: now + Int64(time.rounded()), kind: kind.rawValue, handle: UInt32(handle), generation: generation))
    }

    // MARK: Requests

    mutating func scheduleArrival() {
      switch setting.arrivals {
      case .poisson(let rate) where rate.perSecond > 0:
        schedule(.arrival, 0, after: random[0].nextExponential(mean: 1e9 / rate.perSecond))
      case .deterministic(let rate) where rate.perSecond > 0: schedule(.arrival, 0, after: 1e9 / rate.perSecond)
      default: break
      }
    }

    /// A request's packets reach the host, or the request the guest.
    mutating func arrive() {
      let job = makeJob()
      guard setting.network.receive > 0 else {
        return enterByInterrupt(job, inFlow: setting.hasFlows && setting.arrivesInFlows)
      }
      push(.receive, job, thread: thread(of: job, isBlock: false))
    }

    /// A request has left: its client starts anew.
    mutating func comeBack() {
      guard case .closed(_, let think) = setting.arrivals else { return }
      if setting.isLocal { return add(makeJob()) }
      let pause = think.nanoseconds > 0 ? random[0].nextExponential(mean: Double(think.nanoseconds)) : 0
      schedule(.entry, 0, after: pause + setting.away)
    }

    mutating func leave(_ job: Int) {
      completed += 1
      shared.latency += Double(now - jobs[job].arrival)
      free.append(job)
      comeBack()
    }

    mutating func count(_ mean: Double) -> Int {
      let whole = mean.rounded(.down)
      return Int(whole) + (mean > whole && random[2].nextUniform() < mean - whole ? 1 : 0)
    }

    mutating func makeJob() -> Int {
      var job = Job()
      job.cutReads = count(setting.cutReads)
      job.cutWrites = count(setting.cutWrites)
      job.reads = job.cutReads + count(setting.reads)
      job.stages = 1 + job.reads + job.cutWrites + count(setting.writes)
      job.arrival = now
      let time = setting.scale * service.sample(using: &random[1]) + setting.fixed
      job.time = max(0, time) / Double(job.stages)
      if setting.hasFlows || threads.count > 2 { job.flow = random[2].nextUniform() }
      guard let place = free.popLast() else {
        jobs.append(job)
        return jobs.count - 1
      }
      jobs[place] = job
      return place
    }

    // MARK: vCPUs

    /// A job joins those that want a vCPU.
    mutating func add(_ job: Int) {
      queue.append(job)
      jobs[job].left = jobs[job].time
      guard setting.isSharing else { return }
      serve()
      jobs[job].end = served + jobs[job].time
      insert(job)
      planService()
    }

    /// A job is ready: wakes a halted vCPU for it if there is one.
    mutating func enter(_ job: Int, inFlow: Bool) {
      add(job)
      guard waiting > waking else { return }
      if setting.turn > 0, !vcpus.contains(where: { $0.phase == .halted }) { return shorten() }
      wakeHalted(for: inFlow ? job : -1)
    }

    /// The same, where it interrupts.
    mutating func enterByInterrupt(_ job: Int, inFlow: Bool) {
      guard let shared = setting.interrupts else { return enter(job, inFlow: inFlow) }
      let hasHalted = vcpus.contains { $0.phase == .halted }
      let isPolling = !hasHalted && Double(now) < pollsUntil
      pollsUntil = max(Double(now), pollsUntil) + shared.pollTime
      if setting.network.receive > 0, setting.network.tellsOfSent {
        askForSent(thread(of: job, isBlock: false), packets: 0)
      }
      enter(job, inFlow: inFlow)
      if !hasHalted, !isPolling, waiting > waking, shared.kick > 0 { interrupt() }
    }

    mutating func wakeHalted(for job: Int) {
      let own = job >= 0 ? Int(jobs[job].flow * Double(vcpus.count)) : -1
      let preferred = own >= 0 && vcpus[own].phase == .halted ? own : nil
      guard let index = preferred ?? vcpus.firstIndex(where: { $0.phase == .halted }) else { return }
      wakeUp(index)
    }

    mutating func wakeUp(_ index: Int) {
      let idle = Double(now - vcpus[index].haltedAt)
      let window = vcpus[index].window
      halts += 1
      polls += window > 0 ? 1 : 0
      polled += min(idle, window)
      let isMet = idle <= window
      if isMet { met += 1 }
      vcpus[index].window = setting.polling.window(after: window, idle: idle)
      waking += 1
      go(index, .waking, for: isMet ? setting.polledWake : setting.wake)
    }

    mutating func go(_ index: Int, _ phase: Phase, for time: Double) {
      vcpus[index].phase = phase
      vcpus[index].plan &+= 1
      vcpus[index].end = Double(now) + time
      schedule(.vcpu, index, after: time, generation: vcpus[index].plan)
    }

    /// What a vCPU did for a time of its own is over.
    mutating func end(_ index: Int) {
      switch vcpus[index].phase {
      case .halted: break
      case .waking:
        waking -= 1
        takeInterrupt(index)
      case .kicked: takeInterrupt(index)
      case .looking, .clearing, .reading, .leaving: endAccesses(index)
      case .ringing:
        if vcpus[index].ringsAt >= 0 { wakeThread(vcpus[index].ringsAt, isBell: true) }
        if vcpus[index].leaves { leave(vcpus[index].job) }
        vcpus[index].ringsAt = -1
        vcpus[index].leaves = false
        decide(index)
      case .halting:
        if waiting > waking || vcpus[index].isKicked {
          decide(index)
        } else {
          vcpus[index].phase = .halted
          vcpus[index].haltedAt = now
        }
      case .working: endTurn(index)
      }
    }

    mutating func decide(_ index: Int) {
      if vcpus[index].isKicked { return beKicked(index) }
      if vcpus[index].left >= 0 { return resume(index) }
      guard waiting > 0 else {
        shared.halts += 1
        return go(index, .halting, for: setting.halt)
      }
      let job = queue[head]
      head += 1
      if head > 1024, head * 2 > queue.count {
        queue.removeFirst(head)
        head = 0
      }
      vcpus[index].job = job
      jobs[job].vcpu = index
      guard setting.isSharing else { return work(index) }
      vcpus[index].phase = .working
      serve()
      working += 1
      planService()
    }

    /// A vCPU's job is through with a stage: it goes to the disk, or leaves.
    mutating func endStage(_ index: Int) {
      let job = vcpus[index].job
      jobs[job].vcpu = -1
      var rings: Int?
      if jobs[job].stage < jobs[job].stages - 1 {
        rings = issue(job)
      } else if setting.network.transmit > 0 {
        rings = handOver(.transmit, job, thread: thread(of: job, isBlock: false))
        if rings != nil { shared.bells += 1 }
      } else if setting.alwaysRings {
        vcpus[index].leaves = true
        rings = -1
        shared.bells += 1
      } else {
        leave(job)
      }
      guard let rings else { return decide(index) }
      vcpus[index].ringsAt = rings
      go(index, .ringing, for: setting.bell)
    }
  }
}
