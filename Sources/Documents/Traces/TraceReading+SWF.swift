import Model
import Quantities

extension TraceReading {
  /// Fields of a job, from 0 (Standard Workload Format 2.2 of the Parallel Workloads Archive).
  private enum Job {
    static let number = 0
    static let submission = 1
    static let runTime = 3
    static let processors = 4
    static let cpuTime = 5
    static let memory = 6
    static let requestedProcessors = 7
    static let requestedMemory = 9
    static let fieldCount = 18
  }

  /// Reads jobs as VMs: one begins when it was submitted, has a vCPU for each processor and asks for the CPU time per
  /// processor that the job used, evenly over its run time; all of it where the log does not tell. The wait in the
  /// queue of the logged machine is not part of the demand. Jobs without a run time or processors are left out.
  func swf() throws(DiagnosticError) -> TraceSet {
    var builder = TraceSetBuilder(unit: .seconds(1))
    let archive = try ArchiveReader(path: path, bounds: bounds)
    guard try archive.next() else {
      faults.add(path, 1, 1, "expected a log of jobs, found nothing")
      throw DiagnosticError.faults(faults.diagnostics)
    }
    var last: Int64 = 0
    var idle = 0
    let end = try lines.read(archive, separator: 32, faults: faults) { line in
      if line.fields[0].start[0] == UInt8(ascii: ";") {
        if let seconds = Self.unixStart(line) { builder.origin = seconds * 1000 }
        return true
      }
      guard line.fieldCount == Job.fieldCount else {
        return wrongCount(archive, line, "\(Job.fieldCount) fields")
      }
      guard let number = line.fields[Job.number].integer, number >= 0 else {
        return fault(archive, line, Job.number, "the number of a job")
      }
      guard let submission = line.fields[Job.submission].integer, (0...TraceTime.greatestSeconds).contains(submission)
      else { return fault(archive, line, Job.submission, "a time in seconds from 0 to 100 years") }
      guard submission >= last else {
        return fault(archive, line, Job.submission, "a time of submission not before that of the job above, \(last)")
      }
      last = submission
      var values: (run: Double, cpu: Double, memory: Double, requestedMemory: Double) = (0, 0, 0, 0)
      for (field, path) in [
        (Job.runTime, \(run: Double, cpu: Double, memory: Double, requestedMemory: Double).run), (Job.cpuTime, \.cpu),
        (Job.memory, \.memory), (Job.requestedMemory, \.requestedMemory),
      ] {
        guard let value = line.fields[field].number, value == -1 || (0...1e12).contains(value) else {
          return fault(archive, line, field, "a number of 0 or more, or -1")
        }
        values[keyPath: path] = value
      }
      guard let used = line.fields[Job.processors].integer,
        let requested = line.fields[Job.requestedProcessors].integer,
        (-1...1_000_000).contains(used), (-1...1_000_000).contains(requested)
      else { return fault(archive, line, Job.processors, "a number of processors up to 1000000, or -1") }
      let processors = used > 0 ? used : requested
      guard values.run <= Double(Int32.max) else {
        return fault(archive, line, Job.runTime, "a run time of at most 2147483647 s")
      }
      let seconds = Int64(values.run.rounded())
      guard seconds > 0, processors > 0 else {
        idle += 1
        return true
      }
      guard builder.count < bounds.entities else {
        return faults.add(archive.label, line.number, 1, "a trace has at most \(bounds.entities) VMs")
      }
      let memory = max(values.memory, values.requestedMemory, 0) * Double(processors) * 1024
      let entity = builder.add(
        name: line.fields[Job.number].bytes, start: submission * 1_000_000_000,
        end: (submission + seconds) * 1_000_000_000, vcpus: Double(processors), memory: Int64(min(memory, 1e18)))
      builder.select(entity)
      let share = values.cpu > 0 ? min(1, values.cpu / Double(seconds)) : 1
      builder.append(Float(100 * share), units: UInt32(seconds))
      return true
    }
    warnOfEnd(archive, end)
    if idle > 0 { faults.warn(archive.label, 1, "\(idle) jobs without a run time or processors; left out") }
    return try finish(builder, order: .given)
  }

  /// The value of the comment `; UnixStartTime: N`.
  private static func unixStart(_ line: TextLine) -> Int64? {
    for index in 0..<max(0, line.fieldCount - 1) where line.fields[index].count >= 14 {
      if line.fields[index].text.hasSuffix("UnixStartTime:") {
        return line.fields[index + 1].integer.flatMap { (0...(1 << 36)).contains($0) ? $0 : nil }
      }
    }
    return nil
  }
}
