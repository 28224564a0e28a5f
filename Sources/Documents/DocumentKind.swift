import Model
import Virtualization

/// The kinds of documents, each named by its first key.
public enum DocumentKind: String, CaseIterable, Sendable, Hashable {
  /// What to simulate.
  case scenario
  /// A hypervisor design.
  case design
  /// A cost profile.
  case profile
  /// A guest system.
  case guest
  /// What guests do.
  case workload
  /// The catalogue of transition steps.
  case steps
  /// A comparison with measured or published quantities.
  case `case`
  /// What the harness's probes contain on one kind of host.
  case calibration
  /// What a host draws.
  case power
  /// A scenario over a grid of values of its keys.
  case experiment
  /// A device of a host, or what a guest's driver sees in its place.
  case device

  /// The folder of a library that holds documents of the kind.
  var folder: String { self == .power ? "power" : "\(rawValue)s" }

  /// Reads a document of any kind and tells its kind by its first key, keys that begin with `x-` left aside.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - library: where bases and steps are looked up; what a scenario names is not.
  /// - Returns: the kind, and remarks that do not keep the document from being used.
  /// - Throws: `DiagnosticError`, with every fault of the file at once.
  public static func check(
    path: String, library: Library
  ) throws(DiagnosticError) -> (kind: DocumentKind, warnings: [Diagnostic]) {
    let root = try DocumentParser.parse(try FileAccess.read(path), file: path)
    var reader = DocumentReader()
    guard let kind = kind(of: root, &reader) else { throw DiagnosticError.faults(reader.diagnostics) }
    switch kind {
    case .scenario: return (kind, try ScenarioReader.read(root).warnings)
    case .steps: _ = StepCatalogueReader.read(root, &reader)
    case .guest:
      let base = reader.base(of: root, kind: kind, among: library.guests)
      if base != nil || root["base"] == nil { _ = GuestReader.read(root, base: base, &reader) }
    case .workload: _ = WorkloadReader.read(root, &reader)
    case .case: _ = CaseReader.read(root, folder: FileAccess.folder(of: path), &reader)
    case .experiment: _ = ExperimentReader.read(root, folder: FileAccess.folder(of: path), &reader)
    case .power: _ = PowerReader.read(root, &reader)
    case .device: _ = DeviceReader.read(root, &reader)
    case .calibration: _ = CalibrationReader.read(root, library: library, &reader)
    case .profile:
      let base = reader.base(of: root, kind: kind, among: library.profiles)
      _ = ProfileReader.read(root, base: base, catalogue: library.catalogue, digest: "", &reader)
    case .design:
      let base = reader.base(of: root, kind: kind, among: library.designs)
      if base != nil || root["base"] == nil {
        _ = DesignReader.read(root, base: base, catalogue: library.catalogue, &reader)
      }
    }
    return (kind, try reader.finish())
  }

  private static func kind(of root: DocumentNode, _ reader: inout DocumentReader) -> DocumentKind? {
    guard let entries = reader.entries(of: root) else { return nil }
    let known = allCases.map(\.rawValue)
    guard let first = entries.first(where: { !$0.key.hasPrefix("x-") }) else {
      reader.error(at: root.location, "expected a document that begins with \(Wording.alternatives(known))")
      return nil
    }
    guard let kind = DocumentKind(rawValue: first.key) else {
      reader.error(at: first.keyLocation, Wording.unknown("kind of document", first.key, among: known))
      return nil
    }
    return kind
  }
}
