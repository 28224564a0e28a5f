import Model
import Virtualization

/// The traces of a scenario, loaded.
public struct LoadedTraces: Sendable {
  /// Demand as engines take it, by the names of the traces.
  public var sets: [String: TraceSet] = [:]
  /// Digests of what was read, by the names of the traces.
  public var digests: [String: String] = [:]
  /// What may be wrong with them.
  public var warnings: [Diagnostic] = []
  /// Remarks on their cached forms.
  public var remarks: [Diagnostic] = []

  /// No traces.
  public init() {}
}

/// Loads the traces that a scenario names, as series of equally long samples.
public enum TraceLoader {
  /// Loads all traces of a scenario.
  ///
  /// - Parameters:
  ///   - folder: the scenario's folder, in which paths of its document lie; those of the command line start at the
  ///     current directory.
  ///   - digest: makes the digest of a trace's content, which does not depend on how it was compressed.
  /// - Throws: located faults, those of all traces at once; `.missing` where no file is.
  public static func load(
    _ scenario: Scenario, folder: String, cache: TraceCache? = nil,
    digest: (UnsafeRawBufferPointer) -> String = { _ in "" }
  ) throws(DiagnosticError) -> LoadedTraces {
    var loaded = LoadedTraces()
    var faults: [Diagnostic] = []
    for reference in scenario.traces {
      do throws(DiagnosticError) {
        let trace = try TraceReader.load(reference, folder: folder, cache: cache)
        // Samples of other lengths are their means over the usual one, unless the scenario states another.
        let interval = trace.format == .planetlab ? nil : reference.interval
        guard let even = trace.set.evened(every: interval) else {
          let step = interval ?? trace.set.usualLength
          throw .invalid([
            Diagnostic(
              location: reference.location,
              message:
                "trace \(Wording.quoted(reference.name)) has more than \(TraceLimits().samples) samples of \(step), or more "
                + "than there is memory for; expected a longer interval")
          ])
        }
        loaded.sets[reference.name] = even
        loaded.digests[reference.name] = digest(trace.set.block)
        loaded.warnings += trace.warnings
        loaded.remarks += trace.remarks
      } catch {
        guard case .invalid(let diagnostics) = error else { throw error }
        faults += diagnostics
      }
    }
    guard faults.isEmpty else { throw DiagnosticError.faults(faults) }
    return loaded
  }

  /// Whether all traces of a scenario state a path.
  public static func areStated(in scenario: Scenario) -> Bool { scenario.traces.allSatisfy { $0.path != nil } }
}
