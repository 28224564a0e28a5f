/// A Linux-like guest kernel as far as page tables go: processes with address spaces, faults, fork, exec, exit, mappings
/// and flushes as sequences of stores into tables, accesses, invalidations and root loads.
///
/// The same actions happen under every design; the mode says what else they cause. Deterministic.
struct GuestKernel {
  /// An address space.
  struct Process {
    var root: Frame
    /// The tables that user mode sees under page-table isolation.
    var userRoot: Frame?
    var areas: [MappedArea]
    /// A paravirtual hypervisor has validated the tables: stores go through it.
    var isPinned = false
  }

  struct MappedArea {
    var firstPage: Int64
    var pages: Int
    var isFile: Bool
    var isWritable = true
    var isHuge = false
    /// First page of the page cache behind a file.
    var file: Frame = -1

    func contains(_ page: Int64) -> Bool { page >= firstPage && page < firstPage + Int64(pages) }
  }

  let paging: GuestPaging
  let mode: PagingMode
  let geometry: TableGeometry
  var memory = GuestMemory()
  var shadow: ShadowMMU
  var processes: [Process] = []
  /// A process that also runs on other vCPUs, which must join its flushes; -1 for none.
  var sharedProcess = -1
  /// The process that runs; -1 for the kernel's own tables.
  var current = -1
  private let kernelRoot: Frame
  let kernelLinks: Int
  /// The guest's own actions and what a paravirtual hypervisor makes of them.
  var own = PagingCounts()
  /// Whether stores gather into batches, and how many have.
  private var batched: Int?
  /// Pages and tables that wait for a flush before they are freed.
  var released: [Frame] = []
  private var pendingTables: [Frame] = []
  /// Whether a table above the leaf tables waits: its range is too long to be flushed page by page.
  private(set) var freesUpperTables = false

  /// Everything that happened so far.
  var counts: PagingCounts { own + shadow.counts }

  init(paging: GuestPaging, mode: PagingMode) {
    self.paging = paging
    self.mode = mode
    geometry = TableGeometry(levels: mode.levels)
    kernelLinks = paging.kernelLinks[mode.levels] ?? 0
    shadow = ShadowMMU(geometry: geometry, isHugeBacked: mode.isHugeBacked, limit: mode.shadowLimit)
    kernelRoot = memory.allocate()
    memory.makeTable(kernelRoot)
  }

  // MARK: Primitive actions

  /// Clears or copies a page as a whole.
  private mutating func overwrite(_ frame: Frame) {
    if mode.kind == .shadow { shadow.overwrite(frame, &memory) }
  }

  /// Stores an entry into a table of a process.
  mutating func store(_ entry: TableEntry, table: Frame, index: Int, process: Int) {
    own[.tableStore] += 1
    switch mode.kind {
    case .shadow: shadow.store(table, index: index, &memory)
    case .direct where processes[process].isPinned: update(validates: entry.isPresent)
    default: break
    }
    memory[table, index] = entry
    if table == processes[process].root, let user = processes[process].userRoot {
      own[.tableStore] += 1
      if mode.kind == .shadow { shadow.store(user, index: index, &memory) }
      memory[user, index] = entry
    }
  }

  private mutating func update(validates: Bool) {
    if validates { own[.validatedEntry] += 1 }
    guard let gathered = batched else {
      own[.updateHypercall] += 1
      return
    }
    if gathered == 0 { own[.updateHypercall] += 1 }
    batched = (gathered + 1) % paging.updateBatch
  }

  /// Lets a paravirtual guest gather stores.
  mutating func batch(_ body: (inout GuestKernel) -> Void) {
    let outer = batched
    batched = batched ?? 0
    body(&self)
    batched = outer
  }

  /// Makes a new table page for a process.
  mutating func makeTable(for process: Int) -> Frame {
    let frame = memory.allocate()
    overwrite(frame)
    memory.makeTable(frame)
    own[.tableAllocation] += 1
    if mode.kind == .direct, processes.indices.contains(process), processes[process].isPinned { own[.pin] += 1 }
    return frame
  }

  mutating func freeTable(_ frame: Frame, of process: Int) {
    if mode.kind == .direct, processes[process].isPinned { own[.pin] += 1 }
    memory.free(frame)
  }

  /// A page for data, cleared or copied into.
  mutating func makePage() -> Frame {
    let frame = memory.allocate()
    overwrite(frame)
    return frame
  }

  private mutating func load(_ frame: Frame, isCounted: Bool = true, keepsTranslations: Bool = false) {
    if isCounted { own[.rootLoad] += 1 }
    if mode.kind == .shadow { shadow.loadRoot(frame, keepsTranslations: keepsTranslations, &memory) }
  }

  /// Switches to a process, or to the kernel's own tables with -1.
  mutating func switchTo(_ process: Int) {
    guard process != current else { return }
    current = process
    load(process < 0 ? kernelRoot : processes[process].root, keepsTranslations: mode.tags && process >= 0)
    if mode.kind == .shadow { shadow.touchKernel(areas: kernelLinks, &memory) }
  }

  /// Enters user mode or the kernel: with isolation a root load of its own, which the system call or fault accounts for.
  mutating func enter(user: Bool) {
    guard mode.isolation, current >= 0, let userRoot = processes[current].userRoot else { return }
    let target = user ? userRoot : processes[current].root
    guard shadow.rootFrame != target else { return }
    load(target, isCounted: false, keepsTranslations: mode.tags)
    if user, mode.kind == .shadow { shadow.touchKernel(areas: min(2, kernelLinks), &memory) }
  }

  /// Flushes the translations of a range of the running process, page by page or by loading the root anew.
  mutating func flush(pages: some Sequence<Int64>, count: Int, process: Int, siblings: Int = 0) {
    guard count > 0 else { return }
    if siblings > 0 || process == sharedProcess {
      own[.shootdown] += 1
      own[count > paging.flushCeiling ? .siblingRootLoad : .siblingInvalidation] +=
        count > paging.flushCeiling ? 1 : Double(count)
    }
    guard process == current else { return }
    if count > paging.flushCeiling {
      own[.rootRead] += 1
      load(processes[process].root)
      return
    }
    for page in pages {
      own[.invalidation] += 1
      if mode.kind == .shadow { shadow.invalidate(page, &memory) }
    }
  }

  // MARK: Accesses

  /// The running process touches a page; faults are handled on the way. `byKernel` accesses go through the kernel's tables.
  mutating func access(_ page: Int64, isWrite: Bool, byKernel: Bool = false) {
    for _ in 0..<6 {
      enter(user: !byKernel)
      if mode.kind == .shadow, shadow.translates(page, isWrite: isWrite) { return }
      let process = processes[current]
      let leaf = memory.leaf(of: page, root: process.root, geometry)
      guard let leaf, leaf.entry.isPresent, !isWrite || leaf.entry.isWritable else {
        own[.guestFault] += 1
        if mode.kind == .shadow { shadow.counts[.reflectedFault] += 1 }
        enter(user: false)
        handleFault(page, isWrite: isWrite)
        continue
      }
      // The processor's walk, or the hypervisor's, sets the bits; neither is a store of the guest's kernel.
      memory[leaf.table, leaf.index].isAccessed = true
      if isWrite { memory[leaf.table, leaf.index].isDirty = true }
      guard mode.kind == .shadow else { return }
      shadow.fill(page, isWrite: isWrite, &memory)
    }
  }

  private mutating func handleFault(_ page: Int64, isWrite: Bool) {
    guard let area = processes[current].areas.first(where: { $0.contains(page) }) else { return }
    let leaf = memory.leaf(of: page, root: processes[current].root, geometry)
    if let leaf, leaf.level > 1 {
      guard !writeHuge(page, leaf.entry, table: leaf.table, index: leaf.index) else { return }
    } else if area.isHuge, leaf == nil {
      mapHuge(page, process: current)
      return
    }
    let table = leafTable(of: page, process: current)
    let index = geometry.index(of: page, level: 1)
    let entry = memory[table, index]
    if entry.isPresent {
      copyOnWrite(page, table: table, index: index, entry: entry)
    } else if area.isFile {
      mapFile(area, around: page, table: table)
    } else {
      let frame = makePage()
      memory.share(frame)
      store(
        TableEntry(frame: frame, isWritable: area.isWritable, isAccessed: true, isDirty: true), table: table,
        index: index, process: current)
    }
  }

  /// Maps the pages of a file around a fault that the page cache holds, within one table.
  private mutating func mapFile(_ area: MappedArea, around page: Int64, table: Frame) {
    let window = Int64(paging.faultAround)
    let first = max(page / window * window, area.firstPage)
    let last = min(page / window * window + window, area.firstPage + Int64(area.pages))
    for mapped in first..<last {
      let index = geometry.index(of: mapped, level: 1)
      guard !memory[table, index].isPresent else { continue }
      let frame = area.file + Frame(mapped - area.firstPage)
      memory.share(frame)
      store(
        TableEntry(frame: frame, isWritable: false, isAccessed: true), table: table, index: index, process: current)
    }
  }

  /// A write to a page that is mapped read-only: reuse of a page that nobody shares any more, else a copy.
  private mutating func copyOnWrite(_ page: Int64, table: Frame, index: Int, entry: TableEntry) {
    if memory.mapCount[Int(entry.frame)] == 1 {
      var reused = entry
      reused.isWritable = true
      reused.isDirty = true
      store(reused, table: table, index: index, process: current)
      return
    }
    let frame = makePage()
    memory.share(frame)
    store(.absent, table: table, index: index, process: current)
    flush(pages: CollectionOfOne(page), count: 1, process: current)
    store(
      TableEntry(frame: frame, isWritable: true, isAccessed: true, isDirty: true), table: table, index: index,
      process: current)
    release(entry.frame)
  }

  /// A huge page: one entry in a table of the second level.
  private mutating func mapHuge(_ page: Int64, process: Int) {
    let table = self.table(of: page, level: 2, process: process)
    let frame = memory.allocateBlock(of: TableGeometry.fanout)
    memory.share(frame)
    // A table is kept in reserve for a later split.
    own[.tableAllocation] += 1
    store(
      TableEntry(frame: frame, isWritable: true, isAccessed: true, isDirty: true, isLarge: true), table: table,
      index: geometry.index(of: page, level: 2), process: process)
  }

  // MARK: Tables

  /// The leaf table of a page, made with the levels above it where missing.
  mutating func leafTable(of page: Int64, process: Int) -> Frame { table(of: page, level: 1, process: process) }

  mutating func table(of page: Int64, level: Int, process: Int) -> Frame {
    var table = processes[process].root
    for at in stride(from: geometry.levels, to: level, by: -1) {
      let index = geometry.index(of: page, level: at)
      let entry = memory[table, index]
      if entry.isPresent {
        table = entry.frame
      } else {
        let made = makeTable(for: process)
        store(TableEntry(frame: made, isWritable: true, isAccessed: true), table: table, index: index, process: process)
        table = made
      }
    }
    return table
  }

  /// A new address space without any mapping.
  mutating func makeProcess(areas: [MappedArea]) -> Int {
    let root = makeTable(for: -1)
    var userRoot: Frame?
    if mode.isolation { userRoot = makeTable(for: -1) }
    let process = Process(root: root, userRoot: userRoot, areas: areas)
    processes.append(process)
    return processes.count - 1
  }

  /// Takes a mapping of a page away and frees the page when it was the last.
  mutating func release(_ frame: Frame) {
    if memory.unshare(frame) { memory.free(frame) }
  }

  /// A paravirtual guest hands all tables of a process to the hypervisor, or takes them back.
  mutating func pin(_ process: Int, _ isPinned: Bool) {
    guard mode.kind == .direct, processes[process].isPinned != isPinned else { return }
    processes[process].isPinned = isPinned
    count(table: processes[process].root, level: geometry.levels, validates: isPinned)
    own[.updateHypercall] += 1
  }

  private mutating func count(table: Frame, level: Int, validates: Bool) {
    own[.pin] += 1
    for index in 0..<TableGeometry.fanout {
      let entry = memory[table, index]
      guard entry.isPresent else { continue }
      if validates { own[.validatedEntry] += 1 }
      if level > 1, !entry.isLarge { count(table: entry.frame, level: level - 1, validates: validates) }
    }
  }

  /// Empties the part of a process's tree that lies within a range of pages, and frees tables that hold nothing else.
  mutating func unmapTables(_ range: Range<Int64>, process: Int) {
    _ = clear(
      table: processes[process].root, level: geometry.levels, base: 0, range: range, process: process,
      isRoot: true)
  }

  /// Returns whether the table is empty afterwards.
  private mutating func clear(
    table: Frame, level: Int, base: Int64, range: Range<Int64>, process: Int, isRoot: Bool
  ) -> Bool {
    let span = Int64(1) << Int64(9 * (level - 1))
    var isEmpty = true
    for index in 0..<TableGeometry.fanout {
      let entry = memory[table, index]
      guard entry.isPresent else { continue }
      let first = base + Int64(index) * span
      guard first < range.upperBound, first + span > range.lowerBound, level > 1, !entry.isLarge else {
        isEmpty = false
        continue
      }
      if clear(table: entry.frame, level: level - 1, base: first, range: range, process: process, isRoot: false) {
        store(.absent, table: table, index: index, process: process)
        pendingTables.append(entry.frame)
        freesUpperTables = freesUpperTables || level > 2
      } else {
        isEmpty = false
      }
    }
    return isEmpty && !isRoot
  }

  mutating func freePendingTables(of process: Int) {
    for frame in pendingTables { freeTable(frame, of: process) }
    pendingTables.removeAll(keepingCapacity: true)
    freesUpperTables = false
  }
}
