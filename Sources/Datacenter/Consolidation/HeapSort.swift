extension Array {
  /// Sorts in place and allocates nothing, which the library's sort does for its merges.
  ///
  /// - Parameter precedes: a total order, in which only elements that are alike in everything are equal; then there is one
  ///   result.
  /// - Complexity: O(count × log count).
  @inline(__always)
  mutating func heapSort(by precedes: (Element, Element) -> Bool) {
    withUnsafeMutableBufferPointer { elements in
      var start = elements.count / 2
      while start > 0 {
        start -= 1
        Self.sift(elements, from: start, to: elements.count, precedes)
      }
      var end = elements.count
      while end > 1 {
        end -= 1
        elements.swapAt(0, end)
        Self.sift(elements, from: 0, to: end, precedes)
      }
    }
  }

  /// Moves an element down until none of those below it comes after it.
  @inline(__always)
  private static func sift(
    _ elements: UnsafeMutableBufferPointer<Element>, from start: Int, to end: Int,
    _ precedes: (Element, Element) -> Bool
  ) {
    var hole = start
    let element = elements[start]
    while 2 * hole + 1 < end {
      var child = 2 * hole + 1
      if child + 1 < end, precedes(elements[child], elements[child + 1]) { child += 1 }
      guard precedes(element, elements[child]) else { break }
      elements[hole] = elements[child]
      hole = child
    }
    elements[hole] = element
  }
}
