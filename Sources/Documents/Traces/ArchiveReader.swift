import CArchive
import Glibc
import Virtualization

/// The regular files of a folder, of a tar archive or of a compressed file, or a single file, as streams of bytes.
///
/// Nothing is written anywhere, so the names in an archive are names and no paths.
final class ArchiveReader {
  /// What messages call the file being read: `folder/file`, `file` or `archive!member`.
  private(set) var label = ""
  /// The last component of the file's name.
  private(set) var name = ""
  /// Expanded bytes of all files so far.
  private(set) var expandedBytes: Int64 = 0

  private let path: String
  private let bounds: TraceLimits
  /// Names of the files of a folder; nil for archives and single files.
  private(set) var folderFiles: [String]?
  private var nextFile = 0
  private var archive: OpaquePointer?
  private var descriptor: Int32 = -1
  private var isEmpty = false
  private var compressedBytes: Int64 = 0
  private var files = 0
  /// Expanded bytes of a tar archive up to the end of its last member; nil where they are not known.
  private var membersEnd: Int64?

  /// Opens what stands at a path.
  ///
  /// - Throws: `DiagnosticError.missing` or `.unreadable`.
  init(path: String, bounds: TraceLimits) throws(DiagnosticError) {
    self.path = path
    self.bounds = bounds
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileAccess.failure(path) }
    if status.st_mode & S_IFMT == S_IFDIR {
      folderFiles = try Self.files(in: path)
    } else {
      try open(path)
    }
  }

  deinit { close() }

  /// The names of the regular files in a folder that are not hidden, in the order of their bytes.
  static func files(in folder: String) throws(DiagnosticError) -> [String] {
    guard let stream = opendir(folder) else { throw FileAccess.failure(folder) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(entry.pointee.d_reclen)) { String(cString: $0) }
      }
      var status = stat()
      guard !name.hasPrefix("."), stat("\(folder)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
        continue
      }
      names.append(name)
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Goes to the next regular file; false after the last.
  func next() throws(DiagnosticError) -> Bool {
    if let folderFiles {
      guard nextFile < folderFiles.count else { return false }
      close()
      try open("\(path)/\(folderFiles[nextFile])")
      nextFile += 1
      // Of a file in a folder only its content counts, not what else an archive in it would hold.
      isEmpty = try !nextMember()
      label = "\(path)/\(folderFiles[nextFile - 1])"
      name = folderFiles[nextFile - 1]
      return true
    }
    return try nextMember()
  }

  /// Reads some bytes of the current file; 0 at its end.
  func read(into buffer: UnsafeMutableRawBufferPointer, line: Int) throws(DiagnosticError) -> Int {
    if isEmpty { return 0 }
    let count = archive_read_data(archive, buffer.baseAddress, buffer.count)
    guard count >= 0 else { throw refuse(line, "cannot be expanded: \(reason)") }
    expandedBytes += Int64(count)
    if expandedBytes > bounds.expandedBytes {
      throw refuse(line, "a trace has at most \(bounds.expandedBytes) bytes once it is expanded")
    }
    if expandedBytes > bounds.freeBytes, expandedBytes / bounds.expansion > max(1, compressedBytes) {
      throw refuse(line, "expands to more than \(bounds.expansion) times its size; expected a trace")
    }
    return count
  }

  private var reason: String {
    archive_error_string(archive).map { Wording.printable(String(cString: $0)) } ?? "it is cut off or damaged"
  }

  private func refuse(_ line: Int, _ message: String) -> DiagnosticError {
    .invalid([
      Diagnostic(
        location: SourceLocation(file: label.isEmpty ? path : label, line: line, column: 1), message: message)
    ])
  }

  private func open(_ file: String) throws(DiagnosticError) {
    descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileAccess.failure(file) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(path: file, reason: "it is no regular file")
    }
    compressedBytes += Int64(status.st_size)
    label = file
    name = file.split(separator: "/").last.map(String.init) ?? file
    archive = archive_read_new()
    // Filters that are part of the library; others would start programs.
    archive_read_support_filter_gzip(archive)
    archive_read_support_filter_xz(archive)
    archive_read_support_filter_bzip2(archive)
    archive_read_support_filter_zstd(archive)
    archive_read_support_format_tar(archive)
    archive_read_support_format_raw(archive)
    archive_read_support_format_empty(archive)
    guard archive_read_open_fd(archive, descriptor, 1 << 17) == ARCHIVE_OK else {
      throw refuse(1, "cannot be expanded: \(reason)")
    }
  }

  private func nextMember() throws(DiagnosticError) -> Bool {
    while true {
      var entry: OpaquePointer?
      let code = archive_read_next_header(archive, &entry)
      if code == ARCHIVE_EOF {
        // Two blocks of zeros end a tar archive [POSIX, pax, ustar interchange format]; one that was cut between two
        // members has none.
        if let membersEnd, archive_filter_bytes(archive, 0) == membersEnd {
          throw refuse(1, "expected the end of the archive after this file, found none: it is cut off")
        }
        return false
      }
      guard code == ARCHIVE_OK || code == ARCHIVE_WARN, let entry else {
        throw refuse(1, "cannot be expanded: \(reason)")
      }
      files += 1
      guard files <= bounds.files else { throw refuse(1, "an archive or folder has at most \(bounds.files) files") }
      let format = archive_format(archive)
      if format == ARCHIVE_FORMAT_RAW || format == ARCHIVE_FORMAT_EMPTY { return true }
      let isFile = archive_entry_filetype(entry) == S_IFREG
      let size = isFile ? (archive_entry_size(entry) + 511) / 512 * 512 : 0
      membersEnd =
        archive_entry_hardlink(entry) == nil && archive_entry_sparse_count(entry) == 0
        ? archive_filter_bytes(archive, 0) + size : nil
      let member = archive_entry_pathname(entry) ?? archive_entry_pathname_utf8(entry)
      guard let member else { throw refuse(1, "file \(files) of the archive has no readable name") }
      let text = String(cString: member)
      let last = text.split(separator: "/").last.map(String.init) ?? text
      guard isFile, !last.hasPrefix(".") else { continue }
      label = "\(path)!\(text)"
      name = last
      return true
    }
  }

  private func close() {
    if archive != nil { archive_read_free(archive) }
    archive = nil
    membersEnd = nil
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }
}
