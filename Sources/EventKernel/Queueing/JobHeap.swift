/// The jobs of a processor-sharing station, ordered by the virtual time at which they end, then by arrival.
///
/// Virtual times wrap around: they are compared by their difference, and lie less than 2^63 apart.
struct JobHeap {
  private struct Entry: BitwiseCopyable {
    var end: Int64
    var sequence: UInt64
    var slot: UInt32

    @inline(__always)
    func precedes(_ other: Entry) -> Bool {
      let difference = end &- other.end
      return difference < 0 || (difference == 0 && sequence < other.sequence)
    }
  }

  private struct Slot: BitwiseCopyable {
    var job: UInt32
    var generation: UInt32
    /// The index of the entry, or, of a free slot, the next free one.
    var position: UInt32
  }

  private static let none = UInt32.max

  private var entries: UnsafeMutablePointer<Entry>
  private var slots: UnsafeMutablePointer<Slot>
  private var capacity = 8
  private var firstFree = JobHeap.none
  private var usedSlots = 0
  private var nextSequence: UInt64 = 0
  private(set) var count = 0

  init() {
    entries = .allocate(capacity: capacity)
    slots = .allocate(capacity: capacity)
  }

  func deallocate() {
    entries.deallocate()
    slots.deallocate()
  }

  /// The virtual time at which the first job ends. There must be one.
  var firstEnd: Int64 { entries.pointee.end }

  mutating func insert(job: UInt32, end: Int64) -> JobTicket {
    if count == capacity { grow() }
    let slot: UInt32
    if firstFree != JobHeap.none {
      slot = firstFree
      firstFree = slots[Int(slot)].position
      slots[Int(slot)].job = job
    } else {
      slot = UInt32(usedSlots)
      usedSlots &+= 1
      slots[Int(slot)] = Slot(job: job, generation: 0, position: 0)
    }
    let entry = Entry(end: end, sequence: nextSequence, slot: slot)
    nextSequence &+= 1
    count &+= 1
    rise(entry, from: count &- 1)
    return JobTicket(slot: slot, generation: slots[Int(slot)].generation)
  }

  /// Takes out the first job to end.
  mutating func removeFirst() -> UInt32 {
    let slot = entries.pointee.slot
    remove(at: 0)
    return slots[Int(slot)].job
  }

  /// Takes out the job of a ticket and returns its end; nil when it is not here any more.
  mutating func remove(_ ticket: JobTicket) -> Int64? {
    guard let position = position(of: ticket) else { return nil }
    let end = entries[position].end
    remove(at: position)
    return end
  }

  /// The end of the job of a ticket; nil when it is not here any more.
  func end(of ticket: JobTicket) -> Int64? { position(of: ticket).map { entries[$0].end } }

  private func position(of ticket: JobTicket) -> Int? {
    precondition(ticket.slot < usedSlots, "a ticket is valid in the station that gave it")
    let slot = slots[Int(ticket.slot)]
    return slot.generation == ticket.generation ? Int(slot.position) : nil
  }

  private mutating func remove(at position: Int) {
    let slot = Int(entries[position].slot)
    // The ticket of the job becomes invalid, the slot free.
    slots[slot].generation &+= 1
    slots[slot].position = firstFree
    firstFree = UInt32(slot)
    count &-= 1
    guard position < count else { return }
    let last = entries[count]
    if position > 0, last.precedes(entries[(position &- 1) >> 2]) {
      rise(last, from: position)
    } else {
      sink(last, from: position)
    }
  }

  private mutating func rise(_ entry: Entry, from start: Int) {
    var hole = start
    while hole > 0 {
      let parent = (hole &- 1) >> 2
      if !entry.precedes(entries[parent]) { break }
      place(entries[parent], at: hole)
      hole = parent
    }
    place(entry, at: hole)
  }

  private mutating func sink(_ entry: Entry, from start: Int) {
    var hole = start
    while true {
      let child = hole &* 4 &+ 1
      if child >= count { break }
      var least = child
      for other in child &+ 1..<min(child &+ 4, count) where entries[other].precedes(entries[least]) { least = other }
      if entry.precedes(entries[least]) { break }
      place(entries[least], at: hole)
      hole = least
    }
    place(entry, at: hole)
  }

  private mutating func place(_ entry: Entry, at position: Int) {
    entries[position] = entry
    slots[Int(entry.slot)].position = UInt32(position)
  }

  private mutating func grow() {
    let largerEntries = UnsafeMutablePointer<Entry>.allocate(capacity: 2 * capacity)
    largerEntries.moveInitialize(from: entries, count: count)
    entries.deallocate()
    entries = largerEntries
    let largerSlots = UnsafeMutablePointer<Slot>.allocate(capacity: 2 * capacity)
    largerSlots.moveInitialize(from: slots, count: usedSlots)
    slots.deallocate()
    slots = largerSlots
    capacity *= 2
  }
}
