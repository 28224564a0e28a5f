import Quantities
import Virtualization

/// How a fleet is run: where VMs are placed, when and how they are moved, which hosts sleep.
public struct FleetPolicies: Sendable, Hashable {
  /// The semantics of the whole set.
  public enum Semantics: String, CaseIterable, Sendable, Hashable {
    /// This project's own: rates change when demand changes, energy is integrated exactly.
    case standard = "default"
    /// Those of CloudSim 3.0.3's power package, its known defects included.
    case cloudSimCompatible = "cloudsim-compatible"
  }

  /// Which semantics hold.
  public var semantics: Semantics = .standard
  /// How VMs find their first host, and any later one.
  public var placement = PlacementPolicy()
  /// When VMs are moved; nil for never.
  public var consolidation: ConsolidationPolicy?
  /// How VMs are moved.
  public var migration = MigrationPolicy()
  /// Whether hosts draw power by their load, or always what they draw at full load.
  public var isPowerAware = true
  /// Whether VMs whose demand is 0 are ended for good, as CloudSim does; only for its semantics.
  public var endsIdleVMs = true
  /// Defects of CloudSim's semantics that are mended; only there.
  public var corrections: Set<CompatibleCorrection> = []
  /// Whether hosts of different groups are numbered in turn (`a-1`, `b-1`, `a-2`, ...) or group by group.
  public var alternatesHosts = false

  /// The default policies.
  public init() {}
}

/// A defect of CloudSim 3.0.3's semantics that can be mended by itself, to see what it is worth.
public enum CompatibleCorrection: String, CaseIterable, Sendable, Hashable {
  /// Hosts are held to their memory when VMs are moved.
  case memory
  /// Power is held from one update to the next, from the creation of the VMs to the end.
  case energy
  /// Hosts without VMs draw their idle power.
  case emptyHosts = "empty-hosts"
  /// All migrations of a host share its interface, at both ends.
  case bandwidth
  /// VMs on their way get all of their share at the source and nothing at the target.
  case movingShares = "moving-shares"
  /// Placement compares with the power that VMs placed in the round bring, and an empty host draws nothing before.
  case placementPower = "placement-power"
  /// Hosts that take VMs from overloaded ones are not emptied in the same round.
  case evacuation
  /// Local regression has its weights: tricube, and bisquare on top where it is robust.
  case regression
}

/// How VMs find hosts.
public struct PlacementPolicy: Sendable, Hashable {
  /// Which of the hosts that can take a VM is taken.
  public enum Rule: String, CaseIterable, Sendable, Hashable {
    /// The first in the order of the hosts.
    case firstFit = "first-fit"
    /// The one that is left with the least memory.
    case bestFit = "best-fit"
    /// The one that is left with the most memory.
    case worstFit = "worst-fit"
    /// Any, each with the same probability.
    case random
    /// The next after the last one taken.
    case roundRobin = "round-robin"
    /// Largest demand first, each where it adds the least power [Beloglazov & Buyya 2012].
    case powerAware = "power-aware-best-fit-decreasing"
    /// Filters leave the hosts that may take the VM; of those the one with the greatest weighed score, as OpenStack's
    /// Nova scheduler does.
    case filterAndWeigh = "filter-and-weigh"
  }

  /// The rule.
  public var rule = Rule.firstFit
  /// vCPUs that a core may be promised to.
  public var cpuAllocationRatio = 1.0
  /// Memory that a byte of memory may be promised to.
  public var memoryAllocationRatio = 1.0
  /// Weight of free memory (as a share of the host's) in the score of `filterAndWeigh`.
  public var memoryWeight = 1.0
  /// Weight of free promised CPU (as a share of the host's) in that score.
  public var cpuWeight = 1.0

  /// First fit without overcommitment.
  public init() {}
}

/// When and which VMs are moved.
public struct ConsolidationPolicy: Sendable, Hashable {
  /// How a host is found to be overloaded.
  public enum Overload: String, CaseIterable, Sendable, Hashable {
    /// Utilization above a fixed threshold.
    case threshold = "thr"
    /// Above 1 − s × interquartile range of the recent utilization.
    case interquartileRange = "iqr"
    /// Above 1 − s × median absolute deviation.
    case medianAbsoluteDeviation = "mad"
    /// s × the utilization that local regression predicts for the end of the longest migration reaches 1.
    case localRegression = "lr"
    /// The same with bisquare weights that disregard outliers.
    case robustLocalRegression = "lrr"
  }

  /// Which VM leaves an overloaded host first.
  public enum Selection: String, CaseIterable, Sendable, Hashable {
    /// The one that migrates fastest: least memory.
    case minimumMigrationTime = "mmt"
    /// Any.
    case random = "rs"
    /// The one whose demand correlates most with that of the others.
    case maximumCorrelation = "mc"
    /// The one with the least demand.
    case minimumUtilization = "mu"
  }

  /// The detector.
  public var overload = Overload.threshold
  /// The threshold of `thr`, or the safety parameter s of the others.
  public var parameter = 0.8
  /// The selection.
  public var selection = Selection.minimumMigrationTime
  /// Time between two looks at the fleet.
  public var interval = TimeSpan.seconds(300)
  /// Whether hosts with little load are emptied.
  public var evacuates = true
  /// Whether hosts without VMs fall asleep; else they draw what they draw idle.
  public var sleeps = true

  /// THR 0.8 with MMT every 300 s.
  public init() {}

  /// The usual parameter of a detector [Beloglazov & Buyya 2012, section 6].
  public static func usualParameter(of overload: Overload) -> Double {
    switch overload {
    case .threshold: 0.8
    case .interquartileRange: 1.5
    case .medianAbsoluteDeviation: 2.5
    case .localRegression, .robustLocalRegression: 1.2
    }
  }
}

/// How VMs are moved.
public struct MigrationPolicy: Sendable, Hashable {
  /// The mechanism.
  public enum Mechanism: String, CaseIterable, Sendable, Hashable {
    /// Memory over half of the target's bandwidth, as CloudSim has it.
    case fixedRate = "fixed-rate"
    /// Rounds of copying while the VM runs, then stop and copy [Clark et al. 2005].
    case preCopy = "pre-copy"
  }

  /// The mechanism.
  public var mechanism = Mechanism.fixedRate
  /// Share of a host's interface that migrations may use, all together.
  public var bandwidthShare = 0.5
  /// Greatest bandwidth of one migration in bytes a second; QEMU's `max-bandwidth` defaults to 128 MiB/s.
  public var bandwidthLimit = Double.infinity
  /// Downtime below which the last round may be; QEMU's `downtime-limit` defaults to 300 ms.
  public var downtimeTarget = TimeSpan.milliseconds(300)
  /// Rounds after which the VM is stopped and the rest copied.
  public var roundLimit = 30
  /// Whether a guest that dirties memory too fast is slowed down (QEMU's auto-converge).
  public var autoConverges = false
  /// Bytes a second that a guest dirties for each unit of its demand (1 = all its vCPUs busy), and the memory that it
  /// writes to again and again.
  public var dirtyRate = 0.0
  /// Whether the dirty rate counts distinct pages, as far as there are any, or writes to random pages of the working set.
  public var countsDistinct = false
  /// The writable working set as a share of the VM's memory.
  public var writableShare = 1.0
  /// Share of the VM's memory that is written so often that every round finds all of it dirty, however short it was.
  public var hotShare = 0.0
  /// How the bandwidth follows the guest's dirtying; nil for all that there is.
  public var adaptation: Adaptation?

  /// Bandwidth that follows the guest's dirtying: the first round has the minimum, each further one what the guest dirtied in
  /// the last round per second and an increment on top, until that is more than the maximum: then the VM is stopped, and
  /// the rest is sent without a limit. [Clark et al., NSDI 2005, section 5.3]
  public struct Adaptation: Sendable, Hashable {
    /// Bytes a second of the first round.
    public var minimum: Double
    /// Bytes a second on top of the rate of dirtying.
    public var increment: Double
    /// Bytes a second beyond which rounds are given up.
    public var maximum: Double

    /// Creates an adaptation.
    public init(minimum: Double, increment: Double, maximum: Double) {
      self.minimum = minimum
      self.increment = increment
      self.maximum = maximum
    }
  }
  /// Time to move device state and resume, in addition to the last round.
  public var switchoverTime = TimeSpan.zero

  /// A mechanism with its usual settings.
  public init(mechanism: Mechanism = .fixedRate) { self.mechanism = mechanism }
}
