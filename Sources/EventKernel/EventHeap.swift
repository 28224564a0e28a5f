/// A heap of events with four children a node, ordered by time, then by insertion.
struct EventHeap {
  struct Entry {
    var time: Int64
    var sequence: UInt64
    var payload: UInt64

    /// Both parts of the order in one number: compared without a branch, which could not be predicted.
    @inline(__always)
    var key: Int128 { Int128(time) << 64 | Int128(sequence) }
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
    let lastKey = last.key
    let end = count
    // The hole sinks to the first of its children until the last entry precedes them all.
    var hole = 0
    while true {
      let child = hole &* 4 &+ 1
      var least = child
      var leastKey: Int128
      if child &+ 4 <= end {
        let key0 = entries[child].key
        let key1 = entries[child &+ 1].key
        let key2 = entries[child &+ 2].key
        let key3 = entries[child &+ 3].key
        let left = key1 < key0 ? child &+ 1 : child
        let leftKey = key1 < key0 ? key1 : key0
        let right = key3 < key2 ? child &+ 3 : child &+ 2
        let rightKey = key3 < key2 ? key3 : key2
        least = rightKey < leftKey ? right : left
        leastKey = rightKey < leftKey ? rightKey : leftKey
      } else {
        if child >= end { break }
        leastKey = entries[child].key
        for other in child &+ 1..<end where entries[other].key < leastKey {
          least = other
          leastKey = entries[other].key
        }
      }
      if lastKey < leastKey { break }
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
