/// The events that are yet to happen, taken out in the order of time; at equal times, in the order of insertion.
///
/// The set is monotone: no event may be inserted before the time of the last one taken out. It is for one thread, and
/// keeps the memory of its greatest size until it goes away.
///
/// | operation | time | memory |
/// |---|---|---|
/// | insert | O(log n), O(1) on average for random times | 24 bytes an event |
/// | take the first | O(log n) | |
public final class PendingEventSet {
  // One constant pointer to everything that changes: no exclusivity checks on the way to it.
  private let heap: UnsafeMutablePointer<EventHeap>

  /// Creates an empty set.
  public init() {
    heap = .allocate(capacity: 1)
    heap.initialize(to: EventHeap())
  }

  deinit {
    heap.pointee.deallocate()
    heap.deallocate()
  }

  /// The number of events.
  public var count: Int { heap.pointee.count }

  /// The time of the first event; nil when there is none.
  public var nextTime: Int64? {
    heap.pointee.count > 0 ? heap.pointee.entries.pointee.time : nil
  }

  /// Adds an event. Its time must not lie before that of the last event taken out.
  ///
  /// - Complexity: O(log n)
  public func insert(_ event: Event) {
    precondition(event.time >= heap.pointee.floor, "an event lies before the last one taken out")
    heap.pointee.insert(event)
  }

  /// Takes out the first event; nil when there is none.
  ///
  /// - Complexity: O(log n)
  public func popFirst() -> Event? {
    guard heap.pointee.count > 0 else { return nil }
    return heap.pointee.removeFirst()
  }

  /// Takes out the first event if it happens at `limit` or before; nil otherwise.
  ///
  /// When it returns nil the set is unchanged: events may still be inserted before `limit`.
  ///
  /// - Complexity: O(log n)
  public func popFirst(notAfter limit: Int64) -> Event? {
    guard heap.pointee.count > 0, heap.pointee.entries.pointee.time <= limit else { return nil }
    return heap.pointee.removeFirst()
  }

  /// Makes the set as new: without events, and open to events at any time.
  ///
  /// - Complexity: O(1)
  public func removeAll() {
    heap.pointee.removeAll()
  }
}
