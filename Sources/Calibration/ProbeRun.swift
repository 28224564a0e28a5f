import Statistics

/// Everything that one run of the probe runner told, sorted by probe.
public struct ProbeRun: Sendable {
  /// The machine; nil until its record has come.
  public private(set) var machine: MachineRecord?
  /// The probes in the order in which they were first named.
  public private(set) var series: [ProbeSeries] = []
  /// Samples of a guest program.
  public private(set) var programs: [ProgramRecord] = []
  /// The end of the run; nil when the runner was interrupted or died.
  public private(set) var end: EndRecord?
  /// Lines that were no records.
  public private(set) var garbage: [String] = []
  private var indices: [String: Int] = [:]

  /// An empty run.
  public init() {}

  /// Takes a line of the runner's output.
  public mutating func add(line: String) {
    guard !line.allSatisfy(\.isWhitespace) else { return }
    do throws(ProbeRecordError) {
      add(try ProbeRecord(line: line))
    } catch {
      garbage.append(error.line)
    }
  }

  /// Takes a record.
  public mutating func add(_ record: ProbeRecord) {
    switch record {
    case .machine(let record): machine = record
    case .probe(let record): update(record.name) { $0.description = record }
    case .sample(let record): update(record.probe) { $0.samples.append(record) }
    case .counters(let record): update(record.probe) { $0.counters.append(record) }
    case .skipped(let record): update(record.probe) { $0.skipped = record.reason }
    case .latency(let record): update(record.probe) { $0.latencies.append(record) }
    case .program(let record): programs.append(record)
    case .end(let record): end = record
    case .other: break
    }
  }

  /// Marks a probe as one that could not be measured.
  public mutating func skip(_ probe: String, reason: String) { update(probe) { $0.skipped = reason } }

  private mutating func update(_ probe: String, _ change: (inout ProbeSeries) -> Void) {
    let index = indices[probe] ?? series.count
    if index == series.count {
      indices[probe] = index
      series.append(ProbeSeries(name: probe))
    }
    change(&series[index])
  }

  /// The series of a probe, or nil.
  public subscript(_ probe: String) -> ProbeSeries? { indices[probe].map { series[$0] } }

  /// The least time of the control probe during the run, in cycles of one iteration; nil when it never ran.
  ///
  /// A time beyond `slowPhaseLimit` times this one marks a slow phase: something outside the probe holds the machine back.
  public var controlMinimum: Double? {
    let values = series.flatMap(\.samples).compactMap(\.controlCycles) + programs.compactMap(\.controlCycles)
    return values.filter { $0 > 0 }.min()
  }

  /// The control probe may take so many times its minimum before a phase counts as slow.
  public static let slowPhaseLimit = 1.1

  /// Whether a sample with that time of the control probe fell into a slow phase.
  public func isSlow(controlCycles: Double?, minimum: Double?) -> Bool {
    guard let controlCycles, let minimum else { return false }
    return controlCycles > minimum * Self.slowPhaseLimit
  }
}

/// The records of one probe.
public struct ProbeSeries: Sendable {
  /// The probe.
  public let name: String
  /// Its row of the runner's table; nil before it has come.
  public var description: ProbeDescription?
  /// Timed batches.
  public var samples: [SampleRecord] = []
  /// What KVM's statistics say, one record per process.
  public var counters: [CounterRecord] = []
  /// Latencies of single events.
  public var latencies: [LatencyRecord] = []
  /// Why the probe did not run; nil when it did.
  public var skipped: String?

  /// A probe without records.
  public init(name: String) { self.name = name }

  /// Whether the host's own primitives are measured, which move no counter of KVM.
  public var isOfHost: Bool { ["host", "translation"].contains(description?.group) }

  /// Whether KVM's counters moved as the probe's row says.
  public var counterCheck: CounterCheck {
    if counters.contains(where: { $0.verdict != "passed" }) { return .failed }
    if !counters.isEmpty { return .passed }
    return isOfHost ? .none : .missing
  }

  /// The outcome of the counter check.
  public enum CounterCheck: String, Sendable, Hashable {
    /// All counters moved as expected.
    case passed
    /// A counter did not move as expected: the probe did not do what it says.
    case failed
    /// The probe moves no counter.
    case none
    /// The runner did not say.
    case missing
  }
}
