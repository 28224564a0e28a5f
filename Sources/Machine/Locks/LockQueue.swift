/// The thread that holds a lock, and those that wait for it, first come first; a thread waits for one lock at a time.
struct LockQueue {
  /// -1 for none, as below.
  var holder: Int32 = -1
  private(set) var head: Int32 = -1
  private var tail: Int32 = -1

  /// Adds a waiter. O(1).
  mutating func append(_ index: Int, in waiters: Pool<SpinState>) {
    waiters[index].next = -1
    if tail >= 0 { waiters[Int(tail)].next = Int32(index) } else { head = Int32(index) }
    tail = Int32(index)
  }

  /// The waiter before another one; -1 for the first and for threads that do not wait.
  ///
  /// - Complexity: O(waiters).
  func predecessor(of index: Int, in waiters: Pool<SpinState>) -> Int32 {
    var before: Int32 = -1
    var other = head
    while other >= 0, other != Int32(index) {
      before = other
      other = waiters[Int(other)].next
    }
    return other >= 0 ? before : -1
  }

  /// Takes a waiter out, if it is one. O(1) for the first.
  mutating func remove(_ index: Int, in waiters: Pool<SpinState>) {
    let before = predecessor(of: index, in: waiters)
    guard before >= 0 || head == Int32(index) else { return }
    let next = waiters[index].next
    if before < 0 { head = next } else { waiters[Int(before)].next = next }
    if next < 0 { tail = before }
    waiters[index].next = -1
  }
}
