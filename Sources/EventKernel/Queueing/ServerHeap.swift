/// The busy servers of a station, ordered by the end of their jobs, then by the begin.
struct ServerHeap {
  struct Entry: BitwiseCopyable {
    var end: Int128
    var sequence: UInt64
    var job: UInt32

    func precedes(_ other: Entry) -> Bool {
      end < other.end || (end == other.end && sequence < other.sequence)
    }
  }

  private let entries: UnsafeMutablePointer<Entry>
  private(set) var count = 0
  private var nextSequence: UInt64 = 0

  init(servers: Int) {
    entries = .allocate(capacity: servers)
  }

  func deallocate() {
    entries.deallocate()
  }

  /// The end of the first job to end. There must be one.
  var firstEnd: Int128 { entries.pointee.end }

  mutating func insert(job: UInt32, end: Int128) {
    let entry = Entry(end: end, sequence: nextSequence, job: job)
    nextSequence &+= 1
    var hole = count
    while hole > 0 {
      let parent = (hole &- 1) >> 1
      if entries[parent].precedes(entry) { break }
      entries[hole] = entries[parent]
      hole = parent
    }
    entries[hole] = entry
    count &+= 1
  }

  /// Takes out the first job to end.
  mutating func removeFirst() -> UInt32 {
    let job = entries.pointee.job
    count &-= 1
    let last = entries[count]
    var hole = 0
    while true {
      var child = hole &* 2 &+ 1
      if child >= count { break }
      if child &+ 1 < count, entries[child &+ 1].precedes(entries[child]) { child &+= 1 }
      if last.precedes(entries[child]) { break }
      entries[hole] = entries[child]
      hole = child
    }
    entries[hole] = last
    return job
  }
}
