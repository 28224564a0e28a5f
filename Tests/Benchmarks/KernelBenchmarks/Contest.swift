import ReferenceQueues

/// A model that the pending-event set and the reference run in turn.
struct Contest: Sendable {
  enum Model: String, Sendable {
    case hold, phold
    case singleServer = "mm1"
  }

  let model: Model
  /// Events in the set.
  let pending: Int
  /// The most time relative to the reference.
  let limit: Double
  let rounds: Int

  static let all = [
    Contest(model: .hold, pending: 1_000, limit: 0.35, rounds: 9),
    Contest(model: .hold, pending: 100_000, limit: 0.25, rounds: 9),
    Contest(model: .hold, pending: 1_000_000, limit: 0.15, rounds: 5),
    Contest(model: .hold, pending: 10_000_000, limit: 0.08, rounds: 3),
    Contest(model: .phold, pending: 10_000, limit: 0.5, rounds: 9),
    Contest(model: .phold, pending: 1_000_000, limit: 0.35, rounds: 5),
    Contest(model: .singleServer, pending: 2, limit: 0.9, rounds: 9),
  ]

  func makeSubject() -> any Side {
    switch model {
    case .hold: HoldModel(pending: pending)
    case .phold: Phold(entities: pending)
    case .singleServer: SingleServer()
    }
  }

  func makeReference() -> any Side {
    switch model {
    case .hold: ReferenceSide(referenceHold(Int64(pending), exponentialQuantiles))
    case .phold: ReferenceSide(referencePhold(Int64(pending), Entity.allocate(pending), exponentialQuantiles))
    case .singleServer: ReferenceSide(referenceSingleServer())
    }
  }

  struct Outcome {
    /// Medians over the rounds: nanoseconds of processor time an event, and their ratio within a round.
    var subject: Double
    var reference: Double
    var ratio: Double
    /// Resident memory that came with the set, by event.
    var bytesPerEvent: Double
  }

  /// A round is at least as many events as are pending, so that each passes all levels of the heap. Within it the two
  /// sides alternate in slices, so that both meet the same neighbours on the machine; slices are long enough for what
  /// the other side has done to the caches not to count.
  func run() -> Outcome {
    let slices = 4
    let events = max(pending, 2_000_000) / slices
    let before = residentBytes()
    let subject = makeSubject()
    _ = subject.run(events * slices)
    let bytes = residentBytes() - before
    let reference = makeReference()
    _ = reference.run(events * slices)
    var times: [(subject: Double, reference: Double)] = []
    for _ in 0..<rounds {
      var time = (subject: 0.0, reference: 0.0)
      for _ in 0..<slices {
        let (referenceDigest, referenceTime) = timed { reference.run(events) }
        let (subjectDigest, subjectTime) = timed { subject.run(events) }
        precondition(subjectDigest == referenceDigest, "the two sides have taken different courses")
        time.subject += subjectTime
        time.reference += referenceTime
      }
      times.append(time)
    }
    let perEvent = 1 / Double(events * slices)
    return Outcome(
      subject: median(times.map { $0.subject * perEvent }), reference: median(times.map { $0.reference * perEvent }),
      ratio: median(times.map { $0.subject / $0.reference }), bytesPerEvent: Double(bytes) / Double(pending))
  }
}

func median(_ values: [Double]) -> Double {
  values.sorted()[values.count / 2]
}
