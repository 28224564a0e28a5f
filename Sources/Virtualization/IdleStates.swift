import Quantities
import Statistics

/// Idle states of a processor's cores, and the governor that chooses among them.
///
/// A core that goes idle enters the deepest state whose target residency is not longer than the predicted idle time, and
/// else the first; who is woken on it waits for the exit latency of that state. The prediction is the mean of the last
/// eight idle times. That is what Linux's menu governor comes to, whether it takes these times for a pattern or corrects
/// the time to the next timer by what it was worth before; timers, its limits by load, and the outliers that later
/// kernels leave out are not modelled. [Linux, drivers/cpuidle/governors/menu.c]
public struct IdleStates: Sendable, Hashable {
  /// One state.
  public struct State: Sendable, Hashable {
    /// Its name, such as `C1E`.
    public var name: String
    /// Time to leave it in nanoseconds.
    public var exitLatency: Double
    /// Shortest idle time in nanoseconds for which it is worth entering.
    public var targetResidency: Double

    /// Creates a state; times in nanoseconds.
    public init(name: String, exitLatency: Double, targetResidency: Double) {
      self.name = name
      self.exitLatency = exitLatency
      self.targetResidency = targetResidency
    }
  }

  /// From the shallowest to the deepest: target residencies grow. At least one.
  public var states: [State]
  /// By step the time in nanoseconds of leaving an idle state that the profile's price of the step holds already.
  public var included: [String: Double]
  /// Published or assumed.
  public var kind: CostKind
  /// The source, or for an assumption the reason.
  public var source: String

  /// Creates the states of a processor.
  public init(states: [State], included: [String: Double] = [:], kind: CostKind, source: String) {
    self.states = states
    self.included = included
    self.kind = kind
    self.source = source
  }

  /// Idle times of which the prediction is the mean.
  public static let intervals = 8

  /// Index of the state that the governor chooses for a predicted idle time in nanoseconds.
  public func choice(predicted: Double) -> Int {
    states.lastIndex { $0.targetResidency <= predicted } ?? 0
  }

  /// Time of leaving an idle state that the prices of some steps hold already, in nanoseconds.
  public func included(in charges: [StepCharge]) -> Double {
    included.isEmpty ? 0 : charges.reduce(0) { $0 + (included[$1.step] ?? 0) * Double($1.count) }
  }

  /// Mean and second moment of what a wake-up waits for, in nanoseconds, when idle times are exponential with a mean in
  /// nanoseconds; `included` is what its price holds of it already.
  ///
  /// The mean of eight such times has Erlang's distribution of eight stages, so that the states have their shares in
  /// closed form; the idle time that ends is independent of those before it.
  public func expectation(idle mean: Double, included: Double = 0) -> (mean: Double, secondMoment: Double) {
    var result = (mean: 0.0, secondMoment: 0.0)
    var shallower = 1.0
    for (index, state) in states.enumerated() {
      let deeper = index + 1 < states.count ? Self.beyond(states[index + 1].targetResidency, idle: mean) : 0
      let latency = max(0, state.exitLatency - included)
      result.mean += (shallower - deeper) * latency
      result.secondMoment += (shallower - deeper) * latency * latency
      shallower = deeper
    }
    return result
  }

  /// Probability that the mean of the last idle times is at least `time`, when they are exponential.
  private static func beyond(_ time: Double, idle mean: Double) -> Double {
    guard mean > 0 else { return 0 }
    let ratio = Double(intervals) * time / mean
    var (term, sum) = (1.0, 1.0)
    for stage in 1..<intervals {
      term *= ratio / Double(stage)
      sum += term
    }
    return ratio < 700 ? sum * PortableMath.exp(-ratio) : 0
  }
}
