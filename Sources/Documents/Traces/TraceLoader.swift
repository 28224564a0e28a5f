import Model
import Quantities
import Virtualization

/// Loads the traces that a scenario declares, as series of equally long samples.
public enum TraceLoader {
  /// Loads all traces of a scenario by name.
  ///
  /// - Parameter folder: the scenario's folder.
  /// - Throws: located faults, those of all traces at once; `.missing` where no file is.
  public static func load(_ scenario: Scenario, folder: String) throws(DiagnosticError) -> [String: TraceSet] {
    var sets: [String: TraceSet] = [:]
    var faults: [Diagnostic] = []
    for trace in scenario.traces {
      do throws(DiagnosticError) {
        if trace.path == nil {
          throw .invalid([
            Diagnostic(
              location: trace.location,
              message:
                "trace \(Wording.quoted(trace.name)) has no file; expected 'file' inside the scenario's folder, or "
                + "--set trace=PATH")
          ])
        }
        sets[trace.name] = try series(try TraceReader.load(trace, folder: folder).set, of: trace)
      } catch {
        guard case .invalid(let diagnostics) = error else { throw error }
        faults += diagnostics
      }
    }
    guard faults.isEmpty else { throw .invalid(faults) }
    return sets
  }

  private static func series(
    _ set: RecordedDemand, of trace: TraceReference
  ) throws(DiagnosticError) -> TraceSet {
    guard let even = set.lengths == nil ? set : set.resampled(every: set.usualLength), even.sampleCount > 0 else {
      throw .invalid([
        Diagnostic(
          location: trace.location,
          message: "trace \(Wording.quoted(trace.name)) cannot be taken as equally long samples")
      ])
    }
    return TraceSet(
      interval: even.tick, starts: (0...even.count).map { Int(even.entities[$0].firstSample) },
      samples: Array(UnsafeBufferPointer(start: even.samples, count: even.sampleCount)))
  }

  /// Whether all traces of a scenario name a file.
  public static func areStated(in scenario: Scenario) -> Bool { scenario.traces.allSatisfy { $0.path != nil } }
}
