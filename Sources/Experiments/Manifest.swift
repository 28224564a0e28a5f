import Model
import Tables

/// What a result directory says about how it was made.
public struct Manifest: Sendable {
  /// The version of VDCSim.
  public static let version = "0.1.0"

  /// The scenario's name.
  public var scenario: String
  /// SHA-256 of the scenario's file.
  public var scenarioDigest: String
  /// Seed of all streams.
  public var seed: UInt64
  /// Replications of each design.
  public var replications: Int
  /// The engine.
  public var fidelity: Fidelity
  /// Designs in order.
  public var designs: [String]
  /// SHA-256 of each profile by name.
  public var profiles: [String: String]
  /// SHA-256 of the content of each trace by name.
  public var traces: [String: String]
  /// The command line that made the results, without the output directory and the number of jobs, which do not change
  /// them.
  public var commandLine: [String]
  /// SHA-256 of each table by file name.
  public var tables: [(name: String, digest: String)]
  /// Remarks for the user.
  public var warnings: [String]

  /// Creates a manifest.
  public init(
    scenario: String, scenarioDigest: String, seed: UInt64, replications: Int, fidelity: Fidelity, designs: [String],
    profiles: [String: String], traces: [String: String] = [:], commandLine: [String],
    tables: [(name: String, digest: String)], warnings: [String]
  ) {
    self.scenario = scenario
    self.scenarioDigest = scenarioDigest
    self.seed = seed
    self.replications = replications
    self.fidelity = fidelity
    self.designs = designs
    self.profiles = profiles
    self.traces = traces
    self.commandLine = commandLine
    self.tables = tables
    self.warnings = warnings
  }

  /// Digests of the profiles that models use, by name, bases included.
  public static func profiles(of models: [SimulationModel]) -> [String: String] {
    var profiles: [String: String] = [:]
    for host in models.flatMap(\.hosts) {
      for profile in [host.design.profile] + host.design.profile.bases { profiles[profile.name] = profile.digest }
    }
    return profiles
  }

  /// The manifest as JSON text with keys in a fixed order.
  public var json: String {
    func list(_ values: [String]) -> String { "[" + values.map(Self.quoted).joined(separator: ", ") + "]" }
    func object(_ values: [(String, String)]) -> String {
      let lines = values.map { "    \(Self.quoted($0.0)): \(Self.quoted($0.1))" }
      return lines.isEmpty ? "{}" : "{\n" + lines.joined(separator: ",\n") + "\n  }"
    }
    var fields: [(String, String)] = [
      ("generator", Self.quoted("vdcsim \(Self.version)")), ("scenario", Self.quoted(scenario)),
      ("scenario_sha256", Self.quoted(scenarioDigest)), ("seed", "\(seed)"), ("replications", "\(replications)"),
      ("fidelity", Self.quoted(fidelity.rawValue)), ("designs", list(designs)),
      ("profiles_sha256", object(profiles.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })),
      ("command_line", list(commandLine)), ("tables_sha256", object(tables.map { ($0.name, $0.digest) })),
      ("warnings", list(warnings)),
    ]
    if !traces.isEmpty {
      let digests = object(traces.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
      fields.insert(("traces_sha256", digests), at: 8)
    }
    return "{\n" + fields.map { "  \(Self.quoted($0.0)): \($0.1)" }.joined(separator: ",\n") + "\n}\n"
  }

  /// The manifest of a directory that holds tables of something else than runs of one scenario.
  public static func ofTables(_ tables: [Table], about subject: String) -> (name: String, bytes: [UInt8]) {
    let digests = tables.map { "    \(quoted("\($0.schema.name).csv")): \(quoted(Digest.sha256($0.csv())))" }
    let text =
      "{\n  \"generator\": \(quoted("vdcsim \(version)")),\n  \"subject\": \(quoted(subject)),\n"
      + "  \"tables_sha256\": {\n\(digests.joined(separator: ",\n"))\n  }\n}\n"
    return ("manifest.json", Array(text.utf8))
  }

  /// A JSON string.
  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
