import EventKernel
import Testing

@Suite struct PendingEventSetTests {
  @Test func eventsAtOneTimeComeInTheOrderOfInsertion() {
    let set = PendingEventSet()
    for handle in 0..<1000 as Range<UInt32> { set.insert(Event(time: 7, kind: 0, handle: handle)) }
    for handle in 0..<1000 as Range<UInt32> { #expect(set.popFirst()?.handle == handle) }
  }

  @Test func payloadsComeBackWhole() {
    let set = PendingEventSet()
    let event = Event(time: 3, kind: 200, handle: 0xdead_beef, generation: 0xab_cdef)
    set.insert(event)
    #expect(set.popFirst() == event)
  }

  @Test func upcomingEventsAreThoseThatComeOut() {
    // Small buckets are gathered, so that some of what follows is known; what is known must be right.
    let set = PendingEventSet()
    var time: Int64 = 0
    for handle in 0..<500 as Range<UInt32> {
      time += Int64(handle) * 97 % 1009
      set.insert(Event(time: time, kind: 0, handle: handle))
    }
    var foreseen: [Event?] = []
    var known = 0
    while let event = set.popFirst() {
      if foreseen.count >= 3, let expected = foreseen[foreseen.count - 3] {
        #expect(event == expected)
        known += 1
      }
      foreseen.append(set.upcoming(2))
    }
    #expect(known > 250)
    #expect(set.upcoming(0) == nil)
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

  @Test func nextTimeIsThatOfTheFirstEventWhereverItLies() {
    let set = PendingEventSet()
    #expect(set.nextTime == nil)
    for index in 0..<2_000 as Range<Int64> { set.insert(Event(time: 5_000_000 - index * 7, kind: 0, handle: 0)) }
    for index in (0..<2_000 as Range<Int64>).reversed() {
      #expect(set.nextTime == 5_000_000 - index * 7)
      #expect(set.popFirst()?.time == 5_000_000 - index * 7)
    }
    #expect(set.nextTime == nil)
  }

  @Test func removingAllMakesTheSetAsNew() {
    let set = PendingEventSet()
    for handle in 0..<3_000 as Range<UInt32> { set.insert(Event(time: 50 + Int64(handle), kind: 0, handle: handle)) }
    _ = set.popFirst()
    set.removeAll()
    #expect(set.count == 0 && set.nextTime == nil && set.popFirst() == nil)
    set.insert(Event(time: 8, kind: 0, handle: 4))
    #expect(set.popFirst()?.time == 8)
  }

  @Test(arguments: [1, 100])
  func extremeTimes(copies: Int) {
    let set = PendingEventSet()
    let times: [Int64] = [.max, 0, 1 << 62, 1, .max - 1]
    for time in times { for _ in 0..<copies { set.insert(Event(time: time, kind: 0, handle: 0)) } }
    #expect(set.popFirst(notAfter: -1) == nil)
    for time in times.sorted() { for _ in 0..<copies { #expect(set.popFirst()?.time == time) } }
    #expect(set.popFirst() == nil)
  }

  /// More events than fit in the memory that the set takes at first: it grows slab by slab, up to huge pages.
  @Test func growsByManySlabs() {
    let set = PendingEventSet()
    let count = 300_000
    var time: Int64 = 1
    for handle in 0..<UInt32(count) {
      time = time &* 48_271 % 0x7fff_ffff
      set.insert(Event(time: time, kind: 0, handle: handle))
    }
    #expect(set.count == count)
    var isSorted = true
    var (previous, taken): (Int64, Int) = (0, 0)
    while let event = set.popFirst() {
      if event.time < previous { isSorted = false }
      previous = event.time
      taken += 1
    }
    #expect(isSorted && taken == count)
  }

  @Test func compactionRemovesStaleEventsOnly() {
    let set = PendingEventSet()
    var generations = [UInt32](repeating: 0, count: 3_000)
    for handle in 0..<3_000 {
      set.insert(Event(time: Int64(handle * 31 % 1_000), kind: 0, handle: UInt32(handle)))
    }
    var outdated = 0
    while !set.isMostlyStale {
      // Of any three entities, two change their plans.
      let handle = outdated / 2 * 3 + outdated % 2
      generations[handle] += 1
      set.noteStale()
      outdated += 1
    }
    #expect(outdated == 1_501)
    set.compact { $0.generation != generations[Int($0.handle)] }
    #expect(set.count == 1_499 && !set.isMostlyStale)
    var taken = 0
    while let event = set.popFirst() {
      #expect(generations[Int(event.handle)] == 0)
      taken += 1
    }
    #expect(taken == 1_499)
  }

  @Test func eventsDroppedByTheCallerCountAsStaleNoLonger() {
    let set = PendingEventSet()
    for handle in 0..<1_000 as Range<UInt32> { set.insert(Event(time: Int64(handle), kind: 0, handle: handle)) }
    for _ in 0..<501 { set.noteStale() }
    #expect(set.isMostlyStale)
    _ = set.popFirst()
    set.noteDropped()
    _ = set.popFirst()
    set.noteDropped()
    #expect(!set.isMostlyStale)
  }

  @Test func theSetCanBeCompactedToNothing() {
    let set = PendingEventSet()
    for handle in 0..<1_000 as Range<UInt32> { set.insert(Event(time: Int64(handle), kind: 0, handle: handle)) }
    set.compact { _ in true }
    #expect(set.count == 0 && set.popFirst() == nil)
    set.insert(Event(time: 5, kind: 0, handle: 6))
    #expect(set.popFirst()?.handle == 6)
  }

  @Test func thePastIsClosed() async {
    await #expect(processExitsWith: .failure) {
      let set = PendingEventSet()
      set.insert(Event(time: 10, kind: 0, handle: 0))
      _ = set.popFirst()
      set.insert(Event(time: 9, kind: 0, handle: 0))
    }
  }

  @Test func timeStartsAtZero() async {
    await #expect(processExitsWith: .failure) {
      PendingEventSet().insert(Event(time: -1, kind: 0, handle: 0))
    }
  }
}
