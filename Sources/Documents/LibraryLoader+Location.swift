import Glibc

extension LibraryLoader {
  /// The environment variable that names the library's folder.
  public static let environmentVariable = "VDCSIM_LIBRARY"

  /// Finds the folder of the library for this process.
  ///
  /// - Parameter explicit: the folder that the user names, if any.
  /// - Returns: the folder named by the user; else by the environment; else `scenarios` in the nearest folder above the
  ///   executable, then at or above the current directory, that holds `scenarios/steps.yaml`; else
  ///   `share/vdcsim/scenarios` beside the executable's folder. Nothing need be there.
  public static func locate(explicit: String? = nil) -> String {
    locate(
      explicit: explicit, environment: getenv(environmentVariable).map { String(cString: $0) },
      executable: executablePath(), currentDirectory: currentDirectory())
  }

  /// Finds the folder of the library as `locate(explicit:)` does, for a process of which the given facts hold.
  static func locate(
    explicit: String?, environment: String?, executable: String?, currentDirectory: String?
  ) -> String {
    if let explicit { return explicit }
    if let environment, !environment.isEmpty { return environment }
    for start in [executable.map(FileAccess.folder(of:)), currentDirectory].compactMap({ $0 }) {
      if let found = nearest(from: start) { return found }
    }
    let prefix = executable.map { FileAccess.folder(of: FileAccess.folder(of: $0)) } ?? "/usr"
    return joined(prefix, "share/vdcsim/scenarios")
  }

  private static func nearest(from start: String) -> String? {
    var folder = start
    while true {
      let candidate = joined(folder, "scenarios")
      if FileAccess.exists("\(candidate)/steps.yaml") { return candidate }
      let parent = FileAccess.folder(of: folder)
      guard parent != folder, folder.hasPrefix("/") else { return nil }
      folder = parent
    }
  }

  private static func joined(_ folder: String, _ name: String) -> String {
    folder == "/" ? "/\(name)" : "\(folder)/\(name)"
  }

  private static func executablePath() -> String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
    }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }

  private static func currentDirectory() -> String? {
    guard let path = getcwd(nil, 0) else { return nil }
    defer { free(path) }
    return String(cString: path)
  }
}
