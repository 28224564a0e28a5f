import Glibc

/// The files that a trace consists of, and what shows whether they are still the same.
struct TraceSource {
  let files: [String]
  /// A checksum of names, sizes, times of change and numbers of the files.
  let state: UInt64
  /// The latest change, in seconds after 1970.
  let latestChange: Int64
  /// Bytes of all files.
  let size: Int64

  /// Looks at what stands at a path: a file, or the regular files of a folder.
  ///
  /// - Returns: nil when there is nothing to be read.
  init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    if status.st_mode & S_IFMT == S_IFDIR {
      guard let names = try? ArchiveReader.files(in: path) else { return nil }
      files = names.map { "\(path)/\($0)" }
    } else {
      files = [path]
    }
    var checksum = Checksum()
    var latest: Int64 = 0
    var bytes: Int64 = 0
    for file in files {
      guard stat(file, &status) == 0 else { return nil }
      checksum.add(file)
      let facts = [
        Int64(status.st_size), Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec),
        Int64(status.st_ctim.tv_sec), Int64(status.st_ctim.tv_nsec), Int64(bitPattern: UInt64(status.st_ino)),
        Int64(bitPattern: UInt64(status.st_dev)),
      ]
      facts.withUnsafeBytes { checksum.add($0) }
      latest = max(latest, Int64(status.st_mtim.tv_sec), Int64(status.st_ctim.tv_sec))
      bytes += Int64(status.st_size)
    }
    state = checksum.value
    latestChange = latest
    size = bytes
  }

  /// A checksum of the names and contents of all files; nil when one cannot be read.
  ///
  /// - Complexity: O(bytes).
  func contentChecksum() -> UInt64? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    var checksum = Checksum()
    for file in files {
      checksum.add(file)
      let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      guard descriptor >= 0 else { return nil }
      defer { close(descriptor) }
      while true {
        let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        guard count >= 0 else { return nil }
        guard count > 0 else { break }
        checksum.add(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    return checksum.value
  }
}
