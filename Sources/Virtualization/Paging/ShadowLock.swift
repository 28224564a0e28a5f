/// The lock of a VM's shadow tables as a closed queue: vCPUs that compute, take the lock, hold it and let it go.
///
/// Approximate mean value analysis with variable hold times: an arrival waits for those it finds waiting and for the rest
/// of the hold in progress, `W(n) = s (Q(n−1) − U(n−1)) + U(n−1) s (1 + c²)/2`. Waiting vCPUs spin.
/// [M. Reiser, S. S. Lavenberg, Mean-value analysis of closed multichain queuing networks, JACM 27(2), 1980; M. Reiser, A
/// queueing network analysis of computer communication networks with window flow control, IEEE Trans. Comm. 27, 1979]
public enum ShadowLock {
  /// Mean time that a taker waits.
  ///
  /// - Parameters:
  ///   - takers: vCPUs that may take it, at least 1.
  ///   - think: time between letting go and the next attempt, in any unit.
  ///   - hold: time of a hold, in the same unit.
  ///   - variation: coefficient of variation of holds.
  /// - Complexity: O(takers).
  public static func wait(takers: Int, think: Double, hold: Double, variation: Double = 1) -> Double {
    guard takers > 1, hold > 0 else { return 0 }
    var queue = 0.0
    var utilization = 0.0
    var wait = 0.0
    for customers in 1...takers {
      wait = hold * (queue - utilization) + utilization * hold * (1 + variation * variation) / 2
      let rate = Double(customers) / (think + wait + hold)
      queue = rate * (wait + hold)
      utilization = rate * hold
    }
    return wait
  }
}
