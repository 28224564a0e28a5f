/// How a hypervisor finds the shadow entries that map a page of its guest: by a chain of records for each page.
public struct ReverseMappings: Sendable, Hashable {
  /// Where a list takes a new entry.
  public enum Addition: String, CaseIterable, Sendable, Hashable {
    /// Behind the last one: the chain is walked to its end.
    case last
    /// In the first record, which alone may have room.
    case first
  }

  /// Entries of a record.
  public let entries: Int
  /// Lines of memory of a record.
  public let lines: Int
  /// Where a new entry goes.
  public let addition: Addition
  /// Where this is known from.
  public let source: String

  /// Creates a description; entries and lines are at least 1.
  public init(entries: Int, lines: Int, addition: Addition, source: String) {
    self.entries = entries
    self.lines = lines
    self.addition = addition
    self.source = source
  }

  /// Lines of memory that an entry more takes to write, beyond those of the first record: one of each record passed.
  ///
  /// - Parameter length: entries of the list before, at least 0.
  func added(to length: Int) -> Double {
    addition == .first ? 0 : Double(max(0, (length + entries - 1) / entries - 1))
  }

  /// Expected lines of memory that are searched for an entry to remove, beyond those of the first record; it is any of the
  /// list's with the same probability.
  ///
  /// - Parameter length: entries of the list before, at least 1.
  func removed(from length: Int) -> Double {
    let full = length / entries
    let passed = entries * full * (full - 1) / 2 + (length % entries) * full
    return Double(passed * lines) / Double(max(1, length))
  }
}

/// The lists of all pages of a guest.
///
/// Those of pages of files hold the entries of other address spaces too, which do the same at other times: each has as many
/// as this one has on average.
struct MappingLists {
  /// How lists are kept; nil where nothing is known of them.
  var form: ReverseMappings?
  /// Address spaces beside those that are carried out, which map the same pages of files.
  var others = 0
  /// Entries by page.
  private var lengths: [Int32] = []
  /// Pages of files, and the time integral of their entries up to their last change.
  private var isShared: [Bool] = []
  private var sums: [Double] = []
  private var changes: [Double] = []
  /// Time in events of shadow paging.
  var clock = 0.0
  private var start = 0.0

  init() {}

  /// Declares pages of a file.
  mutating func share(_ frames: Range<Frame>) {
    for frame in frames {
      grow(to: frame)
      isShared[Int(frame)] = true
    }
  }

  /// Begins to take averages.
  mutating func restart() {
    start = clock
    for index in sums.indices { (sums[index], changes[index]) = (0, clock) }
  }

  /// Adds an entry that maps a page, and returns the lines of memory that it takes beyond those of the first record.
  mutating func add(_ frame: Frame) -> Double {
    let length = self.length(of: frame)
    change(frame, by: 1)
    return form?.added(to: length) ?? 0
  }

  /// Removes one.
  mutating func remove(_ frame: Frame) -> Double {
    let length = self.length(of: frame)
    change(frame, by: -1)
    return form?.removed(from: length) ?? 0
  }

  /// Entries of a page's list, those of other address spaces included.
  private mutating func length(of frame: Frame) -> Int {
    grow(to: frame)
    let index = Int(frame)
    let own = Int(lengths[index])
    guard others > 0, isShared[index] else { return own }
    let time = clock - start
    let mean = time > 0 ? (sums[index] + Double(own) * (clock - changes[index])) / time : Double(own)
    return own + Int((Double(others) * mean).rounded())
  }

  private mutating func change(_ frame: Frame, by difference: Int32) {
    let index = Int(frame)
    sums[index] += Double(lengths[index]) * (clock - changes[index])
    changes[index] = clock
    lengths[index] += difference
  }

  private mutating func grow(to frame: Frame) {
    while lengths.count <= Int(frame) {
      lengths.append(0)
      isShared.append(false)
      sums.append(0)
      changes.append(start)
    }
  }
}
