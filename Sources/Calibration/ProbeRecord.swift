import FoundationEssentials

/// One line of the probe runner's output.
public enum ProbeRecord: Sendable {
  /// The machine that is measured.
  case machine(MachineRecord)
  /// A row of the runner's table of probes.
  case probe(ProbeDescription)
  /// A timed batch of a probe.
  case sample(SampleRecord)
  /// What KVM's statistics say about a probe.
  case counters(CounterRecord)
  /// A probe that the machine cannot run.
  case skipped(SkippedRecord)
  /// Latencies of single events.
  case latency(LatencyRecord)
  /// A run of a guest program.
  case program(ProgramRecord)
  /// The end of a run.
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
  /// Backend of KVM: `pvm`, `vt-x` or `amd-v`.
  public let backend: String
  /// Whether the backend pages with two dimensions; nil counts as no.
  public let nestedPaging: Bool?
  /// Parameters of KVM's modules.
  public let kvmParameters: [String: String]?
  /// Version of KVM's interface.
  public let kvmAPI: Int?
  /// The processor's name.
  public let cpuModel: String?
  /// The processor's family.
  public let family: Label?
  /// The processor's model.
  public let model: Label?
  /// The processor's stepping.
  public let stepping: Label?
  /// Revision of the microcode.
  public let microcode: String?
  /// Version of the host's kernel.
  public let kernel: String?
  /// State of the mitigations by vulnerability.
  public let mitigations: [String: String]?
  /// Whether the host is itself a guest.
  public let isGuest: Bool?
  /// State of simultaneous multithreading.
  public let smt: String?
  /// Governor of the clock frequency.
  public let governor: String?
  /// Rate of the time stamp counter.
  public let tscKilohertz: Int64
  /// CPUs of the host.
  public let cpus: Int?
  /// Date and time of the run.
  public let date: String?
  /// Load averages.
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

/// A number or a text, kept as text.
public struct Label: Sendable, Hashable, Decodable {
  /// The text.
  public let text: String

  /// Reads either.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    text = try (try? container.decode(Int64.self)).map(String.init) ?? container.decode(String.self)
  }
}

/// Load averages.
public struct Load: Sendable, Hashable, Decodable {
  /// Over one minute.
  public let one: Double
  /// Over five minutes.
  public let five: Double?
  /// Over fifteen minutes.
  public let fifteen: Double?
}

/// A row of the runner's table of probes.
public struct ProbeDescription: Sendable, Decodable {
  /// The name.
  public let name: String
  /// The group.
  public let group: String
  /// The guest operation that it is about.
  public let operation: String?
  /// The privilege level that the guest runs at.
  public let mode: String?
  /// What it does.
  public let meaning: String?
}

/// One timed batch of iterations.
public struct SampleRecord: Sendable, Decodable {
  /// The probe.
  public let probe: String
  /// Number of the process.
  public let process: Int
  /// How often the operation was done.
  public let iterations: Int64
  /// TSC cycles between the guest's own time stamps; nil when only the outside was timed.
  public let guestCycles: Int64?
  /// TSC cycles around the batch.
  public let outsideCycles: Int64?
  /// Nanoseconds around the batch.
  public let outsideNanoseconds: Int64?
  /// Whether the sample counts.
  public let kept: Bool
  /// Why not.
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
  /// The probe.
  public let probe: String
  /// Number of the process.
  public let process: Int?
  /// How often the operation was done.
  public let iterations: Int64?
  /// Changes by counter.
  public let delta: [String: Int64]?
  /// Expectations on counters.
  public let checks: [Check]?
  /// `passed` or `failed`.
  public let verdict: String

  /// An expectation on one counter.
  public struct Check: Sendable, Decodable {
    /// The counter.
    public let counter: String
    /// Expected change per operation.
    public let expected: Double
    /// Seen change per operation.
    public let seen: Double
    /// Whether they agree.
    public let passed: Bool
  }
}

/// A probe that this machine cannot run.
public struct SkippedRecord: Sendable, Decodable {
  /// The probe.
  public let probe: String
  /// Why not.
  public let reason: String
}

/// Latencies of single events.
public struct LatencyRecord: Sendable, Decodable {
  /// The probe.
  public let probe: String
  /// Number of the process.
  public let process: Int
  /// Latencies in nanoseconds.
  public let values: [Int64]

  enum CodingKeys: String, CodingKey {
    case probe, process
    case values = "values_ns"
  }
}

/// One run of a guest program.
public struct ProgramRecord: Sendable, Decodable {
  /// Number of the process.
  public let process: Int?
  /// How often the loop ran.
  public let iterations: Int64
  /// Nanoseconds around the batch.
  public let outsideNanoseconds: Int64?
  /// TSC cycles between the guest's own time stamps; nil when only the outside was timed.
  public let guestCycles: Int64?
  /// Whether the sample counts.
  public let kept: Bool
  /// Why not.
  public let reason: String?
  /// Cycles of one iteration of the nearest run of the control probe.
  public let controlCycles: Double?

  enum CodingKeys: String, CodingKey {
    case process, iterations, kept, reason
    case outsideNanoseconds = "outside_ns"
    case guestCycles = "guest_cycles"
    case controlCycles = "control_cycles"
  }
}

/// The end of a run.
public struct EndRecord: Sendable, Decodable {
  /// Time that the host's own hypervisor took from its CPUs.
  public let stealMilliseconds: Double?
  /// Load averages.
  public let load: Load?
  /// Duration of the run.
  public let seconds: Double?
  /// Whether the user ended it.
  public let interrupted: Bool?

  enum CodingKeys: String, CodingKey {
    case load, seconds, interrupted
    case stealMilliseconds = "steal_ms"
  }
}
