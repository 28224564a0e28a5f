import Quantities
import Virtualization

/// A workload that asks for a share of its vCPUs over time: a fleet's kind of work.
public struct UtilizationWorkload: Sendable, Hashable {
  /// Where the demand comes from.
  public enum Demand: Sendable, Hashable {
    /// The series of the VM's trace.
    case trace
    /// The same share all the time, from 0 to 1.
    case constant(Double)
    /// Generated series.
    case generated(GeneratedDemand)
  }

  /// Where the demand comes from.
  public let demand: Demand

  /// Creates a workload.
  public init(demand: Demand) { self.demand = demand }
}

/// Series that follow a daily profile with correlated noise: `x = m · profile(hour) + d · n`, with
/// `n' = ρ n + √(1 − ρ²) ε` and normal `ε`, kept within 0 to 1. Each series has a mean `m` of its own.
public struct GeneratedDemand: Sendable, Hashable {
  /// How many series there are; VMs take them in turn.
  public var series = 1000
  /// Time between samples.
  public var interval = TimeSpan.seconds(300)
  /// Mean share over all series, and its spread: means are uniform from `mean − spread` to `mean + spread`.
  public var mean = 0.2
  /// See `mean`.
  public var spread = 0.0
  /// Standard deviation of the noise.
  public var deviation = 0.05
  /// Correlation of the noise from sample to sample, below 1.
  public var correlation = 0.9
  /// Factors of the mean for the hours of the day, in equal steps; straight between them.
  public var profile = [1.0]

  /// Steady demand of 0.2 with a little noise.
  public init() {}
}

/// Which series of a trace the VMs of a group take.
public struct TraceSelection: Sendable, Hashable {
  /// The trace's name.
  public let name: String
  /// The part taken, from 1, of so many of equal size, in the order of the trace.
  public let part: Int
  /// See `part`.
  public let parts: Int
  /// Where the choice stands.
  public let location: SourceLocation

  /// Creates a selection.
  public init(name: String, part: Int = 1, parts: Int = 1, location: SourceLocation) {
    self.name = name
    self.part = part
    self.parts = parts
    self.location = location
  }

  /// The series of the part, of so many in all: parts have ⌈count/parts⌉ series, the last what is left.
  public func series(of count: Int) -> Range<Int> {
    let size = (count + parts - 1) / parts
    return min(count, size * (part - 1))..<min(count, size * part)
  }
}

/// What only fleets use of a group of VMs.
public struct FleetVMOptions: Sendable, Hashable {
  /// Series that give the demand; nil for none.
  public var trace: TraceSelection?
  /// Whether the group states its count; without one, there is a VM for each series.
  public var hasCount = true
  /// Speed of a vCPU to which demand refers; nil for that of the host's cores.
  public var speed: Frequency?
  /// Bits a second of the host's interface that are reserved.
  public var bandwidth: BitRate?
  /// Relative share of a contended host.
  public var weight = 1.0
  /// CPU that the VM gets before others share; nil for none.
  public var reservation: Frequency?
  /// CPU that it never exceeds; nil for none.
  public var limit: Frequency?
  /// Labels that the host must have.
  public var capabilities: [String] = []
  /// Designs that the host may run; empty for any.
  public var hypervisors: [String] = []
  /// Name of a group whose VMs share one host.
  public var affinity: String?
  /// Name of a group no two VMs of which share a host.
  public var antiAffinity: String?

  /// No options.
  public init() {}
}
