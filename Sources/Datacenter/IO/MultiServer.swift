import Statistics

/// Several vCPUs, alone under Poisson arrivals whose rate may depend on how many jobs are there.
///
/// A job that meets a halted vCPU waits until that has woken up, or until another one has ended its job; a vCPU that wakes
/// up to no job halts again, and one that is about to halt takes a job for which no vCPU wakes up. Service, waking and
/// closing down are exponential, so that jobs, vCPUs at work, those that wake up and the one that closes down (two at a time
/// count as one) are a Markov chain, solved by state reduction without subtractions.
/// [W. K. Grassmann, M. I. Taksar, D. P. Heyman, Operations Research 33, 1985; A. Gandhi, M. Harchol-Balter, I. Adan,
/// Server farms with setup costs, Performance Evaluation 67, 2010]
struct MultiServer {
  /// More vCPUs are not worth the states.
  static let most = 8
  /// Nor is it with more to tell those that close down from those that have.
  private static let mostThatClose = 4
  /// What is left out of the queue of arrivals that do not end.
  private static let tail = 1e-4

  var servers: Int
  /// Time of a job while others wait and while none does, in nanoseconds: who waits is behind bells and interrupts too.
  var service: (waiting: Double, free: Double)
  var wake: Double
  /// Time to halt, after what remains of a job without its client.
  var closeDown = 0.0
  /// Interrupts per nanosecond that bring no job, as for packets that have been sent, and wake a halted vCPU if there is one.
  var told = 0.0

  private struct State {
    var jobs: Int
    var active: Int
    var waking: Int
    var closing: Int
    var queue: Int { jobs - active }
    /// vCPUs that are not halted.
    var awake: Int { active + waking + closing }
  }

  /// Solves the station for arrivals that go on whoever is there; nil where the vCPUs cannot keep up, or hardly.
  func solve(open rate: Double) -> SingleServer.Result? {
    let load = rate * service.waiting / Double(servers)
    guard rate > 0, load < 0.97 else { return nil }
    let queue = Int((PortableMath.log(Self.tail) / PortableMath.log(max(0.05, load))).rounded(.up))
    return solve(arrivals: [Double](repeating: rate, count: servers + queue))
  }

  /// Solves the station.
  ///
  /// - Complexity: O(clients · servers² + servers⁷).
  func solve(arrivals: [Double]) -> SingleServer.Result {
    let clients = arrivals.count
    let closers = servers <= Self.mostThatClose && closeDown > 0 ? 1 : 0
    var states: [State] = []
    var index: [[Int]] = []
    var first: [Int] = []
    func slot(_ active: Int, _ waking: Int, _ closing: Int) -> Int {
      (active * (servers + 1) + waking) * 2 + closing
    }
    for jobs in 0...clients {
      first.append(states.count)
      index.append([Int](repeating: -1, count: 2 * (servers + 1) * (servers + 1)))
      for active in 0...min(jobs, servers) {
        for waking in 0...(servers - active) {
          for closing in 0...min(closers, servers - active - waking) {
            let state = State(jobs: jobs, active: active, waking: waking, closing: closing)
            guard state.awake == servers || state.queue <= waking else { continue }
            index[jobs][slot(active, waking, closing)] = states.count
            states.append(state)
          }
        }
      }
    }
    first.append(states.count)
    func place(_ jobs: Int, _ active: Int, _ waking: Int, _ closing: Int) -> Int {
      index[jobs][slot(active, waking, closing)]
    }
    // Rows hold rates to states of the levels before, of and behind their own.
    func start(_ state: Int) -> Int { first[max(0, states[state].jobs - 1)] }
    func end(_ state: Int) -> Int { first[min(clients, states[state].jobs + 1) + 1] }
    var rows = states.indices.map { [Double](repeating: 0, count: end($0) - start($0)) }
    var halting = [Double](repeating: 0, count: states.count)
    for (number, state) in states.enumerated() {
      func go(_ target: Int, _ rate: Double) { rows[number][target - start(number)] += rate }
      let (jobs, active, waking, closing) = (state.jobs, state.active, state.waking, state.closing)
      if jobs < clients {
        let wakes = state.awake < servers && state.queue + 1 > waking
        go(place(jobs + 1, active, waking + (wakes ? 1 : 0), closing), arrivals[jobs])
      }
      if told > 0, state.awake < servers { go(place(jobs, active, waking + 1, closing), told) }
      if active > 0 {
        let rate = Double(active) / (state.queue > 0 ? service.waiting : service.free)
        if state.queue > 0 {
          go(place(jobs - 1, active, waking, closing), rate)
        } else {
          halting[number] += rate
          go(place(jobs - 1, active - 1, waking, closers), rate)
        }
      }
      if waking > 0 {
        let rate = Double(waking) / max(1e-3, wake)
        if state.queue > 0 {
          go(place(jobs, active + 1, waking - 1, closing), rate)
        } else {
          halting[number] += rate
          go(place(jobs, active, waking - 1, closers), rate)
        }
      }
      if closing > 0 {
        go(place(jobs, state.queue > waking ? active + 1 : active, waking, 0), 1 / closeDown)
      }
    }
    let weights = Self.stationary(&rows, start: start)
    return result(states, weights, halting, arrivals)
  }

  /// Weights of the states of a chain whose rows reach from `start` on; the first weighs 1.
  private static func stationary(_ rows: inout [[Double]], start: (Int) -> Int) -> [Double] {
    let starts = rows.indices.map(start)
    var sums = [Double](repeating: 1, count: rows.count)
    for state in rows.indices.reversed() where state > 0 {
      let own = starts[state]
      var sum = 0.0
      for target in own..<state { sum += rows[state][target - own] }
      sums[state] = sum
      guard sum > 0 else { continue }
      for source in own..<state {
        let position = state - starts[source]
        guard position < rows[source].count, rows[source][position] > 0 else { continue }
        let share = rows[source][position] / sum
        for target in own..<state where target != source {
          let rate = rows[state][target - own]
          if rate > 0 { rows[source][target - starts[source]] += share * rate }
        }
      }
    }
    var weights = [1.0]
    for state in rows.indices where state > 0 {
      var flow = 0.0
      for source in starts[state]..<state {
        let position = state - starts[source]
        if position < rows[source].count { flow += weights[source] * rows[source][position] }
      }
      weights.append(sums[state] > 0 ? flow / sums[state] : 0)
      if weights[state] > 1e100 { for index in weights.indices { weights[index] *= 1e-100 } }
    }
    return weights
  }

  private func result(
    _ states: [State], _ weights: [Double], _ halting: [Double], _ arrivals: [Double]
  ) -> SingleServer.Result {
    var result = SingleServer.Result(rates: [], found: [], idleShare: [])
    var levels = [Double](repeating: 0, count: arrivals.count + 1)
    var departures = levels
    var come = 0.0
    var wakes = 0.0
    var busy = 0.0
    var interrupting = 0.0
    var halts = 0.0
    var toldWakes = 0.0
    for (state, (weight, halt)) in zip(states, zip(weights, halting)) {
      levels[state.jobs] += weight
      departures[state.jobs] += weight * Double(state.active) / (state.queue > 0 ? service.waiting : service.free)
      halts += weight * halt
      if state.awake < servers { toldWakes += weight * told }
      guard state.jobs < arrivals.count else { continue }
      let rate = weight * arrivals[state.jobs]
      come += rate
      if state.awake == servers {
        busy += rate
        // One that is covered by a vCPU that wakes up interrupts nobody.
        if state.queue + 1 > state.waking { interrupting += rate }
      } else if state.queue + 1 > state.waking {
        wakes += rate
      }
    }
    for jobs in 1...arrivals.count {
      result.rates.append(levels[jobs] > 0 ? departures[jobs] / levels[jobs] : Double(servers) / service.waiting)
    }
    result.found = zip(levels, arrivals).map { $0 * $1 / come }
    result.wakes = wakes / come
    result.halts = halts / come
    result.toldWakes = toldWakes / come
    result.allBusy = busy / come
    result.interrupting = interrupting / come
    return result
  }
}
