/// A closed population of clients on several stations and away from them, by Marie's method.
///
/// Each station is solved alone under Poisson arrivals whose rates depend on how many clients it has; an exponential station
/// with the same departures for each number takes its place in a network of product form, which is solved by convolution
/// and in turn gives the arrivals. Exact where all stations are of product form (exponential service, processor sharing).
/// [R. A. Marie, An approximate analytical method for general queueing networks, IEEE Transactions on Software Engineering
/// 5, 1979; J. P. Buzen, Communications of the ACM 16, 1973]
struct ClosedNetwork {
  /// One station.
  struct Station {
    /// How clients are served there.
    enum Kind {
      /// Exponential or shared: departures per nanosecond with 1, 2, … clients.
      case servers([Double])
      /// By vCPUs that halt.
      case several(MultiServer)
      /// By one server.
      case single(SingleServer)
    }

    var kind: Kind
    /// How often a client comes there on its round.
    var visits: Double
  }

  let clients: Int
  /// Time away from the stations on a round, in nanoseconds.
  var away: Double
  var stations: [Station] = []
  /// Rounds per nanosecond.
  private(set) var throughput = 0.0
  /// What arriving clients see of each station.
  private(set) var results: [SingleServer.Result] = []

  init(clients: Int, away: Double) {
    self.clients = clients
    self.away = away
  }

  /// Departures from a station that was not yet solved.
  private func initialRates(_ station: Station) -> [Double] {
    switch station.kind {
    case .servers(let rates): return rates
    case .several(let servers):
      return (1...clients).map { Double(min($0, servers.servers)) / servers.service.waiting }
    case .single(let server): return server.solve(arrivals: [Double](repeating: 1e-6, count: clients)).rates
    }
  }

  /// One step of the iteration: convolution with the stations as they were solved last, then each of them anew.
  ///
  /// - Complexity: O(stations · clients²).
  mutating func iterate() {
    if results.count != stations.count {
      results = stations.map { SingleServer.Result(rates: initialRates($0), found: [], idleShare: []) }
    }
    let scale = scale
    var weights = zip(stations, results).map { station, result in
      Self.weights(clients) { station.visits / result.rates[$0 - 1] / scale }
    }
    weights.append(Self.weights(clients) { max(1e-3, away) / scale / Double($0) })
    // Everything before a station, and everything after it.
    var before = [[1.0]]
    for weight in weights { before.append(convolve(before[before.count - 1], weight)) }
    let all = before[weights.count]
    throughput = all[clients] > 0 ? all[clients - 1] / all[clients] / scale : 0
    var after = weights[weights.count - 1]
    for index in stations.indices.reversed() {
      let others = convolve(before[index], after)
      after = convolve(after, weights[index])
      // Where the weights are too small to tell, as with one more here; the last one of all is alone elsewhere.
      var arrivals = [Double](repeating: 0, count: clients)
      for number in (0..<clients).reversed() {
        let before = others[clients - 1 - number]
        let all = others[clients - number]
        if before > .leastNormalMagnitude, all > .leastNormalMagnitude {
          arrivals[number] = stations[index].visits * before / all / scale
        } else {
          arrivals[number] = number == clients - 1 ? arrivalsOfLast(at: index) : arrivals[number + 1]
        }
      }
      switch stations[index].kind {
      case .servers(let rates): results[index] = Self.solve(rates: rates, arrivals: arrivals)
      case .several(let servers): results[index] = servers.solve(arrivals: arrivals)
      case .single(let server): results[index] = server.solve(arrivals: arrivals)
      }
    }
  }

  /// Arrivals at a station where all clients are but one, which passes the others alone.
  private func arrivalsOfLast(at index: Int) -> Double {
    var round = max(1e-3, away)
    for other in stations.indices where other != index { round += stations[other].visits / results[other].rates[0] }
    return stations[index].visits / round
  }

  private static func solve(rates: [Double], arrivals: [Double]) -> SingleServer.Result {
    var result = SingleServer.Result(rates: rates, found: [], idleShare: [])
    var seen: [Double] = []
    var weight = 1.0
    for (number, arrival) in arrivals.enumerated() {
      seen.append(weight * arrival)
      result.idleShare.append(0)
      weight *= arrival / rates[number]
      if weight > 1e100 {
        weight *= 1e-100
        for index in seen.indices { seen[index] *= 1e-100 }
      }
    }
    let sum = seen.reduce(0, +)
    result.found = seen.map { $0 / sum }
    result.asleep = 1
    return result
  }

  /// A time by which weights are divided, so that they stay near 1.
  private var scale: Double {
    max(1e-3, zip(stations, results).reduce(0) { max($0, $1.0.visits / ($1.1.rates.last ?? 1)) })
  }

  /// Weights of 0 to `count` clients from their ratios; a common factor does not matter.
  private static func weights(_ count: Int, ratio: (Int) -> Double) -> [Double] {
    var result = [1.0]
    for number in 1...count {
      result.append(result[number - 1] * ratio(number))
      if result[number] > 1e150 { for index in result.indices { result[index] *= 1e-150 } }
    }
    return result
  }

  private func convolve(_ first: [Double], _ second: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: clients + 1)
    for (index, value) in first.enumerated() where value > 0 {
      for other in 0...(clients - index) where other < second.count { result[index + other] += value * second[other] }
    }
    let largest = result.max() ?? 0
    return largest > 1e100 ? result.map { $0 * 1e-100 } : result
  }
}
