import Glibc

/// Memory for events in chunks of one size, taken from the system in slabs that grow with the pool.
///
/// A chunk starts at a multiple of its size: whether a slot is the first one beyond a chunk can be told from its address.
/// Slot 0 links chunks to lists; the others hold events. Slabs go back to the system when the pool goes away.
@usableFromInline
struct ChunkPool {
  @usableFromInline typealias Chunk = UnsafeMutablePointer<Event>

  /// Slots of a chunk, the link included.
  @usableFromInline static let slots = 128
  /// Bytes of a chunk.
  @usableFromInline static let size = UInt(slots * MemoryLayout<Event>.stride)
  private static let hugePage = 2 << 20

  /// Chunks that were given back, the latest first.
  private var free: Chunk?
  /// The part of the latest slab that was never used.
  private var fresh: Chunk
  private var freshEnd: Chunk
  /// The latest slab. Slot 0 of a slab's first chunk keeps the slab's bytes and links to the slab before it.
  private var slab: Chunk?
  /// Bytes of all slabs.
  private var reserved = 0

  init() {
    fresh = Chunk(bitPattern: ChunkPool.size)!
    freshEnd = fresh
  }

  func deallocate() {
    var slab = slab
    while let current = slab {
      slab = ChunkPool.next(of: current)
      munmap(current, Int(current.pointee.time))
    }
  }

  /// The chunk behind `chunk` in its list; without meaning when that was never set.
  @inline(__always)
  static func next(of chunk: Chunk) -> Chunk? {
    Chunk(bitPattern: UInt(chunk.pointee.payload))
  }

  @inline(__always)
  static func link(_ chunk: Chunk, to next: Chunk?) {
    chunk.initialize(to: Event(time: 0, payload: UInt64(UInt(bitPattern: next))))
  }

  /// A chunk whose slots hold anything.
  @inline(__always)
  mutating func take() -> Chunk {
    if let chunk = free {
      free = ChunkPool.next(of: chunk)
      return chunk
    }
    if fresh == freshEnd { addSlab() }
    let chunk = fresh
    fresh += ChunkPool.slots
    return chunk
  }

  @inline(__always)
  mutating func giveBack(_ chunk: Chunk) {
    ChunkPool.link(chunk, to: free)
    free = chunk
  }

  /// Gives back a whole list.
  mutating func giveBack(from head: Chunk, through tail: Chunk) {
    ChunkPool.link(tail, to: free)
    free = head
  }

  /// Small pools double; large ones grow by a sixteenth, in huge pages, to waste little of either memory or time.
  @inline(never)
  private mutating func addSlab() {
    let page = ChunkPool.hugePage
    let isHuge = reserved >= page
    let bytes = isHuge ? max(page, reserved / 16 / page * page) : max(1 << 16, reserved)
    let start = isHuge ? ChunkPool.mapHugePages(bytes) : ChunkPool.map(bytes)
    let first = start.bindMemory(to: Event.self, capacity: bytes / MemoryLayout<Event>.stride)
    first.initialize(to: Event(time: Int64(bytes), payload: UInt64(UInt(bitPattern: slab))))
    slab = first
    fresh = first + ChunkPool.slots
    freshEnd = first + bytes / MemoryLayout<Event>.stride
    reserved += bytes
  }

  private static func map(_ bytes: Int) -> UnsafeMutableRawPointer {
    let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let start, start != MAP_FAILED else { fatalError("out of memory for pending events") }
    return start
  }

  /// Maps more than is wanted, and cuts off what lies outside whole huge pages.
  private static func mapHugePages(_ bytes: Int) -> UnsafeMutableRawPointer {
    let mapped = map(bytes + hugePage)
    let start = mapped.alignedUp(toMultipleOf: hugePage)
    let before = start - mapped
    if before > 0 { munmap(mapped, before) }
    if before < hugePage { munmap(start + bytes, hugePage - before) }
    // Advice only: where it is not followed, small pages serve.
    _ = madvise(start, bytes, MADV_HUGEPAGE)
    return start
  }
}
