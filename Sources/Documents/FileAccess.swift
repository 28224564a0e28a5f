import Glibc

/// Reading of files and folders.
public enum FileAccess {
  /// A file as the file system knows it, whatever path leads to it.
  struct Identity: Hashable {
    let device: UInt64
    let number: UInt64
  }

  /// The bytes of a file; at most one more than `limit`, which tells that it is too large. The limit is the greatest size
  /// of a document.
  ///
  /// - Throws: `DiagnosticError.missing` or `.unreadable`.
  public static func read(_ path: String, limit: Int? = nil) throws(DiagnosticError) -> [UInt8] {
    let limit = limit ?? DocumentBounds.fileSize
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= limit {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure(path) }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return bytes
  }

  /// The paths of the YAML documents in a folder, sorted by name; none when the folder does not exist.
  ///
  /// - Throws: `DiagnosticError.unreadable`.
  public static func documents(in folder: String) throws(DiagnosticError) -> [String] {
    do throws(DiagnosticError) {
      return try entries(of: folder).filter { $0.hasSuffix(".yaml") }.map { "\(folder)/\($0)" }
    } catch .missing {
      return []
    } catch {
      throw error
    }
  }

  /// The names in a folder that do not begin with a dot, sorted.
  ///
  /// - Throws: `DiagnosticError.missing` or `.unreadable`.
  static func entries(of folder: String) throws(DiagnosticError) -> [String] {
    guard let stream = opendir(folder) else { throw failure(folder) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(entry.pointee.d_reclen)) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// Whether there is anything at the path.
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Which file stands at the path, or nil.
  static func identity(of path: String) -> Identity? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Identity(device: UInt64(status.st_dev), number: UInt64(status.st_ino))
  }

  /// The absolute path without links to what stands at a path, or nil.
  static func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  /// The last component of a path without its extension.
  static func stem(of path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return String(name) }
    return String(name[..<dot])
  }

  /// The folder that holds what stands at the path: `.` for a bare name.
  public static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  static func failure(_ path: String) -> DiagnosticError {
    let code = errno
    return code == ENOENT || code == ENOTDIR
      ? .missing(path: path) : .unreadable(path: path, reason: String(cString: strerror(code)))
  }
}
