/// Work beside the guests that comes with a design's structure: daemons of the host or of the domain that drives the
/// devices, the process of a VM's device model.
///
/// It wakes up at random, works, and sleeps. What it does for a guest's own operations is part of their paths.
public struct HostService: Sendable, Hashable {
  /// Where work beside the guests runs.
  public enum Home: String, CaseIterable, Sendable, Hashable {
    /// A thread that the host's scheduler knows.
    case host
    /// A process of the domain that drives the devices: it has that domain's vCPUs, behind their backends.
    case privilegedDomain = "privileged_domain"
  }

  /// How many of it there are.
  public enum Multiplicity: String, CaseIterable, Sendable, Hashable {
    /// One a host.
    case host
    /// One for each VM of the host.
    case vm
  }

  /// The name, in tables.
  public var name: String
  /// Where it runs.
  public var home: Home
  /// One a host, or one a VM.
  public var multiplicity: Multiplicity
  /// Wake-ups a second, at random.
  public var wakeups: Double
  /// CPU time of each in nanoseconds.
  public var work: Double
  /// Weight against other threads of the host; that of the domain counts for what runs there.
  public var weight: Double
  /// Published or assumed.
  public var kind: CostKind
  /// The source, or the reason of an assumption.
  public var source: String
  /// The range in which the load of one of it lies, as a share of a processor.
  public var range: ClosedRange<Double>?

  /// Creates a service.
  public init(
    name: String, home: Home, multiplicity: Multiplicity, wakeups: Double, work: Double, weight: Double = 1,
    kind: CostKind, source: String, range: ClosedRange<Double>? = nil
  ) {
    self.name = name
    self.home = home
    self.multiplicity = multiplicity
    self.wakeups = wakeups
    self.work = work
    self.weight = weight
    self.kind = kind
    self.source = source
    self.range = range
  }

  /// Share of a processor that one of it takes.
  public var load: Double { wakeups * work * 1e-9 }
}

/// A clock that interrupts the processors on which guests run.
public struct HostTick: Sendable, Hashable {
  /// Interrupts a second of each.
  public var rate: Double
  /// The source, or the reason of an assumption.
  public var source: String

  /// Creates a tick.
  public init(rate: Double, source: String) {
    self.rate = rate
    self.source = source
  }

  /// Linux's default on x86 servers: CONFIG_HZ=250 (Debian, Ubuntu); the host's tick stops the running guest.
  public static let usual = HostTick(rate: 250, source: "Linux on x86 servers: CONFIG_HZ=250 (Debian, Ubuntu)")
}

extension DesignChoice {
  /// Where a process runs that has nothing to do with the guests; nil where the structure has no place for one.
  public var backgroundHome: HostService.Home? { HostService.Home(structure: axes[.structure]) }
}

extension HostService.Home {
  /// The place that a structure has for processes beside the guests.
  public init?(structure: String) {
    switch structure {
    case "privileged_domain": self = .privilegedDomain
    case "hypervisor_kernel": return nil
    default: self = .host
    }
  }
}
