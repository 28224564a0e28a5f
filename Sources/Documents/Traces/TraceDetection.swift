import Glibc
import Model

/// Tells the format of a trace by its content, and by names where a format has more than one file.
enum TraceDetection {
  /// The format of what stands at a path.
  ///
  /// - Throws: a fault when no format fits.
  static func format(of path: String, bounds: TraceLimits) throws(DiagnosticError) -> TraceReference.Format {
    let archive = try ArchiveReader(path: path, bounds: bounds)
    let lines = TextLines(bounds: bounds)
    let faults = TraceFaults(bounds: bounds)
    while try archive.next() {
      var format: TraceReference.Format?
      if let table = table(archive.name) {
        format = table
      } else {
        _ = try lines.read(archive, separator: UInt8(ascii: " "), faults: faults) { line in
          format = self.format(of: line)
          return false
        }
      }
      if let format { return format }
      break
    }
    try faults.check()
    throw .invalid([
      Diagnostic(
        location: .init(file: archive.label.isEmpty ? path : archive.label, line: 1, column: 1),
        message:
          "expected a trace in the format \(Wording.alternatives(TraceReference.Format.allCases.map(\.rawValue))), "
          + "found none of them; state its format")
    ])
  }

  private static func table(_ file: String) -> TraceReference.Format? {
    if ["tasks", "fragments"].contains(where: { TraceReading.isTable(file, $0) }) { return .opendc }
    if ["vmType", "vm"].contains(where: { TraceReading.isTable(file, $0) }) { return .azure }
    return nil
  }

  /// The format that a first line, split at spaces, speaks for.
  private static func format(of line: TextLine) -> TraceReference.Format? {
    if line.fields[0].count > 0, line.fields[0].start[0] == UInt8(ascii: ";") { return .swf }
    if line.fieldCount == 18, (0..<18).allSatisfy({ line.fields[$0].number != nil }) { return .swf }
    if line.fieldCount == 1, line.fields[0].integer != nil { return .planetlab }
    let text = String(decoding: UnsafeBufferPointer(start: line.start, count: line.count), as: UTF8.self).lowercased()
    if text.contains("timestamp"), text.contains(";") { return .gwa }
    if text.contains("submission_time"), text.contains("cpu_capacity") { return .opendc }
    if text.contains("vmtypeid") { return .azure }
    return nil
  }

  /// The folder of a trace of two tables, of which the path names one; else the path itself.
  static func wholePath(of path: String, format: TraceReference.Format) -> String {
    guard format == .opendc || format == .azure, table(path.split(separator: "/").last.map(String.init) ?? "") == format
    else { return path }
    return FileAccess.folder(of: path)
  }
}
