import Quantities

/// What a station counted and integrated between two times; exact.
///
/// At all times, with the number of jobs at both ends of the observation:
/// number at start + arrivals = number at end + departures + refusals + cancellations.
public struct StationStatistics: Sendable, Hashable {
  /// Begin of the observation, in nanoseconds.
  public internal(set) var start: Int64
  /// End of the observation, in nanoseconds.
  public internal(set) var end: Int64
  /// Jobs that came, the refused ones included.
  public internal(set) var arrivals: Int64 = 0
  /// Jobs turned away because the station was full.
  public internal(set) var refusals: Int64 = 0
  /// Jobs that left with their work done.
  public internal(set) var departures: Int64 = 0
  /// Jobs taken away by the caller.
  public internal(set) var cancellations: Int64 = 0
  /// How often a job lost its server to one of a more urgent class.
  public internal(set) var preemptions: Int64 = 0
  /// Integral over time of the number of jobs in the station, in jobs × units of `FineTime`.
  public internal(set) var numberIntegral: Int128 = 0
  /// Busy time of all servers together, in units of `FineTime`: the work that was served.
  public internal(set) var busyTime: Int128 = 0

  /// Mean number of jobs in the station; NaN when no time passed.
  public var meanNumber: Double { mean(numberIntegral) }
  /// Mean number of busy servers; NaN when no time passed.
  public var meanBusyServers: Double { mean(busyTime) }

  private func mean(_ integral: Int128) -> Double {
    let elapsed = FineInstant.of(nanoseconds: end) - FineInstant.of(nanoseconds: start)
    guard elapsed > 0 else { return .nan }
    let (whole, rest) = integral.quotientAndRemainder(dividingBy: elapsed)
    return Double(whole) + Double(rest) / Double(elapsed)
  }
}

/// The clock of a station and its running statistics.
struct StationAccount {
  /// The station's own time, in units of `FineTime`.
  private(set) var now: Int128
  var statistics: StationStatistics

  init(start: Int64) {
    now = FineInstant.of(nanoseconds: start)
    statistics = StationStatistics(start: start, end: start)
  }

  /// The time moves to `instant`; until then `number` jobs were present.
  mutating func pass(until instant: Int128, number: Int) {
    // No simulation lasts until these 128 bits are full, and checks of their overflow cost more than the rest.
    statistics.numberIntegral &+= Int128(number) &* (instant &- now)
    now = instant
  }

  /// The time moves to `instant`; until then `number` jobs were present and `busy` servers worked.
  mutating func pass(until instant: Int128, number: Int, busy: Int) {
    statistics.busyTime &+= Int128(busy) &* (instant &- now)
    pass(until: instant, number: number)
  }

  /// The instant of a time of the clock, which must not lie before the station's own.
  func instant(of time: Int64) -> Int128 {
    let instant = FineInstant.of(nanoseconds: time)
    precondition(instant >= now, "a station cannot go back in time")
    return instant
  }

  func statistics(at time: Int64) -> StationStatistics {
    var copy = statistics
    copy.end = time
    return copy
  }

  mutating func resetStatistics(at time: Int64) {
    statistics = StationStatistics(start: time, end: time)
  }
}
