extension RadixHeap {
  /// Fills the empty bottom with the earliest events, unless all of them lie beyond `limit`.
  ///
  /// The base never moves beyond `limit`, and `last` stays just below the base or moves beyond it, so an event may still
  /// be inserted at any time that is not past. A true return means that the first event lies in the bottom; it may still
  /// lie beyond the limit, but not if it came from `takeTies`.
  @usableFromInline @inline(never)
  mutating func refill(notAfter limit: Int64) -> Bool {
    first = bottom
    end = bottom
    while occupiedLevels != 0 {
      let level = occupiedLevels.trailingZeroBitCount
      let digit = occupiedBuckets[level].trailingZeroBitCount
      let earliest = earliestTime(level: level, digit: digit)
      if earliest > limit { return false }
      base = earliest
      last = earliest - 1
      let (head, tail, end) = list(level: level, digit: digit)
      // Events at one time need not be sorted.
      if head == tail, level == 0 || end - tail - 1 <= RadixHeap.sortLimit {
        takeChunk(level: level, digit: digit)
        last = occupiedLevels == 0 ? .max : earliest | (1 << Int64(6 * level) - 1)
        gather(notAfter: limit)
        return true
      }
      if level == 0 {
        takeTies(digit: digit)
        return true
      }
      distribute(level: level, digit: digit)
    }
    return false
  }

  /// Moves the events of a bucket, whose first possible time is the base, to lower levels. Below `level` all digits of the
  /// base are zero: all but one in 64 events differ from it on the next level down, where their digit is the bucket.
  @inline(__always)
  private mutating func distribute(level: Int, digit: Int) {
    let below = level &- 1
    let shift = Int64(below &* 6)
    drain(level: level, digit: digit) { heap, event in
      let digit = Int(truncatingIfNeeded: event.time &>> shift) & 63
      if digit != 0 { heap.append(event, level: below, digit: digit) } else { heap.append(event) }
    }
  }

  /// Takes the buckets that follow as well while the bottom is small: many buckets hold a few events only, and what the
  /// bottom knows can be fetched ahead. As if the bottom had become empty in between, the base and `last` move on with
  /// each bucket.
  @inline(__always)
  private mutating func gather(notAfter limit: Int64) {
    while end - first < RadixHeap.gatherGoal, occupiedLevels != 0 {
      let level = occupiedLevels.trailingZeroBitCount
      let digit = occupiedBuckets[level].trailingZeroBitCount
      let earliest = earliestTime(level: level, digit: digit)
      let (head, tail, end) = list(level: level, digit: digit)
      guard earliest <= limit, head == tail, level == 0 || end - tail - 1 <= RadixHeap.sortLimit else { return }
      base = earliest
      takeChunk(level: level, digit: digit)
      last = occupiedLevels == 0 ? .max : earliest | (1 << Int64(6 * level) - 1)
    }
  }

  /// The first of the times that belong to a bucket above the base.
  @inline(__always)
  private func earliestTime(level: Int, digit: Int) -> Int64 {
    // These shifts give zero when they are too far, as they are on the last level.
    (base >> (6 * level + 6)) << (6 * level + 6) | Int64(digit) << (6 * level)
  }

  /// The first chunk of an occupied bucket, the last one, and the slot behind the last event.
  @inline(__always)
  private func list(level: Int, digit: Int) -> (head: ChunkPool.Chunk, tail: ChunkPool.Chunk, end: ChunkPool.Chunk) {
    let bucket = buckets[level * 64 + digit]
    let end = bucket.cursor.unsafelyUnwrapped
    return (bucket.head.unsafelyUnwrapped, RadixHeap.chunk(before: end), end)
  }

  /// Moves the only chunk of a bucket, whose first possible time is the base, to the end of the bottom.
  @inline(__always)
  private mutating func takeChunk(level: Int, digit: Int) {
    let (head, end) = clear(level: level, digit: digit)
    let events = head + 1
    let size = end - events
    if level == 0 {
      self.end.initialize(from: events, count: size)
      self.end += size
    } else if level <= RadixHeap.rankLevels {
      rankIntoBottom(events, count: size)
    } else {
      for index in 0..<size { sortIntoBottom(events[index]) }
    }
    pool.giveBack(head)
  }

  /// Puts each event where it belongs by counting those before it.
  ///
  /// That has no branches which could not be predicted, and compares four events at once: their times from the base on
  /// and their indices, which keep the order of insertion, fit into 30 bits.
  @inline(__always)
  private mutating func rankIntoBottom(_ events: UnsafeMutablePointer<Event>, count: Int) {
    let keys = keys
    for index in 0..<count {
      keys[index] = Int32(truncatingIfNeeded: (events[index].time &- base) &<< 6 | Int64(index))
    }
    let groups = (count &+ 3) / 4
    for index in count..<groups * 4 { keys[index] = .max }
    let vectors = UnsafeRawPointer(keys)
    for index in 0..<count {
      let key = SIMD4<Int32>(repeating: keys[index])
      // The sign of a difference is -1 for an event before this one, and 0 for the others.
      var signs = SIMD4<Int32>.zero
      for group in 0..<groups {
        signs &+= (vectors.load(fromByteOffset: group &* 16, as: SIMD4<Int32>.self) &- key) &>> 31
      }
      (end - Int(signs.wrappedSum())).initialize(to: events[index])
    }
    end += count
  }

  /// Moves the first of several chunks of a bucket of level 0, whose events are at one time, into the bottom.
  ///
  /// The first of them must leave next: then no event can be inserted before them, and those inserted at their time
  /// come behind the ones still in the bucket.
  private mutating func takeTies(digit: Int) {
    let head = buckets[digit].head.unsafelyUnwrapped
    bottom.initialize(from: head + 1, count: ChunkPool.slots - 1)
    end = bottom + (ChunkPool.slots - 1)
    buckets[digit].head = ChunkPool.next(of: head)
    pool.giveBack(head)
  }

  /// Moves the later half of the bottom into buckets, and with it all events at the time of the half's first one.
  @usableFromInline @inline(never)
  mutating func spill() {
    var start = first + RadixHeap.bottomLimit / 2
    let time = start.pointee.time
    while start > first, (start - 1).pointee.time == time { start -= 1 }
    if time < base || occupiedLevels == 0 { lowerBase(to: floor) }
    last = time - 1
    for slot in start..<end { append(slot.pointee) }
    end = start
  }

  /// Makes an earlier time the base; any time will do while all buckets are empty.
  ///
  /// On the levels above the highest digit by which the bases differ, and on that level itself, events keep their
  /// buckets. Those below have that digit of the old base and share one bucket now.
  private mutating func lowerBase(to time: Int64) {
    let difference = UInt64(bitPattern: base ^ time)
    base = time
    let levelsBelow = UInt64(1) << UInt64((63 - (difference | 1).leadingZeroBitCount) / 6) - 1
    while occupiedLevels & levelsBelow != 0 {
      let level = occupiedLevels.trailingZeroBitCount
      drain(level: level, digit: occupiedBuckets[level].trailingZeroBitCount) { $0.append($1) }
    }
  }

  /// The time of the first event; nil when there is none. Changes nothing.
  func nextTime() -> Int64? {
    if first < end { return first.pointee.time }
    if occupiedLevels == 0 { return nil }
    let level = occupiedLevels.trailingZeroBitCount
    let (head, tail, end) = list(level: level, digit: occupiedBuckets[level].trailingZeroBitCount)
    var chunk = head
    var least = Int64.max
    while true {
      for slot in chunk + 1..<(chunk == tail ? end : chunk + ChunkPool.slots) { least = min(least, slot.pointee.time) }
      if chunk == tail { return least }
      chunk = ChunkPool.next(of: chunk).unsafelyUnwrapped
    }
  }

  /// Removes the events that `isStale` is true of; the others keep their order.
  mutating func compact(where isStale: (Event) -> Bool) {
    var kept = first
    for slot in first..<end where !isStale(slot.pointee) {
      kept.initialize(to: slot.pointee)
      kept += 1
    }
    end = kept
    var remaining = end - first
    for level in 0..<RadixHeap.levels {
      var digits = occupiedBuckets[level]
      while digits != 0 {
        drain(level: level, digit: digits.trailingZeroBitCount) {
          if !isStale($1) {
            // Time and base are what they were: the event returns to this bucket.
            $0.append($1)
            remaining += 1
          }
        }
        digits &= digits - 1
      }
    }
    if occupiedLevels == 0 { last = .max }
    count = remaining
    staleCount = 0
  }

  mutating func removeAll() {
    while occupiedLevels != 0 {
      let level = occupiedLevels.trailingZeroBitCount
      let (head, end) = clear(level: level, digit: occupiedBuckets[level].trailingZeroBitCount)
      pool.giveBack(from: head, through: RadixHeap.chunk(before: end))
    }
    first = bottom
    end = bottom
    last = .max
    floor = 0
    base = 0
    count = 0
    staleCount = 0
  }
}
