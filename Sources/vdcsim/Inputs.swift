import Documents
import Experiments
import Model
import Virtualization

/// The documents that a command works on.
struct Inputs {
  let scenario: Scenario
  let scenarioDigest: String
  let library: Library
  let profile: CostProfile?
  let warnings: [String]
  /// Remarks that change nothing.
  let remarks: [String]
  /// Digests of the traces by name.
  let traceDigests: [String: String]

  /// Reads a scenario, the library, and the profile of the command line.
  ///
  /// - Throws: `DiagnosticError` with every fault of the documents.
  init(scenario path: String, options: CommonOptions) throws {
    // The scenario first: its faults are the user's own.
    let bytes = try FileAccess.read(path)
    var edits = options.settings.compactMap { DocumentEdit($0) }
    if let seed = options.seed { edits.append(DocumentEdit(key: "seed", value: "\(seed)")) }
    let read = try ScenarioReader.read(bytes: bytes, file: path, edits: edits)
    scenario = read.scenario
    scenarioDigest = Digest.sha256(bytes)
    var documents = try LibraryLoader.load(
      folder: LibraryLoader.locate(explicit: options.library.folder), scenarioFolder: FileAccess.folder(of: path),
      digest: Digest.sha256)
    let traces = try TraceLoader.load(
      read.scenario, folder: FileAccess.folder(of: path), cache: options.traces.cache, digest: Digest.sha256)
    documents.demands = traces.sets
    traceDigests = traces.digests
    warnings = (read.warnings + traces.warnings).map(\.description)
    remarks = traces.remarks.map(\.description)
    let loaded = documents
    library = loaded
    profile = try options.profile.map { try Self.profile($0, library: loaded) }
  }

  /// A profile by name, or from a file where the text looks like a path.
  static func profile(_ text: String, library: Library) throws -> CostProfile {
    if text.contains("/") || text.hasSuffix(".yaml") || text.hasSuffix(".yml") {
      return try LibraryLoader.profile(path: text, library: library, digest: Digest.sha256)
    }
    guard let profile = library.profiles[text] else {
      let location = SourceLocation(file: "--profile", line: 1, column: 1)
      throw ModelFaults(faults: [
        ModelFault(location: location, message: unknown("profile", text, among: library.profiles.keys.sorted()))
      ])
    }
    return profile
  }
}
