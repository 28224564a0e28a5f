/// When a station wants to be advanced next, for the caller to put into its `PendingEventSet`.
public struct StationPlan: Sendable, Hashable, BitwiseCopyable {
  /// The time in nanoseconds.
  public let time: Int64
  /// The generation that the event has to carry; see the station's `isCurrent(_:)`.
  public let generation: UInt32
}

/// What a station has to say: the notices not yet read, and the plan.
struct StationOutput {
  private(set) var notices = RingBuffer<StationNotice>()
  private var generation: UInt32 = 0
  /// The time of the plan that is outstanding; `Int64.max` when there is none.
  private var planned = Int64.max

  mutating func deallocate() {
    notices.deallocate()
  }

  mutating func report(_ kind: StationNotice.Kind, job: UInt32, at instant: Int128) {
    notices.append(StationNotice(kind, job: job, at: instant))
  }

  mutating func popNotice() -> StationNotice? { notices.popFirst() }

  /// A new plan if the next completion, `Int64.max` for none, is not the one already planned.
  mutating func takePlan(next: Int64) -> StationPlan? {
    guard next != planned else { return nil }
    planned = next
    generation &+= 1
    return next == .max ? nil : StationPlan(time: next, generation: generation)
  }

  func isCurrent(_ other: UInt32) -> Bool { (generation ^ other) & Event.generationMask == 0 }
}
