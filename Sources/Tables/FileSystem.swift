import Glibc

/// An open file or directory, closed when the value ends.
struct Descriptor: ~Copyable {
  let number: Int32

  /// Takes over an open descriptor.
  init(number: Int32) {
    self.number = number
  }

  /// Opens the directory at `path`.
  init(directory path: String) throws(ResultDirectoryError) {
    number = try ResultDirectoryError.check(path) { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
  }

  /// Opens the directory `name` in `parent`, following no link; `path` is for errors.
  init(directory name: String, in parent: borrowing Descriptor, path: String) throws(ResultDirectoryError) {
    let above = parent.number
    number = try ResultDirectoryError.check(path) {
      openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }
  }

  deinit { close(number) }

  /// Waits until the content is on the disk; file systems that cannot do this for directories are taken as they are.
  func synchronize(path: String) throws(ResultDirectoryError) {
    do throws(ResultDirectoryError) {
      try ResultDirectoryError.check(path) { fsync(number) }
    } catch {
      if error != ResultDirectoryError(path: path, code: EINVAL) { throw error }
    }
  }
}

/// What result directories need of the file system.
enum FileSystem {
  /// Returns whether `name` names a file in a directory itself: not empty, no slash, no NUL, not `.` or `..`.
  static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/")) && !name.utf8.contains(0)
  }

  /// Returns whether there is a directory at `path`, following links.
  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Creates the directory at `path` and its missing parents; returns those it created, the highest first.
  static func createDirectories(_ path: String) throws(ResultDirectoryError) -> [String] {
    if isDirectory(path) { return [] }
    let parent = ResultDirectory.Target.parent(of: path)
    let created = parent == path ? [] : try createDirectories(parent)
    guard mkdir(path, 0o777) != 0 else { return created + [path] }
    let code = errno
    // Another process may have been faster.
    if code == EEXIST, isDirectory(path) { return created }
    for directory in created.reversed() { rmdir(directory) }
    throw ResultDirectoryError(path: path, code: code == EEXIST ? ENOTDIR : code)
  }

  /// Creates the file `name` in `directory` and waits until it is on the disk; `path` is for errors.
  static func createFile(
    _ name: String, bytes: [UInt8], in directory: borrowing Descriptor, path: String
  ) throws(ResultDirectoryError) {
    let above = directory.number
    let file = Descriptor(
      number: try ResultDirectoryError.check(path) {
        openat(above, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
      })
    var start = 0
    while start < bytes.count {
      start += try ResultDirectoryError.check(path) {
        bytes[start...].withUnsafeBytes { Glibc.write(file.number, $0.baseAddress, $0.count) }
      }
    }
    try file.synchronize(path: path)
  }

  /// Returns the names in `directory` but for `.` and `..`, in no particular order; `path` is for errors.
  static func names(
    in directory: borrowing Descriptor, path: String
  ) throws(ResultDirectoryError) -> [String] {
    let above = directory.number
    // The stream owns its descriptor, so it gets one of its own, with a position of its own.
    let duplicate = try ResultDirectoryError.check(path) { openat(above, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard let stream = fdopendir(duplicate) else {
      let code = errno
      close(duplicate)
      throw ResultDirectoryError(path: path, code: code)
    }
    defer { closedir(stream) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
      errno = 0
    }
    if errno != 0 { throw ResultDirectoryError(path: path, code: errno) }
    return names
  }

  /// Returns whether the regular file `name` in `directory` contains `text` in its first MiB.
  static func file(_ name: String, in directory: borrowing Descriptor, contains text: String) -> Bool {
    // Without O_NONBLOCK a named pipe would make the call wait for a writer.
    let opened = openat(directory.number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard opened >= 0 else { return false }
    let file = Descriptor(number: opened)
    var status = stat()
    guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
    let limit = min(Int(status.st_size), 1 << 20)
    var bytes = [UInt8](repeating: 0, count: limit)
    var length = 0
    while length < limit {
      let count = bytes.withUnsafeMutableBytes { read(file.number, $0.baseAddress! + length, limit - length) }
      guard count > 0 else { break }
      length += count
    }
    let wanted = Array(text.utf8)
    return bytes.prefix(length).indices.contains { bytes[$0...].starts(with: wanted) }
  }

  /// Swaps two names in `directory` in one step; returns false where the system or the file system cannot.
  static func exchange(
    _ first: String, _ second: String, in directory: borrowing Descriptor, path: String
  ) throws(ResultDirectoryError) -> Bool {
    // The function is newer than some C libraries, and hidden from Swift by a feature macro.
    typealias Rename = @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
    let exchangeFlag: UInt32 = 2
    guard let symbol = dlsym(nil, "renameat2") else { return false }
    let rename = unsafeBitCast(symbol, to: Rename.self)
    guard rename(directory.number, first, directory.number, second, exchangeFlag) != 0 else { return true }
    let code = errno
    if code == EINVAL || code == ENOSYS { return false }
    throw ResultDirectoryError(path: path, code: code)
  }

  /// Removes `name` in `directory` and all that is below it, as far as that is possible; links are not followed.
  static func removeTree(_ name: String, in directory: borrowing Descriptor) {
    if unlinkat(directory.number, name, AT_REMOVEDIR) == 0 { return }
    if let child = try? Descriptor(directory: name, in: directory, path: name) {
      for entry in (try? names(in: child, path: name)) ?? [] {
        if unlinkat(child.number, entry, 0) != 0 { removeTree(entry, in: child) }
      }
    }
    unlinkat(directory.number, name, AT_REMOVEDIR)
  }
}
