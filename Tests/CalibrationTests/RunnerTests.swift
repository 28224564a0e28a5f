import Foundation
import Testing

@testable import Calibration

/// The child process, with shell scripts in the runner's place.
@Suite(.serialized) struct RunnerTests {
  /// A runner that is a script; removed with the test.
  private final class Script {
    let path: String

    init(_ text: String) throws {
      path = FileManager.default.temporaryDirectory.appendingPathComponent("runner-\(UUID().uuidString)").path
      try "#!/bin/sh\n\(text)\n".write(toFile: path, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private func lines(
    _ script: Script, _ arguments: [String] = [], isCancelled: () -> Bool = { false }
  ) throws(ProbeRunnerError) -> [String] {
    var lines: [String] = []
    try ProbeRunner(executable: script.path).run(arguments, isCancelled: isCancelled) { lines.append($0) }
    return lines
  }

  @Test func handsOverLinesAndArguments() throws {
    let script = try Script("echo first; echo \"$1 $2\"; printf 'no end'")
    #expect(try lines(script, ["run", "a b"]) == ["first", "run a b", "no end"])
  }

  @Test func keepsWhatCameBeforeADeath() throws {
    let script = try Script("echo one; kill -SEGV $$")
    var lines: [String] = []
    #expect(throws: ProbeRunnerError.failed(what: "was ended by signal 11", messages: [])) {
      try ProbeRunner(executable: script.path).run([], isCancelled: { false }, line: { lines.append($0) })
    }
    #expect(lines == ["one"])
  }

  @Test func tellsErrorsApart() throws {
    #expect(throws: ProbeRunnerError.unavailable(message: "no device")) {
      try lines(try Script("echo no device >&2; exit 69"))
    }
    #expect(throws: ProbeRunnerError.failed(what: "ended with exit code 70", messages: ["x", "y"])) {
      try lines(try Script("echo x >&2; echo y >&2; exit 70"))
    }
    #expect(throws: ProbeRunnerError.interrupted) { try lines(try Script("exit 130")) }
    #expect(throws: ProbeRunnerError.missing(path: "/nonexistent/runner")) {
      try ProbeRunner(executable: "/nonexistent/runner").run([], isCancelled: { false }, line: { _ in })
    }
  }

  @Test func muchOutputOnBothStreamsDoesNotStall() throws {
    let script = try Script("i=0; while [ $i -lt 20000 ]; do echo line $i; echo noise $i >&2; i=$((i+1)); done")
    #expect(try lines(script).count == 20_000)
  }

  /// An interrupted runner leaves no process behind, even one that ignores the signal and has children.
  @Test func interruptionLeavesNothing() throws {
    let marker = "vdcsim-test-\(UUID().uuidString)"
    let script = try Script("trap '' INT; sh -c 'trap \"\" INT; : \(marker); sleep 300' & sleep 300; wait")
    var asked = 0
    #expect(throws: ProbeRunnerError.interrupted) {
      try lines(
        script, [],
        isCancelled: {
          asked += 1
          return asked > 3
        })
    }
    let processes = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { entry -> String? in
      guard Int(entry) != nil, let data = FileManager.default.contents(atPath: "/proc/\(entry)/cmdline") else {
        return nil
      }
      return String(decoding: data, as: UTF8.self)
    }
    #expect(!processes.contains { $0.contains(marker) })
  }

  @Test func silenceEndsTheRunner() throws {
    let script = try Script("sleep 300")
    var runner = ProbeRunner(executable: script.path)
    runner.silenceLimit = 0.3
    #expect(throws: ProbeRunnerError.silent(seconds: 0.3)) {
      try runner.run([], isCancelled: { false }, line: { _ in })
    }
  }

  @Test func linesWithoutEndAreCut() {
    var buffer = LineBuffer()
    var lines: [String] = []
    let block = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
    for _ in 0..<3 { buffer.append(block[...], line: { lines.append($0) }) }
    buffer.append([UInt8(ascii: "\n"), UInt8(ascii: "y")], line: { lines.append($0) })
    buffer.finish(line: { lines.append($0) })
    #expect(lines.map(\.count) == [LineBuffer.longest, 1])
  }
}
