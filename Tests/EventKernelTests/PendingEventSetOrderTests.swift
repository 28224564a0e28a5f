import EventKernel
import Foundation
import HeapModule
import Testing

/// How much later than now the events of a workload happen.
enum Increments: String, CaseIterable, Sendable {
  case exponential, uniform, constant, manyTies, zero, pareto, bimodal

  func next(_ stream: inout RandomStream) -> Int64 {
    switch self {
    case .exponential: Int64(stream.nextExponential(mean: 1e6))
    case .uniform: Int64(stream.nextInteger(below: 1_000_000))
    case .constant: 1000
    case .manyTies: Int64(stream.nextInteger(below: 4))
    case .zero: 0
    case .pareto: Int64(1000 / stream.nextUniform().squareRoot())
    case .bimodal: stream.nextInteger(below: 2) == 0 ? 1 : 1_000_000_000_000
    }
  }
}

/// The set in step with an ordinary heap of (time, insertion).
@Suite struct PendingEventSetOrderTests {
  private struct Key: Comparable {
    let time: Int64
    let sequence: UInt32

    static func < (one: Key, other: Key) -> Bool {
      (one.time, one.sequence) < (other.time, other.sequence)
    }
  }

  private enum State { case pending, stale, gone }

  /// The two structures, and the state of every event by its number.
  private struct Pair {
    let set = PendingEventSet()
    var reference = Heap<Key>()
    var states: [State] = []
    /// The time of the last event that was taken out of the set.
    var now: Int64 = 0
    var mistakes = 0

    mutating func insert(at time: Int64) {
      let sequence = UInt32(states.count)
      set.insert(Event(time: time, kind: 1, handle: sequence))
      reference.insert(Key(time: time, sequence: sequence))
      states.append(.pending)
    }

    mutating func cancel(_ sequence: Int) {
      guard states[sequence] == .pending else { return }
      states[sequence] = .stale
      set.noteStale()
      if set.isMostlyStale { compact() }
    }

    mutating func compact() {
      let states = states
      set.compact { states[Int($0.handle)] != .pending }
    }

    /// Takes the first event that is not stale out of both; they must agree. Returns whether there was one.
    @discardableResult
    mutating func pop(notAfter limit: Int64) -> Bool {
      while let key = reference.min, states[Int(key.sequence)] == .stale { reference.removeMin() }
      var expected: Key?
      if let key = reference.min, key.time <= limit { expected = reference.removeMin() }
      var event: Event?
      repeat {
        let next = set.nextTime
        event = set.popFirst(notAfter: limit)
        if let event {
          if event.time != next { mistakes += 1 }
          if states[Int(event.handle)] == .stale { set.noteDropped() }
          now = event.time
        } else if let next, next <= limit {
          mistakes += 1
        }
      } while event.map { states[Int($0.handle)] == .stale } ?? false
      if event?.time != expected?.time || event?.handle != expected?.sequence { mistakes += 1 }
      if let expected { states[Int(expected.sequence)] = .gone }
      return event != nil
    }
  }

  /// The set grows, is held and shrinks, over and over; runs pause, plans change, and new events come just after now.
  ///
  /// A million operations a distribution when VDCSIM_LONG_TESTS is set.
  @Test(arguments: Increments.allCases, [0, 2, 6])
  func ordersByTimeThenInsertion(increments: Increments, cancellationsOfTen: Int) {
    let isLong = ProcessInfo.processInfo.environment["VDCSIM_LONG_TESTS"] != nil
    let operations = isLong ? 1_000_000 : 6_000
    var stream = RandomStream(seed: 11, replication: 0, entity: 0, purpose: 0)
    var pair = Pair()
    for step in 0..<operations {
      let growth = [8, 5, 3][step / max(1_500, operations / 40) % 3]
      if stream.nextInteger(below: 10) < growth {
        pair.insert(at: pair.now + increments.next(&stream))
        if stream.nextInteger(below: 10) < cancellationsOfTen {
          pair.cancel(pair.states.count - 1 - stream.nextInteger(below: min(pair.states.count, 500)))
        }
      } else if stream.nextInteger(below: 4) == 0 {
        // A pause, often before the next event: new events may come between.
        pair.pop(notAfter: pair.now + increments.next(&stream) / Int64(1 + stream.nextInteger(below: 8)))
      } else {
        pair.pop(notAfter: .max)
      }
    }
    while pair.pop(notAfter: .max) {}
    #expect(pair.mistakes == 0)
    #expect(pair.set.popFirst() == nil && pair.set.count == 0 && pair.set.nextTime == nil)
  }

  /// Many events far ahead, a pause just before them, then many events in between: more than the sorted part takes.
  @Test(arguments: [1, 40, 5_000])
  func eventsComeBetweenAPauseAndTheNextEvent(distinctTimes: Int) {
    var stream = RandomStream(seed: 12, replication: 0, entity: 0, purpose: 0)
    var pair = Pair()
    pair.insert(at: 3)
    pair.pop(notAfter: .max)
    for round in 1...6 as ClosedRange<Int64> {
      let far = pair.now + (1 << (5 * round))
      for _ in 0..<300 { pair.insert(at: far + Int64(stream.nextInteger(below: distinctTimes))) }
      pair.pop(notAfter: far - 1)
      for _ in 0..<500 {
        let gap = max(1, Int(far - pair.now))
        pair.insert(at: pair.now + Int64(stream.nextInteger(below: min(gap, distinctTimes))))
        if stream.nextInteger(below: 3) == 0 { pair.pop(notAfter: far - 1) }
      }
      for _ in 0..<200 { pair.pop(notAfter: .max) }
    }
    while pair.pop(notAfter: .max) {}
    #expect(pair.mistakes == 0)
  }

  /// Events at one time are sorted into the bottom, spilled from it, taken from a long bucket, and joined by new ones.
  @Test func tiesKeepTheOrderOfInsertionOnEveryWay() {
    var pair = Pair()
    for _ in 0..<150 { pair.insert(at: 100) }
    for _ in 0..<150 { pair.insert(at: 90) }
    for time in 0..<90 as Range<Int64> { pair.insert(at: time) }
    for time in [90, 100, 95, 90, 100] as [Int64] { for _ in 0..<120 { pair.insert(at: time) } }
    pair.pop(notAfter: 50)
    for _ in 0..<250 { pair.insert(at: 60) }
    for step in 0..<1_500 {
      pair.pop(notAfter: .max)
      if step < 900, step % 2 == 0 { pair.insert(at: pair.now) }
      if step == 400 { pair.compact() }
    }
    while pair.pop(notAfter: .max) {}
    #expect(pair.mistakes == 0)
  }
}
