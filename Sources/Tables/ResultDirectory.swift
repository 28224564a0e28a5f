import Glibc

/// A directory of results that appears whole or not at all.
///
/// The files are written to a hidden directory beside the target, which then takes its place in one step. A directory
/// that is already there is replaced, with all that is in it, only when it is empty or holds a manifest that says
/// VDCSim wrote it. A target that is a symbolic link is followed.
public struct ResultDirectory: Sendable {
  /// The path as the user gave it.
  public let path: String
  /// The name of the file that shows who wrote an existing directory.
  public let ownerMarker: String

  /// What the marker file of a directory that VDCSim wrote contains.
  static let ownerText = #""generator": "vdcsim"#

  /// Creates a value for the directory at `path`; nothing is touched yet.
  public init(path: String, ownerMarker: String = "manifest.json") {
    self.path = path
    self.ownerMarker = ownerMarker
  }

  /// Tests that the directory could be written now, and leaves no trace: it is absent, empty or VDCSim's own, and the
  /// place for it is writable.
  ///
  /// It is a cheap test before a long run; what happens later, such as a full disk, it cannot foresee.
  /// - Throws: `ResultDirectoryError` when the directory cannot be written.
  public func check() throws(ResultDirectoryError) {
    let target = try Target(path: path)
    try target.requireReplaceable(ownerMarker: ownerMarker)
    // The hidden name beside the target is longer than the target's.
    if access(target.path(of: target.partialName), F_OK) != 0, errno == ENAMETOOLONG {
      throw ResultDirectoryError(path: path, code: ENAMETOOLONG)
    }
    // The place for missing parents is their nearest ancestor that exists.
    var place = target.parent
    while access(place, F_OK) != 0, errno == ENOENT, place != "/", place != "." { place = Target.parent(of: place) }
    guard FileSystem.isDirectory(place) else { throw ResultDirectoryError(path: place, code: ENOTDIR) }
    try ResultDirectoryError.check(place) { faccessat(AT_FDCWD, place, W_OK | X_OK, AT_EACCESS) }
  }

  /// Writes `files` as the whole content of the directory.
  ///
  /// Missing parents are created. When it returns, files and directory are on the disk, and what was there before is
  /// gone. Leftovers of earlier writes to the same directory that were killed are removed first.
  /// - Parameter files: plain file names, all different, and contents.
  /// - Throws: `ResultDirectoryError` when anything fails. The target is then as it was and nothing else is left, but
  ///   for one case: when the last step, making the change of names durable, fails, the new files are already there.
  public func write(files: [(name: String, bytes: [UInt8])]) throws(ResultDirectoryError) {
    let target = try Target(path: path)
    for file in files where !FileSystem.isPlainName(file.name) {
      throw ResultDirectoryError(path: "\(path)/\(file.name)", reason: "not a plain file name")
    }
    try target.requireReplaceable(ownerMarker: ownerMarker)
    let createdParents = try FileSystem.createDirectories(target.parent)
    do throws(ResultDirectoryError) {
      let parent = try Descriptor(directory: target.parent)
      target.removeLeftovers(in: parent)
      try writePartial(files, target: target, parent: parent)
      try parent.synchronize(path: target.parent)
      for created in createdParents {
        let above = Target.parent(of: created)
        try Descriptor(directory: above).synchronize(path: above)
      }
    } catch {
      // Only empty directories can be removed this way, so nothing of anybody else's is lost.
      for created in createdParents.reversed() { rmdir(created) }
      throw error
    }
  }

  /// Writes the partial directory and swaps it in; removes it when that fails.
  private func writePartial(
    _ files: [(name: String, bytes: [UInt8])], target: Target, parent: borrowing Descriptor
  ) throws(ResultDirectoryError) {
    let partial = target.partialName
    try ResultDirectoryError.check(path) { mkdirat(parent.number, partial, 0o777) }
    do throws(ResultDirectoryError) {
      let directory = try Descriptor(directory: partial, in: parent, path: path)
      // The lock tells other processes that this directory is no leftover.
      flock(directory.number, LOCK_EX | LOCK_NB)
      for file in files {
        try FileSystem.createFile(file.name, bytes: file.bytes, in: directory, path: "\(path)/\(file.name)")
      }
      try directory.synchronize(path: path)
      try target.replace(in: parent, path: path)
    } catch {
      FileSystem.removeTree(partial, in: parent)
      throw error
    }
  }
}
