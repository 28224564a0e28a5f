import Model
import Quantities
import Virtualization

/// A trace that was read.
public struct LoadedTrace: Sendable {
  /// The demand.
  public let set: TraceSet
  /// How it was written.
  public let format: TraceReference.Format
  /// What may be wrong with it.
  public let warnings: [Diagnostic]
  /// Remarks on its cached form, which change nothing.
  public let remarks: [Diagnostic]

  init(set: TraceSet, format: TraceReference.Format, warnings: [Diagnostic], remarks: [Diagnostic] = []) {
    self.set = set
    self.format = format
    self.warnings = warnings
    self.remarks = remarks
  }
}

/// Reads traces of any format, plain or compressed, alone, in folders or in archives.
public enum TraceReader {
  /// Reads a trace.
  ///
  /// - Parameters:
  ///   - reference: what the scenario says of it; a path that the scenario states is relative to `folder` and stays
  ///     inside it, links followed.
  ///   - folder: the scenario's folder.
  ///   - cache: where traces are kept in a form that loads fast; nil where none are kept.
  /// - Throws: `DiagnosticError`, with the faults of the trace up to the bounds.
  /// - Complexity: O(bytes of the trace), in memory O(VMs + samples).
  public static func load(
    _ reference: TraceReference, folder: String = ".", cache: TraceCache? = nil, bounds: TraceLimits = TraceLimits()
  ) throws(DiagnosticError) -> LoadedTrace {
    var path = try resolve(reference, folder: folder)
    let format: TraceReference.Format
    if let stated = reference.format {
      format = stated
    } else {
      format = try TraceDetection.format(of: path, bounds: bounds)
    }
    path = TraceDetection.wholePath(of: path, format: format)
    guard let cache, let source = TraceSource(path: path), source.size >= TraceCache.leastSourceSize,
      let key = TraceCache.key(reference, path: path, format: format, bounds: bounds)
    else { return try read(reference, path: path, format: format, bounds: bounds) }
    var remark: String?
    switch cache.find(key, format: format, source: source) {
    case .found(let trace): return trace
    case .absent: break
    case .unusable(let reason): remark = "the cached form of this trace is read anew: \(reason)"
    }
    let trace = try read(reference, path: path, format: format, bounds: bounds)
    if !cache.keep(trace, key: key, source: source, path: path) {
      remark = "the cached form of this trace could not be written to \(Wording.printable(cache.folder))"
    }
    guard let remark else { return trace }
    let location = SourceLocation(file: path, line: 1, column: 1)
    let diagnostic = Diagnostic(severity: .warning, location: location, message: remark)
    return LoadedTrace(set: trace.set, format: format, warnings: trace.warnings, remarks: [diagnostic])
  }

  static func read(
    _ reference: TraceReference, path: String, format: TraceReference.Format, bounds: TraceLimits
  ) throws(DiagnosticError) -> LoadedTrace {
    let reading = TraceReading(reference: reference, path: path, bounds: bounds)
    do throws(DiagnosticError) {
      let set: TraceSet
      switch format {
      case .planetlab: set = try reading.planetLab()
      case .gwa: set = try reading.bitbrains()
      case .opendc: set = try reading.openDC()
      case .azure: set = try reading.azure()
      case .swf: set = try reading.swf()
      }
      return LoadedTrace(set: set, format: format, warnings: reading.faults.diagnostics)
    } catch {
      // What was found before the reading had to stop belongs to the answer.
      guard case .invalid(let more) = error else { throw error }
      throw DiagnosticError.faults(reading.faults.diagnostics + more)
    }
  }

  /// Where the trace lies.
  static func resolve(_ reference: TraceReference, folder: String) throws(DiagnosticError) -> String {
    func refuse(_ message: String) -> DiagnosticError {
      .invalid([Diagnostic(location: reference.location, message: message)])
    }
    let name = Wording.quoted(reference.name)
    guard let path = reference.path else {
      throw refuse("trace \(name) has no file; expected 'file' here, or --set traces.\(reference.name).file=PATH")
    }
    guard !path.isEmpty, !path.utf8.contains(0) else { throw refuse("trace \(name) has an empty path") }
    guard !reference.isFromCommandLine else { return path }
    let full = "\(folder)/\(path)"
    guard let root = FileAccess.realPath(folder), let target = FileAccess.realPath(full) else {
      throw .missing(path: full)
    }
    guard target.hasPrefix(root == "/" ? "/" : root + "/") else {
      throw refuse("trace \(name) leads out of the scenario's folder; name it on the command line instead")
    }
    return full
  }
}
