/// A page of the guest's memory by number.
typealias Frame = Int32

/// A page-table entry of the guest: the page that it points to, and the bits that the mechanisms look at.
struct TableEntry: Hashable {
  private(set) var bits: UInt64 = 0

  static let absent = TableEntry()

  private static let present: UInt64 = 1
  private static let writable: UInt64 = 2
  private static let accessed: UInt64 = 4
  private static let dirty: UInt64 = 8
  private static let large: UInt64 = 16

  private init() {}

  init(frame: Frame, isWritable: Bool, isAccessed: Bool = false, isDirty: Bool = false, isLarge: Bool = false) {
    bits = UInt64(UInt32(bitPattern: frame)) << 8 | Self.present
    self.isWritable = isWritable
    self.isAccessed = isAccessed
    self.isDirty = isDirty
    self.isLarge = isLarge
  }

  var frame: Frame { Frame(truncatingIfNeeded: bits >> 8) }
  var isPresent: Bool { bits & Self.present != 0 }
  var isWritable: Bool {
    get { bits & Self.writable != 0 }
    set { set(Self.writable, newValue) }
  }
  var isAccessed: Bool {
    get { bits & Self.accessed != 0 }
    set { set(Self.accessed, newValue) }
  }
  var isDirty: Bool {
    get { bits & Self.dirty != 0 }
    set { set(Self.dirty, newValue) }
  }
  /// A leaf above the lowest level.
  var isLarge: Bool {
    get { bits & Self.large != 0 }
    set { set(Self.large, newValue) }
  }

  private mutating func set(_ mask: UInt64, _ value: Bool) { bits = value ? bits | mask : bits & ~mask }
}

/// Where an address stands in trees of page tables.
struct TableGeometry: Hashable {
  /// Levels of the tree: 4 or 5.
  let levels: Int

  static let fanout = 512

  /// The index of a page in its table of a level, the lowest being 1.
  func index(of page: Int64, level: Int) -> Int { Int((page >> Int64(9 * (level - 1))) & 511) }
}

/// The guest's memory: pages, how often each is mapped, and the contents of those that are page tables.
///
/// Free pages are reused last in, first out, as the page allocator's lists of a CPU do.
struct GuestMemory {
  private var entries: [TableEntry] = []
  private var slots: [Int32] = []
  private var freeSlots: [Int32] = []
  private(set) var mapCount: [Int32] = []
  /// Whether the kernel's own mapping of a page is writable in the shadow tables.
  var isStorable: [Bool] = []
  private var freeFrames: [Frame] = []

  /// Pages that were ever used.
  var count: Int { slots.count }

  mutating func allocate() -> Frame {
    if let frame = freeFrames.popLast() { return frame }
    slots.append(-1)
    mapCount.append(0)
    isStorable.append(true)
    return Frame(slots.count - 1)
  }

  /// Pages side by side, for a huge page.
  mutating func allocateBlock(of count: Int) -> Frame {
    let first = Frame(slots.count)
    for _ in 0..<count {
      slots.append(-1)
      mapCount.append(0)
      isStorable.append(true)
    }
    return first
  }

  mutating func free(_ frame: Frame) {
    if slots[Int(frame)] >= 0 {
      freeSlots.append(slots[Int(frame)])
      slots[Int(frame)] = -1
    }
    freeFrames.append(frame)
  }

  mutating func share(_ frame: Frame) { mapCount[Int(frame)] += 1 }

  /// Takes one mapping away and frees the page with the last. Returns whether it was the last.
  mutating func unshare(_ frame: Frame) -> Bool {
    mapCount[Int(frame)] -= 1
    return mapCount[Int(frame)] == 0
  }

  /// Makes a page an empty table.
  mutating func makeTable(_ frame: Frame) {
    if let slot = freeSlots.popLast() {
      slots[Int(frame)] = slot
      let first = Int(slot) * TableGeometry.fanout
      for index in first..<first + TableGeometry.fanout { entries[index] = .absent }
    } else {
      slots[Int(frame)] = Int32(entries.count / TableGeometry.fanout)
      entries.append(contentsOf: repeatElement(.absent, count: TableGeometry.fanout))
    }
  }

  /// An entry of a page that is a table.
  subscript(_ table: Frame, _ index: Int) -> TableEntry {
    get { entries[Int(slots[Int(table)]) * TableGeometry.fanout + index] }
    set { entries[Int(slots[Int(table)]) * TableGeometry.fanout + index] = newValue }
  }

  func isTable(_ frame: Frame) -> Bool { slots[Int(frame)] >= 0 }

  /// The table of a level that translates a page, and nil where the tree ends before it.
  func table(of page: Int64, level: Int, root: Frame, _ geometry: TableGeometry) -> Frame? {
    var table = root
    var at = geometry.levels
    while at > level {
      let entry = self[table, geometry.index(of: page, level: at)]
      guard entry.isPresent, !entry.isLarge else { return nil }
      table = entry.frame
      at -= 1
    }
    return table
  }

  /// The leaf entry of a page with its table, index and level; nil where the tree ends before a leaf table.
  func leaf(
    of page: Int64, root: Frame, _ geometry: TableGeometry
  ) -> (table: Frame, index: Int, level: Int, entry: TableEntry)? {
    var table = root
    var level = geometry.levels
    while true {
      let index = geometry.index(of: page, level: level)
      let entry = self[table, index]
      if level == 1 || entry.isLarge { return (table, index, level, entry) }
      guard entry.isPresent else { return nil }
      table = entry.frame
      level -= 1
    }
  }
}
