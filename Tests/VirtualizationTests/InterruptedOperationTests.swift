import Testing

@testable import Virtualization

/// Operations between which the root is loaded anew, as other processes run or other operations flush: under shadow
/// paging a load synchronizes the leaf tables of the address space and protects them, so that the next store to each is
/// an exit again.
@Suite struct InterruptedOperationTests {
  private static let guest = GuestSystem(
    name: "linux", title: "Linux", tickRate: 250, idleWakeups: 9, idleWork: 20_000, paging: PagingModelTests.paging,
    sources: [:])

  private func counts(
    _ operation: MemoryOperation, isInterrupted: Bool, kind: PagingMode.Kind = .shadow, levels: Int = 4,
    tags: Bool = false
  ) -> PagingCounts {
    PagingModel(paging: PagingModelTests.paging, mode: PagingMode(kind: kind, levels: levels, tags: tags))
      .counts(of: operation, isInterrupted: isInterrupted)
  }

  @Test(arguments: [4, 5]) func theFirstStoreToEachLeafTableIsAnExitAgain(levels: Int) {
    let operations: [(MemoryOperation, tables: Double)] = [
      (.pageFault, 1), (.protect(pages: 1), 1), (.map(pages: 16, touched: 16), 1),
    ]
    for (operation, tables) in operations {
      let alone = counts(operation, isInterrupted: false, levels: levels)
      let between = counts(operation, isInterrupted: true, levels: levels)
      #expect(between.faultExits - alone.faultExits == tables, "\(operation)")
      #expect(between[.tableUnprotect] - alone[.tableUnprotect] == tables, "\(operation)")
      #expect(between[.synchronization] - alone[.synchronization] >= tables, "\(operation)")
      for event: PagingEvent in [.guestFault, .tableStore, .invalidation, .rootLoad, .rootRead] {
        #expect(between[event] == alone[event], "\(operation) \(event)")
      }
    }
  }

  @Test func nothingChangesWithoutShadowTablesOrWithTags() {
    for kind in [PagingMode.Kind.hardware, .direct] {
      let between = counts(.pageFault, isInterrupted: true, kind: kind)
      #expect(between == counts(.pageFault, isInterrupted: false, kind: kind))
    }
    let tagged = counts(.pageFault, isInterrupted: true, tags: true)
    #expect(tagged.faultExits == counts(.pageFault, isInterrupted: false).faultExits)
  }

  /// Switches come evenly between the operations of a mapping: of four faults and two switches every second fault
  /// follows one.
  @Test(arguments: [(0.0, 1.0, 0.0), (2, 1, 1), (2, 2, 2), (2, 4, 2), (1, 10, 1), (50, 10, 10)])
  func switchesInterrupt(switches: Double, faults: Double, unprotections: Double) {
    let expansion = PagingExpansion(
      operations: [.pageFault, .contextSwitch], extents: [:], guest: Self.guest, mode: PagingMode(kind: .shadow))
    let rates = expansion.expand([.pageFault: faults, .contextSwitch: switches])
    #expect(abs((rates[.tableUnprotect] ?? 0) - unprotections) < 1e-9)
    #expect(abs((rates[.hiddenFault] ?? 0) - faults) < 1e-9)
    #expect((rates[.rootLoad] ?? 0) == 0)
  }

  /// A change of many pages loads the root, and a fault beside it finds its table protected.
  @Test func flushesOfOthersInterrupt() {
    func unprotections(_ pages: Int) -> Double {
      PagingExpansion(
        operations: [.pageFault, .mprotect], extents: [.mprotect: MemoryExtent(pages: pages)], guest: Self.guest,
        mode: PagingMode(kind: .shadow)
      ).expand([.pageFault: 1, .mprotect: 1])[.tableUnprotect] ?? 0
    }
    // The change itself has one: its own table.
    #expect(unprotections(33) == 0 && unprotections(34) == 2)
  }

  /// Of a fork the parent's flushes are its siblings', the child's are its own: the copy of the address space and each
  /// page that the parent copies.
  @Test func siblingsJoinTheFlushesOfAParentThatForks() {
    func rates(siblings: Int) -> [GuestOperation: Double] {
      PagingExpansion(
        operations: [.processCreation], extents: [.processCreation: MemoryExtent(pages: 0, siblings: siblings)],
        guest: Self.guest, mode: PagingMode(kind: .hardware), vcpus: 4
      ).expand([.processCreation: 1])
    }
    let alone = rates(siblings: 0)
    let beside = rates(siblings: 3)
    #expect(alone[.shootdown] == nil && beside[.shootdown] == 9)
    #expect(beside[.tlbFlush] == (alone[.tlbFlush] ?? 0) + 3 * 2)
    #expect(beside[.rootLoad] == (alone[.rootLoad] ?? 0) + 3)
    #expect(beside[.rootRead] == (alone[.rootRead] ?? 0) + 3)
    #expect(beside[.pageFault] == alone[.pageFault])
  }
}
