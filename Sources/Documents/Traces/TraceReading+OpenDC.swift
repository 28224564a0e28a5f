import Model
import Quantities

extension TraceReading {
  /// Columns of the table of tasks.
  private struct TaskColumns {
    let id: Int
    let submission: Int
    let duration: Int
    let cores: Int
    let capacity: Int
    let memory: Int

    init?(_ names: ColumnNames) {
      guard let id = names["id"], let submission = names["submission_time", "submission time"],
        let duration = names["duration"], let cores = names["cpu_count"], let capacity = names["cpu_capacity"],
        let memory = names["mem_capacity"]
      else { return nil }
      (self.id, self.submission, self.duration) = (id, submission, duration)
      (self.cores, self.capacity, self.memory) = (cores, capacity, memory)
    }

    var last: Int { max(id, submission, duration, cores, capacity, memory) }
  }

  /// Columns of the table of fragments.
  private struct FragmentColumns {
    let id: Int
    let duration: Int
    let usage: Int

    init?(_ names: ColumnNames) {
      guard let id = names["id"], let duration = names["duration"], let usage = names["cpu_usage"] else { return nil }
      (self.id, self.duration, self.usage) = (id, duration, usage)
    }

    var last: Int { max(id, duration, usage) }
  }

  /// Reads the tables `tasks` and `fragments` of a folder or archive. A task is a VM with its time of submission and
  /// duration in ms, cores, capacity in MHz and memory, in MB unless stated otherwise; its fragments follow each other from
  /// the submission on, each with a duration in ms and a usage in MHz. After its fragments a VM asks for nothing.
  func openDC() throws(DiagnosticError) -> TraceSet {
    var builder = TraceSetBuilder(unit: .milliseconds(1))
    var names = NameTable()
    try inTable("tasks") { archive throws(DiagnosticError) in
      try readTasks(archive, into: &builder, names: &names)
    }
    try inTable("fragments") { archive throws(DiagnosticError) in
      try readFragments(archive, into: &builder, names: names)
    }
    return try finish(builder, order: .given)
  }

  /// Lets `body` read a table of the trace by the start of its file's name.
  func inTable(
    _ table: String, _ body: (ArchiveReader) throws(DiagnosticError) -> Void
  ) throws(DiagnosticError) {
    guard !faults.isExhausted else { return }
    let archive = try ArchiveReader(path: path, bounds: bounds)
    let same = (archive.folderFiles ?? []).filter { Self.isTable($0, table) }
    guard same.count < 2 else {
      let names = same.map(Wording.quoted).joined(separator: " and ")
      faults.add(path, 1, 1, "expected one file \(table).csv, plain or compressed, found \(names)")
      return
    }
    while try archive.next() {
      if Self.isTable(archive.name, table) { return try body(archive) }
    }
    faults.add(path, 1, 1, "expected a file \(table).csv, plain or compressed, found none")
  }

  /// Whether a file is the CSV form of a table.
  static func isTable(_ file: String, _ table: String) -> Bool {
    expandedName(file).lowercased() == "\(table.lowercased()).csv"
  }

  private func readTasks(
    _ archive: ArchiveReader, into builder: inout TraceSetBuilder, names: inout NameTable
  ) throws(DiagnosticError) {
    var columns: TaskColumns?
    let unit = reference.memoryUnit ?? .megabytes
    var giants = 0
    var submissions: [Int64] = []
    var durations: [Int64] = []
    var hasHeader = false
    let end = try lines.read(archive, separator: UInt8(ascii: ","), faults: faults) { line in
      if !hasHeader {
        hasHeader = true
        columns = TaskColumns(ColumnNames(line))
        if columns == nil {
          faults.add(
            archive.label, line.number, 1,
            "expected a header with id, submission_time, duration, cpu_count, cpu_capacity and mem_capacity")
        }
        return columns != nil
      }
      guard let columns else { return false }
      guard line.fieldCount > columns.last else {
        return wrongCount(archive, line, "at least \(columns.last + 1) fields")
      }
      let id = line.fields[columns.id]
      guard (1...128).contains(id.count) else { return fault(archive, line, columns.id, "an id of 1 to 128 bytes") }
      guard let submission = line.fields[columns.submission].integer, (0...(1 << 50)).contains(submission) else {
        return fault(archive, line, columns.submission, "a time in ms of 0 or more")
      }
      guard let duration = line.fields[columns.duration].integer,
        (0...TraceTime.greatestMilliseconds).contains(duration)
      else { return fault(archive, line, columns.duration, "a duration in ms from 0 to 100 years") }
      guard let cores = line.fields[columns.cores].number, (0...1e6).contains(cores) else {
        return fault(archive, line, columns.cores, "a number of cores from 0 to 1000000")
      }
      guard let capacity = line.fields[columns.capacity].number, capacity > 0, capacity <= 1e12 else {
        return fault(archive, line, columns.capacity, "a capacity in MHz above 0")
      }
      guard let memory = line.fields[columns.memory].number, (0...1e12).contains(memory) else {
        return fault(archive, line, columns.memory, "a memory in \(unit.rawValue) of 0 or more")
      }
      if memory * unit.bytes > 4e12 { giants += 1 }
      guard names.insert(id.bytes) else { return fault(archive, line, columns.id, "an id of its own") }
      guard builder.count < bounds.entities else {
        return faults.add(archive.label, line.number, 1, "a trace has at most \(bounds.entities) VMs")
      }
      _ = builder.add(name: id.bytes, vcpus: cores, capacity: capacity, memory: Int64(memory * unit.bytes))
      submissions.append(submission)
      durations.append(duration)
      return true
    }
    if !hasHeader { faults.add(archive.label, 1, 1, "expected a header and at least one task, found none") }
    warnOfEnd(archive, end)
    if giants > 0, unit == .megabytes {
      faults.warn(
        archive.label, 1,
        "\(giants) tasks have more than 4 TB of memory, taken as MB; state memory_unit: KB if it is that")
    }
    let origin = submissions.min() ?? 0
    builder.origin = origin
    for entity in submissions.indices {
      let start = submissions[entity] - origin
      guard start <= TraceTime.greatestMilliseconds else {
        faults.add(
          archive.label, 1, 1, "expected tasks that begin within 100 years, found \(start / 1000) s between two")
        break
      }
      builder.set(entity, start: start * 1_000_000, end: (start + durations[entity]) * 1_000_000)
    }
  }

  private func readFragments(
    _ archive: ArchiveReader, into builder: inout TraceSetBuilder, names: NameTable
  ) throws(DiagnosticError) {
    var columns: FragmentColumns?
    var hasHeader = false
    var current = -1
    var name: [UInt8] = []
    var scale = 0.0
    // Milliseconds of each task's fragments, which together stay within the range of time.
    var sums = [Int64](repeating: 0, count: builder.count)
    let end = try lines.read(archive, separator: UInt8(ascii: ","), faults: faults) { line in
      if !hasHeader {
        hasHeader = true
        columns = FragmentColumns(ColumnNames(line))
        if columns == nil {
          faults.add(archive.label, line.number, 1, "expected a header with id, duration and cpu_usage")
        }
        return columns != nil
      }
      guard let columns else { return false }
      guard line.fieldCount > columns.last else {
        return wrongCount(archive, line, "at least \(columns.last + 1) fields")
      }
      let id = line.fields[columns.id]
      if id.count != name.count || !id.bytes.elementsEqual(name) {
        guard let entity = names.find(id.bytes) else {
          return fault(archive, line, columns.id, "the id of a task")
        }
        current = entity
        name = Array(id.bytes)
        scale = builder[entity].capacity
        builder.select(entity)
      }
      guard var duration = line.fields[columns.duration].integer, duration > 0,
        duration <= TraceTime.greatestMilliseconds - sums[current]
      else { return fault(archive, line, columns.duration, "a duration in ms above 0, in all up to 100 years") }
      guard let usage = line.fields[columns.usage].number, (0...1e12).contains(usage) else {
        return fault(archive, line, columns.usage, "a usage in MHz of 0 or more")
      }
      guard builder.sampleCount < bounds.samples else {
        return faults.add(archive.label, line.number, 1, "a trace has at most \(bounds.samples) samples")
      }
      sums[current] += duration
      let share = Float(100 * usage / scale)
      while duration > Int64(Int32.max) {
        builder.append(share, units: UInt32(Int32.max))
        duration -= Int64(Int32.max)
      }
      builder.append(share, units: UInt32(duration))
      return true
    }
    if !hasHeader { faults.add(archive.label, 1, 1, "expected a header and fragments, found none") }
    warnOfEnd(archive, end)
    let idle = sums.count { $0 == 0 }
    if idle > 0, faults.isEmpty { faults.warn(archive.label, 1, "\(idle) tasks have no fragments and ask for nothing") }
  }
}
