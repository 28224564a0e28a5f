/// A memory operation as a workload states it: what the guest does, whatever the design makes of it.
public enum MemoryOperation: Sendable, Hashable {
  /// fork, exit and wait of a process with the default image; `pages` more anonymous pages are resident in the parent.
  case fork(residentPages: Int, isHuge: Bool = false)
  /// fork, exec of another image, exit and wait.
  case forkExec
  /// The same by vfork: the child borrows its parent's address space until it executes.
  case vforkExec
  /// A minor fault on an anonymous page whose table page stays.
  case pageFault
  /// mmap of anonymous pages, of which the first `touched` are written, and munmap.
  /// Of the tables that it needs, `newTables` levels come and go with it; those above are kept by a neighbour.
  case map(pages: Int, touched: Int, newTables: Int = 0)
  /// The same of a file in the page cache, whose pages are read.
  case mapFile(pages: Int, touched: Int, newTables: Int = 0)
  /// An anonymous mapping in pages of 2 MiB.
  case mapHuge(regions: Int)
  /// The same; a change of the rights of one small page splits each of them, and all small pages are read.
  case mapSplit(regions: Int)
  /// A mapping in small pages, all written, that the kernel then collapses into pages of 2 MiB, which are read.
  case mapCollapsed(regions: Int)
  /// mprotect of so many resident pages, once to read-only and back: two operations.
  case protect(pages: Int)
  /// The same of pages of 2 MiB, which are written again afterwards.
  case protectHuge(regions: Int)
  /// Writes to so many pages by a child that shares them, which ends afterwards; the fork is part of it. The parent may
  /// write them again when the child has ended.
  case copyOnWrite(pages: Int, byParent: Bool = false, isHuge: Bool = false)
  /// A switch to the next of so many processes.
  case processSwitch(processes: Int)
  /// A system call.
  case systemCall

  /// Whether a process that forks may run on several vCPUs.
  fileprivate var forks: Bool {
    switch self {
    case .fork, .copyOnWrite: true
    default: false
    }
  }

  /// Pages of 4 KiB that the operation works on.
  var pages: Int {
    switch self {
    case .fork(let pages, _), .map(let pages, _, _), .mapFile(let pages, _, _), .protect(let pages),
      .copyOnWrite(let pages, _, _):
      pages
    case .mapHuge(let regions), .mapSplit(let regions), .mapCollapsed(let regions), .protectHuge(let regions):
      regions * TableGeometry.fanout
    default: 1
    }
  }
}

/// What the memory operations of a guest make of its page tables, counted by carrying them out.
///
/// The operation is repeated until its counts repeat; the mean of the last repetitions is its steady state.
public struct PagingModel: Sendable {
  /// The guest's kernel and its programs.
  public let paging: GuestPaging
  /// How page tables are virtualized.
  public let mode: PagingMode

  /// Repetitions that bring caches, free lists and unsynchronized tables into their steady state, and those that count.
  private static let settling = 12
  private static let counted = 12
  /// The same for operations on more pages than `largeOperation`.
  private static let largeRounds = (3, 3)
  private static let largeOperation = 4096

  /// Creates a model.
  public init(paging: GuestPaging, mode: PagingMode) {
    self.paging = paging
    self.mode = mode
  }

  /// Events of one operation in steady state, with `siblings` other vCPUs that run the same address space, and `others`
  /// processes that do the same at other times. Processes run `program`, the guest's first without a name, and touch its
  /// pages or those that are stated; exec runs it anew.
  ///
  /// - Complexity: O(pages of the operation) for each of 24 repetitions.
  public func counts(
    of operation: MemoryOperation, siblings: Int = 0, others: Int = 0, program: String? = nil,
    touches: ProcessTouches? = nil, isInterrupted: Bool = false
  ) -> PagingCounts {
    outcome(
      of: operation, siblings: siblings, others: others, program: program, touches: touches,
      isInterrupted: isInterrupted
    ).counts
  }

  /// The same with the largest number of shadow pages that stand at a time. An operation is interrupted when another
  /// process runs between each two of it: the root loads are the other's, what they synchronize is the operation's.
  public func outcome(
    of operation: MemoryOperation, siblings: Int = 0, others: Int = 0, program: String? = nil,
    touches: ProcessTouches? = nil, isInterrupted: Bool = false
  ) -> (counts: PagingCounts, shadowPages: Int) {
    var kernel = GuestKernel(paging: paging, mode: mode)
    guard let program = paging.program(named: program) else { return (PagingCounts(), 0) }
    let image = touches.map(program.touching) ?? program
    kernel.shadow.lists.form = mode.reverseMappings
    kernel.shadow.lists.others = others
    let files = image.areas.map { $0.isFile ? kernel.cacheFile(pages: $0.pages) : -1 }
    // All processes run the program whose pages the page cache holds.
    for (area, first) in zip(image.areas, files) where area.isFile {
      kernel.shadow.lists.share(first..<first + Frame(area.pages))
    }
    // Before the parent, whose later processes are forgotten.
    let other = isInterrupted ? kernel.start(image, files: files) : nil
    let parent = kernel.start(image, files: files)
    var state = Runner(image: image, files: files, parent: parent, siblings: siblings)
    state.other = other
    if operation.forks, siblings > 0 { kernel.sharedProcess = parent }
    state.prepare(operation, &kernel)
    kernel.shadow.lists.restart()
    // Large operations settle within few repetitions: their own tables are most of what there is.
    let rounds = operation.pages > Self.largeOperation ? Self.largeRounds : (Self.settling, Self.counted)
    for _ in 0..<rounds.0 { state.perform(operation, &kernel) }
    let before = kernel.counts
    for _ in 0..<rounds.1 { state.perform(operation, &kernel) }
    return ((kernel.counts - before) * (1 / Double(rounds.1 * state.operationsPerRound)), kernel.shadow.peak)
  }
}

/// Carries operations out on one kernel.
private struct Runner {
  let image: ProcessImage
  let files: [Frame]
  let parent: Int
  let siblings: Int
  var operationsPerRound = 1
  var others: [Int] = []
  /// The process that runs between two operations.
  var other: Int?
  var next = 0
  /// The file of a mapping.
  var mapped: Frame = -1

  /// Where mappings of operations begin: half a terabyte below the end of user space, where nothing else is mapped and
  /// tables of all levels below the root come and go with them.
  private static let mappings: Int64 = 0x7_f000_0000
  /// Pages of a mapping that single faults walk through; its tables stay.
  private static let arena = 2048

  init(image: ProcessImage, files: [Frame], parent: Int, siblings: Int) {
    self.image = image
    self.files = files
    self.parent = parent
    self.siblings = siblings
  }

  mutating func prepare(_ operation: MemoryOperation, _ kernel: inout GuestKernel) {
    switch operation {
    case .fork(let pages, let isHuge) where pages > 0: makeResident(pages, isHuge: isHuge, &kernel)
    case .protect(let pages):
      makeResident(pages, &kernel)
      operationsPerRound = 2
    case .protectHuge(let regions):
      makeResident(regions * TableGeometry.fanout, isHuge: true, &kernel)
      operationsPerRound = 2
    case .copyOnWrite(let pages, _, let isHuge): makeResident(pages, isHuge: isHuge, &kernel)
    case .map(let pages, _, let newTables): keepTables(pages, newTables, &kernel)
    case .mapFile(let pages, _, let newTables):
      mapped = kernel.cacheFile(pages: pages)
      keepTables(pages, newTables, &kernel)
    case .pageFault: _ = kernel.map(firstPage: Self.mappings, pages: Self.arena)
    case .processSwitch(let count):
      others = (1..<max(2, count)).map { _ in kernel.start(image, files: files) }
      kernel.switchTo(parent)
    default: break
    }
  }

  /// Maps a page in the table that is to stay: just behind the mapping, or so far that only an upper table is common.
  private func keepTables(_ pages: Int, _ newTables: Int, _ kernel: inout GuestKernel) {
    guard newTables < kernel.geometry.levels - 1 else { return }
    let end = Self.mappings + Int64(pages)
    let span = Int64(1) << Int64(9 * newTables)
    let neighbour = newTables == 0 ? end : (end - 1) / span * span + span
    _ = kernel.map(firstPage: neighbour, pages: 1)
    kernel.access(neighbour, isWrite: true)
  }

  private func makeResident(_ pages: Int, isHuge: Bool = false, _ kernel: inout GuestKernel) {
    _ = kernel.map(firstPage: Self.mappings, pages: pages, isHuge: isHuge)
    touch(regions: isHuge ? pages / TableGeometry.fanout : pages, stride: isHuge ? 512 : 1, isWrite: true, &kernel)
  }

  private func touch(regions: Int, stride: Int64, isWrite: Bool, _ kernel: inout GuestKernel) {
    for region in 0..<Int64(regions) { kernel.access(Self.mappings + region * stride, isWrite: isWrite) }
  }

  /// A process that has been executed runs and ends.
  private func run(_ process: Int, _ kernel: inout GuestKernel) {
    kernel.touch(image.run, of: image)
    for seal in image.runSeals {
      kernel.own[.systemCall] += 1
      kernel.protect(area: seal.area, pages: seal.count, isWritable: false, siblings: siblings)
    }
    kernel.exit(process)
    kernel.switchTo(parent)
    kernel.forgetProcesses(after: parent)
  }

  mutating func perform(_ operation: MemoryOperation, _ kernel: inout GuestKernel) {
    carryOut(operation, &kernel)
    interrupt(&kernel)
  }

  /// Another process runs: its root loads are not the operation's.
  private func interrupt(_ kernel: inout GuestKernel) {
    guard let other else { return }
    let own = kernel.own
    kernel.switchTo(other)
    kernel.switchTo(parent)
    kernel.own = own
  }

  private mutating func carryOut(_ operation: MemoryOperation, _ kernel: inout GuestKernel) {
    switch operation {
    case .fork:
      kernel.own[.systemCall] += 3
      let child = kernel.fork(parent)
      kernel.touch(image.parent, of: image)
      kernel.switchTo(child)
      kernel.touch(image.child, of: image)
      kernel.exit(child)
      kernel.switchTo(parent)
      kernel.forgetProcesses(after: parent)
    case .forkExec:
      kernel.own[.systemCall] += Double(4 + image.runCalls)
      let child = kernel.fork(parent)
      kernel.touch(image.parent, of: image)
      kernel.switchTo(child)
      kernel.touch(image.childBeforeExec, of: image)
      run(kernel.exec(image, files: files), &kernel)
    case .vforkExec:
      kernel.own[.systemCall] += Double(4 + image.runCalls)
      run(kernel.exec(image, files: files, isBorrowed: true), &kernel)
    case .pageFault:
      kernel.access(Self.mappings + Int64(next % Self.arena), isWrite: true)
      next += 1
    case .map(let pages, let touched, _):
      kernel.own[.systemCall] += 2
      _ = kernel.map(firstPage: Self.mappings, pages: pages)
      for page in 0..<Int64(min(pages, touched)) { kernel.access(Self.mappings + page, isWrite: true) }
      kernel.inKernel { $0.unmapLast(siblings: siblings) }
    case .mapFile(let pages, let touched, _):
      kernel.own[.systemCall] += 2
      _ = kernel.map(firstPage: Self.mappings, pages: pages, file: mapped)
      for page in 0..<Int64(min(pages, touched)) { kernel.access(Self.mappings + page, isWrite: false) }
      kernel.inKernel { $0.unmapLast(siblings: siblings) }
    case .mapHuge(let regions):
      _ = kernel.map(firstPage: Self.mappings, pages: regions * TableGeometry.fanout, isHuge: true)
      touch(regions: regions, stride: 512, isWrite: true, &kernel)
      kernel.unmapLast(siblings: siblings)
    case .mapSplit(let regions):
      kernel.own[.systemCall] += Double(2 + regions)
      let pages = regions * TableGeometry.fanout
      _ = kernel.map(firstPage: Self.mappings, pages: pages, isHuge: true)
      touch(regions: regions, stride: 512, isWrite: true, &kernel)
      for region in 0..<Int64(regions) {
        kernel.inKernel { $0.protectPart(Self.mappings + region * 512 + 16, siblings: siblings) }
      }
      touch(regions: pages, stride: 1, isWrite: false, &kernel)
      kernel.inKernel { $0.unmapLast(siblings: siblings) }
    case .mapCollapsed(let regions):
      kernel.own[.systemCall] += 2
      let pages = regions * TableGeometry.fanout
      _ = kernel.map(firstPage: Self.mappings, pages: pages)
      touch(regions: pages, stride: 1, isWrite: true, &kernel)
      for region in 0..<Int64(regions) { kernel.collapse(Self.mappings + region * 512, siblings: siblings) }
      touch(regions: regions, stride: 512, isWrite: false, &kernel)
      kernel.inKernel { $0.unmapLast(siblings: siblings) }
    case .protect(let pages):
      kernel.own[.systemCall] += 2
      let area = kernel.processes[parent].areas.count - 1
      for isWritable in [false, true] {
        if isWritable { interrupt(&kernel) }
        kernel.inKernel { $0.protect(area: area, pages: pages, isWritable: isWritable, siblings: siblings) }
      }
    case .protectHuge(let regions):
      kernel.own[.systemCall] += 2
      let area = kernel.processes[parent].areas.count - 1
      for isWritable in [false, true] {
        if isWritable { interrupt(&kernel) }
        kernel.inKernel {
          $0.protect(
            area: area, pages: regions * TableGeometry.fanout, isWritable: isWritable, siblings: siblings)
        }
      }
      touch(regions: regions, stride: 512, isWrite: true, &kernel)
    case .copyOnWrite(let pages, let byParent, _):
      kernel.own[.systemCall] += 3
      let child = kernel.fork(parent)
      kernel.touch(image.parent, of: image)
      kernel.switchTo(child)
      kernel.touch(image.child, of: image)
      for page in 0..<Int64(pages) { kernel.access(Self.mappings + page, isWrite: true) }
      kernel.exit(child)
      kernel.switchTo(parent)
      if byParent { for page in 0..<Int64(pages) { kernel.access(Self.mappings + page, isWrite: true) } }
      kernel.forgetProcesses(after: parent)
    case .processSwitch:
      next = (next + 1) % (others.count + 1)
      kernel.switchTo(next == 0 ? parent : others[next - 1])
    case .systemCall: kernel.systemCall()
    }
  }
}

extension GuestKernel {
  /// What a system call does to page tables, between the root loads of an isolated kernel, which the call accounts for.
  mutating func inKernel(_ body: (inout GuestKernel) -> Void) {
    enter(user: false)
    body(&self)
    enter(user: true)
  }

  /// A system call: into the kernel and back.
  mutating func systemCall() {
    guard mode.isolation else { return }
    own[.rootLoad] += 2
  }
}
