import EventKernel
import Model
import Virtualization

/// How a host polls for the wake-ups of a VM's vCPUs, as the mean over halts that are drawn one after another.
///
/// Windows grow and shrink from halt to halt, and how long halts last depends on what is under way: packets and block requests
/// at their backends, clients that come back, siblings that take the next job. No formula has their order, so the mean is taken
/// over a sample: requests with their own service times pass the vCPUs, in turns as the guest's scheduler gives them, and the
/// threads and devices that serve nobody else. The draws are the same for everybody, so that like VMs have like results. Where
/// a single vCPU waits for Poisson arrivals, or for clients that think, the Markov chain of `HaltPolling` has it exactly.
struct SampledHalts: Hashable {
  var polling: HaltPolling
  var vcpus: Int
  var arrivals: ArrivalProcess
  /// Whether jobs share the vCPUs; else they run to their end in the order of their arrival.
  var isSharing = true
  /// Longest turn of a job while others wait, where turns are not taken to be infinitely short; else 0.
  var turn = 0.0
  /// Service time of a request on the bare host; what it holds a vCPU for a nanosecond of it, and beside it.
  var service: Distribution
  var scale: Double
  var fixed: Double
  /// Block requests of a request, the time of each on its device, and beside it.
  var reads = 0.0
  var writes = 0.0
  /// Those of them that are cut, and their parts.
  var cutReads = 0.0
  var cutWrites = 0.0
  var readParts = 1
  var writeParts = 1
  var readTime = Distribution.deterministic(mean: 0)
  var writeTime = Distribution.deterministic(mean: 0)
  var blockTime = 0.0
  /// Requests that the device takes at a time, least time between their starts, and time of their bytes on its bus.
  var channels = 1
  var starts = 0.0
  var readTransfer = 0.0
  var writeTransfer = 0.0
  /// The threads that move packets and block requests; the latter are nil where the former do both.
  var network = Worker()
  var disk: Worker? = Worker()
  /// Of a closed population: a constant part of the time away, and requests per nanosecond while nobody polls where others
  /// that the sample does not have are in the way, else 0.
  var away = 0.0
  var rate = 0.0
  /// Whether clients are threads of the guest that go on at once.
  var isLocal = false
  /// Whether clients do nothing but think while they are away.
  var isThinkingAlone = false
  /// Whether each flow has a vCPU that its interrupts go to, and whether requests come as packets of theirs.
  var hasFlows = false
  var arrivesInFlows = false
  /// Time to wake a vCPU, one that is polled for, to halt one, and of a bell; whether every request ends with one.
  var wake = 0.0
  var polledWake = 0.0
  var halt = 0.0
  var bell = 0.0
  var alwaysRings = false

  /// How polls give way, and for how long before a wake-up its backend has had a processor.
  var cuts = PollCuts()
  var notice = 0.0

  /// Interrupts as a part of the sample: where those of a disk tell of several requests, parts of a request are under way
  /// together, or drivers ask for interrupts for packets sent; nil elsewhere.
  var interrupts: Interrupts?

  /// Times of the accesses of a disk's interrupt that look for something to tell, clear the cause, read which requests are done,
  /// and follow; of the interrupt of a vCPU that runs; and in which the driver of the network polls for a request's packets.
  struct Interrupts: Hashable {
    var looks = 0.0
    var clears = 0.0
    var reads = 0.0
    var leaves = 0.0
    var kick = 0.0
    var pollTime = 0.0
    /// Whether an interrupt of the disk tells of all requests that are done; else each has its own.
    var isShared = false
  }

  /// Threads of a backend that are alike.
  struct Worker: Hashable {
    var threads = 1
    /// Time of an item of each kind; none of a kind that passes no thread.
    var receive = 0.0
    var transmit = 0.0
    var submit = 0.0
    var complete = 0.0
    /// Time to wake up for a bell, and for a device.
    var bellWake = 0.0
    var deviceWake = 0.0
    /// When it is rung for packets, and for block requests.
    var ofPackets = FrontEnd.Notification.eventIndex
    var ofBlocks = FrontEnd.Notification.eventIndex
    /// Where the driver asks for interrupts for packets sent: after which share of those under way, else negative; the packets of
    /// a request, and those sent at most before any are handed back.
    var transmitShare = -1.0
    var packets = 1
    var transmitBatch = 1
    var tellsOfSent: Bool { transmitShare >= 0 }
  }

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
    var rate = 0.0
    /// Of a request, where interrupts are a part of the sample.
    var shared: Shared?

    struct Shared {
      /// Haltings of a vCPU, interrupts of one that runs, interrupts of the disk whose looks find something, and others.
      var halts = 0.0
      var kicks = 0.0
      var interrupts = 0.0
      var spurious = 0.0
      /// Bells, those of the disk, and time on the way in nanoseconds.
      var bells = 0.0
      var diskBells = 0.0
      var latency = 0.0
      /// Wakings of the threads of the network and of the disk, and of the latter those by bells.
      var networkWakes = 0.0
      var diskWakes = 0.0
      var diskBellWakes = 0.0
    }
  }

  /// Halts of a sample, and requests at most. Windows are renewed every thirty halts or so: the time of polling of so many has
  /// a standard error of 1 % or less.
  private static let halts = 60_000
  private static let requests = 120_000

  /// Rounds times and rates to one part in a thousand, so that fixed points find again what they know. A wake-up, which is
  /// short against the time between two, is rounded to one part in 250: what a thread waits for a processor that is hardly ever
  /// taken would draw other samples.
  mutating func coarsen() {
    func round(_ value: inout Double, to step: Double = 0x1p42) {
      guard value > 0, value.isFinite else { return }
      let step = value.ulp * step
      value = (value / step).rounded() * step
    }
    for path in [
      \SampledHalts.scale, \.fixed, \.blockTime, \.starts, \.readTransfer, \.writeTransfer, \.away, \.rate,
      \.polledWake, \.halt, \.bell,
      \.network.receive, \.network.transmit, \.network.submit, \.network.complete, \.network.bellWake,
      \.network.deviceWake,
    ] { round(&self[keyPath: path]) }
    round(&wake, to: 0x1p44)
    if var shared = interrupts {
      for path in [\Interrupts.looks, \.clears, \.reads, \.leaves, \.kick, \.pollTime] { round(&shared[keyPath: path]) }
      interrupts = shared
    }
    guard var worker = disk else { return }
    for path in [\Worker.submit, \.complete, \.bellWake, \.deviceWake] { round(&worker[keyPath: path]) }
    disk = worker
  }

  /// The mean over a sample, or by the windows' Markov chain, as far as polls do not give way.
  func result(from samples: SampledHaltsCache) -> Result {
    var result = Result()
    if let chain {
      result = Result(
        success: chain.success, polled: chain.polled, time: chain.polled > 0 ? chain.time / chain.polled : 0)
    } else {
      var alone = self
      alone.cuts = PollCuts()
      alone.notice = 0
      result = samples.solve(alone)
      // Of polls of exponential length so many are not cut, after as much of their time.
      let left = 1 / (1 + cuts.rate * result.time)
      result.time *= left
      result.success *= left
    }
    guard result.polled > 0 else { return result }
    // Polls that their own wake-up's backend ends, and those that never begin.
    let met = result.success / result.polled
    result.time = max(0, result.time - cuts.own * met * notice)
    result.success *= (1 - cuts.own) * (1 - cuts.refused)
    result.polled *= 1 - cuts.refused
    return result
  }

  /// The mean over a sample.
  ///
  /// - Complexity: O(requests of the sample · log(events under way)).
  func solve() -> Result {
    guard case .closed(let clients, _) = arrivals, rate > 0 else { return sample() }
    // What others take of a round is as long as it must be for the rate of the population, which was found without polling.
    var adjusted = self
    adjusted.polling.limit = 0
    for _ in 0..<2 {
      let found = adjusted.sample(part: 4)
      guard found.rate > 0 else { break }
      let difference = Double(clients) * (1 / rate - 1 / found.rate)
      if isLocal {
        let blocks = reads + writes + cutReads + cutWrites
        adjusted.blockTime = max(0, adjusted.blockTime + difference / max(1e-9, blocks))
      } else {
        adjusted.away = max(0, adjusted.away + difference)
      }
    }
    adjusted.polling.limit = polling.limit
    return adjusted.sample()
  }

  /// By the windows' Markov chain where halts are independent of each other.
  private var chain: (success: Double, time: Double, polled: Double)? {
    guard vcpus == 1, reads + writes + cutReads + cutWrites == 0, !network.tellsOfSent else {
      return nil
    }
    switch arrivals {
    case .poisson(let rate): return polling.expectation(idle: 1e9 / max(1e-9, rate.perSecond), cuts: cuts.rate)
    case .deterministic: return nil
    case .closed(let clients, let think):
      guard think.nanoseconds > 0, isThinkingAlone || clients == 1 else { return nil }
      return polling.expectation(
        idle: Double(think.nanoseconds) / Double(clients),
        after: clients == 1 ? max(0, away - halt) : 0, cuts: cuts.rate)
    }
  }

  private func sample(part: Int = 1) -> Result {
    var course = Course(self)
    return course.run(halts: Self.halts / part, requests: Self.requests / part)
  }
}
