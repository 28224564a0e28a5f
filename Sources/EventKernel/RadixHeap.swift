/// A monotone radix heap of events with 64 buckets a level and a sorted bottom, ordered by time, then by insertion.
///
/// ```
///  floor          last  base
///    |--- bottom ---||---|------------- buckets --------------->  time
///     sorted, at most      level 0: one time a bucket
///     192 events           level 1: 64 times a bucket ... level 10
/// ```
///
/// An event whose time lies beyond `last` is in a bucket. Of the digits to base 64 of its time and of `base`, the
/// highest that differ give the level, and the event's digit there the bucket (level 0 when the times are equal). All
/// other events are in the bottom.
///
/// Events at one time leave in the order of insertion because the following holds after every operation:
///
/// 1. Of two events at one time, both in the bottom or both in buckets, the older comes first. Time and base alone
///    choose the bucket, so the two share one; events are appended to a bucket, and moved from one to another front to
///    back. The bottom is sorted by insertion behind the events that are not later.
/// 2. When events at one time are in the bottom and in a bucket, those in the bottom are older, and no event can come
///    before them any more. Only `takeTies` divides events at one time, and it takes the oldest, as the first thing that
///    leaves next; new events at their time then lie beyond `last`. `spill` never divides them.
@usableFromInline
struct RadixHeap {
  @usableFromInline
  struct Bucket {
    @usableFromInline var head: ChunkPool.Chunk?
    /// Where the next event goes; a multiple of the chunk's size when there is no chunk, or the last one is full.
    @usableFromInline var cursor: ChunkPool.Chunk?
  }

  static let levels = 11
  /// The most events of a bucket that are sorted rather than distributed. They fit into one chunk.
  static let sortLimit = 48
  /// The levels up to which events are sorted by rank.
  static let rankLevels = 4
  /// Events that the bottom is filled up to where buckets are small.
  static let gatherGoal = 24
  /// The most events in the bottom.
  @usableFromInline static let bottomLimit = 192
  /// Slots for the bottom to wander through before it is moved back to the start.
  private static let bottomCapacity = 640

  /// The first event in the bottom. The slot before it holds a time that no event may lie before.
  @usableFromInline var first: UnsafeMutablePointer<Event>
  /// The slot behind the last event in the bottom.
  @usableFromInline var end: UnsafeMutablePointer<Event>
  /// The last time that belongs to the bottom; the greatest there is while all buckets are empty.
  @usableFromInline var last = Int64.max
  /// The time of the last event taken out; zero before the first.
  @usableFromInline var floor: Int64 = 0
  /// The number of events.
  @usableFromInline var count = 0
  /// How many of them are thought to be stale.
  @usableFromInline var staleCount = 0
  /// What bucket numbers refer to; not above the time of any event in a bucket.
  @usableFromInline var base: Int64 = 0
  /// Bit l is set when level l has events.
  var occupiedLevels: UInt64 = 0
  /// By level: bit d is set when bucket d has events.
  let occupiedBuckets: UnsafeMutablePointer<UInt64>
  @usableFromInline let buckets: UnsafeMutablePointer<Bucket>
  @usableFromInline let bottom: UnsafeMutablePointer<Event>
  @usableFromInline let bottomEnd: UnsafeMutablePointer<Event>
  /// Room to sort in.
  let keys: UnsafeMutablePointer<Int32>
  var pool = ChunkPool()

  init() {
    occupiedBuckets = .allocate(capacity: RadixHeap.levels)
    occupiedBuckets.initialize(repeating: 0, count: RadixHeap.levels)
    buckets = .allocate(capacity: RadixHeap.levels * 64)
    buckets.initialize(repeating: Bucket(), count: RadixHeap.levels * 64)
    keys = UnsafeMutableRawPointer.allocate(byteCount: ChunkPool.slots * 4, alignment: 16).bindMemory(
      to: Int32.self, capacity: ChunkPool.slots)
    keys.initialize(repeating: 0, count: ChunkPool.slots)
    let slots = UnsafeMutablePointer<Event>.allocate(capacity: RadixHeap.bottomCapacity + 1)
    slots.initialize(to: Event(time: .min, payload: 0))
    bottom = slots + 1
    bottomEnd = bottom + RadixHeap.bottomCapacity
    first = bottom
    end = bottom
  }

  func deallocate() {
    occupiedBuckets.deallocate()
    buckets.deallocate()
    (bottom - 1).deallocate()
    keys.deallocate()
    pool.deallocate()
  }

  @inlinable @inline(__always)
  mutating func insert(_ event: Event) {
    count &+= 1
    if event.time > last {
      append(event)
    } else {
      if end == bottomEnd { moveBottomToStart() }
      sortIntoBottom(event)
      if end - first > RadixHeap.bottomLimit { spill() }
    }
  }

  /// Takes out the first event, which must be in the bottom.
  @inlinable @inline(__always)
  mutating func removeFirst() -> Event {
    let event = first.pointee
    first += 1
    floor = event.time
    count &-= 1
    return event
  }

  /// Puts an event into the bottom, behind those that are not later. There must be room.
  @inlinable @inline(__always)
  mutating func sortIntoBottom(_ event: Event) {
    var hole = end
    end += 1
    // The slot before the bottom ends the search.
    while (hole - 1).pointee.time > event.time {
      hole.initialize(to: (hole - 1).pointee)
      hole -= 1
    }
    hole.initialize(to: event)
  }

  /// Puts an event at the end of its bucket.
  @inlinable @inline(__always)
  mutating func append(_ event: Event) {
    let difference = UInt64(bitPattern: event.time ^ base)
    let level = (63 &- (difference | 1).leadingZeroBitCount) / 6
    let digit = Int(truncatingIfNeeded: event.time &>> Int64(level &* 6)) & 63
    append(event, level: level, digit: digit)
  }

  /// Puts an event at the end of a bucket.
  @inlinable @inline(__always)
  mutating func append(_ event: Event, level: Int, digit: Int) {
    let bucket = buckets + (level &* 64 &+ digit)
    var slot = bucket.pointee.cursor
    if UInt(bitPattern: slot) & (ChunkPool.size - 1) == 0 { slot = extend(level: level, digit: digit) }
    slot.unsafelyUnwrapped.initialize(to: event)
    bucket.pointee.cursor = slot.unsafelyUnwrapped + 1
  }

  /// Gives a bucket a chunk more and returns its first slot.
  @usableFromInline @inline(never)
  mutating func extend(level: Int, digit: Int) -> UnsafeMutablePointer<Event> {
    let chunk = pool.take()
    let bucket = buckets + (level * 64 + digit)
    if let cursor = bucket.pointee.cursor {
      ChunkPool.link(cursor - ChunkPool.slots, to: chunk)
    } else {
      bucket.pointee.head = chunk
      occupiedBuckets[level] |= 1 << UInt64(digit)
      occupiedLevels |= 1 << UInt64(level)
    }
    return chunk + 1
  }

  /// Makes a bucket empty and gives its events to `body`, the first ones first.
  @inline(__always)
  mutating func drain(level: Int, digit: Int, _ body: (inout RadixHeap, Event) -> Void) {
    let (head, end) = clear(level: level, digit: digit)
    let tail = RadixHeap.chunk(before: end)
    var chunk = head
    var next = ChunkPool.next(of: head)
    while true {
      // Looking at the next chunk now fetches it while this one is worked on.
      let following = chunk == tail ? nil : ChunkPool.next(of: next.unsafelyUnwrapped)
      let chunkEnd = chunk == tail ? end : chunk + ChunkPool.slots
      var slot = chunk + 1
      while slot < chunkEnd {
        body(&self, slot.pointee)
        slot += 1
      }
      pool.giveBack(chunk)
      if chunk == tail { break }
      chunk = next.unsafelyUnwrapped
      next = following
    }
  }

  /// Marks an occupied bucket as empty; returns what it had.
  mutating func clear(level: Int, digit: Int) -> (head: ChunkPool.Chunk, end: UnsafeMutablePointer<Event>) {
    let bucket = buckets + (level * 64 + digit)
    let (head, end) = (bucket.pointee.head.unsafelyUnwrapped, bucket.pointee.cursor.unsafelyUnwrapped)
    bucket.pointee = Bucket()
    occupiedBuckets[level] &= ~(1 << UInt64(digit))
    if occupiedBuckets[level] == 0 { occupiedLevels &= ~(1 << UInt64(level)) }
    return (head, end)
  }

  /// The chunk that the slot before `cursor` belongs to.
  static func chunk(before cursor: UnsafeMutablePointer<Event>) -> ChunkPool.Chunk {
    ChunkPool.Chunk(bitPattern: (UInt(bitPattern: cursor) - 1) & ~(ChunkPool.size - 1)).unsafelyUnwrapped
  }

  @usableFromInline @inline(never)
  mutating func moveBottomToStart() {
    let size = end - first
    bottom.update(from: first, count: size)
    first = bottom
    end = bottom + size
  }
}
