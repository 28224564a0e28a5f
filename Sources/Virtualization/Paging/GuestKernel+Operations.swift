/// The operations that workloads state, as the kernel carries them out.
extension GuestKernel {
  // MARK: Images

  /// The first page of the page cache of an image's files.
  mutating func cacheFile(pages: Int) -> Frame {
    let first = memory.allocateBlock(of: pages)
    // The page cache holds one reference, so that no unmapping frees the page.
    for page in first..<first + Frame(pages) { memory.share(page) }
    return first
  }

  func mapped(_ image: ProcessImage, files: [Frame]) -> [MappedArea] {
    image.areas.enumerated().map { index, area in
      MappedArea(
        firstPage: area.firstPage, pages: area.pages, isFile: area.isFile, isWritable: !area.isFile, file: files[index])
    }
  }

  /// A process that has run for a while: its resident pages are in place.
  mutating func start(_ image: ProcessImage, files: [Frame]) -> Int {
    let process = makeProcess(areas: mapped(image, files: files))
    pin(process, true)
    switchTo(process)
    for area in image.areas {
      for page in 0..<Int64(area.resident) { access(area.firstPage + page, isWrite: !area.isFile) }
    }
    return process
  }

  /// The running process touches pages of its areas.
  mutating func touch(_ touches: [ProcessImage.Touch], of image: ProcessImage) {
    for touch in touches {
      let area = image.areas[touch.area]
      let stride = area.isFile ? paging.faultAround : 1
      for number in 0..<touch.count where number * stride < area.pages {
        access(area.firstPage + Int64(number * stride), isWrite: touch.isWrite)
      }
    }
  }

  // MARK: Processes

  /// Copies an address space: anonymous pages become shared and read-only on both sides.
  mutating func fork(_ parent: Int) -> Int {
    let child = makeProcess(areas: processes[parent].areas)
    for area in processes[parent].areas where !area.isFile {
      batch { kernel in kernel.copy(area, from: parent, to: child) }
    }
    pin(child, true)
    own[.rootRead] += 1
    own[.rootLoad] += 1
    if parent == sharedProcess {
      own[.shootdown] += 1
      own[.siblingRootLoad] += 1
    }
    if mode.kind == .shadow { shadow.loadRoot(processes[parent].root, keepsTranslations: false, &memory) }
    return child
  }

  private mutating func copy(_ area: MappedArea, from parent: Int, to child: Int) {
    var page = area.firstPage
    let end = area.firstPage + Int64(area.pages)
    while page < end {
      let next = min(end, (page / 512 + 1) * 512)
      defer { page = next }
      guard let leaf = memory.leaf(of: page, root: processes[parent].root, geometry) else { continue }
      if leaf.level > 1 {
        copyHuge(leaf.entry, page: page, table: leaf.table, index: leaf.index, from: parent, to: child)
        continue
      }
      for copied in page..<next {
        let index = geometry.index(of: copied, level: 1)
        var entry = memory[leaf.table, index]
        guard entry.isPresent else { continue }
        let table = leafTable(of: copied, process: child)
        if entry.isWritable {
          entry.isWritable = false
          store(entry, table: leaf.table, index: index, process: parent)
        }
        memory.share(entry.frame)
        // The child has not referred to it yet.
        entry.isAccessed = false
        store(entry, table: table, index: index, process: child)
      }
    }
  }

  private mutating func copyHuge(
    _ entry: TableEntry, page: Int64, table: Frame, index: Int, from parent: Int, to child: Int
  ) {
    guard entry.isPresent else { return }
    var shared = entry
    shared.isWritable = false
    if entry.isWritable { store(shared, table: table, index: index, process: parent) }
    memory.share(entry.frame)
    let target = self.table(of: page, level: 2, process: child)
    shared.isAccessed = false
    store(shared, table: target, index: index, process: child)
  }

  /// Takes an address space down. The one that runs gives way to the kernel's tables first where a flush is needed.
  mutating func exit(_ process: Int) {
    pin(process, false)
    let first = processes[process].areas.map(\.firstPage).min() ?? 0
    let last = processes[process].areas.map { $0.firstPage + Int64($0.pages) }.max() ?? 0
    batch { kernel in
      for area in kernel.processes[process].areas { kernel.unmapPages(area, process: process) }
    }
    unmapTables(first..<last, process: process)
    // A flush of a lazily held address space loads the kernel's own root.
    if current == process { switchTo(-1) }
    freeReleased()
    freePendingTables(of: process)
    if let user = processes[process].userRoot { memory.free(user) }
    memory.free(processes[process].root)
    processes[process].areas = []
  }

  private mutating func freeReleased() {
    for frame in released { release(frame) }
    released.removeAll(keepingCapacity: true)
  }

  /// Clears the leaf entries of an area.
  private mutating func unmapPages(_ area: MappedArea, process: Int) {
    var page = area.firstPage
    let end = area.firstPage + Int64(area.pages)
    while page < end {
      let next = min(end, (page / 512 + 1) * 512)
      defer { page = next }
      guard let leaf = memory.leaf(of: page, root: processes[process].root, geometry) else { continue }
      if leaf.level > 1 {
        guard leaf.entry.isPresent else { continue }
        store(.absent, table: leaf.table, index: leaf.index, process: process)
        released.append(leaf.entry.frame)
        continue
      }
      for cleared in page..<next {
        let index = geometry.index(of: cleared, level: 1)
        let entry = memory[leaf.table, index]
        guard entry.isPresent else { continue }
        store(.absent, table: leaf.table, index: index, process: process)
        released.append(entry.frame)
      }
    }
  }

  /// Replaces the address space of the running process by that of another program; a borrowed one (vfork) stays with its
  /// owner.
  mutating func exec(_ image: ProcessImage, files: [Frame], isBorrowed: Bool = false) -> Int {
    let old = current
    let process = makeProcess(areas: mapped(image, files: files))
    // The arguments are written into the new stack before it is in use.
    if let stack = image.areas.last {
      let top = geometry.levels > 4 ? Self.highestPage : stack.firstPage
      let frame = makePage()
      memory.share(frame)
      let table = leafTable(of: top, process: process)
      store(
        TableEntry(frame: frame, isWritable: true, isAccessed: true, isDirty: true), table: table,
        index: geometry.index(of: top, level: 1), process: process)
    }
    pin(process, true)
    switchTo(process)
    if let stack = image.areas.last, geometry.levels > 4 { moveStack(to: stack.firstPage, process: process) }
    if !isBorrowed { exit(old) }
    return process
  }

  /// The last page of user space with five levels, where a program's stack is set up; programs that do not ask for the wide
  /// space have theirs below 128 TiB.
  private static let highestPage: Int64 = (1 << 44) - 1

  /// Moves the page of the arguments to where the stack is to be: a flush of the page, and one for the tables that become
  /// free. [Linux 6.1, fs/exec.c: behaviour of setup_arg_pages]
  private mutating func moveStack(to page: Int64, process: Int) {
    let index = geometry.index(of: Self.highestPage, level: 1)
    let table = leafTable(of: Self.highestPage, process: process)
    let entry = memory[table, index]
    store(.absent, table: table, index: index, process: process)
    flush(pages: CollectionOfOne(Self.highestPage), count: 1, process: process)
    let target = leafTable(of: page, process: process)
    store(entry, table: target, index: geometry.index(of: page, level: 1), process: process)
    unmapTables(Self.highestPage..<Self.highestPage + 1, process: process)
    flush(pages: CollectionOfOne(Self.highestPage), count: .max, process: process)
    freePendingTables(of: process)
  }

  /// Forgets processes that have ended, so that their numbers are used again.
  mutating func forgetProcesses(after process: Int) { processes.removeLast(processes.count - 1 - process) }

  // MARK: Mappings

  /// Adds an anonymous area, or one of a file in the page cache, to the running process and returns its index.
  mutating func map(firstPage: Int64, pages: Int, isHuge: Bool = false, file: Frame? = nil) -> Int {
    processes[current].areas.append(
      MappedArea(
        firstPage: firstPage, pages: pages, isFile: file != nil, isWritable: file == nil, isHuge: isHuge,
        file: file ?? -1))
    return processes[current].areas.count - 1
  }

  /// Takes the last area of the running process away, with tables that nothing else needs.
  mutating func unmapLast(siblings: Int) {
    guard let area = processes[current].areas.popLast() else { return }
    let process = current
    let touched = mappedPages(of: area, process: process)
    let isLarge = touched.first.flatMap { memory.leaf(of: $0, root: processes[process].root, geometry) }
      .map { $0.level > 1 }
    let stride: Int64 = isLarge ?? false ? 512 : 1
    batch { $0.unmapPages(area, process: process) }
    unmapTables(area.firstPage..<area.firstPage + Int64(area.pages), process: process)
    if let first = touched.first, let last = touched.last {
      // Pages beyond what one flush gathers make further ones.
      let gathered = max(1, (touched.count - 1) / paging.gatherLimit + 1)
      let range = Swift.stride(from: first, through: last, by: Int64.Stride(stride))
      let count = freesUpperTables ? Int.max : Int((last - first) / stride) + 1
      for _ in 0..<(count > paging.flushCeiling ? gathered : 1) {
        flush(pages: range, count: count, process: process, siblings: siblings)
      }
    }
    freeReleased()
    freePendingTables(of: process)
  }

  private func mappedPages(of area: MappedArea, process: Int) -> [Int64] {
    var result: [Int64] = []
    var page = area.firstPage
    while page < area.firstPage + Int64(area.pages) {
      let leaf = memory.leaf(of: page, root: processes[process].root, geometry)
      if let leaf, leaf.entry.isPresent { result.append(page) }
      page += leaf.map { $0.level > 1 } ?? false ? 512 : 1
    }
    return result
  }

  /// Changes the rights of the first pages of an area of the running process.
  mutating func protect(area: Int, pages: Int, isWritable: Bool, siblings: Int) {
    let process = current
    processes[process].areas[area].isWritable = isWritable
    let first = processes[process].areas[area].firstPage
    if processes[process].areas[area].isHuge {
      var flushed = 0
      batch { flushed = $0.protectHuge(first..<first + Int64(pages), isWritable: isWritable) }
      let regions = stride(from: first, to: first + Int64(pages), by: 512)
      if flushed > 0 {
        flush(pages: regions, count: pages / TableGeometry.fanout, process: process, siblings: siblings)
      }
      return
    }
    var changed = 0
    batch { kernel in
      for page in first..<first + Int64(pages) {
        guard let leaf = kernel.memory.leaf(of: page, root: kernel.processes[process].root, kernel.geometry),
          leaf.entry.isPresent, leaf.entry.isWritable != isWritable
        else { continue }
        var entry = leaf.entry
        // A page that is shared stays read-only until it is written.
        entry.isWritable = isWritable && entry.isDirty && kernel.memory.mapCount[Int(entry.frame)] == 1
        kernel.store(entry, table: leaf.table, index: leaf.index, process: process)
        changed += 1
      }
    }
    if changed > 0 { flush(pages: first..<first + Int64(pages), count: pages, process: process, siblings: siblings) }
  }
}
