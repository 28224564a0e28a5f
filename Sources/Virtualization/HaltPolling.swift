import Statistics

/// Polling of a host's kernel for the wake-up of a halted vCPU, before its thread gives up the processor.
///
/// The window grows when a wake-up comes later than it but within the limit, and falls to nothing when none comes within
/// the limit. [Linux, virt/kvm/kvm_main.c: halt_poll_ns, halt_poll_ns_grow 2, halt_poll_ns_grow_start 10 us,
/// halt_poll_ns_shrink 0; Documentation/virt/kvm/halt-polling.rst]
public struct HaltPolling: Sendable, Hashable {
  /// The longest window in nanoseconds.
  public let limit: Double

  /// The first window in nanoseconds.
  public static let start = 10_000.0
  /// By what it grows.
  public static let growth = 2.0
  /// `halt_poll_ns` on x86, in nanoseconds.
  public static let usualLimit = 200_000.0

  /// Creates the polling of a limit in nanoseconds, >= 0.
  public init(limit: Double = usualLimit) { self.limit = limit }

  /// The window after a halt that lasted for `idle` nanoseconds.
  public func window(after window: Double, idle: Double) -> Double {
    if idle <= window { return window }
    if idle > limit { return 0 }
    return window < limit ? min(limit, max(Self.start, Self.growth * window)) : window
  }

  /// Share of halts whose polling ends with the wake-up, and mean time of polling a halt, when halts last for exponential
  /// times of that mean: the windows are a Markov chain that climbs step by step and falls to nothing.
  ///
  /// - Complexity: O(log(limit / start)).
  public func expectation(idle mean: Double) -> (success: Double, time: Double) {
    guard mean > 0, limit > 0 else { return (0, 0) }
    func beyond(_ time: Double) -> Double { PortableMath.exp(-time / mean) }
    var window = 0.0
    var weight = 1.0
    var (all, success, time) = (0.0, 0.0, 0.0)
    while true {
      all += weight
      success += weight * (1 - beyond(window))
      time += weight * mean * (1 - beyond(window))
      guard window < limit else { break }
      let grows = beyond(window) - beyond(limit)
      window = min(limit, max(Self.start, Self.growth * window))
      // What leaves the next window: upwards, or to nothing.
      let leaves = window < limit ? beyond(window) : beyond(limit)
      weight *= grows / max(leaves, 1e-300)
      if weight > 1e200 {
        (all, success, time, weight) = (all * 1e-200, success * 1e-200, time * 1e-200, weight * 1e-200)
      }
    }
    return (success / all, time / all)
  }

  /// The charge of polling for a mean time in nanoseconds.
  public static func charge(mean: Double) -> StepCharge {
    StepCharge(
      step: "halt_poll", place: .hostKernel, count: 1, exitsPerStep: 0, stepMean: mean, distribution: .deterministic,
      kind: .published, origin: PriceOrigin(document: "", source: "halt_poll_ns of Linux's KVM"))
  }
}
