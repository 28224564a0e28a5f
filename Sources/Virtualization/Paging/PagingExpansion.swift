/// How large a memory operation is.
public struct MemoryExtent: Sendable, Hashable {
  /// Pages of 4 KiB that are mapped, protected or shared; for a fork the resident pages beyond the program's own.
  public var pages: Int
  /// Pages of a mapping that are written.
  public var touched: Int
  /// The memory is in pages of 2 MiB.
  public var isHuge: Bool
  /// The huge pages of a mapping are split.
  public var isSplit = false
  /// The small pages of a mapping are put together.
  public var isCollapsed = false
  /// The mapping is of a file in the page cache.
  public var isFile: Bool
  /// Levels of tables that come and go with a mapping.
  public var newTables: Int
  /// The process is made by vfork.
  public var isVfork: Bool
  /// The parent writes shared pages too.
  public var byParent: Bool
  /// Other vCPUs that run the same address space and must join its flushes.
  public var siblings: Int
  /// The program of the guest whose processes do it; nil for the guest's first.
  public var program: String?
  /// What these processes touch where it is not what their program does.
  public var touches: ProcessTouches?

  /// Creates an extent.
  public init(
    pages: Int, touched: Int? = nil, isHuge: Bool = false, newTables: Int = 0, siblings: Int = 0, isVfork: Bool = false,
    isFile: Bool = false, byParent: Bool = false, program: String? = nil
  ) {
    self.program = program
    self.isVfork = isVfork
    self.isFile = isFile
    self.byParent = byParent
    self.pages = pages
    self.touched = touched ?? pages
    self.isHuge = isHuge
    self.newTables = newTables
    self.siblings = siblings
  }

  /// The greatest number of pages: a GiB, whose tables are carried out page by page.
  public static let largest = 262_144
}

/// Changes of shadow tables.
public struct ShadowTableChanges: Sendable, Hashable {
  /// Lines of memory that are read in lists of shadow entries, beyond the first record of each.
  public var lines = 0.0
  /// Tables that are made or torn down by operations whose address space no other vCPU runs.
  public var tables = 0.0
  /// Operations in address spaces that other vCPUs run too, with all their parts.
  public var shared: [GuestOperation: Double] = [:]

  /// No changes.
  public init() {}

  /// The changes of both.
  public static func + (left: ShadowTableChanges, right: ShadowTableChanges) -> ShadowTableChanges {
    var sum = left
    sum.lines += right.lines
    sum.tables += right.tables
    sum.shared.merge(right.shared) { $0 + $1 }
    return sum
  }

  /// So many times the changes.
  public static func * (left: ShadowTableChanges, factor: Double) -> ShadowTableChanges {
    var product = left
    product.lines *= factor
    product.tables *= factor
    product.shared = left.shared.mapValues { $0 * factor }
    return product
  }
}

/// Replaces memory operations by what they do to page tables under a design, counted by carrying them out.
public struct PagingExpansion: Sendable {
  private let counts: [GuestOperation: PagingCounts]
  /// The same when the root is loaded anew between each two: leaf tables are synchronized and protected again.
  private let interrupted: [GuestOperation: PagingCounts]
  private let siblings: [GuestOperation: Int]
  private let kind: PagingMode.Kind
  /// Shadow pages that the programs of the guest and their largest operation need at a time; 0 where none are kept.
  public let shadowPages: Int

  /// Carries out the operations that are named.
  ///
  /// - Parameters:
  ///   - operations: given operations; those that are no memory operations are left alone.
  ///   - extents: how large they are; one page where nothing is said.
  ///   - guest: the system; nothing is expanded when it does not describe its paging.
  ///   - mode: how page tables are virtualized.
  ///   - vcpus: vCPUs of the VM.
  ///   - processes: processes that carry the operations out at a time, each in an address space of its own but for siblings.
  /// - Complexity: O(pages) for each operation.
  public init(
    operations: some Sequence<GuestOperation>, extents: [GuestOperation: MemoryExtent], guest: GuestSystem,
    mode: PagingMode, vcpus: Int = 1, processes: Int = 1
  ) {
    siblings = extents.mapValues { min($0.siblings, vcpus - 1) }
    var counts: [GuestOperation: PagingCounts] = [:]
    var interrupted: [GuestOperation: PagingCounts] = [:]
    var shadowPages = 0
    if let paging = guest.paging {
      let model = PagingModel(paging: paging, mode: mode)
      let carryOut = { (memory: MemoryOperation, operation: GuestOperation, isInterrupted: Bool) in
        let shared = min(extents[operation]?.siblings ?? 0, vcpus - 1)
        return model.outcome(
          of: memory, siblings: shared, others: max(1, processes / (1 + shared)) - 1,
          program: extents[operation]?.program, touches: extents[operation]?.touches, isInterrupted: isInterrupted)
      }
      let memoryOperations = Set(operations).compactMap { operation in
        operation.memoryOperation(extent: extents[operation]).map { (operation, $0) }
      }
      for (operation, memory) in memoryOperations {
        let outcome = carryOut(memory, operation, false)
        counts[operation] = outcome.counts
        shadowPages = max(shadowPages, outcome.shadowPages)
      }
      let loading = Set(operations).filter { $0 == .contextSwitch || (counts[$0]?[.rootLoad] ?? 0) > 0 }
      for (operation, memory) in memoryOperations
      where mode.kind == .shadow && !loading.subtracting([operation]).isEmpty {
        interrupted[operation] = carryOut(memory, operation, true).counts
      }
      if mode.kind == .shadow, counts.isEmpty { shadowPages = model.outcome(of: .systemCall).shadowPages }
    }
    self.counts = counts
    self.interrupted = interrupted
    self.shadowPages = shadowPages
    kind = mode.kind
  }

  /// What an operation does to page tables; nil when it is no memory operation or the guest does not say.
  public func events(of operation: GuestOperation) -> PagingCounts? { counts[operation] }

  /// What operations do to shadow tables that other vCPUs must not see half done.
  public func tableChanges(_ rates: [GuestOperation: Double]) -> ShadowTableChanges {
    var changes = ShadowTableChanges()
    var shared: [GuestOperation: Double] = [:]
    for (operation, rate) in rates {
      guard let events = counts[operation] else { continue }
      changes.lines += rate * events[.reverseMapping]
      if siblings[operation] ?? 0 > 0 {
        shared[operation] = rate
      } else {
        changes.tables += rate * (events[.shadowPage] + events[.zap])
      }
    }
    changes.shared = expand(shared)
    return changes
  }

  /// The frequencies of all operations when the memory operations among the given ones are replaced by their parts; an
  /// operation itself stays for its own steps.
  public func expand(_ rates: [GuestOperation: Double]) -> [GuestOperation: Double] {
    var result = rates
    func add(_ operation: GuestOperation, _ rate: Double) {
      if rate > 0 { result[operation, default: 0] += rate }
    }
    let loads = GuestOperation.allCases.map { operation in
      // Several loads within one operation come between the same two others.
      (rates[operation] ?? 0) * (operation == .contextSwitch ? 1 : min(1, counts[operation]?[.rootLoad] ?? 0))
    }
    let allLoads = loads.reduce(0, +)
    for (operation, rate) in rates where rate > 0 {
      // A store that a workload states by itself is one to a protected table.
      if operation == .pageTableUpdate, kind == .shadow { add(.emulatedStore, rate) }
      guard var events = counts[operation] else { continue }
      if let between = interrupted[operation] {
        // Loads by others, evenly between these: a switch comes to a process that goes on with its own.
        let share = min(1, max(0, allLoads - loads[Int(operation.rawValue)]) / rate)
        events = events * (1 - share) + between * share
      }
      if operation != .pageFault { add(.pageFault, rate * events[.guestFault]) }
      add(.pageTableUpdate, rate * events[.tableStore])
      add(.syscall, rate * events[.systemCall])
      // A sibling that joins a flush makes the same invalidations, or loads its root.
      let others = events[.shootdown] > 0 ? Double(siblings[operation] ?? 0) : 0
      add(.shootdown, rate * events[.shootdown] * others)
      add(.tlbFlush, rate * (events[.invalidation] + events[.siblingInvalidation] * others))
      add(.rootLoad, rate * (events[.rootLoad] + events[.siblingRootLoad] * others))
      add(.rootRead, rate * (events[.rootRead] + events[.siblingRootLoad] * others))
      // Asked for; how many siblings each kicks depends on what they do.
      add(.remoteFlush, rate * events[.remoteFlush])
      add(.mmuUpdate, rate * events[.updateHypercall])
      add(.mmuValidation, rate * events[.validatedEntry])
      add(.mmuPin, rate * events[.pin])
      add(.hiddenFault, rate * events[.shadowFill])
      add(.emulatedStore, rate * events[.emulatedStore])
      add(.tableUnprotect, rate * (events[.tableUnprotect] + events[.unprotection]))
      add(.shadowRecycle, rate * events[.recycling])
      add(.tableSync, rate * events[.synchronization])
      add(.entrySync, rate * events[.synchronizedEntry])
    }
    return result
  }
}

extension GuestOperation {
  /// Operations of which a workload may state more than how often they happen.
  public var hasExtent: Bool { self == .exec || hasPages }

  /// Operations whose size a workload may state.
  public var hasPages: Bool { [.processCreation, .mmap, .mprotect, .copyOnWrite].contains(self) }

  /// Operations that make a process of one of the guest's programs.
  public var hasProcess: Bool { [.processCreation, .exec, .copyOnWrite].contains(self) }

  /// The operation as the paging model carries it out; nil when it is none.
  func memoryOperation(extent: MemoryExtent?) -> MemoryOperation? {
    switch self {
    case .pageFault: .pageFault
    case .processCreation: .fork(residentPages: extent?.pages ?? 0, isHuge: extent?.isHuge ?? false)
    case .exec: extent?.isVfork == true ? .vforkExec : .forkExec
    case .mmap where extent?.isCollapsed == true: .mapCollapsed(regions: regions(extent))
    case .mmap where extent?.isSplit == true: .mapSplit(regions: regions(extent))
    case .mmap where extent?.isHuge == true: .mapHuge(regions: regions(extent))
    case .mmap where extent?.isFile == true:
      .mapFile(pages: extent?.pages ?? 1, touched: extent?.touched ?? 1, newTables: extent?.newTables ?? 0)
    case .mmap: .map(pages: extent?.pages ?? 1, touched: extent?.touched ?? 1, newTables: extent?.newTables ?? 0)
    case .mprotect where extent?.isHuge == true: .protectHuge(regions: regions(extent))
    case .mprotect: .protect(pages: extent?.pages ?? 1)
    case .copyOnWrite:
      .copyOnWrite(
        pages: extent?.pages ?? 1, byParent: extent?.byParent ?? false, isHuge: extent?.isHuge ?? false)
    default: nil
    }
  }

  private func regions(_ extent: MemoryExtent?) -> Int { max(1, (extent?.pages ?? 0) / TableGeometry.fanout) }
}
