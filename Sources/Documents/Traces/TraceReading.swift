import Glibc
import Model
import Quantities

/// What all readers of traces work with.
struct TraceReading {
  let reference: TraceReference
  let path: String
  let bounds: TraceLimits
  let faults: TraceFaults
  let lines: TextLines

  init(reference: TraceReference, path: String, bounds: TraceLimits) {
    self.reference = reference
    self.path = path
    self.bounds = bounds
    faults = TraceFaults(bounds: bounds)
    lines = TextLines(bounds: bounds)
  }

  /// The finished set.
  ///
  /// - Throws: what is wrong with the trace.
  func finish(
    _ builder: consuming TraceSetBuilder, order: TraceSetBuilder.Order
  ) throws(DiagnosticError) -> TraceSet {
    faults.judgeEnds()
    if builder.count == 0, faults.isEmpty { faults.add(path, 1, 1, "expected a trace of at least one VM, found none") }
    try faults.check()
    guard let set = builder.finish(order: order) else {
      throw .unreadable(path: path, reason: "its samples do not fit into memory")
    }
    if order == .byName {
      for entity in 1..<max(1, set.count) {
        let (name, last) = (set.nameBytes(of: entity), set.nameBytes(of: entity - 1))
        if name.count == last.count, name.elementsEqual(last) {
          faults.add(path, 1, 1, "VM \(Wording.quoted(set.name(of: entity))) is there twice; expected each once")
        }
      }
      try faults.check()
    }
    return set
  }

  /// Records a fault of a field; false when the rest of the file need not be read.
  func fault(_ archive: ArchiveReader, _ line: TextLine, _ field: Int, _ expected: String) -> Bool {
    faults.add(
      archive.label, line.number, line.column(of: field), "expected \(expected), found \(line.quoted(field))")
  }

  /// Records that a line has too few or too many fields.
  func wrongCount(_ archive: ArchiveReader, _ line: TextLine, _ expected: String) -> Bool {
    faults.add(
      archive.label, line.number, line.column(of: line.fieldCount), "expected \(expected), found \(line.fieldCount)")
  }

  /// Warns that a table may have been cut off.
  func warnOfEnd(_ archive: ArchiveReader, _ end: (lines: Int, isTerminated: Bool)) {
    if !end.isTerminated { faults.warn(archive.label, end.lines, "the last line has no end: the file may be cut off") }
  }

  /// Notes how the file of a VM ends, which `finish` judges beside the others'.
  func noteEnd(_ archive: ArchiveReader, _ end: (lines: Int, isTerminated: Bool)) {
    faults.noteEnd(of: archive.label, line: end.lines, isTerminated: end.isTerminated)
  }
}

/// Times of traces, which lie within the range of `TimeSpan`.
enum TraceTime {
  /// The greatest length of a trace: 100 years in milliseconds.
  static let greatestMilliseconds: Int64 = 3_155_760_000_000
  /// The same in seconds.
  static let greatestSeconds: Int64 = 3_155_760_000
}

/// Columns of a table by the names in its header.
struct ColumnNames {
  let names: [String]

  /// Reads a header; names lose their case, and what stands in brackets.
  init(_ line: TextLine) {
    names = (0..<line.fieldCount).map { index in
      let text = line.fields[index].text.lowercased()
      let end = text.firstIndex(of: "[") ?? text.endIndex
      let unit = text[end...].filter { $0 != " " }
      let name = text[..<end].split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
      // A percentage stands beside the same quantity in another unit.
      return unit == "[%]" ? name + " %" : name
    }
  }

  /// The index of a column; nil without one.
  subscript(_ candidates: String...) -> Int? {
    candidates.lazy.compactMap { names.firstIndex(of: $0) }.first
  }
}

/// Numbers VMs by the bytes of their names.
struct NameTable {
  private var slots: [Int32]
  private var hashes: [UInt64] = []
  private var ranges: [(start: Int, count: Int)] = []
  private var bytes: [UInt8] = []

  init() { slots = [Int32](repeating: -1, count: 1024) }

  private static func hash(_ name: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return hash ^ (hash >> 32)
  }

  /// The number of a name; nil when it has none.
  func find(_ name: UnsafeBufferPointer<UInt8>) -> Int? {
    let hash = Self.hash(name)
    var slot = Int(hash & UInt64(slots.count - 1))
    while slots[slot] >= 0 {
      let number = Int(slots[slot])
      if hashes[number] == hash, isEqual(number, name) { return number }
      slot = (slot + 1) & (slots.count - 1)
    }
    return nil
  }

  /// Gives a name the next number; false when it has one.
  mutating func insert(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    guard find(name) == nil else { return false }
    if 2 * hashes.count >= slots.count { grow() }
    let hash = Self.hash(name)
    ranges.append((bytes.count, name.count))
    bytes.append(contentsOf: name)
    hashes.append(hash)
    place(hashes.count - 1)
    return true
  }

  private func isEqual(_ number: Int, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
    let range = ranges[number]
    guard range.count == name.count, range.count > 0 else { return range.count == name.count }
    return bytes.withUnsafeBufferPointer { memcmp($0.baseAddress! + range.start, name.baseAddress!, name.count) == 0 }
  }

  private mutating func place(_ number: Int) {
    var slot = Int(hashes[number] & UInt64(slots.count - 1))
    while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
    slots[slot] = Int32(number)
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: 2 * slots.count)
    for number in hashes.indices { place(number) }
  }
}
