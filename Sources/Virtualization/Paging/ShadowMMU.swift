/// KVM's shadow page tables of one VM as a state machine.
///
/// A shadow page stands for one guest table in one role (its level; for parts of large guest pages, `direct`). Pages are
/// filled on demand and shared by all roots that lead to the same guest table. A guest table that is shadowed is
/// write-protected. A leaf table becomes unsynchronized by the first store, later ones are free until a root load
/// synchronizes it; stores to upper levels are emulated one by one, and the third without a fill in between tears the
/// shadow page down, as does any store by an instruction that does not write page tables.
/// [Linux 6.1, arch/x86/kvm/mmu: behaviour of mmu.c and paging_tmpl.h]
struct ShadowMMU {
  struct Page {
    var frame: Frame
    var level: Int
    var isDirect: Bool
    var isUnsynchronized = false
    var isLive = true
    /// Emulated stores since the last fill that passed the page.
    var stores = 0
    /// Entries of other shadow pages that lead here.
    var parents: [(page: Int32, index: Int32)] = []
    /// Areas of the kernel that a root has linked.
    var kernelLinks: UInt64 = 0
    /// The next shadow page of the same guest page.
    var next: Int32 = -1
  }

  let geometry: TableGeometry
  /// A large guest page takes one entry.
  let isHugeBacked: Bool
  /// Most shadow pages at a time.
  let limit: Int
  var pages: [Page] = []
  /// Entries of all shadow pages: 0 for none; of leaves `frame << 2 | writable << 1 | 1`; of others the child plus 1.
  var entries: [UInt64] = []
  var free: [Int32] = []
  var firstOfFrame: [Int32] = []
  /// Shadow pages in order of creation, for recycling; stale ones are passed over.
  var order: [Int32] = []
  var orderHead = 0
  var unsynchronized: [Int32] = []
  var liveCount = 0
  /// Largest number of shadow pages so far.
  private(set) var peak = 0
  var root: Int32 = -1
  private(set) var rootFrame: Frame = -1
  var counts = PagingCounts()
  /// The entries that map each page of the guest.
  var lists = MappingLists()

  /// Shadow pages that KVM frees at least when it recycles.
  static let refill = 25
  /// Emulated stores without a fill after which a shadow page is torn down.
  private static let flood = 3
  /// Entries of an aligned group that a fill may prefetch.
  private static let prefetchGroup = 8

  /// Marks an entry above the lowest level that maps a large page.
  static let large: UInt64 = 1 << 63

  init(geometry: TableGeometry, isHugeBacked: Bool, limit: Int) {
    self.geometry = geometry
    self.isHugeBacked = isHugeBacked
    self.limit = limit
  }

  /// Fault exits are counted by this sum.
  mutating func count(_ event: PagingEvent) {
    counts[event] += 1
    lists.clock += 1
  }

  /// Changes an entry of a leaf table, and the lists of the pages that it maps.
  mutating func set(_ page: Int32, _ index: Int, _ entry: UInt64) {
    let old = entries[slot(page, index)]
    entries[slot(page, index)] = entry
    guard old != 0 || entry != 0, old == 0 || entry == 0 || old >> 2 != entry >> 2 else { return }
    if old != 0 { counts[.reverseMapping] += lists.remove(Frame(truncatingIfNeeded: old >> 2)) }
    if entry != 0 { counts[.reverseMapping] += lists.add(Frame(truncatingIfNeeded: entry >> 2)) }
  }

  // MARK: Finding and making shadow pages

  private mutating func first(of frame: Frame) -> Int32 {
    while firstOfFrame.count <= Int(frame) { firstOfFrame.append(-1) }
    return firstOfFrame[Int(frame)]
  }

  private mutating func find(_ frame: Frame, level: Int, isDirect: Bool) -> Int32 {
    var page = first(of: frame)
    while page >= 0, pages[Int(page)].level != level || pages[Int(page)].isDirect != isDirect {
      page = pages[Int(page)].next
    }
    return page
  }

  /// The shadow page of a table, made if there is none. One that is not synchronized is brought up to date and stays so:
  /// it is protected only when the guest loads a root or flushes.
  private mutating func obtain(_ frame: Frame, level: Int, isDirect: Bool, _ memory: inout GuestMemory) -> Int32 {
    let found = find(frame, level: level, isDirect: isDirect)
    if found >= 0 {
      if pages[Int(found)].isUnsynchronized { refresh(found, memory) }
      return found
    }
    if liveCount >= limit { recycle() }
    count(.shadowPage)
    let page = Page(frame: frame, level: level, isDirect: isDirect, next: first(of: frame))
    let index: Int32
    if let reused = free.popLast() {
      index = reused
      pages[Int(index)] = page
    } else {
      index = Int32(pages.count)
      pages.append(page)
      entries.append(contentsOf: repeatElement(0, count: TableGeometry.fanout))
    }
    firstOfFrame[Int(frame)] = index
    order.append(index)
    liveCount += 1
    peak = max(peak, liveCount)
    if !isDirect { protect(frame, &memory) }
    return index
  }

  /// Takes the kernel's right to store into a page; whoever may have it in a TLB is flushed.
  private mutating func protect(_ frame: Frame, _ memory: inout GuestMemory) {
    guard memory.isStorable[Int(frame)] else { return }
    memory.isStorable[Int(frame)] = false
    count(.remoteFlush)
  }

  func slot(_ page: Int32, _ index: Int) -> Int { Int(page) * TableGeometry.fanout + index }

  // MARK: Roots

  /// A load of the root register: an exit, and the synchronization of all leaf tables under the new root unless the
  /// guest keeps translations (a tagged switch).
  mutating func loadRoot(_ frame: Frame, keepsTranslations: Bool, _ memory: inout GuestMemory) {
    rootFrame = frame
    root = obtain(frame, level: geometry.levels, isDirect: false, &memory)
    guard !keepsTranslations else { return }
    for page in unsynchronized where pages[Int(page)].isUnsynchronized && isUnder(root, page) {
      synchronize(page, &memory)
    }
    unsynchronized.removeAll { !pages[Int($0)].isLive || !pages[Int($0)].isUnsynchronized }
  }

  private func isUnder(_ ancestor: Int32, _ page: Int32) -> Bool {
    page == ancestor || pages[Int(page)].parents.contains { isUnder(ancestor, $0.page) }
  }

  /// Brings a leaf table's shadow up to date and protects it again: entries whose guest entry is gone or points elsewhere
  /// are dropped, the others take over its rights.
  private mutating func synchronize(_ page: Int32, _ memory: inout GuestMemory) {
    pages[Int(page)].isUnsynchronized = false
    protect(pages[Int(page)].frame, &memory)
    refresh(page, memory)
  }

  /// Brings the entries of a leaf table's shadow up to date.
  private mutating func refresh(_ page: Int32, _ memory: GuestMemory) {
    count(.synchronization)
    let frame = pages[Int(page)].frame
    for index in 0..<TableGeometry.fanout {
      let entry = entries[slot(page, index)]
      guard entry != 0 else { continue }
      count(.synchronizedEntry)
      let guest = memory.isTable(frame) ? memory[frame, index] : .absent
      if guest.isPresent, guest.isAccessed, guest.frame == Frame(truncatingIfNeeded: entry >> 2) {
        set(page, index, Self.leaf(guest, isWritable: guest.isWritable && guest.isDirty))
      } else {
        set(page, index, 0)
      }
    }
  }

  private static func leaf(_ entry: TableEntry, isWritable: Bool) -> UInt64 {
    UInt64(UInt32(bitPattern: entry.frame)) << 2 | (isWritable ? 2 : 0) | 1
  }

  // MARK: Translating

  /// Whether the shadow tables let an access through.
  func translates(_ page: Int64, isWrite: Bool) -> Bool {
    guard root >= 0, pages[Int(root)].isLive, pages[Int(root)].frame == rootFrame else { return false }
    var at = root
    for level in stride(from: geometry.levels, to: 1, by: -1) {
      let entry = entries[slot(at, geometry.index(of: page, level: level))]
      guard entry != 0 else { return false }
      if entry & Self.large != 0 { return !isWrite || entry & 2 != 0 }
      at = Int32(entry - 1)
    }
    let entry = entries[slot(at, geometry.index(of: page, level: 1))]
    return entry & 1 != 0 && (!isWrite || entry & 2 != 0)
  }

  /// Fills the shadow of a page whose guest entry allows the access, and of neighbours whose entries are present and
  /// accessed. An exit.
  mutating func fill(_ page: Int64, isWrite: Bool, _ memory: inout GuestMemory) {
    count(.shadowFill)
    if root < 0 || !pages[Int(root)].isLive || pages[Int(root)].frame != rootFrame {
      root = obtain(rootFrame, level: geometry.levels, isDirect: false, &memory)
    }
    guard let leaf = memory.leaf(of: page, root: rootFrame, geometry) else { return }
    var at = root
    for level in stride(from: geometry.levels, to: 1, by: -1) {
      pages[Int(at)].stores = 0
      let index = geometry.index(of: page, level: level)
      if isHugeBacked, level == leaf.level {
        entries[slot(at, index)] =
          Self.leaf(leaf.entry, isWritable: leaf.entry.isWritable && (leaf.entry.isDirty || isWrite)) | Self.large
        return
      }
      if entries[slot(at, index)] == 0 {
        let isDirect = level <= leaf.level
        // A part of a large guest page is shadowed by a table that no guest table stands behind.
        let frame =
          isDirect
          ? leaf.entry.frame : memory.table(of: page, level: level - 1, root: rootFrame, geometry) ?? leaf.table
        let child = obtain(frame, level: level - 1, isDirect: isDirect, &memory)
        entries[slot(at, index)] = UInt64(child) + 1
        pages[Int(child)].parents.append((at, Int32(index)))
      }
      at = Int32(entries[slot(at, index)] - 1)
    }
    pages[Int(at)].stores = 0
    let isDirect = pages[Int(at)].isDirect
    let index = geometry.index(of: page, level: 1)
    let group = index & ~(Self.prefetchGroup - 1)
    set(at, index, shadow(leaf.entry, index: index, isDirect: isDirect, isWrite: isWrite))
    for neighbour in group..<group + Self.prefetchGroup where neighbour != index {
      guard entries[slot(at, neighbour)] == 0 else { continue }
      let guest = isDirect ? leaf.entry : memory[leaf.table, neighbour]
      guard guest.isPresent, guest.isAccessed else { break }
      set(at, neighbour, shadow(guest, index: neighbour, isDirect: isDirect, isWrite: false))
    }
  }

  /// The shadow entry of a guest entry: writable only when the guest's is writable and dirty.
  private func shadow(_ guest: TableEntry, index: Int, isDirect: Bool, isWrite: Bool) -> UInt64 {
    var entry = guest
    if isDirect {
      entry = TableEntry(frame: guest.frame + Frame(index), isWritable: guest.isWritable, isDirty: guest.isDirty)
    }
    return Self.leaf(entry, isWritable: entry.isWritable && (entry.isDirty || isWrite))
  }

  /// The first access of a root to an area of the kernel links tables that other roots have filled. Exits once a root and
  /// area.
  mutating func touchKernel(areas: Int, _ memory: inout GuestMemory) {
    if root < 0 || !pages[Int(root)].isLive || pages[Int(root)].frame != rootFrame {
      root = obtain(rootFrame, level: geometry.levels, isDirect: false, &memory)
    }
    for area in 0..<areas where pages[Int(root)].kernelLinks & (1 << UInt64(area)) == 0 {
      pages[Int(root)].kernelLinks |= 1 << UInt64(area)
      pages[Int(root)].stores = 0
      count(.shadowFill)
    }
  }

  /// INVLPG: an exit; an entry of an unsynchronized table is dropped and refilled from the guest's present one.
  mutating func invalidate(_ page: Int64, _ memory: inout GuestMemory) {
    guard root >= 0, pages[Int(root)].isLive else { return }
    var at = root
    for level in stride(from: geometry.levels, to: 1, by: -1) {
      let entry = entries[slot(at, geometry.index(of: page, level: level))]
      guard entry != 0, entry & Self.large == 0 else { return }
      at = Int32(entry - 1)
    }
    guard pages[Int(at)].isUnsynchronized else { return }
    let index = geometry.index(of: page, level: 1)
    guard entries[slot(at, index)] != 0 else { return }
    let guest = memory[pages[Int(at)].frame, index]
    let isKept = guest.isPresent && guest.isAccessed
    set(at, index, isKept ? Self.leaf(guest, isWritable: guest.isWritable && guest.isDirty) : 0)
    count(.remoteFlush)
  }

  // MARK: Stores of the guest

  /// The guest is about to store into an entry of a table.
  mutating func store(_ table: Frame, index: Int, _ memory: inout GuestMemory) {
    var page = first(of: table)
    var hasUpper = false
    while page >= 0 {
      if pages[Int(page)].level > 1 && !pages[Int(page)].isDirect { hasUpper = true }
      page = pages[Int(page)].next
    }
    guard hasUpper else {
      storeToLeaf(table, &memory)
      return
    }
    count(.emulatedStore)
    page = first(of: table)
    while page >= 0 {
      let next = pages[Int(page)].next
      if !pages[Int(page)].isDirect {
        pages[Int(page)].stores += 1
        if pages[Int(page)].level > 1, pages[Int(page)].stores >= Self.flood {
          zap(page)
        } else {
          drop(page, index)
        }
      }
      page = next
    }
  }

  /// The guest overwrites a whole page by string instructions, as it does when it clears or copies one.
  mutating func overwrite(_ frame: Frame, _ memory: inout GuestMemory) {
    var page = first(of: frame)
    var hasUpper = false
    while page >= 0 {
      if pages[Int(page)].level > 1 && !pages[Int(page)].isDirect { hasUpper = true }
      page = pages[Int(page)].next
    }
    guard hasUpper else {
      storeToLeaf(frame, &memory)
      return
    }
    count(.unprotection)
    while let page = Optional(first(of: frame)), page >= 0 { zap(page) }
    storeToLeaf(frame, &memory)
  }

  /// A store to a page that is at most a leaf table: one exit if it is protected.
  private mutating func storeToLeaf(_ frame: Frame, _ memory: inout GuestMemory) {
    guard !memory.isStorable[Int(frame)] else { return }
    count(.tableUnprotect)
    memory.isStorable[Int(frame)] = true
    var page = first(of: frame)
    while page >= 0 {
      if !pages[Int(page)].isDirect, !pages[Int(page)].isUnsynchronized {
        pages[Int(page)].isUnsynchronized = true
        unsynchronized.append(page)
      }
      page = pages[Int(page)].next
    }
  }

  private mutating func drop(_ page: Int32, _ index: Int) {
    let entry = entries[slot(page, index)]
    guard entry != 0 else { return }
    if pages[Int(page)].level == 1 {
      set(page, index, 0)
    } else {
      entries[slot(page, index)] = 0
    }
    if pages[Int(page)].level > 1, entry & Self.large == 0 {
      pages[Int(entry - 1)].parents.removeAll { $0.page == page && $0.index == Int32(index) }
    }
    count(.remoteFlush)
  }
}
