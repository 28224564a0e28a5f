/// One server in a closed network, alone under Poisson arrivals whose rate depends on how many clients are there.
///
/// When the last client has left, the server does what remains of its work after a service, closes down, polls and falls
/// asleep; a client that finds it asleep waits for the set-up, one that comes while it closes down waits for the end of
/// that, one that comes while it polls is served at once. All times are chains of phases, so that the station is a Markov
/// chain of levels (clients) and phases. Services begin in the same way whatever was before, which lets each level follow
/// from the one below. [M. F. Neuts, Matrix-Geometric Solutions in Stochastic Models, 1981]
struct SingleServer {
  var service = PhaseTime()
  /// What follows a service with the probability `afterShare`, before anything else and without its client.
  var after = PhaseTime()
  var afterShare = 0.0
  var closeDown = PhaseTime()
  var poll = PhaseTime()
  /// With the probability `toldShare` something wakes the server without a client, so long after it has closed down, unless one
  /// has come, and `toldHeld` later, in which none can; `telling` is how long that takes, and then it closes down again.
  var toldShare = 0.0
  var toldAfter = PhaseTime()
  var toldHeld = 0.0
  var telling = PhaseTime()
  /// What a client that comes during a service puts before its rest, with the probability `interruptionShare`. The rest is
  /// taken to begin anew, as exponential services do.
  var interruption = PhaseTime()
  var interruptionShare = 0.0
  /// Whether the client that has just left may be the next one to come before the server is closed.
  var returnsEarly = false
  /// Set-up; with the probability `noticeShare` the client that finds the server asleep must first take notice of it.
  var setUp = PhaseTime()
  var notice = PhaseTime()
  var noticeShare = 0.0
  /// Share of arrivals that may come while a client takes notice: who rings hands nothing else over meanwhile.
  var noticeArrivals = 1.0

  /// What is seen of the station.
  struct Result {
    /// Departures per nanosecond with 1, 2, … clients.
    var rates: [Double]
    /// Probability that an arriving client finds 0, 1, … clients, and the share of each in which nobody is served yet.
    var found: [Double]
    var idleShare: [Double]
    /// Of arrivals that find no client: share that finds the server asleep, and polling.
    var asleep = 0.0
    var polling = 0.0
    /// Of all arrivals: share that wakes the server, times that it falls asleep, share that finds no server asleep.
    var wakes = 0.0
    var halts = 0.0
    /// Of all arrivals: times that the server is woken without a client, and share that finds it waking up for that.
    var toldWakes = 0.0
    var covered = 0.0
    var allBusy = 1.0
    /// Of all arrivals: share that interrupts a server at work, where there are several.
    var interrupting = 1.0
    /// Share of all arrivals that come during a service.
    var serving = 0.0
    /// Share of time that the server polls.
    var pollTime = 0.0
  }

  /// Solves the station.
  ///
  /// - Parameter arrivals: per nanosecond with 0, 1, … clients; with as many as these, none arrives.
  /// - Complexity: O(clients · phases).
  func solve(arrivals: [Double]) -> Result {
    let clients = arrivals.count
    var result = Result(rates: [], found: [], idleShare: [])
    // Level 0.
    let empty = emptyLevel(arrivals[0], clients: clients)
    // As shares of those who arrive.
    let woken = empty.asleep * empty.late + empty.between * empty.early
    result.asleep = woken / arrivals[0]
    result.polling = empty.polling
    let told = empty.told / arrivals[0]
    let covered = empty.telling.reduce(0, +)
    let closed =
      result.asleep + covered
      + (empty.closing.reduce(0, +) * empty.early + empty.reclosing.reduce(0, +) * arrivals[0]) / arrivals[0]
      + (told - covered)
    var level = Level(self)
    level.after = empty.after.map { $0 * empty.early }
    level.closing = zip(empty.closing, empty.reclosing).map { $0 * empty.early + $1 * arrivals[0] }
    level.telling = empty.telling.map { $0 * arrivals[0] }
    var inflow = Inflow()
    inflow.service = empty.polling * arrivals[0]
    inflow.notice = notice.isEmpty ? 0 : woken * noticeShare
    inflow.setUp = woken - inflow.notice
    // Weight of each level, its largest 1.
    var weights = [1.0]
    var served = [0.0]
    var open = [1.0]
    result.idleShare.append(1)
    for number in 1...clients {
      let arrival = number < clients ? arrivals[number] : 0
      let own = pass(level, inflow, arrival: arrival)
      var sum = own
      if arrival > 0 {
        // Services that begin when a client has left come as often as the level is left upwards.
        var start = Inflow()
        start.after = after.isEmpty ? 0 : afterShare
        start.service = 1 - start.after
        let begun = pass(Level(self), start, arrival: arrival)
        let scale = arrival * own.open(noticeArrivals) / begun.departures
        sum.add(begun, scale)
      }
      let total = sum.total
      result.rates.append(arrivals[number - 1] * open[number - 1] / total)
      open.append(sum.open(noticeArrivals) / total)
      weights.append(weights[number - 1] * total)
      if weights[number] > 1e100 { for index in weights.indices { weights[index] *= 1e-100 } }
      result.idleShare.append(sum.idle / total)
      served.append(sum.level.service.reduce(0, +) / total)
      // The next level, from this one with a weight of 1.
      level = sum.level
      level.scale(arrival / total)
      for index in level.notice.indices { level.notice[index] *= noticeArrivals }
      inflow = Inflow()
      if !interruption.isEmpty {
        inflow.interruption = level.service.reduce(0, +) * interruptionShare
        for index in level.service.indices { level.service[index] *= 1 - interruptionShare }
      }
    }
    let all = weights.reduce(0, +)
    result.pollTime = empty.polling * weights[0] / all
    let seen = arrivals.indices.map { weights[$0] * arrivals[$0] * open[$0] }
    let sum = seen.reduce(0, +)
    result.found = seen.map { $0 / sum }
    result.wakes = result.found[0] * result.asleep
    result.halts = result.found[0] * closed
    result.toldWakes = result.found[0] * told
    result.covered = result.found[0] * covered
    result.serving = zip(result.found, served).reduce(0) { $0 + $1.0 * $1.1 }
    return result
  }

  /// Where probability flows into a level from outside its own phases.
  private struct Inflow {
    var after = 0.0
    var notice = 0.0
    var setUp = 0.0
    var interruption = 0.0
    var service = 0.0
  }

  /// Probability, or its inflow, by phase.
  private struct Level {
    var after: [Double]
    var closing: [Double]
    var telling: [Double]
    var notice: [Double]
    var setUp: [Double]
    var interruption: [Double]
    var service: [Double]

    init(_ station: SingleServer) {
      func zeros(_ time: PhaseTime) -> [Double] { [Double](repeating: 0, count: time.count) }
      after = zeros(station.after)
      closing = zeros(station.closeDown)
      telling = zeros(station.telling)
      notice = zeros(station.notice)
      setUp = zeros(station.setUp)
      interruption = zeros(station.interruption)
      service = zeros(station.service)
    }

    mutating func scale(_ factor: Double) {
      func scale(_ values: inout [Double]) { for index in values.indices { values[index] *= factor } }
      scale(&after)
      scale(&closing)
      scale(&telling)
      scale(&notice)
      scale(&setUp)
      scale(&interruption)
      scale(&service)
    }
  }

  private struct Passed {
    var level: Level
    /// Rate of departures.
    var departures = 0.0
    /// Probability without anybody in service.
    var idle: Double {
      level.after.reduce(0, +) + level.closing.reduce(0, +) + level.telling.reduce(0, +) + level.notice.reduce(0, +)
        + level.setUp.reduce(0, +)
    }
    var total: Double { idle + level.interruption.reduce(0, +) + level.service.reduce(0, +) }

    /// Probability with arrivals, of which so many come while a client takes notice.
    func open(_ share: Double) -> Double { total - (1 - share) * level.notice.reduce(0, +) }

    mutating func add(_ other: Passed, _ scale: Double) {
      func add(_ values: inout [Double], _ others: [Double]) {
        for index in values.indices { values[index] += others[index] * scale }
      }
      add(&level.after, other.level.after)
      add(&level.closing, other.level.closing)
      add(&level.telling, other.level.telling)
      add(&level.notice, other.level.notice)
      add(&level.setUp, other.level.setUp)
      add(&level.interruption, other.level.interruption)
      add(&level.service, other.level.service)
      departures += other.departures * scale
    }
  }

  /// Lets inflow pass the phases of a level that arrivals leave at a rate.
  private func pass(_ level: Level, _ inflow: Inflow, arrival: Double) -> Passed {
    var passed = Passed(level: level)
    var service = inflow.service
    service += after.pass(&passed.level.after, inflow.after, leaving: arrival)
    service += closeDown.pass(&passed.level.closing, 0, leaving: arrival)
    service += telling.pass(&passed.level.telling, 0, leaving: arrival)
    var begun = inflow.setUp
    begun += notice.pass(&passed.level.notice, inflow.notice, leaving: arrival * noticeArrivals)
    service += setUp.pass(&passed.level.setUp, begun, leaving: arrival)
    service += interruption.pass(&passed.level.interruption, inflow.interruption, leaving: arrival)
    passed.departures = self.service.pass(&passed.level.service, service, leaving: arrival)
    return passed
  }

  /// Probability by phase without clients.
  private struct Empty {
    var after: [Double]
    var closing: [Double]
    var polling: Double
    var asleep: Double
    /// Closed down until something wakes the server without a client; waking up for it; closing down again.
    var between: Double
    var telling: [Double]
    var reclosing: [Double]
    /// How often that happens, per nanosecond.
    var told: Double
    /// Arrivals per nanosecond soon after the last client has left, and while the server sleeps.
    var early: Double
    var late: Double
  }

  /// The client that has just left is not the next one to come: soon after, arrivals are those of the others, later ones
  /// make up for it.
  private func emptyLevel(_ arrival: Double, clients: Int) -> Empty {
    var afterwards = [Double](repeating: 0, count: after.count)
    var closing = [Double](repeating: 0, count: closeDown.count)
    var polling = [Double](repeating: 0, count: poll.count)
    let early = returnsEarly ? arrival : arrival * (1 - 1 / Double(clients))
    let first = after.isEmpty ? 0 : afterShare
    var flow = 1 - first + after.pass(&afterwards, first, leaving: early)
    flow = closeDown.pass(&closing, flow, leaving: early)
    var between = [Double](repeating: 0, count: toldAfter.count)
    var telling = [Double](repeating: 0, count: self.telling.count)
    var reclosing = [Double](repeating: 0, count: closeDown.count)
    var told = 0.0
    var holding = 0.0
    if toldShare > 0 {
      told = toldAfter.pass(&between, flow * toldShare, leaving: early)
      holding = told * toldHeld
      let woken = self.telling.pass(&telling, told, leaving: arrival)
      flow = flow * (1 - toldShare) + closeDown.pass(&reclosing, woken, leaving: arrival)
    }
    flow = poll.pass(&polling, flow, leaving: arrival)
    let extra = between.reduce(0, +) + telling.reduce(0, +) + reclosing.reduce(0, +) + holding
    let awake = afterwards.reduce(0, +) + closing.reduce(0, +) + polling.reduce(0, +) + extra
    let asleep = max(flow / arrival * 0.01, 1 / arrival - awake)
    let total = awake + asleep
    return Empty(
      after: afterwards.map { $0 / total }, closing: closing.map { $0 / total },
      polling: polling.reduce(0, +) / total, asleep: asleep / total, between: between.reduce(0, +) / total,
      telling: telling.map { $0 / total }, reclosing: reclosing.map { $0 / total }, told: told / total, early: early,
      late: flow / asleep)
  }
}

extension PhaseTime {
  /// Lets inflow, `values` by phase and `begun` at the beginning, pass the phases, each of which is also left at a rate.
  /// Values become probabilities. Returns the flow out of the end.
  func pass(_ values: inout [Double], _ begun: Double, leaving: Double) -> Double {
    guard !isEmpty else { return begun }
    values[0] += begun * (1 - skipsFirst)
    if count > 1 { values[1] += begun * skipsFirst }
    var out = 0.0
    var passed = 0.0
    for index in values.indices {
      values[index] = (values[index] + passed) / (leaving + rates[index])
      passed = values[index] * rates[index] * goesOn[index]
      out += values[index] * rates[index] * (1 - goesOn[index])
    }
    return out
  }
}
