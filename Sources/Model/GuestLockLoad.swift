import Statistics
import Virtualization

/// Locks as stations of a closed network whose customers are the vCPUs that work.
///
/// A vCPU computes, then takes a lock, which serves in the order of coming. Mean value analysis; a taker that finds the
/// lock held waits for the residual hold, `h (1 + c²)/2`. Exact for exponential holds; for a single lock with constant holds
/// the finite-source M/D/1 queue takes its place, which is exact too.
/// [M. Reiser, S. Lavenberg, Mean-value analysis of closed multichain queuing networks, JACM 27, 1980; M. Reiser, A queueing
/// network analysis of computer communication networks with window flow control, IEEE Trans. Comm. 27, 1979]
public struct LockNetwork: Sendable {
  /// Locks of one kind.
  public struct Station: Sendable, Hashable {
    /// Takings in a cycle.
    public var visits: Double
    /// Mean hold.
    public var hold: Double
    /// Squared coefficient of variation of the holds.
    public var variation: Double
    /// Independent locks.
    public var instances: Double

    /// Creates a station.
    public init(visits: Double, hold: Double, variation: Double, instances: Double = 1) {
      self.visits = visits
      self.hold = hold
      self.variation = variation
      self.instances = instances
    }
  }

  /// The locks.
  public let stations: [Station]
  /// Time of a cycle outside of locks.
  public let outside: Double

  /// Creates a network.
  public init(stations: [Station], outside: Double) {
    self.stations = stations
    self.outside = max(0, outside)
  }

  /// Mean time that a vCPU waits in a cycle when so many work, and how often it has to.
  ///
  /// - Complexity: O(takers × stations).
  public func wait(takers: Int) -> (time: Double, count: Double) {
    guard takers > 1, !stations.isEmpty else { return (0, 0) }
    let (time, count) = meanValues(takers: takers)
    guard stations.count == 1, stations[0].instances == 1, stations[0].variation == 0 else { return (time, count) }
    let station = stations[0]
    let wait = ShadowLock.solve(takers: takers, think: outside / station.visits, hold: station.hold).wait
    return (station.visits * wait, count)
  }

  private func meanValues(takers: Int) -> (time: Double, count: Double) {
    var queue = [Double](repeating: 0, count: stations.count)
    var busy = queue
    var wait = 0.0
    var count = 0.0
    for number in 1...takers {
      var residence = queue
      var all = outside
      wait = 0
      count = 0
      for (index, station) in stations.enumerated() {
        // A taker finds what there is without it.
        count += station.visits * busy[index]
        residence[index] =
          station.hold * (1 + queue[index]) + busy[index] * station.hold * (station.variation - 1) / 2
        all += station.visits * residence[index]
        wait += station.visits * (residence[index] - station.hold)
      }
      let rate = all > 0 ? Double(number) / all : 0
      for (index, station) in stations.enumerated() {
        let each = rate * station.visits / station.instances
        queue[index] = each * residence[index]
        busy[index] = min(1, each * station.hold)
      }
    }
    return (max(0, wait), count)
  }
}

extension GuestLockUse {
  /// Finds the expected spinning of a workload whose requests, or whose second of CPU time, hold a vCPU for `busy` nanoseconds
  /// under the design.
  mutating func expectSpinning(of workload: Workload, vcpus: Int, busy: Double) {
    let service = workload.unitOfWork
    let population = BusyVCPUs(workload: workload, vcpus: vcpus)
    guard population.most > 1, service > 0 else { return }
    // All that virtualization adds is spread evenly over the work, critical sections that make exits included.
    let dilation = busy / service
    let stations = entries.map { entry in
      let mean = entry.lock.hold.mean
      return LockNetwork.Station(
        visits: entry.perRequest + entry.perCPUSecond * service * 1e-9,
        hold: mean * (entry.lock.makesExits ? dilation : 1),
        variation: mean > 0 ? entry.lock.hold.variance / (mean * mean) : 0, instances: Double(entry.lock.instances))
    }
    let network = LockNetwork(
      stations: stations, outside: busy - stations.reduce(0) { $0 + $1.visits * $1.hold })
    let waits = (1...population.most).map { network.wait(takers: $0) }
    let weights = population.weights { Double($0) / (busy + waits[$0 - 1].time) }
    let wait = zip(waits, weights).reduce(0) { $0 + $1.0.time * $1.1 }
    if case .requests = workload.shape {
      spinPerRequest = wait
      waitsPerRequest = zip(waits, weights).reduce(0) { $0 + $1.0.count * $1.1 }
    } else {
      spinPerWork = wait * 1e-9
    }
  }
}
