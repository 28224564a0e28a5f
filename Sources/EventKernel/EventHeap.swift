/// A heap of events with four children a node, ordered by time, then by insertion.
struct EventHeap {
  struct Entry {
    var time: Int64
    var sequence: UInt64
    var payload: UInt64

    @inline(__always)
    func precedes(_ other: Entry) -> Bool {
      time != other.time ? time < other.time : sequence < other.sequence
    }
  }

  private(set) var entries: UnsafeMutablePointer<Entry>
  private(set) var count = 0
  private var capacity = 64
  private var nextSequence: UInt64 = 0
  /// The time of the last event taken out.
  private(set) var floor = Int64.min

  init() {
    entries = .allocate(capacity: capacity)
  }

  func deallocate() {
    entries.deallocate()
  }

  mutating func insert(_ event: Event) {
    if count == capacity { grow() }
    let entry = Entry(time: event.time, sequence: nextSequence, payload: event.payload)
    nextSequence &+= 1
    // The hole rises until its parent precedes the entry. On equal times the parent is the older one.
    let entries = entries
    var hole = count
    while hole > 0 {
      let parent = (hole &- 1) >> 2
      if entries[parent].time <= entry.time { break }
      entries[hole] = entries[parent]
      hole = parent
    }
    entries[hole] = entry
    count &+= 1
  }

  mutating func removeFirst() -> Event {
    let entries = entries
    let first = entries[0]
    floor = first.time
    count &-= 1
    let last = entries[count]
    let end = count
    // The hole sinks to the first of its children until the last entry precedes them all.
    var hole = 0
    while true {
      var child = hole &* 4 &+ 1
      if child >= end { break }
      var least = child
      let stop = min(child &+ 4, end)
      child &+= 1
      while child < stop {
        if entries[child].precedes(entries[least]) { least = child }
        child &+= 1
      }
      if last.precedes(entries[least]) { break }
      entries[hole] = entries[least]
      hole = least
    }
    entries[hole] = last
    return Event(time: first.time, payload: first.payload)
  }

  mutating func removeAll() {
    count = 0
    nextSequence = 0
    floor = .min
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: entries, count: count)
    entries.deallocate()
    entries = larger
    capacity *= 2
  }
}
