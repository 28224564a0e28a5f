/// The address space of a program and the pages that its processes touch, as a guest-system document states them.
public struct ProcessImage: Sendable, Hashable {
  /// A stretch of the address space.
  public struct Area: Sendable, Hashable {
    /// The name by which touches refer to it.
    public let name: String
    /// The number of its first page of 4 KiB.
    public let firstPage: Int64
    /// Pages.
    public let pages: Int
    /// Backed by a file in the page cache, else anonymous.
    public let isFile: Bool
    /// Pages that a process holds in steady state, from the first on; of files those of the page cache are mapped when
    /// touched.
    public let resident: Int

    /// Creates an area.
    public init(name: String, firstPage: Int64, pages: Int, isFile: Bool, resident: Int) {
      self.name = name
      self.firstPage = firstPage
      self.pages = pages
      self.isFile = isFile
      self.resident = resident
    }
  }

  /// Pages of an area that are touched one after the other.
  public struct Touch: Sendable, Hashable {
    /// Index of the area.
    public let area: Int
    /// How many pages of an anonymous area, or how many fault-around windows of a file.
    public let count: Int
    /// Whether pages are written.
    public let isWrite: Bool

    /// Creates a touch.
    public init(area: Int, count: Int, isWrite: Bool) {
      self.area = area
      self.count = count
      self.isWrite = isWrite
    }
  }

  /// The name.
  public let name: String
  /// The areas in order of addresses.
  public let areas: [Area]
  /// What a parent touches between fork and wait.
  public let parent: [Touch]
  /// What a child touches between fork and exit.
  public let child: [Touch]
  /// What a child touches between fork and exec.
  public let childBeforeExec: [Touch]
  /// What a process touches from exec to exit.
  public let run: [Touch]
  /// Pages of areas that are made read-only once the program has set itself up.
  public let runSeals: [Touch]
  /// System calls from exec to exit beside the exec itself, the exit and those that make pages read-only.
  public let runCalls: Int

  /// Creates an image.
  public init(
    name: String, areas: [Area], parent: [Touch], child: [Touch], childBeforeExec: [Touch]? = nil, run: [Touch],
    runSeals: [Touch] = [], runCalls: Int
  ) {
    self.childBeforeExec = childBeforeExec ?? child
    self.runSeals = runSeals
    self.name = name
    self.areas = areas
    self.parent = parent
    self.child = child
    self.run = run
    self.runCalls = runCalls
  }
}

/// What a workload says of the pages that its processes touch, in the place of what the guest says of their program.
public struct ProcessTouches: Sendable, Hashable {
  /// Pages of an area by the area's name.
  public struct Stated: Sendable, Hashable {
    /// Name of the area.
    public let area: String
    /// Pages that are written, or windows of a file that are read, at least 1.
    public let count: Int

    /// Creates a statement.
    public init(area: String, count: Int) {
      self.area = area
      self.count = count
    }
  }

  /// What the parent touches between fork and wait; nil for what its program does.
  public var parent: [Stated]?
  /// What the child touches between fork and exit or exec.
  public var child: [Stated]?
  /// What a process touches from exec to exit.
  public var run: [Stated]?

  /// Creates statements.
  public init(parent: [Stated]? = nil, child: [Stated]? = nil, run: [Stated]? = nil) {
    self.parent = parent
    self.child = child
    self.run = run
  }

  /// All that is stated.
  public var all: [Stated] { (parent ?? []) + (child ?? []) + (run ?? []) }
}

extension ProcessImage {
  /// The program with what a workload says of its touches; statements of areas that it does not have are left out.
  func touching(_ stated: ProcessTouches) -> ProcessImage {
    func touches(_ list: [ProcessTouches.Stated]?) -> [Touch]? {
      list?.compactMap { entry in
        areas.firstIndex { $0.name == entry.area }
          .map { Touch(area: $0, count: entry.count, isWrite: !areas[$0].isFile) }
      }
    }
    let before = touches(stated.child)
    return ProcessImage(
      name: name, areas: areas, parent: touches(stated.parent) ?? parent, child: before ?? child,
      childBeforeExec: before ?? childBeforeExec, run: touches(stated.run) ?? run, runSeals: runSeals,
      runCalls: runCalls)
  }
}

/// What a guest's kernel does with page tables.
public struct GuestPaging: Sendable, Hashable {
  /// Longest flush by single invalidations, in pages; above it the root is loaded anew.
  public let flushCeiling: Int
  /// Pages that a fault on a file maps at once.
  public let faultAround: Int
  /// Pages that one flush of an unmapping gathers at most.
  public let gatherLimit: Int
  /// Entries that a paravirtual guest hands over in one hypercall.
  public let updateBatch: Int
  /// Whether the kernel tags translations by process (PCID), so that switches keep them.
  public let isTagged: Bool
  /// Entries of a root that lead to areas of the kernel which every process uses, by levels of the tables.
  public let kernelLinks: [Int: Int]
  /// Programs; the first is the default.
  public let processes: [ProcessImage]

  /// The program of that name; the first without one, nil for an unknown one.
  public func program(named name: String?) -> ProcessImage? {
    guard let name else { return processes.first }
    return processes.first { $0.name == name }
  }

  /// Creates a description.
  public init(
    flushCeiling: Int, faultAround: Int, gatherLimit: Int, updateBatch: Int, isTagged: Bool = false,
    kernelLinks: [Int: Int], processes: [ProcessImage]
  ) {
    self.flushCeiling = flushCeiling
    self.faultAround = faultAround
    self.gatherLimit = gatherLimit
    self.updateBatch = updateBatch
    self.isTagged = isTagged
    self.kernelLinks = kernelLinks
    self.processes = processes
  }
}

/// How page tables are virtualized, as far as counts depend on it.
public struct PagingMode: Sendable, Hashable {
  /// The kinds of paging that make different events of the same guest actions.
  public enum Kind: String, Sendable, Hashable { case hardware, shadow, direct }

  /// The kind.
  public let kind: Kind
  /// Levels of the guest's tables: 4 or 5.
  public let levels: Int
  /// Whether the guest's kernel has page tables of its own.
  public let isolation: Bool
  /// Whether the guest tags translations by process, so that switches keep them.
  public let tags: Bool
  /// Whether the host backs the guest by pages of 2 MiB or more, so that a large guest page takes one shadow entry.
  public let isHugeBacked: Bool
  /// Most shadow pages.
  public let shadowLimit: Int
  /// How the shadow entries that map a page are listed; nil where nothing is known of it.
  public let reverseMappings: ReverseMappings?

  /// Creates a mode.
  public init(
    kind: Kind, levels: Int = 4, isolation: Bool = false, tags: Bool = false, isHugeBacked: Bool = false,
    shadowLimit: Int = .max, reverseMappings: ReverseMappings? = nil
  ) {
    self.kind = kind
    self.levels = levels
    self.isolation = isolation
    self.tags = tags
    self.isHugeBacked = isHugeBacked
    self.shadowLimit = shadowLimit
    self.reverseMappings = reverseMappings
  }

  /// The limit of shadow pages that KVM sets: 2 % of the guest's pages, at least 64.
  public static func shadowLimit(memory bytes: Int64) -> Int { max(64, Int(bytes / BasePage.bytes / 50)) }

  /// Bytes that KVM keeps for a shadow page: the table and the record of what its entries translate.
  public static let shadowPageBytes: Int64 = 8192
  /// Bytes of guest memory whose entries one leaf table holds.
  public static let leafReach = 2.0 * 1024 * 1024
}
