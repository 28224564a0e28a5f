import Glibc
import Model
import Quantities

extension TraceReading {
  /// A row of a VM's file.
  private struct Row {
    let stamp: Int64
    let share: Float
  }

  /// Columns of a VM's file.
  private struct Columns {
    let stamp: Int
    let cores: Int
    let capacity: Int
    let usage: Int
    let isShare: Bool
    let memory: Int?

    init?(_ names: ColumnNames) {
      guard let stamp = names["timestamp"], let cores = names["cpu cores"],
        let capacity = names["cpu capacity provisioned"],
        let usage = names["cpu usage %", "cpu usage"]
      else { return nil }
      self.stamp = stamp
      self.cores = cores
      self.capacity = capacity
      self.usage = usage
      isShare = names["cpu usage %"] != nil
      memory = names["memory capacity provisioned"]
    }

    var last: Int { max(stamp, cores, capacity, usage, memory ?? 0) }
  }

  /// Stamps from here on are milliseconds: as seconds they would lie in the year 5138.
  private static let leastMilliseconds: Int64 = 100_000_000_000

  /// Reads a file, folder or archive with a file per VM: columns between semicolons, of which the header names stamp,
  /// cores, capacity, usage and memory. A sample holds from its stamp to the next; the last as long as the one before.
  ///
  /// The archive's headers say `[ms]` while its stamps are in seconds, so the size of the stamps decides.
  func bitbrains() throws(DiagnosticError) -> TraceSet {
    var builder = TraceSetBuilder(unit: .seconds(1))
    var starts: [Int64] = []
    let archive = try ArchiveReader(path: path, bounds: bounds)
    while !faults.isExhausted, try archive.next() {
      let name = Array(FileAccess.stem(of: Self.expandedName(archive.name)).utf8)
      let entity = name.withUnsafeBufferPointer { builder.add(name: $0) }
      builder.select(entity)
      let start = try readVM(archive, entity: entity, into: &builder)
      starts.append(start)
      guard builder.sampleCount <= bounds.samples, builder.count <= bounds.entities else {
        faults.add(archive.label, 1, 1, "a trace has at most \(bounds.samples) samples")
        break
      }
    }
    let origin = starts.min() ?? 0
    builder.origin = origin * 1000
    for (entity, start) in starts.enumerated() where faults.isEmpty {
      let offset = start - origin
      guard offset <= TraceTime.greatestSeconds else {
        faults.add(path, 1, 1, "expected VMs that begin within 100 years, found \(offset) s between two")
        break
      }
      builder.set(entity, start: offset * 1_000_000_000, end: TraceSet.forever)
    }
    return try finish(builder, order: .byName)
  }

  /// A file's name without the ending of its compression.
  static func expandedName(_ name: String) -> String {
    for ending in [".gz", ".xz", ".bz2", ".zst"] where name.hasSuffix(ending) {
      return String(name.dropLast(ending.count))
    }
    return name
  }

  /// Reads the rows of one VM and gives its first stamp in seconds.
  private func readVM(
    _ archive: ArchiveReader, entity: Int, into builder: inout TraceSetBuilder
  ) throws(DiagnosticError) -> Int64 {
    var columns: Columns?
    var first: Int64?
    var last: Row?
    var length: Int64 = 300
    var cores = 0.0
    var capacity = 0.0
    var memory = 0.0
    var isFirst = true
    var samples = 0
    let end = try lines.read(archive, separator: UInt8(ascii: ";"), faults: faults) { line in
      if isFirst {
        isFirst = false
        columns = Columns(ColumnNames(line))
        if columns == nil {
          faults.add(
            archive.label, line.number, 1,
            "expected a header with Timestamp, CPU cores, CPU capacity provisioned and CPU usage between semicolons")
        }
        return columns != nil
      }
      guard let columns else { return false }
      guard line.fieldCount > columns.last else {
        return wrongCount(archive, line, "at least \(columns.last + 1) fields")
      }
      guard var stamp = line.fields[columns.stamp].integer, stamp >= 0 else {
        return fault(archive, line, columns.stamp, "a time stamp of digits")
      }
      if stamp >= Self.leastMilliseconds { stamp /= 1000 }
      guard let newCores = line.fields[columns.cores].number, (0...1e6).contains(newCores) else {
        return fault(archive, line, columns.cores, "a number of cores from 0 to 1000000")
      }
      guard let newCapacity = line.fields[columns.capacity].number, (0...1e12).contains(newCapacity) else {
        return fault(archive, line, columns.capacity, "a capacity in MHz of 0 or more")
      }
      guard let usage = line.fields[columns.usage].number, (0...1e12).contains(usage) else {
        return fault(archive, line, columns.usage, "a usage of 0 or more")
      }
      if let column = columns.memory {
        guard let size = line.fields[column].number, (0...1e15).contains(size) else {
          return fault(archive, line, column, "a memory in KB of 0 or more")
        }
        memory = max(memory, size)
      }
      if let last {
        guard stamp > last.stamp, stamp - last.stamp <= Int64(Int32.max) else {
          return fault(archive, line, columns.stamp, "a time stamp after \(last.stamp)")
        }
        length = stamp - last.stamp
        builder.append(last.share, units: UInt32(length))
      }
      samples += 1
      cores = max(cores, newCores)
      capacity = max(capacity, newCapacity)
      let share = columns.isShare ? usage : (newCapacity > 0 ? 100 * usage / newCapacity : 0)
      first = first ?? stamp
      last = Row(stamp: stamp, share: Float(share))
      return true
    }
    if let last {
      builder.append(last.share, units: UInt32(length))
    } else if columns != nil || isFirst {
      faults.add(archive.label, end.lines + 1, 1, "expected a header and at least one row, found none")
    }
    noteEnd(archive, end)
    builder.set(entity, vcpus: cores, capacity: capacity, memory: Int64(memory * 1024))
    return first ?? 0
  }
}
