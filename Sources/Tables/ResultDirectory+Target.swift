import Glibc

extension ResultDirectory {
  /// The resolved place of a result directory.
  struct Target {
    /// The directory that holds the target.
    let parent: String
    /// The target's name in its parent.
    let name: String
    /// The path as the user gave it, for errors.
    let path: String

    /// Finds the place, through a symbolic link if `path` is one.
    init(path: String) throws(ResultDirectoryError) {
      // To the system the path would end there.
      guard !path.utf8.contains(0) else {
        throw ResultDirectoryError(path: path, reason: "a path cannot contain a NUL character")
      }
      var place = Self.withoutTrailingSlashes(path)
      var status = stat()
      if lstat(place, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
        guard let resolved = realpath(place, nil) else { throw ResultDirectoryError(path: path, code: errno) }
        place = String(cString: resolved)
        free(resolved)
      }
      self.path = path
      parent = Self.parent(of: place)
      name = String(place.utf8.split(separator: UInt8(ascii: "/")).last.map(Substring.init) ?? "")
      guard FileSystem.isPlainName(name) else {
        throw ResultDirectoryError(path: path, reason: "a result directory needs a name of its own")
      }
    }

    var fullPath: String { path(of: name) }
    var partialName: String { "\(partialPrefix)\(getpid())" }
    private var partialPrefix: String { ".\(name).partial-" }

    /// Returns the path of `sibling` in the target's parent.
    func path(of sibling: String) -> String {
      switch parent {
      case ".": sibling
      case "/": "/\(sibling)"
      default: "\(parent)/\(sibling)"
      }
    }

    /// Returns the directory that holds `path`, `.` for a bare name.
    static func parent(of path: String) -> String {
      let path = withoutTrailingSlashes(path)
      guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
      let parent = withoutTrailingSlashes(String(path[..<slash]))
      return parent.isEmpty ? "/" : parent
    }

    private static func withoutTrailingSlashes(_ path: String) -> String {
      var path = Substring(path)
      while path.utf8.count > 1, path.utf8.last == UInt8(ascii: "/") { path.unicodeScalars.removeLast() }
      return String(path)
    }

    /// Requires that the target is absent, or an empty directory, or one that VDCSim wrote, and can be removed.
    func requireReplaceable(ownerMarker: String) throws(ResultDirectoryError) {
      var status = stat()
      guard lstat(fullPath, &status) == 0 else {
        if errno == ENOENT { return }
        throw ResultDirectoryError(path: path, code: errno)
      }
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw ResultDirectoryError(path: path, reason: "exists and is not a directory")
      }
      let directory = try Descriptor(directory: fullPath)
      let names = try FileSystem.names(in: directory, path: path)
      guard names.isEmpty || FileSystem.file(ownerMarker, in: directory, contains: ResultDirectory.ownerText) else {
        throw ResultDirectoryError(
          path: path, reason: "exists and was not written by vdcsim; choose another directory with -o")
      }
      try ResultDirectoryError.check(path) { faccessat(AT_FDCWD, fullPath, W_OK | X_OK, AT_EACCESS) }
    }

    /// Puts the partial directory in the place of the target and removes what was there.
    func replace(in parent: borrowing Descriptor, path: String) throws(ResultDirectoryError) {
      let partial = partialName
      var status = stat()
      guard fstatat(parent.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
        try ResultDirectoryError.check(path) { renameat(parent.number, partial, parent.number, name) }
        return
      }
      if try FileSystem.exchange(partial, name, in: parent, path: path) {
        FileSystem.removeTree(partial, in: parent)
        return
      }
      try replaceInTwoSteps(in: parent, path: path)
    }

    /// Does the same where names cannot be exchanged: for a moment there is no target.
    func replaceInTwoSteps(in parent: borrowing Descriptor, path: String) throws(ResultDirectoryError) {
      // This name is not that of a leftover: a crash between the two renames must not cost the old results.
      let previous = ".\(name).previous-\(getpid())"
      try ResultDirectoryError.check(path) { renameat(parent.number, name, parent.number, previous) }
      do throws(ResultDirectoryError) {
        try ResultDirectoryError.check(path) { renameat(parent.number, partialName, parent.number, name) }
      } catch {
        renameat(parent.number, previous, parent.number, name)
        throw error
      }
      FileSystem.removeTree(previous, in: parent)
    }

    /// Removes partial directories of this target whose process no longer lives.
    func removeLeftovers(in parent: borrowing Descriptor) {
      guard let names = try? FileSystem.names(in: parent, path: path) else { return }
      for candidate in names where candidate.hasPrefix(partialPrefix) {
        guard let process = pid_t(candidate.dropFirst(partialPrefix.count)), process > 0 else { continue }
        // A process of the same number may live in another container, and this process may have taken the number of
        // the dead one: the lock that a writer holds decides.
        guard process == getpid() || (kill(process, 0) != 0 && errno == ESRCH) else { continue }
        guard let leftover = try? Descriptor(directory: candidate, in: parent, path: path),
          flock(leftover.number, LOCK_EX | LOCK_NB) == 0
        else { continue }
        FileSystem.removeTree(candidate, in: parent)
      }
    }
  }
}
