import Model
import Virtualization

/// Loads the library of documents that scenarios refer to.
///
/// A library is a folder with the step catalogue `steps.yaml` and the folders `designs`, `profiles`, `guests` and
/// `workloads`, in which every file `NAME.yaml` holds the document of that name.
public enum LibraryLoader {
  /// Makes the digest of bytes, in hexadecimal.
  public typealias Digest = (_ bytes: [UInt8]) -> String

  /// Loads a library.
  ///
  /// - Parameters:
  ///   - folder: the library.
  ///   - scenarioFolder: a folder whose own `designs`, `profiles`, `guests` and `workloads` are added. A name that the library has
  ///     already is a fault, unless both are the same file.
  ///   - digest: makes the digest of a profile from its file, followed by the digest of its base if it has one.
  /// - Throws: `DiagnosticError`, with every fault of all documents at once.
  /// - Complexity: O(size of all documents).
  public static func load(
    folder: String, scenarioFolder: String? = nil, digest: Digest = { _ in "" }
  ) throws(DiagnosticError) -> Library {
    var reader = DocumentReader()
    let stepsPath = "\(folder)/steps.yaml"
    let stepsBytes = try FileAccess.read(stepsPath)
    var library = Library()
    if let steps = try SourceDocument.parse(stepsBytes, path: stepsPath, &reader) {
      library.catalogue = StepCatalogueReader.read(steps, &reader)
    }
    let folders = [folder] + (scenarioFolder.map { [$0] } ?? [])
    let guests = BaseResolver(documents: try SourceDocument.all(.guest, in: folders, &reader))
    library.guests = guests.resolve(&reader) { reader, document, base, hasFaultyBase in
      hasFaultyBase ? nil : GuestReader.read(document.root, base: base, &reader)
    }
    for document in try SourceDocument.all(.workload, in: folders, &reader) {
      library.workloads[document.name] = WorkloadReader.read(document.root, &reader)
    }
    for document in try SourceDocument.all(.device, in: folders, &reader) {
      library.devices[document.name] = DeviceReader.read(document.root, &reader)
    }
    for document in try SourceDocument.all(.power, in: folders, &reader) {
      library.powerCurves[document.name] = PowerReader.read(document.root, &reader)
    }
    let catalogue = library.catalogue
    let profiles = BaseResolver(documents: try SourceDocument.all(.profile, in: folders, &reader))
    library.profiles = profiles.resolve(&reader) { reader, document, base, _ in
      ProfileReader.read(
        document.root, base: base, catalogue: catalogue,
        digest: digest(document.bytes + Array((base?.digest ?? "").utf8)),
        &reader)
    }
    let designs = BaseResolver(documents: try SourceDocument.all(.design, in: folders, &reader))
    library.designs = designs.resolve(&reader) { reader, document, base, hasFaultyBase in
      // Without what it inherits, a design would seem to lack most of its keys.
      hasFaultyBase ? nil : DesignReader.read(document.root, base: base, catalogue: catalogue, &reader)
    }
    _ = try reader.finish()
    return library
  }

  /// Loads a profile from any path, with the library's profiles as bases.
  ///
  /// - Throws: `DiagnosticError`, with every fault of the document at once.
  public static func profile(
    path: String, library: Library, digest: Digest = { _ in "" }
  ) throws(DiagnosticError) -> CostProfile {
    let bytes = try FileAccess.read(path)
    let root = try DocumentParser.parse(bytes, file: path)
    var reader = DocumentReader()
    let base = reader.base(of: root, kind: .profile, among: library.profiles)
    let profile = ProfileReader.read(
      root, base: base, catalogue: library.catalogue, digest: digest(bytes + Array((base?.digest ?? "").utf8)),
      &reader)
    _ = try reader.finish()
    guard let profile else { preconditionFailure("a profile without faults was not read") }
    return profile
  }
}

extension DocumentReader {
  /// The finished document that a single document names as its base, nil without one or after a fault.
  mutating func base<Value>(of root: DocumentNode, kind: DocumentKind, among known: [String: Value]) -> Value? {
    guard let node = root["base"], let name = read(node, Expectation<String>.name) else { return nil }
    if known[name] == nil {
      error(at: node.location, Wording.unknown("base \(kind.rawValue)", name, among: known.keys.sorted()))
    }
    return known[name]
  }
}
