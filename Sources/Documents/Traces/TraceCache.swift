import Glibc
import Model
import Virtualization

/// Traces in the form in which they lie in memory, kept in files that are mapped instead of read.
///
/// A file holds a header, a text that says what it was made from, and the block of a `TraceSet`. It counts only
/// when version, checksums and structure are right and the source is unchanged; otherwise the trace is read again and
/// the file replaced. Results are the same bytes with and without it.
public struct TraceCache: Sendable {
  /// The environment variable that names the folder, or turns the cache `off`.
  public static let environmentVariable = "VDCSIM_TRACE_CACHE"
  /// Traces with smaller sources are read as fast as a file is mapped.
  static let leastSourceSize: Int64 = 64 << 10
  private static let magic: UInt64 = 0x4543_4152_5443_4456
  private static let version: UInt64 = 2

  /// What a file begins with.
  struct Header {
    var magic: UInt64
    var version: UInt64
    var textSize: UInt64
    var textChecksum: UInt64
    var blockOffset: UInt64
    var blockSize: UInt64
    var blockChecksum: UInt64
    var created: Int64
  }

  /// The folder of the files.
  public let folder: String

  /// Creates a cache in a folder, which need not be there.
  public init(folder: String) { self.folder = folder }

  /// Finds the cache for this process.
  ///
  /// - Parameter explicit: a folder, or `off`, as the user states it.
  /// - Returns: the folder named by the user; else by the environment; else `vdcsim/traces` in the user's folder of
  ///   caches; nil when it is off, or there is no such folder.
  public static func locate(explicit: String? = nil) -> TraceCache? {
    func variable(_ name: String) -> String? {
      getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
    return locate(
      explicit: explicit, environment: variable(environmentVariable), caches: variable("XDG_CACHE_HOME"),
      home: variable("HOME"))
  }

  static func locate(explicit: String?, environment: String?, caches: String?, home: String?) -> TraceCache? {
    if let stated = explicit ?? environment { return stated == "off" ? nil : TraceCache(folder: stated) }
    // Relative paths are invalid there by the XDG Base Directory Specification.
    if let caches, caches.hasPrefix("/") { return TraceCache(folder: "\(caches)/vdcsim/traces") }
    return home.map { TraceCache(folder: "\($0)/.cache/vdcsim/traces") }
  }

  /// What a file is made for: where the source lies and how it is read.
  static func key(_ reference: TraceReference, path: String, format: TraceReference.Format, bounds: TraceLimits)
    -> String?
  {
    guard let real = FileAccess.realPath(path), !real.utf8.contains(where: { $0 < 32 }) else { return nil }
    let machine = reference.machine.map { "\($0.number)/\($0.cores)/\($0.memory.bytes)" } ?? "-"
    let interval = reference.interval.map { "\($0.nanoseconds)" } ?? "-"
    let samples = reference.samples.map { "\($0)" } ?? "-"
    return
      "\(format.rawValue) \(interval) \(samples) \(reference.memoryUnit?.rawValue ?? "-") \(machine) \(bounds.samples) \(bounds.entities) "
      + "\(bounds.lineBytes) \(bounds.expandedBytes) \(bounds.expansion) \(path) \(real)"
  }

  /// The file of a key.
  func path(of key: String) -> String {
    var checksum = Checksum()
    checksum.add(key)
    let first = checksum.value
    checksum.add(key)
    return "\(folder)/\(Self.hexadecimal(first))\(Self.hexadecimal(checksum.value)).trace"
  }

  static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// What became of looking a trace up.
  enum Finding {
    /// It is there.
    case found(LoadedTrace)
    /// There is no file for it.
    case absent
    /// There is a file, but it does not count, for the given reason.
    case unusable(String)
  }

  /// Looks a trace up.
  func find(_ key: String, format: TraceReference.Format, source: TraceSource) -> Finding {
    let file = path(of: key)
    let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return errno == ENOENT ? .absent : .unusable("it cannot be read") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_size >= MemoryLayout<Header>.size,
      let base = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED
    else { return .unusable("it is damaged") }
    let bytes = UnsafeRawBufferPointer(start: base, count: Int(status.st_size))
    let release: @Sendable () -> Void = { [size = bytes.count, address = UInt(bitPattern: base)] in
      munmap(UnsafeMutableRawPointer(bitPattern: address), size)
    }
    func unusable(_ reason: String) -> Finding {
      release()
      return .unusable(reason)
    }
    let header = bytes.load(as: Header.self)
    guard header.magic == Self.magic else { return unusable("it is no cache of a trace") }
    guard header.version == Self.version else { return unusable("it is of another version") }
    guard header.textSize <= 1 << 24, header.blockOffset % 8 == 0,
      header.blockOffset >= UInt64(MemoryLayout<Header>.size) + header.textSize,
      header.blockOffset <= UInt64(bytes.count), header.blockSize == UInt64(bytes.count) - header.blockOffset
    else { return unusable("it is damaged") }
    let text = UnsafeRawBufferPointer(rebasing: bytes[MemoryLayout<Header>.size...].prefix(Int(header.textSize)))
    let block = UnsafeRawBufferPointer(rebasing: bytes[Int(header.blockOffset)...])
    guard Checksum.of(text) == header.textChecksum, Checksum.of(block) == header.blockChecksum,
      let facts = Facts(text: String(decoding: text, as: UTF8.self))
    else { return unusable("it is damaged") }
    guard facts.key == key else { return unusable("it belongs to another trace") }
    // A file may change twice within the grain of its times; when it was old already, it cannot have.
    let isCertain = facts.state == source.state && source.latestChange + 2 < header.created
    guard isCertain || facts.content == source.contentChecksum() else { return unusable("the trace has changed") }
    guard let set = TraceSet(block: block, release: { _ in release() }) else { return .unusable("it is damaged") }
    return .found(LoadedTrace(set: set, format: format, warnings: facts.warnings))
  }

  /// Keeps a trace; false when that is not possible.
  func keep(_ trace: LoadedTrace, key: String, source: TraceSource, path sourcePath: String) -> Bool {
    guard !trace.warnings.contains(where: { $0.description.utf8.contains { $0 < 32 } }),
      let content = source.contentChecksum(), let after = TraceSource(path: sourcePath), after.state == source.state
    else { return false }
    let facts = Facts(key: key, state: source.state, content: content, warnings: trace.warnings)
    var text = Array(facts.text.utf8)
    let textSize = text.count
    let textChecksum = text.withUnsafeBytes { Checksum.of($0) }
    // Padding up to a multiple of 64, which the block is then aligned to.
    let offset = (MemoryLayout<Header>.size + textSize + 63) & ~63
    text += [UInt8](repeating: 0, count: offset - MemoryLayout<Header>.size - textSize)
    let header = Header(
      magic: Self.magic, version: Self.version, textSize: UInt64(textSize), textChecksum: textChecksum,
      blockOffset: UInt64(offset), blockSize: UInt64(trace.set.block.count),
      blockChecksum: Checksum.of(trace.set.block), created: Int64(time(nil)))
    guard createFolder() else { return false }
    let target = path(of: key)
    let partial = "\(target).\(getpid())"
    unlink(partial)
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return false }
    let isWritten =
      withUnsafeBytes(of: header) { Self.write($0, to: descriptor) }
      && text.withUnsafeBytes { Self.write($0, to: descriptor) } && Self.write(trace.set.block, to: descriptor)
    // Without fsync a crash may leave a damaged file, which the checksums show.
    guard Glibc.close(descriptor) == 0, isWritten, rename(partial, target) == 0 else {
      unlink(partial)
      return false
    }
    return true
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var start = 0
    while start < bytes.count {
      let count = Glibc.write(descriptor, bytes.baseAddress! + start, bytes.count - start)
      guard count > 0 else { return false }
      start += count
    }
    return true
  }

  /// Creates the folder and those above it, for the user alone.
  private func createFolder() -> Bool {
    func create(_ path: String) -> Bool {
      if mkdir(path, 0o700) == 0 || errno == EEXIST { return true }
      let parent = FileAccess.folder(of: path)
      return errno == ENOENT && parent != path && create(parent) && mkdir(path, 0o700) == 0
    }
    return create(folder)
  }
}

extension TraceCache {
  /// What a file says of where it comes from, as text: one fact per line.
  struct Facts {
    var key: String
    var state: UInt64
    var content: UInt64
    var warnings: [Diagnostic]

    init(key: String, state: UInt64, content: UInt64, warnings: [Diagnostic]) {
      self.key = key
      self.state = state
      self.content = content
      self.warnings = warnings
    }

    var text: String {
      let lines =
        ["\(key)", "\(state)", "\(content)"]
        + warnings.map { "\($0.location.line)\t\($0.location.column)\t\($0.location.file)\t\($0.message)" }
      return lines.joined(separator: "\n")
    }

    init?(text: String) {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      guard lines.count >= 3, let state = UInt64(lines[1]), let content = UInt64(lines[2]) else { return nil }
      key = String(lines[0])
      self.state = state
      self.content = content
      warnings = []
      for line in lines[3...] {
        let parts = line.split(separator: "\t", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, let number = Int(parts[0]), let column = Int(parts[1]) else { return nil }
        warnings.append(
          Diagnostic(
            severity: .warning, location: SourceLocation(file: String(parts[2]), line: number, column: column),
            message: String(parts[3])))
      }
    }
  }
}
