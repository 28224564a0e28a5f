import Testing

@testable import Virtualization

/// Exits of memory operations in sizes and combinations that no count is known of, derived by hand from what KVM does to
/// shadow pages (MMU of Linux 6.1) and what the guest's kernel does to its tables. The derivation stands beside each.
@Suite struct MemoryOperationDerivationTests {
  private static let levels = [4, 5]

  private func counts(
    _ operation: MemoryOperation, kind: PagingMode.Kind = .shadow, levels: Int = 4, siblings: Int = 0
  ) -> PagingCounts {
    PagingModel(paging: PagingModelTests.paging, mode: PagingMode(kind: kind, levels: levels))
      .counts(of: operation, siblings: siblings)
  }

  private static func tables(_ pages: Int) -> Double { Double((pages + 511) / 512) }

  /// Above the ceiling the flush is a root load, which has synchronized and protected each leaf table the time before: the
  /// first store to each is an exit, the others are free; the load compares all entries. Translations are refilled by it.
  @Test(arguments: [511, 512, 513, 1024, 1025, 16_385], levels)
  func changesOfRights(pages: Int, levels: Int) {
    let protect = counts(.protect(pages: pages), levels: levels)
    let tables = Self.tables(pages)
    #expect(protect[.tableUnprotect] == tables && protect.faultExits == tables)
    #expect(protect[.rootLoad] == 1 && protect[.rootRead] == 1 && protect[.invalidation] == 0)
    #expect(protect[.synchronization] == tables && protect[.synchronizedEntry] == Double(pages))
  }

  /// The range of a small change crosses from one leaf table into the next or not: both stay unsynchronized.
  @Test(arguments: [1, 2, 32, 33], levels)
  func smallChangesOfRights(pages: Int, levels: Int) {
    let protect = counts(.protect(pages: pages), levels: levels)
    #expect(protect.faultExits == 0 && protect[.invalidation] == Double(pages) && protect[.rootLoad] == 0)
  }

  /// A touched page is a reflected and a hidden fault. Each leaf table is linked by an emulated store, followed by fills
  /// through the table that it was stored to, and unlinked by another; nothing fills between those, so that the third tears
  /// that table's shadow page down. The next store to it, a fourth unlinking or the first link of the next mapping, finds
  /// it protected without a shadow page and is one exit of another kind; later ones are free until a fill shadows it again.
  @Test(arguments: [512, 513, 1024, 1536, 1537, 2560], levels)
  func mappingsWithTablesOfTheirOwn(pages: Int, levels: Int) {
    let map = counts(.map(pages: pages, touched: pages, newTables: 1), levels: levels)
    let tables = Self.tables(pages)
    #expect(map[.reflectedFault] == Double(pages) && map[.shadowFill] == Double(pages))
    let isTornDown = tables >= 3
    #expect(map[.emulatedStore] == tables - (isTornDown ? 1 : 0) + min(tables, 3))
    // A leaf table in a page that was no table before is protected by its first fill: one exit more for each that is.
    #expect(map[.tableUnprotect] <= tables + (isTornDown ? 1 : 0))
    #expect(map[.tableUnprotect] >= (isTornDown ? 1 : 0))
    #expect(map[.rootLoad] == 1 && map[.rootRead] == 1 && map[.invalidation] == 0)
  }

  /// The same pages a table's length apart: the mapping's last table is kept by a neighbour, the others come and go.
  @Test(arguments: [600, 1100], levels)
  func mappingsAcrossTables(pages: Int, levels: Int) {
    let map = counts(.map(pages: pages, touched: pages), levels: levels)
    let own = Self.tables(pages) - 1
    #expect(map[.reflectedFault] == Double(pages) && map[.shadowFill] == Double(pages))
    #expect(map[.emulatedStore] == own * 2)
    #expect(map[.tableAllocation] == own)
  }

  /// A page that the child writes is a reflected fault, an invalidation and a fill, however many there are in one table; the
  /// next table adds its first store and its unlinking.
  @Test(arguments: levels) func copiesOnWrite(levels: Int) {
    let one = counts(.copyOnWrite(pages: 1), levels: levels)
    for pages in [8, 512] {
      let more = counts(.copyOnWrite(pages: pages), levels: levels) - one
      #expect(more.faultExits == 2 * Double(pages - 1) && more[.invalidation] == Double(pages - 1))
    }
    let across = counts(.copyOnWrite(pages: 600), levels: levels)
    let within = counts(.copyOnWrite(pages: 512), levels: levels)
    #expect(across[.invalidation] - within[.invalidation] == 88)
    #expect((176...180).contains(across.faultExits - within.faultExits))
  }

  /// The parent that writes again when the child has ended finds its pages its own: a reflected fault and a fill each,
  /// without a flush. The next fork then stores to the parent's tables again.
  @Test(arguments: [1, 8, 600], levels)
  func parentsThatWriteAgain(pages: Int, levels: Int) {
    let child = counts(.copyOnWrite(pages: pages), levels: levels)
    let both = counts(.copyOnWrite(pages: pages, byParent: true), levels: levels)
    #expect(both[.reflectedFault] - child[.reflectedFault] == Double(pages))
    #expect(both[.shadowFill] - child[.shadowFill] == Double(pages))
    #expect(both[.invalidation] == child[.invalidation])
    #expect(both[.tableUnprotect] - child[.tableUnprotect] <= 2 * Self.tables(pages))
  }

  /// Pages that nobody writes between two forks are shared already: the fork copies their entries into tables that no
  /// process runs on, which are not shadowed, and makes no exit more for 8 MiB, 64 MiB or 256 MiB.
  @Test(arguments: [2048, 16_384, 65_536])
  func forksOfLargeParents(pages: Int) {
    let small = counts(.fork(residentPages: 0))
    let large = counts(.fork(residentPages: pages))
    #expect(large.faultExits <= small.faultExits && large.faultExits > 0.9 * small.faultExits)
    #expect(large[.tableStore] - small[.tableStore] >= 2 * Double(pages))
    #expect(large[.rootLoad] == small[.rootLoad] && large[.invalidation] == small[.invalidation])
  }

  /// Flushes reach siblings by one interrupt each, and each makes the same invalidations or loads its root; what faults does
  /// not depend on them, for the tables are common.
  @Test(arguments: [1, 3], [1, 16, 64, 600])
  func siblings(number: Int, pages: Int) {
    let operation = GuestOperation.mprotect
    let linux = GuestSystem(
      name: "linux", title: "", tickRate: 250, idleWakeups: 9, idleWork: 20_000, paging: PagingModelTests.paging,
      sources: [:])
    let expansion = PagingExpansion(
      operations: [operation], extents: [operation: MemoryExtent(pages: pages, siblings: number)], guest: linux,
      mode: PagingMode(kind: .shadow), vcpus: number + 1)
    let rates = expansion.expand([operation: 1])
    let alone = counts(.protect(pages: pages))
    #expect(rates[.shootdown] == Double(number))
    #expect(rates[.tlbFlush] ?? 0 == alone[.invalidation] * Double(1 + number))
    #expect(rates[.rootLoad] ?? 0 == alone[.rootLoad] * Double(1 + number))
    #expect(rates[.tableUnprotect] ?? 0 == alone[.tableUnprotect])
  }

  /// Nothing of it exits under nested paging, whose guest walks its own tables.
  @Test(arguments: [
    MemoryOperation.protect(pages: 513), .map(pages: 600, touched: 600, newTables: 2), .copyOnWrite(pages: 600),
    .fork(residentPages: 2048), .forkExec, .vforkExec, .mapHuge(regions: 4), .mapSplit(regions: 1),
    .protectHuge(regions: 4),
  ])
  func nestedPaging(operation: MemoryOperation) {
    for levels in Self.levels {
      let events = counts(operation, kind: .hardware, levels: levels)
      #expect(events.faultExits == 0 && events[.remoteFlush] == 0 && events[.synchronization] == 0)
    }
  }

  /// A child's page-table entries are old until it refers to them, so that the first of them that it reads brings in no
  /// neighbours: each page that it reads is a fill of its own.
  @Test func entriesOfAChildAreOld() {
    var kernel = GuestKernel(paging: PagingModelTests.paging, mode: PagingMode(kind: .shadow))
    let files = PagingModelTests.small.areas.map { $0.isFile ? kernel.cacheFile(pages: $0.pages) : -1 }
    let parent = kernel.start(PagingModelTests.small, files: files)
    let first: Int64 = 0x7_0000_0000
    _ = kernel.map(firstPage: first, pages: 64)
    for page in 0..<Int64(64) { kernel.access(first + page, isWrite: true) }
    let child = kernel.fork(parent)
    kernel.switchTo(child)
    let before = kernel.counts
    for page in 0..<Int64(64) { kernel.access(first + page, isWrite: false) }
    let reads = kernel.counts - before
    #expect(reads[.shadowFill] == 64 && reads[.reflectedFault] == 0)
  }
}
