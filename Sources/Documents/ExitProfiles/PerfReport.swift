import Quantities
import Virtualization

/// Reads the text of `perf kvm stat report` (event `vmexit`).
///
/// Known are the classic layout, whose table is headed `VM-EXIT Samples Samples% Time% Min Time Max Time Avg time`, and
/// that of perf 6.4 and later, headed `Event name Samples Sample% Time (ns) ...`. In both a row begins with the name of the
/// exit and its number of samples.
public enum PerfReport {
  /// A row of the report.
  struct Row: Hashable {
    let name: String
    let samples: Int64
    /// Time from exit to entry of all samples in seconds, if the layout tells it.
    let seconds: Double?
  }

  /// Reads a report.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - seconds: how long the recording took; reports do not say it.
  ///   - vcpus: vCPUs of the guest.
  /// - Returns: the profile. Guest CPU time is the vCPUs' time less the time that the report says was spent between exit
  ///   and entry, idleness in HLT included; the whole of it where the report has no times.
  /// - Throws: `DiagnosticError` with every fault of the file.
  public static func read(path: String, seconds: Double, vcpus: Int) throws(DiagnosticError) -> ExitProfile {
    let rows = try rows(path: path)
    let outside = rows.reduce(0) { $0 + ($1.seconds ?? 0) }
    let guest = seconds * Double(vcpus) - outside
    guard guest > 0 else {
      throw DiagnosticError.faults([
        Diagnostic(
          location: SourceLocation(file: path, line: 1, column: 1),
          message: "the report's exits took \(outside.rounded(.up)) s in all; expected less than \(vcpus) vCPUs times "
            + "\(seconds) s: is the recording longer, or are there more vCPUs?")
      ])
    }
    var profile = ExitProfile(
      source: "perf kvm stat, \(FileAccess.stem(of: path)), \(seconds) s, \(vcpus) vCPUs", guestSeconds: guest,
      vcpus: vcpus)
    for row in rows { profile.addExits(named: row.name, count: Double(row.samples)) }
    return profile
  }

  static func rows(path: String) throws(DiagnosticError) -> [Row] {
    let lines = try ImportedText.lines(of: path)
    var faults = ImportFaults(file: path)
    guard let header = lines.firstIndex(where: isHeader) else {
      faults.add(
        line: 1, column: 1,
        "expected a report of 'perf kvm stat report' with a line that begins with 'VM-EXIT' or 'Event name'")
      throw DiagnosticError.faults(faults.diagnostics)
    }
    let isClassic = lines[header].contains("VM-EXIT")
    var rows: [Row] = []
    for index in lines.indices.dropFirst(header + 1) {
      let line = lines[index]
      let words = line.split(whereSeparator: \.isWhitespace)
      guard let first = words.first else { continue }
      if first.hasPrefix("Total") { break }
      if first.allSatisfy({ $0 == "-" || $0 == "." || $0 == "=" }) || first.hasPrefix("#") { continue }
      guard let position = words.firstIndex(where: { Int64($0.filter { $0 != "," }) != nil }), position > 0,
        let samples = Int64(words[position].filter { $0 != "," }), samples >= 0
      else {
        faults.add(
          line: index + 1, column: column(of: first, in: line),
          "expected the name of an exit and its number of samples, found \(Wording.quoted(String(line)))")
        continue
      }
      let name = words[..<position].joined(separator: " ")
      if rows.contains(where: { $0.name == name }) {
        faults.add(line: index + 1, column: column(of: first, in: line), "exit \(Wording.quoted(name)) is listed twice")
      }
      let rest = Array(words[(position + 1)...])
      rows.append(
        Row(name: name, samples: samples, seconds: isClassic ? classicTime(rest, samples) : recentTime(rest)))
    }
    if rows.isEmpty && faults.diagnostics.isEmpty {
      faults.add(line: header + 1, column: 1, "expected at least one exit below the heading")
    }
    try faults.finish()
    return rows
  }

  private static func isHeader(_ line: Substring) -> Bool {
    let text = line.drop { $0.isWhitespace || $0 == "#" }
    return text.hasPrefix("VM-EXIT") || text.hasPrefix("Event name")
  }

  private static func column(of word: Substring, in line: Substring) -> Int {
    line.distance(from: line.startIndex, to: word.startIndex) + 1
  }

  /// The mean time of the classic layout stands before `( +-`, in microseconds.
  private static func classicTime(_ words: [Substring], _ samples: Int64) -> Double? {
    let end = words.firstIndex { $0.hasPrefix("(") } ?? words.endIndex
    guard let mean = words[..<end].last, mean.hasSuffix("us"), let value = Double(mean.dropLast(2)) else { return nil }
    return value * 1e-6 * Double(samples)
  }

  /// The recent layout has the sum in nanoseconds behind the share of samples.
  private static func recentTime(_ words: [Substring]) -> Double? {
    guard words.count > 1, let time = Double(words[1].filter { $0 != "," }) else { return nil }
    return time * 1e-9
  }
}
