/// A pool of plain values behind a pointer that doubles when it is full; a free list threads through the values.
struct Pool<Value> {
  private(set) var base: UnsafeMutablePointer<Value>
  private(set) var capacity: Int
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = max(1, capacity)
    base = .allocate(capacity: self.capacity)
  }

  subscript(_ index: Int) -> Value {
    @inline(__always) unsafeAddress { UnsafePointer(base + index) }
    @inline(__always) nonmutating unsafeMutableAddress { base + index }
  }

  /// Adds a value and returns its index. Amortized O(1).
  mutating func append(_ value: Value) -> Int {
    if count == capacity {
      let larger = UnsafeMutablePointer<Value>.allocate(capacity: capacity * 2)
      larger.moveInitialize(from: base, count: count)
      base.deallocate()
      base = larger
      capacity *= 2
    }
    (base + count).initialize(to: value)
    count += 1
    return count - 1
  }

  /// The indices of all values.
  var indices: Range<Int> { 0..<count }

  func deallocate() {
    base.deinitialize(count: count)
    base.deallocate()
  }
}
