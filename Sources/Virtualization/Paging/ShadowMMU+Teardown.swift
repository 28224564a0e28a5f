/// Shadow pages that go.
extension ShadowMMU {
  /// Tears a shadow page down, with unsynchronized ones below it.
  mutating func zap(_ page: Int32) {
    guard pages[Int(page)].isLive else { return }
    count(.zap)
    count(.remoteFlush)
    pages[Int(page)].isLive = false
    if pages[Int(page)].level > 1 {
      for index in 0..<TableGeometry.fanout {
        let entry = entries[slot(page, index)]
        guard entry != 0 else { continue }
        entries[slot(page, index)] = 0
        guard entry & Self.large == 0 else { continue }
        let child = Int32(entry - 1)
        pages[Int(child)].parents.removeAll { $0.page == page && $0.index == Int32(index) }
        zapUnsynchronized(under: child)
      }
    } else {
      for index in 0..<TableGeometry.fanout { set(page, index, 0) }
    }
    for parent in pages[Int(page)].parents { entries[slot(parent.page, Int(parent.index))] = 0 }
    pages[Int(page)].parents = []
    let frame = pages[Int(page)].frame
    if firstOfFrame[Int(frame)] == page {
      firstOfFrame[Int(frame)] = pages[Int(page)].next
    } else {
      var before = firstOfFrame[Int(frame)]
      while pages[Int(before)].next != page { before = pages[Int(before)].next }
      pages[Int(before)].next = pages[Int(page)].next
    }
    liveCount -= 1
    free.append(page)
    // A page that is made again comes behind: its old place in the order must not count.
    if let stale = order[orderHead...].firstIndex(of: page) { order.remove(at: stale) }
    unsynchronized.removeAll { $0 == page }
    if page == root { root = -1 }
  }

  private mutating func zapUnsynchronized(under page: Int32) {
    if pages[Int(page)].isUnsynchronized {
      zap(page)
      return
    }
    guard pages[Int(page)].level > 1 else { return }
    for index in 0..<TableGeometry.fanout {
      let entry = entries[slot(page, index)]
      if entry != 0, entry & Self.large == 0 { zapUnsynchronized(under: Int32(entry - 1)) }
    }
  }

  /// Tears down the oldest shadow pages until some are free again; the present root stays.
  mutating func recycle() {
    var kept: [Int32] = []
    let target = max(1, limit - Self.refill)
    while liveCount > target, orderHead < order.count {
      let page = order[orderHead]
      orderHead += 1
      if page == root {
        kept.append(page)
      } else {
        count(.recycling)
        zap(page)
      }
    }
    order.removeFirst(orderHead)
    orderHead = 0
    order.insert(contentsOf: kept, at: 0)
  }
}
