import Quantities
import Virtualization

/// Exits of a real guest over some time, as a workload: what the guest did, with what followed from it set beside.
public struct ExitProfile: Sendable {
  /// Where the counts come from, for the document's head.
  public let source: String
  /// CPU time that the guest itself used, all vCPUs together, in seconds.
  public let guestSeconds: Double
  /// vCPUs of the guest.
  public let vcpus: Int
  /// Counts of given operations.
  public private(set) var operations: [GuestOperation: Double] = [:]
  /// Counts of exits that follow from the simulation.
  public private(set) var derived: [ExitReason: Double] = [:]
  /// Names of reports that no table knows, with their counts.
  public private(set) var unknown: [(name: String, count: Double)] = []

  /// Creates a profile without counts. `guestSeconds` > 0.
  public init(source: String, guestSeconds: Double, vcpus: Int) {
    self.source = source
    self.guestSeconds = guestSeconds
    self.vcpus = vcpus
  }

  /// Counts an operation that the guest made.
  public mutating func add(_ operation: GuestOperation, count: Double) {
    if count > 0 { operations[operation, default: 0] += count }
  }

  /// Counts exits for a reason under the name of a report.
  public mutating func addExits(named name: String, count: Double) {
    guard count > 0 else { return }
    guard let reason = ExitReason(reportName: name) else {
      unknown.append((name, count))
      return
    }
    addExits(reason, count: count)
  }

  /// Counts exits for a reason.
  public mutating func addExits(_ reason: ExitReason, count: Double) {
    guard count > 0 else { return }
    switch reason.use {
    case .given(let operation): add(operation, count: count)
    case .derived: derived[reason, default: 0] += count
    }
  }

  /// Counts exits for a reason only as derived, whatever they are otherwise: the guest's operations are known better.
  public mutating func addDerived(_ reason: ExitReason, count: Double) {
    if count > 0 { derived[reason, default: 0] += count }
  }

  /// The profile as a workload document.
  ///
  /// The workload is a batch of as much CPU time as was counted, so that a scenario repeats what was observed; its rates
  /// hold per second of the guest's CPU time.
  public func document(name: String) -> String {
    var lines = [
      "# Rates of guest operations, imported from counts of exits. Operations are given: they are the same under every",
      "# design. Exits that follow from other operations, from idleness, the design or the host stand under derived_exits",
      "# for comparison; the simulation finds its own.",
      "workload: \(name)",
      "title: \(Self.quoted("imported: \(source)"))",
      "batch: {work: \(TimeSpan(nanoseconds: Int64((guestSeconds * 1e9).rounded()))), threads: \(max(1, vcpus))}",
    ]
    let stated = GuestOperation.allCases.filter { operations[$0] != nil }
    lines.append(stated.isEmpty ? "per_cpu_second: {}" : "per_cpu_second:")
    lines += stated.map { "  \($0.name): \(rate(operations[$0] ?? 0))" }
    let reasons = ExitReason.allCases.filter { derived[$0] != nil }
    if !reasons.isEmpty {
      lines.append("derived_exits:")
      for reason in reasons {
        guard case .derived(let why) = reason.use else {
          lines.append("  \(reason.rawValue): \(rate(derived[reason] ?? 0))")
          continue
        }
        lines.append("  \(reason.rawValue): \(rate(derived[reason] ?? 0))  # \(why)")
      }
    }
    for (name, count) in unknown {
      lines.append("# not attributed: \(Wording.printable(name)), \(rate(count))")
    }
    lines.append("sources:")
    lines.append("  per_cpu_second: \(Self.quoted(source))")
    return lines.joined(separator: "\n") + "\n"
  }

  /// A rate per second of guest CPU time, to six significant digits.
  private func rate(_ count: Double) -> Rate {
    let value = count / guestSeconds
    guard value > 0 else { return Rate(perSecond: 0) }
    var scale = 1.0
    while value * scale < 1e5 { scale *= 10 }
    while value * scale >= 1e6 { scale /= 10 }
    return Rate(perSecond: scale >= 1 ? (value * scale).rounded() / scale : (value * scale).rounded() * (1 / scale))
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in Wording.printable(text).unicodeScalars {
      if scalar == "\"" || scalar == "\\" { result.append("\\") }
      result.unicodeScalars.append(scalar)
    }
    return result + "\""
  }
}

/// Collects the faults of a table or report, at most `limit` of them.
struct ImportFaults {
  private(set) var diagnostics: [Diagnostic] = []
  let file: String
  static let limit = 50

  init(file: String) { self.file = file }

  mutating func add(line: Int, column: Int, _ message: String) {
    guard diagnostics.count < Self.limit else { return }
    diagnostics.append(Diagnostic(location: SourceLocation(file: file, line: line, column: column), message: message))
  }

  /// Throws what was collected.
  func finish() throws(DiagnosticError) {
    if !diagnostics.isEmpty { throw DiagnosticError.faults(diagnostics) }
  }
}

/// The text of an imported file, line by line.
enum ImportedText {
  /// The lines of a file.
  ///
  /// - Throws: `DiagnosticError` for what cannot be read, is empty, too large, or no text.
  static func lines(of path: String, limit: Int = 64 << 20) throws(DiagnosticError) -> [Substring] {
    let bytes = try FileAccess.read(path, limit: limit)
    var faults = ImportFaults(file: path)
    if bytes.isEmpty { faults.add(line: 1, column: 1, "expected a report, found an empty file") }
    if bytes.count > limit { faults.add(line: 1, column: 1, "expected a file of at most \(limit >> 20) MiB") }
    if let zero = bytes.firstIndex(of: 0) {
      let line = bytes[..<zero].count { $0 == 10 } + 1
      faults.add(line: line, column: 1, "expected text, found a zero byte")
    }
    try faults.finish()
    guard let text = String(validating: bytes, as: UTF8.self) else {
      faults.add(line: 1, column: 1, "expected text in UTF-8")
      throw DiagnosticError.faults(faults.diagnostics)
    }
    return text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
  }
}
