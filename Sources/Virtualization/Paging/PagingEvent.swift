/// What happens to page tables in a memory operation: what the guest does by itself, the same under every design, and what
/// a hypervisor's paging makes of it.
public enum PagingEvent: UInt8, CaseIterable, Sendable, Hashable {
  // The guest's own actions.
  /// A page fault that the guest's kernel handles.
  case guestFault
  /// A store into a page-table entry.
  case tableStore
  /// An invalidation of one page's translation (INVLPG).
  case invalidation
  /// A load of the page-table root (CR3).
  case rootLoad
  /// A read of the page-table root.
  case rootRead
  /// A system call.
  case systemCall
  /// A page becomes a page table.
  case tableAllocation
  /// A flush that other vCPUs which run the address space must join.
  case shootdown
  /// An invalidation of such a flush, which each of them makes too.
  case siblingInvalidation
  /// A root load, with its read, by which each of them flushes.
  case siblingRootLoad

  // Shadow paging.
  /// A fault whose guest entry is missing goes to the guest.
  case reflectedFault
  /// A hidden fault, filled from the guest's tables.
  case shadowFill
  /// A store to a write-protected upper-level table, emulated.
  case emulatedStore
  /// A store by an instruction that writes no page tables to a shadowed page: its shadow pages go, the store is retried.
  case unprotection
  /// A store to a write-protected leaf table, which becomes unsynchronized; or to a page that is no longer shadowed.
  case tableUnprotect
  /// A shadow page that is synchronized with the guest's table.
  case synchronization
  /// An entry of a shadow page that is compared with the guest's in a synchronization.
  case synchronizedEntry
  /// A shadow page that is made.
  case shadowPage
  /// A shadow page that is torn down.
  case zap
  /// A shadow page that is torn down because the limit is reached.
  case recycling
  /// A flush of all vCPUs' translations that the hypervisor asks for.
  case remoteFlush
  /// A line of memory that a change of a page's list of shadow entries reads beyond those of the list's first record.
  case reverseMapping

  // Direct paravirtual paging.
  /// A hypercall with a batch of page-table updates.
  case updateHypercall
  /// A page-table entry that the hypervisor validates.
  case validatedEntry
  /// A table that is validated as a whole and pinned, or unpinned.
  case pin

  /// The name used in YAML, CSV and text.
  public var name: String {
    switch self {
    case .guestFault: "guest_fault"
    case .tableStore: "table_store"
    case .invalidation: "invalidation"
    case .rootLoad: "root_load"
    case .rootRead: "root_read"
    case .systemCall: "system_call"
    case .tableAllocation: "table_allocation"
    case .shootdown: "shootdown"
    case .siblingInvalidation: "sibling_invalidation"
    case .siblingRootLoad: "sibling_root_load"
    case .reflectedFault: "reflected_fault"
    case .shadowFill: "shadow_fill"
    case .emulatedStore: "emulated_store"
    case .unprotection: "unprotection"
    case .tableUnprotect: "table_unprotect"
    case .synchronization: "synchronization"
    case .synchronizedEntry: "synchronized_entry"
    case .shadowPage: "shadow_page"
    case .zap: "zap"
    case .recycling: "recycling"
    case .remoteFlush: "remote_flush"
    case .reverseMapping: "reverse_mapping"
    case .updateHypercall: "update_hypercall"
    case .validatedEntry: "validated_entry"
    case .pin: "pin"
    }
  }
}

/// How often each paging event happens.
public struct PagingCounts: Sendable, Hashable {
  private var values = [Double](repeating: 0, count: PagingEvent.allCases.count)

  /// No events.
  public init() {}

  /// The number of one event.
  public subscript(_ event: PagingEvent) -> Double {
    get { values[Int(event.rawValue)] }
    set { values[Int(event.rawValue)] = newValue }
  }

  /// Page faults that exit under shadow paging.
  public var faultExits: Double {
    self[.reflectedFault] + self[.shadowFill] + self[.emulatedStore] + self[.unprotection] + self[.tableUnprotect]
  }

  /// The counts of both.
  public static func + (left: PagingCounts, right: PagingCounts) -> PagingCounts {
    var sum = left
    for index in sum.values.indices { sum.values[index] += right.values[index] }
    return sum
  }

  /// What the first has more than the second.
  public static func - (left: PagingCounts, right: PagingCounts) -> PagingCounts { left + right * -1 }

  /// So many times the counts.
  public static func * (left: PagingCounts, factor: Double) -> PagingCounts {
    var product = left
    for index in product.values.indices { product.values[index] *= factor }
    return product
  }
}
