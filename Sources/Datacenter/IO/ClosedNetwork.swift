/// A closed population of clients on several stations and away from them: a product-form network, solved by convolution.
///
/// A station with `c` servers and demand `D` weighs `D^n / Π_{i≤n} min(i,c)` with `n` clients, the time away `Z^n / n!`.
/// Product form holds for processor sharing with any service, and for first come, first served with exponential service;
/// for other services it is an approximation. [J. P. Buzen, Computational algorithms for closed queueing networks with
/// exponential servers, Communications of the ACM 16, 1973]
struct ClosedNetwork {
  /// One station.
  struct Station {
    /// Servers.
    var servers: Int
    /// Time that a client's round holds a server, in nanoseconds.
    var demand: Double
  }

  /// What the network does.
  struct Solution {
    /// Rounds per nanosecond.
    var throughput: Double
    /// By station: the probability that an arriving client finds an idle server, and the clients that it finds.
    var idle: [Double]
    var found: [Double]
  }

  var clients: Int
  var away: Double
  var stations: [Station]

  /// Solves the network.
  ///
  /// - Complexity: O(stations² · clients²).
  func solve() -> Solution {
    let scale = max(1e-3, stations.map { $0.demand / Double($0.servers) }.max() ?? 1)
    var weights = stations.map { station in
      Self.weights(clients) { station.demand / scale / Double(min($0, station.servers)) }
    }
    weights.append(Self.weights(clients) { away / scale / Double($0) })
    let all = weights.reduce([1]) { convolve($0, $1) }
    let before = clients > 0 ? all[clients - 1] : 0
    let throughput = all[clients] > 0 ? before / all[clients] / scale : 0
    var solution = Solution(throughput: throughput, idle: [], found: [])
    for index in stations.indices {
      var others = [1.0]
      for other in weights.indices where other != index { others = convolve(others, weights[other]) }
      var idle = 0.0
      var found = 0.0
      for number in 0..<max(1, clients) where before > 0 {
        let probability = weights[index][number] * others[clients - 1 - number] / before
        if number < stations[index].servers { idle += probability }
        found += probability * Double(number)
      }
      solution.idle.append(min(1, idle))
      solution.found.append(found)
    }
    return solution
  }

  /// Weights of 0 to `count` clients from their ratios; a common factor does not matter.
  private static func weights(_ count: Int, ratio: (Int) -> Double) -> [Double] {
    var result = [1.0]
    for number in 1...max(1, count) {
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
