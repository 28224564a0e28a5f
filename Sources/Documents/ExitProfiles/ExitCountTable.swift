import Quantities
import Virtualization

/// Reads tables of exit counts with the guest operations that caused them.
///
/// A table is CSV (RFC 4180) with a heading. Each row has one reason's count within one window of observation; windows are
/// told apart by all columns but those of reason and count. Columns that are understood: `workload`; `exit_reason_name` or
/// `exit_reason_code`, and `exit_count`; `guest_seconds`; `vcpus`; the operations `page_faults`, `context_switches`,
/// `forks`, `syscalls`. Others only select.
public enum ExitCountTable {
  /// Reads the windows that the conditions select and adds them up.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - conditions: columns with the value that they must have.
  ///   - guest: the system that was observed. What its composite operations contain (the faults and switches of a fork) is
  ///     taken off what was counted, lest it be simulated twice.
  /// - Throws: `DiagnosticError` with every fault of the file; `.invalid` also when nothing or more than one workload is
  ///   selected.
  public static func read(
    path: String, conditions: [(column: String, value: String)], guest: GuestSystem?
  ) throws(DiagnosticError) -> ExitProfile {
    let table = try parse(path: path)
    var faults = ImportFaults(file: path)
    for (column, _) in conditions where !table.columns.contains(column) {
      faults.add(line: 1, column: 1, Wording.unknown("column", column, among: table.columns))
    }
    for column in ["workload", "exit_count", "guest_seconds"] where !table.columns.contains(column) {
      faults.add(line: 1, column: 1, "missing column '\(column)' in the heading")
    }
    if table.index("exit_reason_name") == nil && table.index("exit_reason_code") == nil {
      faults.add(line: 1, column: 1, "missing column 'exit_reason_name' or 'exit_reason_code' in the heading")
    }
    try faults.finish()
    let rows = table.rows.filter { row in conditions.allSatisfy { table.text($0.column, row) == $0.value } }
    let workloads = Set(rows.map { table.text("workload", $0) }).sorted()
    guard workloads.count == 1, let workload = workloads.first else {
      let known = Set(table.rows.map { table.text("workload", $0) }).sorted()
      faults.add(
        line: 1, column: 1,
        workloads.isEmpty
          ? "no row has the chosen values; the workloads are: \(known.joined(separator: ", "))"
          : "\(workloads.count) workloads are left; choose one with --where workload=NAME: "
            + known.joined(separator: ", "))
      throw DiagnosticError.faults(faults.diagnostics)
    }
    return try profile(of: rows, in: table, workload: workload, conditions: conditions, guest: guest, path: path)
  }

  private static let operations: [(column: String, operation: GuestOperation)] = [
    ("page_faults", .pageFault), ("context_switches", .contextSwitch), ("forks", .processCreation),
    ("syscalls", .syscall),
  ]

  private static func profile(
    of rows: [Row], in table: Table, workload: String, conditions: [(column: String, value: String)],
    guest: GuestSystem?, path: String
  ) throws(DiagnosticError) -> ExitProfile {
    var faults = ImportFaults(file: path)
    let reasonColumns = Set(["exit_reason_code", "exit_reason_name", "exit_count"])
    let windowColumns = table.columns.indices.filter { !reasonColumns.contains(table.columns[$0]) }
    var windows: [[String]: Row] = [:]
    for row in rows { windows[windowColumns.map { row.cells[$0] }] = row }
    func number(_ column: String, _ row: Row) -> Double {
      guard let index = table.index(column), !row.cells[index].isEmpty else { return 0 }
      guard let value = Double(row.cells[index]), value.isFinite, value >= 0 else {
        faults.add(
          line: row.line, column: row.columns[index],
          "expected a number that is not negative in column '\(column)', found \(Wording.quoted(row.cells[index]))")
        return 0
      }
      return value
    }
    var seconds = 0.0
    var vcpus = 1
    var made: [GuestOperation: Double] = [:]
    for (_, row) in windows.sorted(by: { $0.value.line < $1.value.line }) {
      let count = max(1, Int(number("vcpus", row)))
      vcpus = max(vcpus, count)
      seconds += number("guest_seconds", row)
      for (column, operation) in operations { made[operation, default: 0] += number(column, row) }
    }
    let stated = conditions.map { "\($0.column)=\($0.value)" }.joined(separator: " ")
    var exits: [(name: String, count: Double)] = []
    for row in rows {
      let name = table.text("exit_reason_name", row)
      let reason = name.isEmpty ? table.text("exit_reason_code", row) : name
      if reason == "TOTAL" || reason.isEmpty { continue }
      exits.append((reason, number("exit_count", row)))
    }
    if seconds <= 0 && faults.diagnostics.isEmpty {
      faults.add(line: 1, column: 1, "the chosen windows last 0 s; expected a time above 0 in 'guest_seconds'")
    }
    try faults.finish()
    var profile = ExitProfile(
      source: "\(FileAccess.stem(of: path)): \(windows.count) windows of \(stated.isEmpty ? workload : stated)",
      guestSeconds: seconds, vcpus: vcpus)
    let composites = made.filter { $0.key == .processCreation }
    var contained: [GuestOperation: Double] = [:]
    if let guest {
      let expansion = PagingExpansion(
        operations: composites.keys, extents: [:], guest: guest, mode: PagingMode(kind: .hardware))
      contained = expansion.expand(guest.expand(composites))
    }
    for (_, operation) in operations {
      let part = composites[operation] == nil ? contained[operation] ?? 0 : 0
      profile.add(operation, count: max(0, (made[operation] ?? 0) - part))
    }
    for (name, count) in exits { profile.addExits(named: name, count: count) }
    return profile
  }

  // MARK: CSV

  struct Row {
    let line: Int
    var cells: [String] = []
    var columns: [Int] = []
  }

  struct Table {
    let columns: [String]
    let rows: [Row]

    func index(_ column: String) -> Int? { columns.firstIndex(of: column) }
    func text(_ column: String, _ row: Row) -> String { index(column).map { row.cells[$0] } ?? "" }
  }

  static func parse(path: String) throws(DiagnosticError) -> Table {
    let lines = try ImportedText.lines(of: path)
    var faults = ImportFaults(file: path)
    var records: [Row] = []
    for (index, line) in lines.enumerated() where !line.isEmpty {
      guard let row = row(line, number: index + 1, &faults) else { continue }
      if let heading = records.first, row.cells.count != heading.cells.count {
        faults.add(
          line: index + 1, column: 1,
          "expected \(heading.cells.count) cells as in the heading, found \(row.cells.count)")
        continue
      }
      records.append(row)
    }
    if records.count < 2 && faults.diagnostics.isEmpty {
      faults.add(line: 1, column: 1, "expected a heading and at least one row")
    }
    if let heading = records.first, Set(heading.cells).count != heading.cells.count {
      faults.add(line: heading.line, column: 1, "expected columns with names of their own, found one twice")
    }
    try faults.finish()
    return Table(columns: records[0].cells, rows: Array(records.dropFirst()))
  }

  /// The cells of one line; quoted cells may hold commas and doubled quotes, but no line breaks.
  private static func row(_ line: Substring, number: Int, _ faults: inout ImportFaults) -> Row? {
    var row = Row(line: number)
    let bytes = Array(line.utf8)
    var position = 0
    while position <= bytes.count {
      row.columns.append(position + 1)
      var cell: [UInt8] = []
      if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
        let start = position
        position += 1
        while true {
          guard position < bytes.count else {
            faults.add(line: number, column: start + 1, "expected the end of a quoted cell on the same line")
            return nil
          }
          if bytes[position] == UInt8(ascii: "\"") {
            guard position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "\"") else { break }
            position += 1
          }
          cell.append(bytes[position])
          position += 1
        }
        position += 1
        guard position == bytes.count || bytes[position] == UInt8(ascii: ",") else {
          faults.add(line: number, column: position + 1, "expected a comma behind a quoted cell")
          return nil
        }
      } else {
        while position < bytes.count, bytes[position] != UInt8(ascii: ",") {
          cell.append(bytes[position])
          position += 1
        }
      }
      row.cells.append(String(decoding: cell, as: UTF8.self))
      position += 1
    }
    return row
  }
}
