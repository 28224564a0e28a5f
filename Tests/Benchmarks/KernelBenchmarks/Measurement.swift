import Foundation

/// What `body` returns, and the nanoseconds of this thread's processor time that it took.
func timed<Result>(_ body: () -> Result) -> (Result, Double) {
  let start = processorTime()
  let result = body()
  return (result, processorTime() - start)
}

private func processorTime() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// Memory of this process that is really there.
func residentBytes() -> Int {
  let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
  return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(getpagesize()) : 0
}

/// Counts instructions with callgrind, in a copy of this program without debug information, which valgrind cannot read.
struct InstructionCounter: ~Copyable {
  private let program = NSTemporaryDirectory() + "KernelBenchmarks-\(getpid())"

  /// Nil without valgrind or strip.
  init?() {
    guard outputOf(["valgrind", "--version"]) != nil,
      outputOf(["strip", "-g", "-o", program, CommandLine.arguments[0]]) != nil
    else { return nil }
  }

  deinit { unlink(program) }

  /// Instructions an event, from two runs that differ only in the number of events.
  func instructionsPerEvent(_ contest: Contest, side: String) -> Double? {
    let (few, many) = (100_000, 600_000)
    guard let less = instructions(contest, side: side, events: few),
      let more = instructions(contest, side: side, events: many)
    else { return nil }
    return Double(more - less) / Double(many - few)
  }

  private func instructions(_ contest: Contest, side: String, events: Int) -> Int? {
    let output = outputOf([
      "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "--only", contest.model.rawValue,
      String(contest.pending), side, String(events),
    ])
    guard let line = output?.split(separator: "\n").first(where: { $0.contains("Collected :") }) else { return nil }
    return line.split(separator: " ").last.flatMap { Int($0) }
  }
}

/// Nanoseconds of processor time that SimPy takes for a customer of the same M/M/1 queue; nil where it is not installed.
func simpyTime() -> Double? {
  let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../single_server.py").path
  return outputOf(["python3", script]).flatMap { Double($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
}

/// Standard output and error of a command; nil when it fails.
private func outputOf(_ command: [String]) -> String? {
  let process = Process()
  let pipe = Pipe()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = command
  process.standardOutput = pipe
  process.standardError = pipe
  guard (try? process.run()) != nil else { return nil }
  let data = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
}
