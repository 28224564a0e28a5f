import Virtualization

/// A remark on a document, with its place.
public struct Diagnostic: Sendable, Hashable, CustomStringConvertible {
  /// How grave a remark is.
  public enum Severity: String, Sendable, Hashable {
    /// The document cannot be used.
    case error
    /// The document can be used, but perhaps not as it was meant.
    case warning
  }

  /// How grave the remark is.
  public let severity: Severity
  /// The place that it is about.
  public let location: SourceLocation
  /// What is wrong and what was expected, without a full stop.
  public let message: String

  /// Creates a remark.
  public init(severity: Severity = .error, location: SourceLocation, message: String) {
    self.severity = severity
    self.location = location
    self.message = message
  }

  /// `file:line:column: error: message`.
  public var description: String {
    "\(Wording.printable(location.file)):\(location.line):\(location.column): \(severity.rawValue): \(message)"
  }
}

extension Diagnostic: Comparable {
  /// Orders remarks by file, line, column, severity and message.
  public static func < (left: Diagnostic, right: Diagnostic) -> Bool {
    if left.location.file != right.location.file { return left.location.file < right.location.file }
    return (left.location.line, left.location.column, left.severity.rawValue, left.message)
      < (right.location.line, right.location.column, right.severity.rawValue, right.message)
  }
}

/// Why documents could not be loaded.
public enum DiagnosticError: Error, Sendable, Hashable {
  /// There is no file or folder at the path.
  case missing(path: String)
  /// The file or folder exists, but cannot be read for the given reason.
  case unreadable(path: String, reason: String)
  /// The documents have faults: all of one load, sorted by file, line and column, none twice; warnings among them.
  case invalid([Diagnostic])

  /// The sorted, unique diagnostics of a load as an error.
  static func faults(_ diagnostics: [Diagnostic]) -> DiagnosticError { .invalid(Set(diagnostics).sorted()) }
}

extension DiagnosticError: CustomStringConvertible {
  /// One line per fault.
  public var description: String {
    switch self {
    case .missing(let path): "\(Wording.printable(path)): error: no such file or folder"
    case .unreadable(let path, let reason): "\(Wording.printable(path)): error: cannot be read: \(reason)"
    case .invalid(let diagnostics): diagnostics.map(\.description).joined(separator: "\n")
    }
  }
}
