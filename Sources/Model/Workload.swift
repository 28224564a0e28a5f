import EventKernel
import Quantities
import Virtualization

/// What the guests of a VM do.
public struct Workload: Sendable {
  /// The name.
  public let name: String
  /// One line on what it is, where its document says.
  public var title = ""
  /// What kind of work.
  public let shape: Shape
  /// How the guest refers to memory; nil when TLB misses are not modelled for it.
  public let memory: MemoryReferences?
  /// How large memory operations are, where the workload says.
  public let extents: [GuestOperation: MemoryExtent]
  /// The code that it executes, for designs that translate it; nil when the workload does not say.
  public let code: CodeDescription?
  /// Spin locks of the guest's kernel that the work takes.
  public var locks: [GuestLock] = []
  /// The processes that take turns at switches of the address space and their data; nil where it does not say.
  public var switching: SwitchedData?
  /// A bound on a latency quantile, if any.
  public let objective: LatencyObjective?
  /// The share of its vCPUs that the workload asks for over time; its shape is then a batch that never ends.
  public let utilization: UtilizationWorkload?
  /// Where the workload stands.
  public let location: SourceLocation

  /// Kinds of work.
  public enum Shape: Sendable {
    case requests(RequestWorkload)
    case batch(BatchWorkload)
    case program(ProgramWorkload)
    case idle

    /// The name used in tables.
    public var name: String {
      switch self {
      case .requests: "requests"
      case .batch: "batch"
      case .program: "program"
      case .idle: "idle"
      }
    }
  }

  /// Creates a workload.
  public init(
    name: String, shape: Shape, memory: MemoryReferences? = nil, extents: [GuestOperation: MemoryExtent] = [:],
    code: CodeDescription? = nil, objective: LatencyObjective? = nil, utilization: UtilizationWorkload? = nil,
    location: SourceLocation
  ) {
    self.name = name
    self.shape = shape
    self.memory = memory
    self.extents = extents
    self.code = code
    self.objective = objective
    self.utilization = utilization
    self.location = location
  }
}

/// A bound that a quantile of the latency must keep.
public struct LatencyObjective: Sendable, Hashable {
  /// The quantile, in (0, 1).
  public let quantile: Double
  /// The bound.
  public let bound: TimeSpan

  /// Creates an objective.
  public init(quantile: Double, bound: TimeSpan) {
    self.quantile = quantile
    self.bound = bound
  }
}

/// How requests come to one VM.
public enum ArrivalProcess: Sendable, Hashable {
  /// Independent arrivals with exponential gaps.
  case poisson(rate: Rate)
  /// Equal gaps.
  case deterministic(rate: Rate)
  /// So many clients, each of which thinks for an exponential time between its requests.
  case closed(clients: Int, think: TimeSpan)
}

/// The order in which a guest serves requests that compete for its vCPUs.
public enum ServiceDiscipline: String, CaseIterable, Sendable, Hashable {
  /// All requests share the vCPUs, as a time-sharing guest scheduler does.
  case processorSharing = "processor_sharing"
  /// Each vCPU serves one request to its end, in the order of arrival.
  case firstComeFirstServed = "fcfs"
}

/// Requests that arrive, use CPU time and operations, and leave.
public struct RequestWorkload: Sendable {
  /// How requests come to each VM.
  public let arrivals: ArrivalProcess
  /// CPU time of a request on the bare host, in nanoseconds.
  public let service: Distribution
  /// How requests share the vCPUs.
  public let discipline: ServiceDiscipline
  /// Operations of a request; fractions are the probability of one more.
  public let perRequest: [GuestOperation: Double]
  /// Operations per second of CPU time on the bare host.
  public let perCPUSecond: [GuestOperation: Double]
  /// Bytes of a packet sent.
  public let sentPacket: ByteCount
  /// Bytes of a packet received.
  public let receivedPacket: ByteCount
  /// Bytes of a block read.
  public let readSize: ByteCount
  /// Bytes of a block write.
  public let writeSize: ByteCount
  /// Probability that a block read follows the one before it on the disk.
  public var sequentialReads = 0.0
  /// Probability that a block write does.
  public var sequentialWrites = 0.0
  /// Bytes of a file that is written to for the first time.
  public var firstWriteSize = ByteCount.zero

  /// Creates a request workload.
  public init(
    arrivals: ArrivalProcess, service: Distribution, discipline: ServiceDiscipline = .processorSharing,
    perRequest: [GuestOperation: Double] = [:], perCPUSecond: [GuestOperation: Double] = [:],
    sentPacket: ByteCount = .zero, receivedPacket: ByteCount = .zero, readSize: ByteCount = .zero,
    writeSize: ByteCount = .zero
  ) {
    self.arrivals = arrivals
    self.service = service
    self.discipline = discipline
    self.perRequest = perRequest
    self.perCPUSecond = perCPUSecond
    self.sentPacket = sentPacket
    self.receivedPacket = receivedPacket
    self.readSize = readSize
    self.writeSize = writeSize
  }
}

/// An amount of work that runs from the start until it is done.
public struct BatchWorkload: Sendable {
  /// CPU time on the bare host of one VM's work, all threads together.
  public let work: TimeSpan
  /// Threads that share the work equally.
  public let threads: Int
  /// Operations per second of CPU time on the bare host.
  public let perCPUSecond: [GuestOperation: Double]

  /// Creates a batch workload.
  public init(work: TimeSpan, threads: Int, perCPUSecond: [GuestOperation: Double] = [:]) {
    self.work = work
    self.threads = threads
    self.perCPUSecond = perCPUSecond
  }
}

/// A loop of operations, repeated on one vCPU.
public struct ProgramWorkload: Sendable {
  /// How often the loop runs.
  public let iterations: Int64
  /// Operations of one iteration.
  public let operations: [GuestOperation: Int64]
  /// CPU time of one iteration beside its operations, on the bare host.
  public let compute: TimeSpan

  /// Creates a program.
  public init(iterations: Int64, operations: [GuestOperation: Int64], compute: TimeSpan = .zero) {
    self.iterations = iterations
    self.operations = operations
    self.compute = compute
  }
}

extension RequestWorkload {
  /// Longest turn of a request under processor sharing while others wait, in nanoseconds: a sixteenth of the mean service
  /// time, so that sharing is fine-grained, but no less than a microsecond.
  public var turn: Double { max(1000, service.mean / 16) }
}
