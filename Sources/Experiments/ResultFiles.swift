import Model
import Tables

/// The files of a result directory.
public enum ResultFiles {
  /// All tables of some results, the comparison if there is one, and the manifest.
  ///
  /// The manifest names the digest of each table, so that `tables` of the given manifest are replaced.
  public static func make(
    results: [RunResult], comparison: Table?, breakdown: Table? = nil, manifest: Manifest
  ) -> [(name: String, bytes: [UInt8])] {
    var files = (ResultTables.make(results) + [comparison, breakdown].compactMap(\.self)).map {
      (name: "\($0.schema.name).csv", bytes: $0.csv())
    }
    var manifest = manifest
    manifest.tables = files.map { ($0.name, Digest.sha256($0.bytes)) }
    files.append((name: "manifest.json", bytes: Array(manifest.json.utf8)))
    return files
  }
}
