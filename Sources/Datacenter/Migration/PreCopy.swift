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

  /// QEMU's auto-converge: every second round that dirties more than half of what it sent slows the guest, by 20 % at
  /// first, then by 10 % more, up to 99 %. [QEMU, migration parameters cpu-throttle-initial, cpu-throttle-increment,
  /// max-cpu-throttle and throttle-trigger-threshold; migration/ram.c: twice, to be sure]
  static let throttleStart = 0.2
  static let throttleStep = 0.1
  static let throttleLimit = 0.99
  static let throttleTrigger = 0.5
  static let throttleRounds = 2

  /// Where a migration is: at the beginning of a round.
  struct Progress {
    /// Bytes that the round sends.
    var left: Double
    /// Bytes that the guest wrote since the round began, pages written again counted again.
    var written = 0.0
    /// Bytes of the rounds that are over.
    var sent = 0.0
    var rounds = 1
    var throttle = 0.0
    /// Rounds that dirtied too much since the guest was last slowed.
    var highRounds = 0
    var outcome = FleetReport.Outcome.completed
    /// Bytes a second that the round may have, where the bandwidth adapts.
    var limit = Double.infinity
  }

  /// What is left when pre-copy ends in any case, where the bandwidth adapts. [Clark et al., NSDI 2005]
  static let leastLeft = 262_144.0

  /// The first round.
  var start: Progress { Progress(left: memory, limit: policy.adaptation?.minimum ?? .infinity) }

  /// Whether the round that begins is the last, for which the VM stops.
  func stops(_ progress: inout Progress, bandwidth: Double) -> Bool {
    if let adaptation = policy.adaptation {
      let isOver = progress.limit > adaptation.maximum || progress.left < Self.leastLeft
      guard isOver || progress.rounds > policy.roundLimit else { return false }
      if !isOver { progress.outcome = .capped }
      progress.limit = .infinity
      return true
    }
    let isShort = progress.left / bandwidth <= policy.downtimeTarget.seconds
    guard isShort || progress.rounds > policy.roundLimit else { return false }
    progress.outcome = isShort ? .completed : .capped
    return true
  }

  /// Ends a round that sent `sent` bytes in so many seconds: what was written meanwhile is sent by the next.
  func endRound(_ progress: inout Progress, sent: Double, seconds: Double) {
    var next =
      policy.countsDistinct || writable <= 0
      ? min(writable, progress.written) : writable * (1 - PortableMath.exp(-progress.written / writable))
    next += memory * policy.hotShare
    if let adaptation = policy.adaptation, seconds > 0 {
      progress.limit = max(adaptation.minimum, next / seconds + adaptation.increment)
    }
    if policy.autoConverges, next > Self.throttleTrigger * sent {
      progress.highRounds += 1
      if progress.highRounds == Self.throttleRounds {
        progress.highRounds = 0
        progress.throttle =
          progress.throttle == 0 ? Self.throttleStart : min(Self.throttleLimit, progress.throttle + Self.throttleStep)
      }
    }
    progress.sent += sent
    progress.left = next
    progress.written = 0
    progress.rounds += 1
  }

  /// Runs the rounds.
  ///
  /// - Complexity: O(rounds).
  func run() -> Result {
    var progress = start
    var result = Result()
    while !stops(&progress, bandwidth: bandwidth) {
      let time = progress.left / min(bandwidth, progress.limit)
      result.duration += time
      progress.written = dirtyRate * (1 - progress.throttle) * time
      endRound(&progress, sent: progress.left, seconds: time)
    }
    // Stopped: what is left is sent while nothing changes.
    result.downtime = progress.left / bandwidth + policy.switchoverTime.seconds
    result.duration += result.downtime
    result.bytes = progress.sent + progress.left
    result.rounds = progress.rounds
    result.throttle = progress.throttle
    result.outcome = progress.outcome
    return result
  }
}
