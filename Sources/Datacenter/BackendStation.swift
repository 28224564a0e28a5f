/// A backend's worker as a queue with set-up: it sleeps when its rings are empty, and waking it takes `U`.
///
/// Received and sent batches share the worker in order of arrival. The mean delay before an item is taken up is that of
/// M/G/1 with set-up; the guest rings unless sent batches are already waiting or in hand, so that `(1 + λ_t D)/(1 − ρ_t)`
/// batches share a bell, `D` being the time from a bell to the start of its work.
/// [P. D. Welch 1964; H. Takagi, Queueing Analysis, volume 1, 1991]
struct BackendStation {
  /// Received batches per nanosecond and the time of each in nanoseconds.
  var received: (rate: Double, time: Double)
  /// Sent batches per nanosecond and the time of each in nanoseconds.
  var sent: (rate: Double, time: Double)
  /// Time to wake the worker.
  var wake: Double
  /// Time of the guest's doorbell, before which the worker does not hear of a batch.
  var bell: Double

  /// Share of time in which the worker handles items.
  var load: Double { received.rate * received.time + sent.rate * sent.time }
  /// Whether the worker can keep up.
  var isStable: Bool { load < 1 }

  /// Probability that an item finds the worker asleep.
  var asleep: Double {
    guard isStable else { return 0 }
    return (1 - load) / (1 + (received.rate + sent.rate) * wake)
  }

  /// Mean time from an item's arrival to the start of its handling, in nanoseconds.
  var delay: Double {
    guard isStable else { return .infinity }
    let rate = received.rate + sent.rate
    let secondMoment = received.rate * received.time * received.time + sent.rate * sent.time * sent.time
    return secondMoment / (2 * (1 - load)) + wake * (2 + rate * wake) / (2 * (1 + rate * wake))
  }

  /// Bells per sent batch.
  var bellsPerBatch: Double {
    guard isStable else { return 0 }
    return (1 - sent.rate * sent.time) / (1 + sent.rate * (bell + delay))
  }
}
