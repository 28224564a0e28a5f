/// Time that threads wait for a processor when they wake up, in nanoseconds.
struct ProcessorWait {
  var mean = 0.0
  var secondMoment = 0.0

  /// Mean of the wait and a constant time before or after it.
  func mean(with time: Double) -> Double { mean + time }
  /// Second moment of both together.
  func secondMoment(with time: Double) -> Double { time * time + 2 * time * mean + secondMoment }
  /// Squared coefficient of variation of both together.
  func variation(with time: Double) -> Double {
    let all = mean + time
    return all > 0 ? max(0, secondMoment(with: time) / (all * all) - 1) : 0
  }

  /// The wait where only a share of the wake-ups is met by it.
  static func * (wait: ProcessorWait, share: Double) -> ProcessorWait {
    ProcessorWait(mean: wait.mean * share, secondMoment: wait.secondMoment * share)
  }

  /// Adds a wait that is independent of this one.
  mutating func add(_ other: ProcessorWait) {
    secondMoment += 2 * mean * other.mean + other.secondMoment
    mean += other.mean
  }

  mutating func approach(_ other: ProcessorWait) {
    mean = (mean + other.mean) / 2
    secondMoment = (secondMoment + other.secondMoment) / 2
  }
}

/// What the threads of one kind of a VM meet at the processors of their host.
struct ProcessorDelay {
  var wait = ProcessorWait()
  /// Time that they take for a unit of work: more than 1 where others leave them no more.
  var slowdown = 1.0
}

/// What the threads of a VM meet at the processors of their host.
struct ProcessorDelays {
  var vcpus = ProcessorDelay()
  var network = ProcessorDelay()
  var disk = ProcessorDelay()

  var all: [ProcessorDelay] { [vcpus, network, disk] }
  var polls = PollCuts()
}

/// How polls for the wake-ups of a VM's vCPUs give way to threads that want a processor.
struct PollCuts: Hashable {
  /// Share of halts for which nobody polls because somebody waits.
  var refused = 0.0
  /// Polls that end because somebody else wakes up, for each nanosecond of polling.
  var rate = 0.0
  /// Share of polls that end because the backend that brings the wake-up needs the processor.
  var own = 0.0

  mutating func approach(_ other: PollCuts) {
    refused = (refused + other.refused) / 2
    rate = (rate + other.rate) / 2
    own = (own + other.own) / 2
  }
}

/// How the threads of a VM use processors.
struct ThreadUse {
  /// Processors that threads of one kind ask for together, and how often they wake up per nanosecond.
  struct Kind {
    var load = 0.0
    var wakes = 0.0

    static func * (kind: Kind, factor: Double) -> Kind { Kind(load: kind.load * factor, wakes: kind.wakes * factor) }
    static func + (first: Kind, second: Kind) -> Kind {
      Kind(load: first.load + second.load, wakes: first.wakes + second.wakes)
    }
  }

  var vcpus = Kind()
  var network = Kind()
  var disk = Kind()
  /// Processors on which the host polls for its vCPUs.
  var polling = 0.0
  /// Shares of the vCPUs' halts that come right after a bell, and that end by a backend that wakes up before.
  var rings = 0.0
  var isTold = 0.0

  static func * (use: ThreadUse, factor: Double) -> ThreadUse {
    ThreadUse(
      vcpus: use.vcpus * factor, network: use.network * factor, disk: use.disk * factor, polling: use.polling * factor,
      rings: use.rings * factor, isTold: use.isTold * factor)
  }
  static func + (first: ThreadUse, second: ThreadUse) -> ThreadUse {
    ThreadUse(
      vcpus: first.vcpus + second.vcpus, network: first.network + second.network, disk: first.disk + second.disk,
      polling: first.polling + second.polling, rings: first.rings + second.rings,
      isTold: first.isTold + second.isTold)
  }
}
