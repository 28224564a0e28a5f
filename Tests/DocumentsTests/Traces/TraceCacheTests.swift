import Foundation
import Model
import Quantities
import Testing

@testable import Documents

/// The cache changes the time, never the result.
@Suite struct TraceCacheTests {
  /// A trace large enough to be kept, with remarks.
  private func write(to folder: TemporaryFolder, seed: Int = 0) throws {
    var tasks = "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n"
    var fragments = "id,duration,cpu_usage\n"
    for task in 0..<60 {
      tasks += "\(task),\(task * 1000),9000000,2,4000,1000\n"
      for sample in 0..<(task == 7 ? 0 : 90) {
        fragments += "\(task),\(30_000 + sample % 3 * 15_000),\((task * 31 + sample * 17 + seed) % 4000).5\n"
      }
    }
    try folder.write("d/tasks.csv", tasks)
    try folder.write("d/fragments.csv", fragments)
  }

  private func files(_ cache: TraceCache) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: cache.folder).sorted()
  }

  private func messages(_ trace: LoadedTrace) -> [String] { (trace.warnings + trace.remarks).map(\.message) }

  @Test func sameBytes() throws {
    let folder = try TemporaryFolder()
    let cache = TraceCache(folder: "\(folder.path)/c/traces")
    try write(to: folder)
    let plain = try folder.load("d")
    let kept = try folder.load("d", cache: cache)
    #expect(try files(cache).count == 1)
    let mapped = try folder.load("d", cache: cache)
    #expect(kept.set.bytes == plain.set.bytes && mapped.set.bytes == plain.set.bytes)
    #expect(plain.warnings.count == 1 && kept.warnings == plain.warnings && mapped.warnings == plain.warnings)
    // The mapping outlives its file.
    try FileManager.default.removeItem(atPath: cache.folder)
    #expect(mapped.set.bytes == plain.set.bytes)
  }

  @Test func staleFiles() throws {
    let folder = try TemporaryFolder()
    let cache = TraceCache(folder: "\(folder.path)/c")
    try write(to: folder)
    _ = try folder.load("d", cache: cache)
    // Other content of the same size, written at once.
    try write(to: folder, seed: 1)
    let changed = try folder.load("d", cache: cache)
    #expect(try changed.set.bytes == folder.load("d").set.bytes)
    #expect(messages(changed).contains("the cached form of this trace is read anew: the trace has changed"))
    // Touched, but with the same content: still good.
    try FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: folder.path + "/d/tasks.csv")
    #expect(try messages(folder.load("d", cache: cache)).count == 1)
    #expect(try files(cache).count == 1)
    // Another way of reading is another file.
    _ = try folder.load("d", samples: 5, cache: cache)
    #expect(try files(cache).count == 2)
  }

  @Test func damagedFiles() throws {
    let folder = try TemporaryFolder()
    let cache = TraceCache(folder: "\(folder.path)/c")
    try write(to: folder)
    let expected = try folder.load("d", cache: cache).set.bytes
    let file = try cache.folder + "/" + files(cache)[0]
    let good = try Data(contentsOf: URL(fileURLWithPath: file))
    var generator = TraceMutationTests.Generator(state: 5)
    for number in 0..<60 {
      var bytes = good
      switch number % 4 {
      case 0: bytes = bytes.prefix(Int.random(in: 0..<good.count, using: &generator))
      case 1: bytes.append(contentsOf: [1, 2, 3, 4, 5, 6, 7, 8])
      case 2: bytes[Int.random(in: 0..<300, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      default:
        bytes[Int.random(in: 0..<good.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
      try bytes.write(to: URL(fileURLWithPath: file))
      let trace = try folder.load("d", cache: cache)
      #expect(trace.set.bytes == expected)
      #expect(try Data(contentsOf: URL(fileURLWithPath: file)).count == good.count)
    }
    try Data("something else, long enough to hold what would be a header of a cache file".utf8)
      .write(to: URL(fileURLWithPath: file))
    #expect(
      try messages(folder.load("d", cache: cache)).contains(
        "the cached form of this trace is read anew: it is no cache of a trace"))
    // Where nothing can be kept, the trace is read all the same.
    try folder.write("plain", "a file")
    let trace = try folder.load("d", cache: TraceCache(folder: folder.path + "/plain/below"))
    #expect(trace.set.bytes == expected && trace.warnings.count == 1 && trace.remarks.count == 1)
  }

  @Test func place() {
    func folder(_ explicit: String?, _ environment: String?, _ caches: String?, _ home: String?) -> String? {
      TraceCache.locate(explicit: explicit, environment: environment, caches: caches, home: home)?.folder
    }
    #expect(folder("x", "y", "/z", "/h") == "x")
    #expect(folder(nil, "y", "/z", "/h") == "y")
    #expect(folder(nil, nil, "/z", "/h") == "/z/vdcsim/traces")
    #expect(folder(nil, nil, "relative", "/h") == "/h/.cache/vdcsim/traces")
    #expect(folder(nil, nil, nil, nil) == nil)
    #expect(folder("off", "y", "/z", "/h") == nil && folder(nil, "off", "/z", "/h") == nil)
  }

  @Test func checksumsDoNotDependOnPieces() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let whole = bytes.withUnsafeBytes { Checksum.of($0) }
    for size in [1, 7, 32, 33, 999] {
      var checksum = Checksum()
      for start in stride(from: 0, to: bytes.count, by: size) {
        bytes[start..<min(bytes.count, start + size)].withUnsafeBytes { checksum.add($0) }
      }
      #expect(checksum.value == whole)
    }
    var seen: Set<UInt64> = [whole]
    for position in bytes.indices {
      var other = bytes
      other[position] ^= 1
      seen.insert(other.withUnsafeBytes { Checksum.of($0) })
    }
    #expect(seen.count == 1001)
  }
}
