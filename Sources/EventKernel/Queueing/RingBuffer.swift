/// A queue with two ends in one block of memory, which doubles when it is full and never shrinks.
struct RingBuffer<Element: BitwiseCopyable> {
  private var elements: UnsafeMutablePointer<Element>
  private var mask = 7
  private var head = 0
  private(set) var count = 0

  init() {
    elements = .allocate(capacity: mask + 1)
  }

  func deallocate() {
    elements.deallocate()
  }

  /// - Complexity: O(1) on average
  mutating func append(_ element: Element) {
    if count > mask { grow() }
    elements[(head &+ count) & mask] = element
    count &+= 1
  }

  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let first = elements[head]
    head = (head &+ 1) & mask
    count &-= 1
    return first
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: 2 * (mask + 1))
    for index in 0..<count { larger[index] = elements[(head &+ index) & mask] }
    elements.deallocate()
    elements = larger
    mask = 2 * mask + 1
    head = 0
  }
}
