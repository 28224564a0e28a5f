import Model
import Statistics

/// A migration by pre-copy at a constant bandwidth: rounds that send what was dirtied in the round before, while the VM
/// runs, and a last one while it stands still.
///
/// Round `i` sends `V_i` in `V_i/B`; in that time the guest dirties `min(W, D T)` distinct bytes, or, where its writes go to
/// random places, `W (1 − e^(−D T/W))`. [C. Clark et al., Live migration of virtual machines, NSDI 2005]
struct PreCopy {
  /// Bytes that the first round sends.
  var memory: Double
  /// Bytes a second.
  var bandwidth: Double
  /// Bytes a second that the guest dirties while it runs at full speed.
  var dirtyRate: Double
  /// Bytes of the writable working set.
  var writable: Double
  /// Whether the dirty rate counts distinct bytes, or writes to random places of the working set.
  var countsDistinct = false
  var policy: MigrationPolicy

  /// What becomes of it.
  struct Result: Equatable {
    /// Seconds from the start until the VM runs on its target.
    var duration = 0.0
    /// Seconds without a running VM.
    var downtime = 0.0
    /// Rounds, the last among them.
    var rounds = 0
    /// Bytes sent.
    var bytes = 0.0
    /// Greatest share of its speed that the guest was denied to let the migration converge.
    var throttle = 0.0
    var outcome = FleetReport.Outcome.completed
  }

  /// QEMU's auto-converge: begins when a round dirties more than half of what it sent, at 20 %, grows by 10 %, up to 99 %.
  /// [QEMU, migration parameters cpu-throttle-initial, cpu-throttle-increment, throttle-trigger-threshold]
  static let throttleStart = 0.2
  static let throttleStep = 0.1
  static let throttleLimit = 0.99
  static let throttleTrigger = 0.5

  /// Runs the rounds.
  ///
  /// - Complexity: O(rounds).
  func run() -> Result {
    var result = Result()
    var left = memory
    while true {
      result.rounds += 1
      let time = left / bandwidth
      if time <= policy.downtimeTarget.seconds || result.rounds > policy.roundLimit {
        // Stopped: what is left is sent while nothing changes.
        result.outcome = time <= policy.downtimeTarget.seconds ? .completed : .capped
        result.downtime = time + policy.switchoverTime.seconds
        result.duration += result.downtime
        result.bytes += left
        return result
      }
      result.duration += time
      result.bytes += left
      let dirtied = dirtyRate * (1 - result.throttle) * time
      let next =
        countsDistinct || writable <= 0
        ? min(writable, dirtied) : writable * (1 - PortableMath.exp(-dirtied / writable))
      if policy.autoConverges, next > Self.throttleTrigger * left {
        result.throttle =
          result.throttle == 0 ? Self.throttleStart : min(Self.throttleLimit, result.throttle + Self.throttleStep)
      }
      left = next
    }
  }
}
