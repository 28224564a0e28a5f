/// The bounds that keep traces from using up memory or time.
public struct TraceLimits: Sendable {
  /// Bytes of all files of a trace once they are expanded.
  public var expandedBytes: Int64 = 64 << 30
  /// Expanded bytes up to which the ratio does not count.
  public var freeBytes: Int64 = 16 << 20
  /// How many bytes a compressed byte may become: traces reach about 30, a run of zeros 1000 and more.
  public var expansion: Int64 = 256
  /// Files of an archive or a folder.
  public var files = 1_000_000
  /// Samples of all VMs.
  public var samples = 1 << 30
  /// VMs.
  public var entities = 20_000_000
  /// Bytes of a line.
  public var lineBytes = 4096
  /// Faults that are told of one file.
  public var faultsPerFile = 20
  /// Faults after which reading stops.
  public var faults = 100

  /// The usual bounds.
  public init() {}
}

/// What is wrong with a trace, and remarks on it.
final class TraceFaults {
  private(set) var diagnostics: [Diagnostic] = []
  private let bounds: TraceLimits
  private var errors = 0
  private var errorsOfFile = 0
  private var file = ""
  /// Files whose last line has an end, and those whose last line has none.
  private var endedFiles = 0
  private var openFiles = 0
  private var openEnds: [(file: String, line: Int)] = []

  init(bounds: TraceLimits) { self.bounds = bounds }

  /// Whether nothing is wrong so far.
  var isEmpty: Bool { errors == 0 }

  /// Records a fault; false when the rest of the file need not be read.
  @discardableResult
  func add(_ file: String, _ line: Int, _ column: Int, _ message: String) -> Bool {
    if file != self.file { (self.file, errorsOfFile) = (file, 0) }
    errors += 1
    errorsOfFile += 1
    if errorsOfFile <= bounds.faultsPerFile, errors <= bounds.faults {
      diagnostics.append(Diagnostic(location: .init(file: file, line: line, column: column), message: message))
    }
    return errorsOfFile < bounds.faultsPerFile && errors < bounds.faults
  }

  /// Whether so much is wrong that reading need not go on.
  var isExhausted: Bool { errors >= bounds.faults }

  /// Records a remark.
  func warn(_ file: String, _ line: Int = 1, _ message: String) {
    diagnostics.append(
      Diagnostic(severity: .warning, location: .init(file: file, line: line, column: 1), message: message))
  }

  /// Notes how one of several like files ends.
  func noteEnd(of file: String, line: Int, isTerminated: Bool) {
    if isTerminated {
      endedFiles += 1
    } else {
      openFiles += 1
      if openEnds.count < bounds.faults { openEnds.append((file, line)) }
    }
  }

  /// Judges the last lines of all files: a line without an end may be a number cut short, and is one where others have
  /// theirs. A trace may have been written without any.
  func judgeEnds() {
    guard let first = openEnds.first else { return }
    if endedFiles > 0 {
      for end in openEnds {
        add(end.file, end.line, 1, "expected a last line with an end, as other files have it: the file is cut off")
      }
    } else {
      let others = openFiles > 1 ? ", like that of \(openFiles - 1) other files" : ""
      warn(first.file, first.line, "the last line has no end\(others): the file may be cut off")
    }
    openEnds = []
  }

  /// - Throws: everything that was recorded, when a fault is among it.
  func check() throws(DiagnosticError) {
    if !isEmpty { throw DiagnosticError.faults(diagnostics) }
  }
}
