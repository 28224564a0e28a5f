import Glibc
import Model
import Quantities
import Virtualization

/// Demand as the tables `tasks.csv` and `fragments.csv` of OpenDC, the form in which VDCSim writes traces.
///
/// Reading them gives the same samples. Times are whole milliseconds. What a trace does not say is filled in: one vCPU,
/// a speed and a size of memory. A VM without samples asks for all of its vCPUs; one without an end lives to the last
/// time that the trace knows.
public struct TraceTables: Sendable {
  /// The table of VMs.
  public let tasks: [UInt8]
  /// The table of samples.
  public let fragments: [UInt8]

  /// Writes a set of traces.
  ///
  /// - Parameters:
  ///   - speed: of a vCPU, where the trace has none.
  ///   - memory: of a VM, where the trace has none.
  /// - Throws: names that a table cannot hold, and lengths that are no whole milliseconds.
  /// - Complexity: O(VMs + samples); about 25 bytes a sample.
  public init(
    _ set: TraceSet, speed: Frequency, memory: ByteCount, location: SourceLocation
  ) throws(DiagnosticError) {
    func refuse(_ message: String) -> DiagnosticError { .invalid([Diagnostic(location: location, message: message)]) }
    guard set.tick.nanoseconds % 1_000_000 == 0 else {
      throw refuse("samples of \(set.tick) cannot be written; expected whole milliseconds")
    }
    let tick = set.tick.nanoseconds / 1_000_000
    let last = Self.lastTime(of: set)
    var tasks = Array("id,submission_time,duration,cpu_count,cpu_capacity,mem_capacity\n".utf8)
    var fragments = Array("id,duration,cpu_usage\n".utf8)
    fragments.reserveCapacity(set.sampleCount * 26)
    for number in 0..<set.count {
      let entity = set.entities[number]
      let name = Array(set.nameBytes(of: number))
      guard !name.isEmpty, !name.contains(where: { $0 < 32 || $0 == UInt8(ascii: "\"") }) else {
        throw refuse("VM \(Wording.quoted(set.name(of: number))) has a name that no table can hold")
      }
      let quoted = name.contains(UInt8(ascii: ",")) ? [UInt8(ascii: "\"")] + name + [UInt8(ascii: "\"")] : name
      let vcpus = entity.vcpus > 0 ? entity.vcpus : 1
      let capacity = entity.capacity > 0 ? entity.capacity : vcpus * Double(speed.hertz) / 1e6
      let bytes = entity.memory > 0 ? entity.memory : memory.bytes
      let sampled = set.sampledTime(of: number).nanoseconds
      let end = entity.end == TraceSet.forever ? max(last, entity.start + sampled) : entity.end
      let duration = max(1, (max(end - entity.start, sampled) + 500_000) / 1_000_000)
      tasks += quoted
      tasks += ",\(set.origin + (entity.start + 500_000) / 1_000_000),\(duration),".utf8
      tasks += "\(Self.text(vcpus)),\(Self.text(capacity)),\(Self.text(Double(bytes) / 1e6))\n".utf8
      if set.sampleRange(of: number).isEmpty {
        fragments += quoted
        fragments += ",\(duration),\(Self.text(capacity))\n".utf8
      }
      for sample in set.sampleRange(of: number) {
        fragments += quoted
        fragments += ",\(Int64(set.lengths?[sample] ?? 1) * tick),".utf8
        fragments += "\(Self.text(Double(set.samples[sample]) / 100 * capacity))\n".utf8
      }
    }
    self.tasks = tasks
    self.fragments = fragments
  }

  /// The last time that a trace knows, in nanoseconds after its origin.
  static func lastTime(of set: TraceSet) -> Int64 {
    (0..<set.count).reduce(0) { last, number in
      let entity = set.entities[number]
      let end = entity.end == TraceSet.forever ? entity.start : entity.end
      return max(last, end, entity.start + set.sampledTime(of: number).nanoseconds)
    }
  }

  /// The shortest text that reads as the number, whole numbers without a point.
  private static func text(_ value: Double) -> String {
    value == value.rounded() && value.magnitude < 1e15 ? "\(Int64(value))" : "\(value)"
  }
}

/// Figures of a set of traces.
public struct TraceSummary: Sendable, Hashable {
  /// VMs.
  public let count: Int
  /// Samples.
  public let samples: Int
  /// From the first VM's beginning to the last time that the trace knows.
  public let span: TimeSpan
  /// Mean of the samples, weighted by time, in percent; 0 without samples.
  public let meanDemand: Double
  /// The greatest number of vCPUs that exist at one time.
  public let peakVCPUs: Double
  /// The greatest number of VMs that exist at one time.
  public let peakCount: Int
  /// The size that most VMs have: vCPUs, and bytes of memory; 0 for what the trace does not say.
  public let usualVCPUs: Double
  /// See `usualVCPUs`.
  public let usualMemory: Int64
  /// The largest VM: vCPUs and bytes of memory; 0 for what the trace does not say.
  public let largestVCPUs: Double
  /// See `largestVCPUs`.
  public let largestMemory: Int64
  /// The most bytes of memory for each whole vCPU of a VM.
  public let mostMemoryPerVCPU: Double

  /// - Complexity: O(VMs log VMs + samples).
  public init(_ set: TraceSet) {
    struct Size: Hashable {
      let vcpus: Double
      let memory: Int64
    }
    count = set.count
    samples = set.sampleCount
    let last = TraceTables.lastTime(of: set)
    span = TimeSpan(nanoseconds: last)
    var sum = 0.0
    var time = 0.0
    var changes: [(time: Int64, count: Int, vcpus: Double)] = []
    var sizes: [Size: Int] = [:]
    for number in 0..<set.count {
      for sample in set.sampleRange(of: number) {
        let length = Double(set.lengths?[sample] ?? 1)
        sum += Double(set.samples[sample]) * length
        time += length
      }
      let entity = set.entities[number]
      sizes[Size(vcpus: entity.vcpus, memory: entity.memory), default: 0] += 1
      let vcpus = entity.vcpus > 0 ? entity.vcpus : 1
      changes.append((entity.start, 1, vcpus))
      let end = entity.end == TraceSet.forever ? last + 1 : entity.end
      changes.append((end, -1, -vcpus))
    }
    meanDemand = time > 0 ? sum / time : 0
    // At one time, ends come before beginnings.
    changes.sort { ($0.time, $0.count, $0.vcpus) < ($1.time, $1.count, $1.vcpus) }
    var (current, vcpus) = (0, 0.0)
    var (peak, peakVCPUs) = (0, 0.0)
    for change in changes {
      current += change.count
      vcpus += change.vcpus
      peak = max(peak, current)
      peakVCPUs = max(peakVCPUs, vcpus)
    }
    peakCount = peak
    self.peakVCPUs = peakVCPUs
    let usual = sizes.max { ($0.value, $1.key.vcpus, $1.key.memory) < ($1.value, $0.key.vcpus, $0.key.memory) }
    usualVCPUs = usual?.key.vcpus ?? 0
    usualMemory = usual?.key.memory ?? 0
    largestVCPUs = sizes.keys.reduce(0) { max($0, $1.vcpus) }
    largestMemory = sizes.keys.reduce(0) { max($0, $1.memory) }
    mostMemoryPerVCPU = sizes.keys.reduce(0) { max($0, Double($1.memory) / max(1, $1.vcpus.rounded(.up))) }
  }
}
