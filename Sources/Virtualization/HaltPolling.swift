import Statistics

/// Polling of a host's kernel for the wake-up of a halted vCPU, before its thread gives up the processor.
///
/// The window grows when a wake-up comes later than it but within the limit, and shrinks, or falls to nothing, when none
/// comes within the limit. [Linux, virt/kvm/kvm_main.c; Documentation/virt/kvm/halt-polling.rst]
public struct HaltPolling: Sendable, Hashable {
  /// The longest window in nanoseconds (`halt_poll_ns`).
  public var limit: Double
  /// The first window in nanoseconds (`halt_poll_ns_grow_start`); shorter ones are none.
  public var start: Double
  /// By what a window grows (`halt_poll_ns_grow`), at least 1.
  public var growth: Double
  /// By what it is divided when no wake-up comes within the limit (`halt_poll_ns_shrink`); 0 for down to nothing.
  public var shrink: Double
  /// Where these figures are from.
  public var source: String

  /// Creates the polling of a kernel; times in nanoseconds.
  public init(limit: Double, start: Double, growth: Double, shrink: Double, source: String) {
    self.limit = limit
    self.start = start
    self.growth = growth
    self.shrink = shrink
    self.source = source
  }

  /// The window after a halt that lasted for `idle` nanoseconds.
  public func window(after window: Double, idle: Double) -> Double {
    if idle <= window { return window }
    if idle > limit {
      let less = shrink > 0 ? window / shrink : 0
      return less < start ? 0 : less
    }
    return window < limit ? min(limit, max(start, growth * window)) : window
  }

  /// Share of halts whose polling ends with the wake-up, mean time of polling a halt, and share of halts that are polled for at
  /// all, when halts last for a constant time and an exponential one of that mean, in nanoseconds: the windows are a Markov
  /// chain. What ends polls before they are over, so many per nanosecond, changes no window.
  ///
  /// - Complexity: O(windows³), of which there are a few dozen at most.
  public func expectation(idle mean: Double, after constant: Double = 0, cuts: Double = 0) -> (
    success: Double, time: Double, polled: Double
  ) {
    guard mean > 0, limit > 0 else { return (0, 0, 0) }
    func beyond(_ time: Double) -> Double { time < constant ? 1 : PortableMath.exp((constant - time) / mean) }
    var windows = [0.0]
    var moves: [[(to: Int, probability: Double)]] = []
    func index(_ window: Double) -> Int {
      if let found = windows.firstIndex(of: window) { return found }
      windows.append(window)
      return windows.count - 1
    }
    while moves.count < windows.count, windows.count < Self.mostWindows {
      let own = windows[moves.count]
      var row = [(index(window(after: own, idle: max(own, limit).nextUp)), beyond(max(own, limit)))]
      if own < limit { row.append((index(window(after: own, idle: limit)), beyond(own) - beyond(limit))) }
      moves.append(row)
    }
    // By state reduction, which has no subtractions; staying where it is changes no share.
    let count = moves.count
    var chain = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
    for (from, row) in moves.enumerated() {
      for (to, probability) in row where to < count { chain[from][to] += probability }
    }
    for state in (1..<count).reversed() {
      let leaves = max(1e-300, chain[state][..<state].reduce(0, +))
      for from in 0..<state {
        chain[from][state] /= leaves
        for to in 0..<state where to != from { chain[from][to] += chain[from][state] * chain[state][to] }
      }
    }
    var shares = [1.0]
    for state in 1..<count {
      shares.append((0..<state).reduce(0) { $0 + shares[$1] * chain[$1][state] })
      if shares[state] > 1e200 { shares = shares.map { $0 * 1e-200 } }
    }
    let all = shares.reduce(0, +)
    var (success, time) = (0.0, 0.0)
    for (window, share) in zip(windows, shares) {
      let sure = min(window, constant)
      let going = PortableMath.exp(-cuts * sure)
      time += share / all * (cuts > 0 ? (1 - going) / cuts : sure)
      guard window > constant else { continue }
      let ends = 1 / mean + cuts
      let ended = going * (1 - PortableMath.exp(-ends * (window - constant))) / ends
      success += share / all * ended / mean
      time += share / all * ended
    }
    return (success, time, 1 - shares[0] / all)
  }

  private static let mostWindows = 64

  /// The charge of polling for a mean time in nanoseconds.
  public func charge(mean: Double) -> StepCharge {
    StepCharge(
      step: "halt_poll", place: .hostKernel, count: 1, exitsPerStep: 0, stepMean: mean, distribution: .deterministic,
      kind: .published, origin: PriceOrigin(document: "", source: source))
  }
}
