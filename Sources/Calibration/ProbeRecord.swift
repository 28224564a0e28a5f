import FoundationEssentials

/// One line of the probe runner's output.
public enum ProbeRecord: Sendable {
  case machine(MachineRecord)
  case probe(ProbeDescription)
  case sample(SampleRecord)
  case counters(CounterRecord)
  case skipped(SkippedRecord)
  case latency(LatencyRecord)
  case program(ProgramRecord)
  case end(EndRecord)
  /// A kind of record that this version does not know.
  case other(String)

  /// Reads a line of JSON.
  ///
  /// - Throws: `ProbeRecordError` for a line that is no record or lacks what its kind must have. Unknown keys are ignored.
  public init(line: String) throws(ProbeRecordError) {
    let bytes = Data(line.utf8)
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .useDefaultKeys
    do {
      let kind = try decoder.decode(Kind.self, from: bytes).record
      self =
        switch kind {
        case "machine": .machine(try decoder.decode(MachineRecord.self, from: bytes))
        case "probe": .probe(try decoder.decode(ProbeDescription.self, from: bytes))
        case "sample": .sample(try decoder.decode(SampleRecord.self, from: bytes))
        case "counters": .counters(try decoder.decode(CounterRecord.self, from: bytes))
        case "skipped": .skipped(try decoder.decode(SkippedRecord.self, from: bytes))
        case "latency": .latency(try decoder.decode(LatencyRecord.self, from: bytes))
        case "program": .program(try decoder.decode(ProgramRecord.self, from: bytes))
        case "end": .end(try decoder.decode(EndRecord.self, from: bytes))
        default: .other(kind)
        }
    } catch {
      throw ProbeRecordError(line: String(line.prefix(120)))
    }
  }

  private struct Kind: Decodable { let record: String }
}

/// A line that is no record of the runner.
public struct ProbeRecordError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The beginning of the line.
  public let line: String
  /// What to tell the user.
  public var description: String { "the probe runner wrote a line that is no record: \(line)" }
}

/// The machine that is measured.
public struct MachineRecord: Sendable, Decodable {
  public let backend: String
  public let nestedPaging: Bool?
  public let kvmParameters: [String: String]?
  public let kvmAPI: Int?
  public let cpuModel: String?
  public let family: Int?
  public let model: Int?
  public let stepping: Int?
  public let microcode: String?
  public let kernel: String?
  public let mitigations: [String: String]?
  public let isGuest: Bool?
  public let smt: String?
  public let governor: String?
  /// Rate of the time stamp counter.
  public let tscKilohertz: Int64
  public let cpus: Int?
  public let date: String?
  public let load: Load?

  enum CodingKeys: String, CodingKey {
    case backend, family, model, stepping, microcode, kernel, mitigations, smt, governor, cpus, date, load
    case nestedPaging = "nested_paging"
    case kvmParameters = "kvm_parameters"
    case kvmAPI = "kvm_api"
    case cpuModel = "cpu_model"
    case isGuest = "is_guest"
    case tscKilohertz = "tsc_khz"
  }

  /// Nanoseconds of a time in TSC cycles.
  public func nanoseconds(cycles: Double) -> Double { cycles * 1e6 / Double(tscKilohertz) }
}

/// Load averages.
public struct Load: Sendable, Hashable, Decodable {
  public let one: Double
  public let five: Double?
  public let fifteen: Double?
}

/// A row of the runner's table of probes.
public struct ProbeDescription: Sendable, Decodable {
  public let name: String
  public let group: String
  public let operation: String?
  public let mode: String?
  public let meaning: String?
}

/// One timed batch of iterations.
public struct SampleRecord: Sendable, Decodable {
  public let probe: String
  public let process: Int
  public let iterations: Int64
  /// TSC cycles between the guest's own time stamps; nil when only the outside was timed.
  public let guestCycles: Int64?
  /// TSC cycles around the batch.
  public let outsideCycles: Int64?
  public let outsideNanoseconds: Int64?
  public let kept: Bool
  public let reason: String?
  /// Cycles of one iteration of the nearest run of the control probe.
  public let controlCycles: Double?

  enum CodingKeys: String, CodingKey {
    case probe, process, iterations, kept, reason
    case guestCycles = "guest_cycles"
    case outsideCycles = "outside_cycles"
    case outsideNanoseconds = "outside_ns"
    case controlCycles = "control_cycles"
  }
}

/// What KVM's own statistics say about a probe.
public struct CounterRecord: Sendable, Decodable {
  public let probe: String
  public let process: Int?
  public let iterations: Int64?
  public let delta: [String: Int64]?
  public let checks: [Check]?
  /// `passed` or `failed`.
  public let verdict: String

  /// An expectation on one counter.
  public struct Check: Sendable, Decodable {
    public let counter: String
    public let expected: Double
    public let seen: Double
    public let passed: Bool
  }
}

/// A probe that this machine cannot run.
public struct SkippedRecord: Sendable, Decodable {
  public let probe: String
  public let reason: String
}

/// Latencies of single events.
public struct LatencyRecord: Sendable, Decodable {
  public let probe: String
  public let process: Int
  public let values: [Int64]

  enum CodingKeys: String, CodingKey {
    case probe, process
    case values = "values_ns"
  }
}

/// One run of a guest program.
public struct ProgramRecord: Sendable, Decodable {
  public let iterations: Int64
  public let sample: Int
  public let outsideNanoseconds: Int64?
  public let guestCycles: Int64?
  public let kept: Bool
  public let reason: String?
  public let controlCycles: Double?

  enum CodingKeys: String, CodingKey {
    case iterations, sample, kept, reason
    case outsideNanoseconds = "outside_ns"
    case guestCycles = "guest_cycles"
    case controlCycles = "control_cycles"
  }
}

/// The end of a run.
public struct EndRecord: Sendable, Decodable {
  public let stealMilliseconds: Double?
  public let load: Load?
  public let seconds: Double?
  public let interrupted: Bool?

  enum CodingKeys: String, CodingKey {
    case load, seconds, interrupted
    case stealMilliseconds = "steal_ms"
  }
}
