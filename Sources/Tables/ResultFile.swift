import Glibc

/// Single files of results that appear whole or not at all.
///
/// A file that is already there is replaced only when it begins as one that VDCSim would write.
public struct ResultFile: Sendable {
  /// The path as the user gave it.
  public let path: String
  /// How a file of this kind begins, whoever wrote it.
  public let marker: String

  /// Creates a value for the file at `path`; nothing is touched yet.
  public init(path: String, marker: String) {
    self.path = path
    self.marker = marker
  }

  /// Tests that the file could be written now, and leaves no trace.
  ///
  /// - Throws: `ResultDirectoryError` when it cannot.
  public func check() throws(ResultDirectoryError) {
    let target = try ResultDirectory.Target(path: path)
    guard FileSystem.isDirectory(target.parent) else {
      throw ResultDirectoryError(path: target.parent, code: access(target.parent, F_OK) == 0 ? ENOTDIR : ENOENT)
    }
    try ResultDirectoryError.check(target.parent) { faccessat(AT_FDCWD, target.parent, W_OK | X_OK, AT_EACCESS) }
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ResultDirectoryError(path: path, reason: "exists and is no file")
    }
    guard status.st_size == 0 || begins(with: marker) else {
      throw ResultDirectoryError(
        path: path, reason: "exists and was not written by vdcsim; choose another name with -o")
    }
  }

  private func begins(with text: String) -> Bool {
    let opened = open(path, O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else { return false }
    let file = Descriptor(number: opened)
    var bytes = [UInt8](repeating: 0, count: text.utf8.count)
    let count = bytes.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
    return count == bytes.count && bytes.elementsEqual(text.utf8)
  }

  /// Writes several files: all of them to hidden files beside their targets, which then take their places.
  ///
  /// - Throws: `ResultDirectoryError` when anything fails; before the first file has taken its place nothing is left.
  public static func write(_ files: [(file: ResultFile, bytes: [UInt8])]) throws(ResultDirectoryError) {
    var partials: [(partial: String, path: String)] = []
    do throws(ResultDirectoryError) {
      for (file, bytes) in files {
        try file.check()
        let target = try ResultDirectory.Target(path: file.path)
        let parent = try Descriptor(directory: target.parent)
        let partial = target.partialName
        unlinkat(parent.number, partial, 0)
        partials.append((target.path(of: partial), target.fullPath))
        try FileSystem.createFile(partial, bytes: bytes, in: parent, path: file.path)
      }
      for (partial, path) in partials {
        try ResultDirectoryError.check(path) { rename(partial, path) }
      }
    } catch {
      for (partial, _) in partials { unlink(partial) }
      throw error
    }
  }
}
