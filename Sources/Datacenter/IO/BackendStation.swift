import Model
import Statistics

/// A backend's worker as a queue with set-up: it sleeps when its rings are empty, and waking it takes `U`.
///
/// Received and sent batches share the worker in order of arrival. The mean delay before an item is taken up is that of
/// M/G/1 with set-up; the guest rings unless sent batches are already waiting or in hand. As many of these are left behind by
/// a sent batch as have come during its stay `T`, so that the guest finds none with the probability `E[exp(-λ_t T)]`, the
/// transform of M/G/1 with set-up: `(1 − ρ)/(1 + λU)` where all is sent.
/// [P. D. Welch 1964; H. Takagi, Queueing Analysis, volume 1, 1991; J. Keilson and L. D. Servi, A distributional form of
/// Little's law, 1988]
struct BackendStation {
  /// Received batches per nanosecond and the time of each in nanoseconds.
  var received: (rate: Double, time: Double)
  /// Sent batches per nanosecond and the time of each in nanoseconds.
  var sent: (rate: Double, time: Double)
  /// Time to wake the worker, until it has a processor, and the second moment of that.
  var wake: Double
  var wakeSecondMoment: Double
  /// Time of the guest's doorbell, before which the worker does not hear of a batch and others may be handed over.
  var bell: Double
  /// What else the worker does: items per nanosecond, their load, and rate times second moment.
  var other = SharedBackends.Passing()
  /// Time that the worker polls before it sleeps.
  var poll = 0.0
  /// When the guest rings.
  var notification = FrontEnd.Notification.eventIndex

  init(
    received: (rate: Double, time: Double), sent: (rate: Double, time: Double), wake: Double,
    wait: ProcessorWait = ProcessorWait(), bell: Double
  ) {
    self.received = received
    self.sent = sent
    self.wake = wait.mean(with: wake)
    wakeSecondMoment = wait.secondMoment(with: wake)
    self.bell = bell
  }

  /// Makes the station one of several workers, each of which serves as many of the queues, by which flows are divided at
  /// random. Sent batches of other queues of the same worker do not share a bell.
  mutating func divide(among workers: Int, queues: Int) {
    received.rate /= Double(workers)
    let all = sent.rate / Double(workers)
    sent.rate /= Double(queues)
    other.add(all - sent.rate, sent.time)
  }

  private var rate: Double { received.rate + sent.rate + other.rate }
  /// Probability that nothing comes while the worker polls.
  private var undisturbed: Double { poll > 0 ? PortableMath.exp(-rate * poll) : 1 }
  /// Share of time in which the worker handles items.
  var load: Double { received.rate * received.time + sent.rate * sent.time + other.load }
  /// Whether the worker can keep up.
  var isStable: Bool { load < 1 }

  /// Probability that an item finds the worker asleep and nobody on the way to it.
  var asleep: Double {
    guard isStable else { return 0 }
    return (1 - load) * undisturbed / cycle
  }

  /// Items in the time from the first one that finds the worker asleep to its being awake, that one included: where it has
  /// been sent, its bell comes before.
  private var cycle: Double { 1 + undisturbed * (rate * wake + sent.rate * bell) }

  /// Mean time from an item's arrival to the start of its handling, in nanoseconds.
  var delay: Double {
    guard isStable else { return .infinity }
    let secondMoment =
      received.rate * received.time * received.time + sent.rate * sent.time * sent.time + other.secondMoment
    return secondMoment / (2 * (1 - load))
      + undisturbed * (2 * wake + rate * wakeSecondMoment) / (2 * (1 + rate * wake * undisturbed))
  }

  /// Bells per sent batch.
  var bellsPerBatch: Double {
    guard isStable else { return 0 }
    switch notification {
    case .always: return 1
    case .eventIndex: return drainsPerBatch
    case .flags: return min(1, drainsPerBatch + ringsWhileWaking)
    }
  }

  /// Share of sent batches that are handed over while none waits or is in the worker's hands, and the worker does not poll.
  var drainsPerBatch: Double {
    guard isStable else { return 0 }
    guard sent.rate > 0 else { return undisturbed }
    let all = rate
    let own = sent.rate / all
    // Transforms at the rate of sent batches: of the waking, after a bell and without one, and of what is handled.
    let woken = Self.transform(wake, wakeSecondMoment, at: sent.rate)
    let rung = woken * PortableMath.exp(-sent.rate * bell)
    let alone = PortableMath.exp(-sent.rate * sent.time)
    var handled = received.rate * PortableMath.exp(-sent.rate * received.time) + sent.rate * alone
    if other.rate > 0 {
      handled +=
        other.rate * Self.transform(other.load / other.rate, other.secondMoment / other.rate, at: sent.rate)
    }
    let setUp = 1 - undisturbed + undisturbed * (own * rung + (1 - own) * woken)
    let waiting =
      (1 - load) * (all - (all - sent.rate) * setUp) / (cycle * (sent.rate - all + handled))
      + (1 - load) * undisturbed / cycle * (1 - own) * (rung - woken)
    return min(1, max(0, waiting * alone - polling))
  }

  /// The Laplace transform of a time of a mean and a second moment, taken to be gamma distributed.
  private static func transform(_ mean: Double, _ secondMoment: Double, at rate: Double) -> Double {
    let variance = secondMoment - mean * mean
    guard mean > 0, variance > 1e-9 * mean * mean else { return PortableMath.exp(-rate * mean) }
    return PortableMath.exp(-mean * mean / variance * PortableMath.log(1 + rate * variance / mean))
  }

  /// Bells per sent batch of those that others wait before: the flag is up until the worker runs. Somebody's bell and the
  /// waking are under way, or a device has woken the worker and a batch has come since.
  private var ringsWhileWaking: Double {
    guard isStable, sent.rate > 0 else { return 0 }
    let awaited = wake - (1 - PortableMath.exp(-sent.rate * wake)) / sent.rate
    return asleep * (sent.rate * (bell + wake) + (rate - sent.rate) * awaited)
  }

  /// Share of time that the worker polls.
  var polling: Double {
    guard isStable, poll > 0, rate > 0 else { return 0 }
    return (1 - load) / cycle * (1 - undisturbed)
  }
}
