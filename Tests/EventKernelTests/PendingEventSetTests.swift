import EventKernel
import HeapModule
import Testing

/// How much later than now the events of a workload happen.
enum Increments: String, CaseIterable, Sendable {
  case exponential, constant, manyTies, zero, heavyTail, alternating

  func next(_ stream: inout RandomStream) -> Int64 {
    switch self {
    case .exponential: Int64(stream.nextExponential(mean: 1e6))
    case .constant: 1000
    case .manyTies: Int64(stream.nextInteger(below: 4))
    case .zero: 0
    case .heavyTail: Int64(1000 / stream.nextUniform().squareRoot())
    case .alternating: stream.nextInteger(below: 2) == 0 ? 1 : 1_000_000_000_000
    }
  }
}

@Suite struct PendingEventSetTests {
  private struct Key: Comparable {
    let time: Int64
    let sequence: UInt32

    static func < (one: Key, other: Key) -> Bool {
      (one.time, one.sequence) < (other.time, other.sequence)
    }
  }

  /// The set grows, is held and shrinks, over and over, in step with an ordinary heap of (time, sequence).
  @Test(arguments: Increments.allCases)
  func ordersByTimeThenInsertion(increments: Increments) {
    let set = PendingEventSet()
    var reference = Heap<Key>()
    var stream = RandomStream(seed: 11, replication: 0, entity: 0, purpose: 0)
    var now: Int64 = 0
    var sequence: UInt32 = 0
    var mistakes = 0
    for step in 0..<34_000 {
      let growth = [7, 5, 3][step / 1_500 % 3]
      if stream.nextInteger(below: 10) < growth {
        let time = now + increments.next(&stream)
        set.insert(Event(time: time, kind: 1, handle: sequence))
        reference.insert(Key(time: time, sequence: sequence))
        sequence += 1
      } else {
        if set.nextTime != reference.min?.time { mistakes += 1 }
        let event = set.popFirst()
        let expected = reference.popMin()
        if event?.time != expected?.time || event?.handle != expected?.sequence { mistakes += 1 }
        now = event?.time ?? now
      }
      if set.count != reference.count { mistakes += 1 }
    }
    while let expected = reference.popMin() {
      let event = set.popFirst()
      if event?.time != expected.time || event?.handle != expected.sequence { mistakes += 1 }
    }
    #expect(mistakes == 0)
    #expect(set.popFirst() == nil && set.count == 0 && set.nextTime == nil)
  }

  @Test func eventsAtOneTimeComeInTheOrderOfInsertion() {
    let set = PendingEventSet()
    for handle in 0..<1000 as Range<UInt32> { set.insert(Event(time: 7, kind: 0, handle: handle)) }
    for handle in 0..<1000 as Range<UInt32> { #expect(set.popFirst()?.handle == handle) }
  }

  @Test func payloadsComeBackWhole() {
    let set = PendingEventSet()
    let event = Event(time: -3, kind: 200, handle: 0xdead_beef, generation: 0xab_cdef)
    set.insert(event)
    #expect(set.popFirst() == event)
  }

  @Test func limitsArePausesOnly() {
    let set = PendingEventSet()
    set.insert(Event(time: 10, kind: 0, handle: 0))
    set.insert(Event(time: 1_000_000, kind: 0, handle: 1))
    #expect(set.popFirst(notAfter: 9) == nil)
    #expect(set.popFirst(notAfter: 10)?.handle == 0)
    #expect(set.popFirst(notAfter: 500) == nil)
    #expect(set.count == 1)
    // Looking ahead to the limit has not moved the time from which events may be inserted.
    set.insert(Event(time: 10, kind: 0, handle: 2))
    set.insert(Event(time: 499, kind: 0, handle: 3))
    #expect(set.popFirst(notAfter: 500)?.handle == 2)
    #expect(set.popFirst(notAfter: 500)?.handle == 3)
    #expect(set.popFirst(notAfter: .max)?.handle == 1)
    #expect(set.popFirst(notAfter: .max) == nil)
  }

  @Test func removingAllMakesTheSetAsNew() {
    let set = PendingEventSet()
    for handle in 0..<300 as Range<UInt32> { set.insert(Event(time: 50 + Int64(handle), kind: 0, handle: handle)) }
    _ = set.popFirst()
    set.removeAll()
    #expect(set.count == 0 && set.nextTime == nil && set.popFirst() == nil)
    set.insert(Event(time: -8, kind: 0, handle: 4))
    #expect(set.popFirst()?.time == -8)
  }

  @Test func extremeTimes() {
    let set = PendingEventSet()
    for time in [Int64.max, 0, .min, 1, -1] { set.insert(Event(time: time, kind: 0, handle: 0)) }
    for time in [Int64.min, -1, 0, 1, .max] { #expect(set.popFirst()?.time == time) }
  }

  @Test func thePastIsClosed() async {
    await #expect(processExitsWith: .failure) {
      let set = PendingEventSet()
      set.insert(Event(time: 10, kind: 0, handle: 0))
      _ = set.popFirst()
      set.insert(Event(time: 9, kind: 0, handle: 0))
    }
  }
}
