import Virtualization

/// The rows of a result's tables.
extension RunResult {
  /// One step of one operation of one VM.
  public struct ExitRow: Sendable, Hashable {
    /// The host's index; in fleets that of the class of hosts.
    public let host: Int
    /// The VM's index; in fleets that of the class of VMs.
    public let vm: Int
    /// The operation.
    public let operation: GuestOperation
    /// The step.
    public let step: String
    /// Where the CPU time was spent.
    public let place: Place
    /// How often the step happened.
    public let count: Int64
    /// VM exits that these steps stand for.
    public let exits: Int64
    /// Why the guest exits in the step; nil for steps that are no exits.
    public let reason: ExitReason?
    /// CPU time.
    public let nanoseconds: Int64
    /// Whether the price is measured, published or assumed.
    public let kind: CostKind

    /// Creates a row.
    public init(
      host: Int, vm: Int, operation: GuestOperation, step: String, place: Place, count: Int64, exits: Int64,
      nanoseconds: Int64, kind: CostKind, reason: ExitReason?
    ) {
      self.reason = reason
      self.host = host
      self.vm = vm
      self.operation = operation
      self.step = step
      self.place = place
      self.count = count
      self.exits = exits
      self.nanoseconds = nanoseconds
      self.kind = kind
    }
  }

  /// One host.
  public struct HostRow: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The label of its design.
    public let design: String
    /// The name of its profile.
    public let profile: String
    /// Cores.
    public let cores: Int
    /// The guests' own work.
    public let guest: Int64
    /// Virtualization's CPU time by `Place.rawValue`.
    public let virtualization: [Int64]
    /// CPU time of what runs beside the guests.
    public let services: Int64
    /// Idle time of all cores.
    public let idle: Int64
    /// Bytes of its guests' shadow tables.
    public let shadowTables: Int64

    /// Creates a row; times in nanoseconds.
    public init(
      name: String, design: String, profile: String, cores: Int, guest: Int64, virtualization: [Int64], idle: Int64,
      services: Int64 = 0, shadowTables: Int64 = 0
    ) {
      self.services = services
      self.name = name
      self.design = design
      self.profile = profile
      self.cores = cores
      self.guest = guest
      self.virtualization = virtualization
      self.idle = idle
      self.shadowTables = shadowTables
    }
  }

  /// What ran beside the guests of one host.
  public struct ServiceRow: Sendable, Hashable {
    /// The host's index.
    public let host: Int
    /// The name.
    public let name: String
    /// Where it ran.
    public let home: HostService.Home
    /// Threads.
    public let threads: Int
    /// Times that it woke up.
    public let wakeups: Int64
    /// CPU time.
    public let nanoseconds: Int64

    /// Creates a row.
    public init(
      host: Int, name: String, home: HostService.Home, threads: Int, wakeups: Int64, nanoseconds: Int64
    ) {
      self.host = host
      self.name = name
      self.home = home
      self.threads = threads
      self.wakeups = wakeups
      self.nanoseconds = nanoseconds
    }
  }

  /// One VM.
  public struct VMRow: Sendable, Hashable {
    /// The name.
    public let name: String
    /// Index of its host.
    public let host: Int
    /// Index of its workload.
    public let workload: Int
    /// vCPUs.
    public let vcpus: Int
    /// The guest's own work.
    public let guest: Int64
    /// Time in which virtualization's synchronous steps held a vCPU.
    public let stall: Int64
    /// Time in which a vCPU could run but had no core.
    public let steal: Int64
    /// Time in which a vCPU was halted.
    public let halted: Int64
    /// CPU time of the VM's backends.
    public let backend: Int64
    /// Requests, iterations or batches that ended.
    public let completed: Int64
    /// VM exits.
    public let exits: Int64
    /// Bytes of its shadow tables.
    public let shadowTables: Int64
    /// Where it runs and has its memory; nil where all memory is alike.
    public var home: NodeHome?
    /// Its memory; nil in fleets.
    public internal(set) var memory: MemoryUse?
    /// Time of the guest's own in which it spun for locks.
    public var spin: Int64 = 0

    /// Creates a row; times in nanoseconds.
    public init(
      name: String, host: Int, workload: Int, vcpus: Int, guest: Int64, stall: Int64, steal: Int64, halted: Int64,
      backend: Int64, completed: Int64, exits: Int64, shadowTables: Int64 = 0, memory: MemoryUse? = nil
    ) {
      self.memory = memory
      self.name = name
      self.host = host
      self.workload = workload
      self.vcpus = vcpus
      self.guest = guest
      self.stall = stall
      self.steal = steal
      self.halted = halted
      self.backend = backend
      self.completed = completed
      self.exits = exits
      self.shadowTables = shadowTables
    }
  }

  /// One workload over all its VMs.
  public struct WorkloadRow: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The shape's name.
    public let shape: String
    /// Requests, iterations or batches that ended in the window.
    public let completed: Int64
    /// Requests or iterations per second; for a batch, seconds of bare-host CPU work done per second.
    public let throughput: Double
    /// Mean latency of a request, time of an iteration, or time to the end of a batch, in seconds; nil when nothing
    /// ended or the mean does not exist.
    public let meanLatency: Double?
    /// Latency in seconds by quantile; empty when the engine cannot tell.
    public let quantiles: [LatencyQuantile]
    /// Share of requests slower than the objective's bound, if there is an objective.
    public let violation: Double?

    /// Creates a row.
    public init(
      name: String, shape: String, completed: Int64, throughput: Double, meanLatency: Double?,
      quantiles: [LatencyQuantile], violation: Double? = nil
    ) {
      self.name = name
      self.shape = shape
      self.completed = completed
      self.throughput = throughput
      self.meanLatency = meanLatency
      self.quantiles = quantiles
      self.violation = violation
    }
  }

  /// A quantile of a latency.
  public struct LatencyQuantile: Sendable, Hashable {
    /// The probability.
    public let probability: Double
    /// The latency in seconds.
    public let seconds: Double

    /// Creates a quantile.
    public init(probability: Double, seconds: Double) {
      self.probability = probability
      self.seconds = seconds
    }
  }

  /// A price that a run rests on.
  public struct ProvenanceRow: Sendable, Hashable {
    /// The step.
    public let step: String
    /// Mean in the unit given.
    public let mean: Double
    /// `ns` or `cycles`.
    public let unit: String
    /// Measured, published or assumed.
    public let kind: CostKind
    /// The source, or the reason of an assumption.
    public let source: String
    /// The profile that states the price.
    public let profile: String
    /// The range of an assumed mean, in nanoseconds.
    public let range: ClosedRange<Double>?

    /// Creates a row.
    public init(
      step: String, mean: Double, unit: String, kind: CostKind, source: String, profile: String,
      range: ClosedRange<Double>?
    ) {
      self.step = step
      self.mean = mean
      self.unit = unit
      self.kind = kind
      self.source = source
      self.profile = profile
      self.range = range
    }
  }
}
