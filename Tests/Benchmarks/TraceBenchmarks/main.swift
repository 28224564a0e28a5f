// Times the reading of traces: TraceBenchmarks [PATH ...]. Without paths it writes and reads a synthetic trace.
import Documents
import Glibc
import Model
import Quantities
import Virtualization

/// CPU seconds of this process so far.
func cpuSeconds() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
}

/// Loads a trace and tells what it took; gives the CPU seconds.
func measure(_ path: String, cache: TraceCache?, label: String) -> Double {
  let reference = TraceReference(
    name: "benchmark", path: path, isFromCommandLine: true, location: SourceLocation(file: path, line: 1, column: 1))
  let start = cpuSeconds()
  do {
    let trace = try TraceReader.load(reference, cache: cache)
    let used = cpuSeconds() - start
    print(
      "\(label) \(trace.format.rawValue): \(trace.set.count) VMs, \(trace.set.sampleCount) samples, tick \(trace.set.tick), "
        + "\((used * 1e5).rounded() / 100) ms of CPU, \(trace.set.block.count) bytes; \(path)")
    for warning in trace.warnings { print("  \(warning)") }
    return used
  } catch {
    print("\(error)")
    exit(65)
  }
}

/// Removes the files of a folder.
func removeFiles(in folder: String) {
  guard let stream = opendir(folder) else { return }
  defer { closedir(stream) }
  while let entry = readdir(stream) {
    let name = withUnsafePointer(to: &entry.pointee.d_name) {
      $0.withMemoryRebound(to: CChar.self, capacity: Int(entry.pointee.d_reclen)) { String(cString: $0) }
    }
    unlink("\(folder)/\(name)")
  }
}

let folder = "/tmp/vdcsim-trace-benchmark.\(getpid())"
let cache = TraceCache(folder: "\(folder)/cache")
mkdir(folder, 0o700)
var isSlow = false
if CommandLine.arguments.count > 1 {
  for path in CommandLine.arguments.dropFirst() {
    _ = measure(path, cache: nil, label: "text")
    _ = measure(path, cache: cache, label: "text, kept")
    _ = measure(path, cache: cache, label: "mapped")
  }
} else {
  // As large as OpenDC's surf_week: 6,300 tasks with 369 fragments of 30 s.
  var tasks = "id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n"
  var fragments = "id,duration,cpu_usage\n"
  for task in 0..<6300 {
    tasks += "\(2_133_000 + task),\(1_665_093_600_000 + task * 30_000),11070000,16,33600,100000\n"
    for sample in 0..<369 { fragments += "\(2_133_000 + task),30000,\((task * 7919 + sample * 104_729) % 33_600)\n" }
  }
  for (name, text) in [("tasks.csv", tasks), ("fragments.csv", fragments)] {
    guard let file = fopen("\(folder)/\(name)", "w"), fputs(text, file) >= 0, fclose(file) == 0 else { exit(73) }
  }
  // A week's trace is to take under a second of CPU for reading, simulating and writing: half of it for reading.
  isSlow = measure(folder, cache: nil, label: "text") > 0.5
  _ = measure(folder, cache: cache, label: "text, kept")
  isSlow = measure(folder, cache: cache, label: "mapped") > 0.1 || isSlow
  for name in ["tasks.csv", "fragments.csv"] { unlink("\(folder)/\(name)") }
}
removeFiles(in: cache.folder)
rmdir(cache.folder)
rmdir(folder)
if isSlow {
  print("missed: 0.5 s for text, 0.1 s for the mapped form")
  exit(1)
}
