import Quantities
import Virtualization

/// A trace that a scenario names.
public struct TraceReference: Sendable, Hashable {
  /// How a trace is written.
  public enum Format: String, CaseIterable, Sendable, Hashable {
    /// One file per VM with a whole percentage per line (CoMon on PlanetLab).
    case planetlab
    /// One file per VM with columns separated by semicolons (Grid Workloads Archive, GWA-T-12 Bitbrains).
    case gwa
    /// Tasks and fragments as two CSV files (OpenDC).
    case opendc
    /// VM types and VM requests as two CSV files (Azure trace for packing).
    case azure
    /// Jobs with 18 fields (Standard Workload Format of the Parallel Workloads Archive).
    case swf
  }

  /// What memory is counted in, where the format leaves it open.
  public enum MemoryUnit: String, CaseIterable, Sendable, Hashable {
    /// 1,024 bytes, as the Grid Workloads Archive counts.
    case kilobytes = "KB"
    /// 1,000,000 bytes.
    case megabytes = "MB"

    /// Bytes of one.
    public var bytes: Double { self == .kilobytes ? 1024 : 1e6 }
  }

  /// The machine that the shares of an Azure packing trace refer to.
  public struct Machine: Sendable, Hashable {
    /// Its number in the table of VM types.
    public let number: Int
    /// Its cores.
    public let cores: Int
    /// Its memory.
    public let memory: ByteCount

    /// Creates a machine.
    public init(number: Int, cores: Int, memory: ByteCount) {
      self.number = number
      self.cores = cores
      self.memory = memory
    }
  }

  /// The name by which VMs refer to it.
  public let name: String
  /// The file or folder, as stated; nil when the scenario leaves it to the command line.
  public var path: String?
  /// Whether the command line stated the path, which then may lead anywhere; else it stays in the scenario's folder.
  public var isFromCommandLine: Bool
  /// The format; nil when the content tells.
  public var format: Format?
  /// Time between samples where the format leaves it open; nil for the usual.
  public var interval: TimeSpan?
  /// Samples of each VM where the format leaves it open; nil for the usual.
  public var samples: Int?
  /// What memory is counted in; nil for the usual.
  public var memoryUnit: MemoryUnit?
  /// What shares of a machine refer to.
  public var machine: Machine?
  /// Where the path stands, or else the name.
  public var location: SourceLocation

  /// Creates a reference.
  public init(
    name: String, format: Format? = nil, path: String?, isFromCommandLine: Bool = false, interval: TimeSpan? = nil,
    samples: Int? = nil, memoryUnit: MemoryUnit? = nil, machine: Machine? = nil, location: SourceLocation
  ) {
    self.name = name
    self.format = format
    self.path = path
    self.isFromCommandLine = isFromCommandLine
    self.interval = interval
    self.samples = samples
    self.memoryUnit = memoryUnit
    self.machine = machine
    self.location = location
  }
}
