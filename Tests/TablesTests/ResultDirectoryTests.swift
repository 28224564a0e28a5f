import Foundation
import Testing

@testable import Tables

/// A scratch directory that is removed when the last reference to it goes.
final class Scratch {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("tables-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The names in `directory` of the scratch directory, hidden ones too, sorted.
  func names(in directory: String = "") -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(directory)")) ?? []).sorted()
  }

  func text(of file: String) -> String? { try? String(contentsOfFile: "\(path)/\(file)", encoding: .utf8) }

  func put(_ text: String, in file: String) throws {
    try text.write(toFile: "\(path)/\(file)", atomically: false, encoding: .utf8)
  }

  func makeDirectory(_ name: String) throws {
    try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
  }
}

@Suite struct ResultDirectoryTests {
  let scratch: Scratch
  let manifest = (name: "manifest.json", bytes: Array(#"{"generator": "vdcsim 1.0"}"#.utf8))

  init() throws { scratch = try Scratch() }

  /// Returns the error with which `body` fails, as text with the scratch directory cut off, or nil.
  func failure(_ body: () throws(ResultDirectoryError) -> Void) -> String? {
    do throws(ResultDirectoryError) {
      try body()
      return nil
    } catch {
      return error.description.replacingOccurrences(of: scratch.path + "/", with: "")
    }
  }

  func directory(_ name: String) -> ResultDirectory { ResultDirectory(path: "\(scratch.path)/\(name)") }

  @Test func appearsWholeWithItsParents() throws {
    let target = directory("reports/web/")
    try target.check()
    #expect(scratch.names() == [])
    try target.write(files: [manifest, ("a.csv", Array("x\n1\n".utf8)), ("empty.csv", [])])
    #expect(scratch.names(in: "reports") == ["web"])
    #expect(scratch.names(in: "reports/web") == ["a.csv", "empty.csv", "manifest.json"])
    #expect(scratch.text(of: "reports/web/a.csv") == "x\n1\n")
    #expect(scratch.text(of: "reports/web/empty.csv") == "")
  }

  @Test func largeFilesAreWhole() throws {
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
    try directory("out").write(files: [("big", bytes)])
    #expect(FileManager.default.contents(atPath: "\(scratch.path)/out/big").map(Array.init) == bytes)
  }

  @Test func ownResultIsReplacedWhole() throws {
    try directory("out").write(files: [manifest, ("old.csv", [1])])
    try scratch.makeDirectory("out/folder/inner")
    try scratch.put("x", in: "out/folder/inner/file")
    try directory("out").check()
    try directory("out").write(files: [manifest, ("new.csv", [2])])
    #expect(scratch.names(in: "out") == ["manifest.json", "new.csv"])
    #expect(scratch.names() == ["out"])
  }

  @Test func emptyDirectoryIsReplaced() throws {
    try scratch.makeDirectory("out")
    try directory("out").check()
    try directory("out").write(files: [manifest])
    #expect(scratch.names(in: "out") == ["manifest.json"])
    #expect(scratch.names() == ["out"])
  }

  @Test(arguments: [nil, #"{"generator": "another"}"#]) func foreignDirectoryIsRefused(marker: String?) throws {
    try scratch.makeDirectory("out")
    try scratch.put("mine", in: "out/thesis.txt")
    if let marker { try scratch.put(marker, in: "out/manifest.json") }
    let names = scratch.names(in: "out")
    let expected =
      "out: error: cannot write: exists and was not written by vdcsim; choose another directory with -o"
    #expect(failure(directory("out").check) == expected)
    #expect(failure { () throws(ResultDirectoryError) in try directory("out").write(files: [manifest]) } == expected)
    #expect(scratch.names(in: "out") == names)
    #expect(scratch.names() == ["out"])
  }

  @Test func markersThatAreNoFilesAreNotRead() throws {
    try scratch.makeDirectory("out/manifest.json")
    #expect(failure(directory("out").check)?.contains("not written by vdcsim") == true)
    try scratch.makeDirectory("pipe")
    #expect(mkfifo("\(scratch.path)/pipe/manifest.json", 0o600) == 0)
    #expect(failure(directory("pipe").check)?.contains("not written by vdcsim") == true)
  }

  @Test func fileInTheWayIsRefused() throws {
    try scratch.put("mine", in: "out")
    #expect(failure(directory("out").check) == "out: error: cannot write: exists and is not a directory")
    #expect(failure(directory("out/deeper").check) == "out/deeper: error: cannot write: Not a directory")
    #expect(failure(directory("out/deeper/still").check) == "out/deeper/still: error: cannot write: Not a directory")
    #expect(
      failure { () throws(ResultDirectoryError) in try directory("out/deeper").write(files: [manifest]) }
        == "out/deeper: error: cannot write: Not a directory")
    #expect(scratch.text(of: "out") == "mine")
  }

  @Test(arguments: ["a/b", "", ".", "..", "a\0b"]) func onlyPlainFileNames(name: String) throws {
    let message = failure { () throws(ResultDirectoryError) in
      try directory("out").write(files: [manifest, (name, [])])
    }
    #expect(message == "out/\(name): error: cannot write: not a plain file name")
    #expect(scratch.names() == [])
  }

  @Test func failureHalfWayLeavesTheTargetAndNothingElse() throws {
    let long = String(repeating: "n", count: 300)
    let files = [manifest, (name: "a.csv", bytes: [1]), (name: long, bytes: [])]
    let inNew = failure { () throws(ResultDirectoryError) in try directory("new/deep/out").write(files: files) }
    #expect(inNew == "new/deep/out/\(long): error: cannot write: File name too long")
    #expect(scratch.names() == [])
    try directory("out").write(files: [manifest, ("old.csv", [])])
    let twice = failure { () throws(ResultDirectoryError) in try directory("out").write(files: [manifest, manifest]) }
    #expect(twice == "out/manifest.json: error: cannot write: File exists")
    #expect(scratch.names(in: "out") == ["manifest.json", "old.csv"])
    #expect(scratch.names() == ["out"])
    #expect(failure(directory(long).check)?.hasSuffix("File name too long") == true)
    #expect(failure(directory(String(repeating: "n", count: 250)).check)?.hasSuffix("File name too long") == true)
  }

  @Test func leftoversOfDeadProcessesGo() async throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/true")
    try process.run()
    process.waitUntilExit()
    let dead = ".out.partial-\(process.processIdentifier)"
    let own = ".out.partial-\(getpid())"
    let alive = ".out.partial-\(getppid())"
    let others = [".out.partial-x", ".other.partial-\(process.processIdentifier)"]
    for name in [dead, own, alive] + others {
      try scratch.makeDirectory(name)
      try scratch.put("x", in: "\(name)/file")
    }
    try directory("out").write(files: [manifest])
    #expect(scratch.names() == ([alive, "out"] + others).sorted())
  }

  @Test func lockedLeftoverStays() throws {
    let own = ".out.partial-\(getpid())"
    try scratch.makeDirectory(own)
    let lock = open("\(scratch.path)/\(own)", O_RDONLY)
    defer { close(lock) }
    #expect(flock(lock, LOCK_EX) == 0)
    let message = failure { () throws(ResultDirectoryError) in try directory("out").write(files: [manifest]) }
    #expect(message == "out: error: cannot write: File exists")
    #expect(scratch.names() == [own])
  }

  @Test func linkIsFollowedAndKept() throws {
    try scratch.makeDirectory("real")
    try FileManager.default.createSymbolicLink(atPath: "\(scratch.path)/link", withDestinationPath: "real")
    try directory("link").write(files: [manifest])
    #expect(scratch.names() == ["link", "real"])
    #expect(scratch.names(in: "real") == ["manifest.json"])
    try FileManager.default.createSymbolicLink(atPath: "\(scratch.path)/broken", withDestinationPath: "nowhere")
    #expect(failure(directory("broken").check) == "broken: error: cannot write: No such file or directory")
  }

  @Test func linksInAnOldResultAreNotFollowed() throws {
    try scratch.makeDirectory("precious")
    try scratch.put("x", in: "precious/file")
    try directory("out").write(files: [manifest])
    try FileManager.default.createSymbolicLink(
      atPath: "\(scratch.path)/out/link", withDestinationPath: "\(scratch.path)/precious")
    try directory("out").write(files: [manifest])
    #expect(scratch.names(in: "precious") == ["file"])
    #expect(scratch.names() == ["out", "precious"])
  }

  @Test(arguments: ["", ".", "..", "/", "a/.."]) func nameless(path: String) {
    #expect(
      failure(ResultDirectory(path: path).check)
        == "\(path.isEmpty ? "''" : path): error: cannot write: a result directory needs a name of its own")
  }

  @Test func pathsWithNULAreRefused() {
    #expect(failure(directory("a\0b").check)?.hasSuffix("a path cannot contain a NUL character") == true)
  }

  @Test(.enabled(if: geteuid() != 0, "the superuser may write everywhere"))
  func unwritableParent() throws {
    try scratch.makeDirectory("locked")
    chmod("\(scratch.path)/locked", 0o555)
    defer { chmod("\(scratch.path)/locked", 0o755) }
    #expect(failure(directory("locked/out").check) == "locked: error: cannot write: Permission denied")
    #expect(failure(directory("locked/a/out").check) == "locked: error: cannot write: Permission denied")
    let message = failure { () throws(ResultDirectoryError) in try directory("locked/out").write(files: [manifest]) }
    #expect(message == "locked/out: error: cannot write: Permission denied")
  }

  @Test func replacingWithoutExchangeKeepsTheOldUntilTheNewIsThere() throws {
    let target = try ResultDirectory.Target(path: directory("out").path)
    let parent = try Descriptor(directory: scratch.path)
    try directory("out").write(files: [manifest])
    #expect(
      failure { () throws(ResultDirectoryError) in try target.replaceInTwoSteps(in: parent, path: "out") }
        == "out: error: cannot write: No such file or directory")
    #expect(scratch.names(in: "out") == ["manifest.json"])
    try scratch.makeDirectory(target.partialName)
    try scratch.put("x", in: "\(target.partialName)/new.csv")
    try target.replaceInTwoSteps(in: parent, path: "out")
    #expect(scratch.names(in: "out") == ["new.csv"])
    #expect(scratch.names() == ["out"])
  }

  @Test func placesOfPaths() throws {
    for (path, parent, name) in [
      ("out", ".", "out"), ("./out", ".", "out"), ("/out//", "/", "out"), ("a//b", "a", "b"), ("/a/b/", "/a", "b"),
    ] {
      let target = try ResultDirectory.Target(path: path)
      #expect(target.parent == parent)
      #expect(target.name == name)
    }
  }
}
