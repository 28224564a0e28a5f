/// Pages of 2 MiB that are written while shared, split, change their rights, and are put together.
/// [Linux 6.1, mm/huge_memory.c and mm/khugepaged.c: behaviour]
extension GuestKernel {
  /// A write to a huge page that is mapped read-only: reuse of one that nobody shares. Returns false when it was split
  /// instead, so that the small page is copied.
  mutating func writeHuge(_ page: Int64, _ entry: TableEntry, table: Frame, index: Int) -> Bool {
    guard memory.mapCount[Int(entry.frame)] > 1 else {
      var reused = entry
      reused.isWritable = true
      reused.isDirty = true
      store(reused, table: table, index: index, process: current)
      return true
    }
    split(page, siblings: 0)
    return false
  }

  /// Replaces the entry of a huge page of the running process by a table of small ones: the entry is taken away, its range
  /// flushed as small pages are, and the table that was kept in reserve put in its place.
  mutating func split(_ page: Int64, siblings: Int) {
    let process = current
    guard let leaf = memory.leaf(of: page, root: processes[process].root, geometry), leaf.level == 2 else { return }
    let first = page / 512 * 512
    store(.absent, table: leaf.table, index: leaf.index, process: process)
    flush(pages: first..<first + 512, count: TableGeometry.fanout, process: process, siblings: siblings)
    let table = makeTable(for: process)
    // Other mappings of the huge page hold its small ones too.
    let mappings = memory.mapCount[Int(leaf.entry.frame)]
    for offset in 0..<TableGeometry.fanout {
      let frame = leaf.entry.frame + Frame(offset)
      if offset > 0 { for _ in 0..<mappings { memory.share(frame) } }
      store(
        TableEntry(
          frame: frame, isWritable: leaf.entry.isWritable, isAccessed: leaf.entry.isAccessed,
          isDirty: leaf.entry.isDirty), table: table, index: offset, process: process)
    }
    store(
      TableEntry(frame: table, isWritable: true, isAccessed: true), table: leaf.table, index: leaf.index,
      process: process)
  }

  /// Makes one small page of a huge one read-only, which splits it.
  mutating func protectPart(_ page: Int64, siblings: Int) {
    split(page, siblings: siblings)
    let process = current
    guard let leaf = memory.leaf(of: page, root: processes[process].root, geometry), leaf.entry.isPresent else {
      return
    }
    var entry = leaf.entry
    entry.isWritable = false
    store(entry, table: leaf.table, index: leaf.index, process: process)
    flush(pages: CollectionOfOne(page), count: 1, process: process, siblings: siblings)
  }

  /// Changes the rights of whole huge pages. One that was read-only stays so until it is written, whatever its new rights;
  /// its entry is stored all the same. Returns the number of pages whose translations must be flushed.
  mutating func protectHuge(_ pages: Range<Int64>, isWritable: Bool) -> Int {
    let process = current
    var flushed = 0
    for page in stride(from: pages.lowerBound, to: pages.upperBound, by: 512) {
      guard let leaf = memory.leaf(of: page, root: processes[process].root, geometry), leaf.level == 2 else { continue }
      var entry = leaf.entry
      if entry.isWritable, !isWritable {
        entry.isWritable = false
        flushed += 1
      }
      store(entry, table: leaf.table, index: leaf.index, process: process)
    }
    return flushed
  }

  /// Collapses the small pages of a region of the running process into a huge one, as a thread of the kernel does beside it:
  /// the leaf table is taken out of the tree and flushed, its pages copied and released, the huge page put in its place.
  mutating func collapse(_ page: Int64, siblings: Int) {
    let process = current
    guard let table = memory.table(of: page, level: 2, root: processes[process].root, geometry),
      let leaf = memory.table(of: page, level: 1, root: processes[process].root, geometry)
    else { return }
    let index = geometry.index(of: page, level: 2)
    store(.absent, table: table, index: index, process: process)
    // The thread holds the address space lazily, so that the flush changes to the kernel's own tables.
    if siblings > 0 {
      own[.shootdown] += 1
      own[.siblingRootLoad] += 1
    }
    switchTo(-1)
    let frame = memory.allocateBlock(of: TableGeometry.fanout)
    memory.share(frame)
    for offset in 0..<TableGeometry.fanout {
      let entry = memory[leaf, offset]
      guard entry.isPresent else { continue }
      store(.absent, table: leaf, index: offset, process: process)
      release(entry.frame)
    }
    freeTable(leaf, of: process)
    store(
      TableEntry(frame: frame, isWritable: true, isAccessed: true, isDirty: true, isLarge: true), table: table,
      index: index, process: process)
    switchTo(process)
  }
}
