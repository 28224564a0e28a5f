/// The events that are yet to happen, taken out in the order of time; at equal times, in the order of insertion.
///
/// The set is monotone: no event may be inserted before the time of the last one taken out, nor before time zero. It is
/// for one thread, and keeps the memory of its greatest size until it goes away.
///
/// | operation | time | memory |
/// |---|---|---|
/// | insert, take the first | O(1) amortized, for an event moves at most 11 times | 17 bytes an event, in large sets |
/// | compact | O(n) | |
///
/// Plans change: an event in the set may become stale. It cannot be found to be removed; instead, the caller keeps a
/// generation for each entity, and drops an event whose own differs when it comes out. Where plans change more often than
/// events happen, stale events would pile up. So the caller reports them, and compacts when most of the set is stale:
///
/// ```swift
/// generations[entity] &+= 1  // The event planned before is stale now.
/// events.noteStale()
/// if events.isMostlyStale { events.compact { $0.generation != generations[Int($0.handle)] & Event.generationMask } }
/// ```
public final class PendingEventSet {
  // One constant pointer to everything that changes: no exclusivity checks on the way to it.
  @usableFromInline let heap: UnsafeMutablePointer<RadixHeap>

  /// Creates an empty set.
  public init() {
    heap = .allocate(capacity: 1)
    heap.initialize(to: RadixHeap())
  }

  deinit {
    heap.pointee.deallocate()
    heap.deallocate()
  }

  /// The number of events, stale ones included.
  public var count: Int { heap.pointee.count }

  /// The time of the first event in nanoseconds; nil when there is none.
  ///
  /// - Complexity: O(1) mostly, but up to O(n) once in a few dozen events.
  public var nextTime: Int64? { heap.pointee.nextTime() }

  /// Adds an event. Its time must not lie before that of the last event taken out, nor below zero.
  @inlinable
  public func insert(_ event: Event) {
    precondition(event.time >= heap.pointee.floor, "an event lies before zero or before the last one taken out")
    heap.pointee.insert(event)
  }

  /// Takes out the first event; nil when there is none.
  @inlinable
  public func popFirst() -> Event? {
    popFirst(notAfter: .max)
  }

  /// Takes out the first event if it happens at `limit` or before; nil otherwise.
  ///
  /// When it returns nil, events may still be inserted before `limit`, as if nothing had been asked for.
  @inlinable
  public func popFirst(notAfter limit: Int64) -> Event? {
    let heap = heap
    if heap.pointee.first == heap.pointee.end, !heap.pointee.refill(notAfter: limit) { return nil }
    if heap.pointee.first.pointee.time > limit { return nil }
    return heap.pointee.removeFirst()
  }

  /// The event that would be taken out after `ahead` others, if it is known already; nil otherwise. A handler may fetch
  /// what that event will need into the cache. An event inserted later can still come before it.
  @inlinable
  public func upcoming(_ ahead: Int) -> Event? {
    let slot = heap.pointee.first + ahead
    return slot < heap.pointee.end ? slot.pointee : nil
  }

  /// Makes the set as new: without events, and open to events at any time from zero.
  public func removeAll() {
    heap.pointee.removeAll()
  }

  // MARK: Stale events

  /// Takes notice that an event in the set has become stale.
  @inlinable
  public func noteStale() {
    heap.pointee.staleCount &+= 1
  }

  /// Takes notice that an event that was taken out turned out to be stale.
  @inlinable
  public func noteDropped() {
    heap.pointee.staleCount &-= 1
  }

  /// Whether, by what was noted, most of the set is stale, and the set is large enough for this to matter.
  public var isMostlyStale: Bool {
    heap.pointee.staleCount &* 2 > max(heap.pointee.count, 512)
  }

  /// Removes the events that `isStale` is true of; the others keep their order.
  ///
  /// Done when `isMostlyStale`, this costs O(1) for an event that was noted as stale.
  ///
  /// - Complexity: O(n)
  public func compact(where isStale: (Event) -> Bool) {
    heap.pointee.compact(where: isStale)
  }
}
