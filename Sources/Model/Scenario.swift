import Quantities
import Virtualization

/// How much detail a run simulates.
public enum Fidelity: String, CaseIterable, Sendable, Hashable {
  /// The exit-level engine.
  case exit
  /// The fluid engine.
  case fluid
}

/// A scenario as its document states it: validated in itself, not yet joined with designs and profiles.
public struct Scenario: Sendable {
  /// The scenario's name, used in tables and for the default result directory.
  public var name: String
  /// What it is about.
  public var description: String
  /// Simulated time, the warm-up included.
  public var duration: TimeSpan
  /// Time at the start that the results leave out.
  public var warmup: TimeSpan
  /// Seed of all random streams.
  public var seed: UInt64
  /// The engine, if the scenario says.
  public var fidelity: Fidelity?
  /// The designs that `compare` runs, if the scenario says.
  public var comparison: Comparison?
  /// Hosts.
  public var hosts: [HostGroup]
  /// VMs.
  public var vms: [VMGroup]
  /// Workloads by name, in the order of the document.
  public var workloads: [Workload]
  /// How a fleet is run, if the scenario says.
  public var policies: FleetPolicies?
  /// Power curves that the scenario states itself.
  public var powerCurves: [PowerCurve] = []
  /// Traces that VMs refer to.
  public var traces: [TraceReference] = []
  /// Where the document starts.
  public var location: SourceLocation

  /// What `compare` compares.
  public struct Comparison: Sendable {
    /// The designs in order.
    public let designs: [DesignReference]
    /// The design that the others are held against, by the name that stands in `designs`.
    public let baseline: String

    /// Creates a comparison.
    public init(designs: [DesignReference], baseline: String) {
      self.designs = designs
      self.baseline = baseline
    }
  }

  /// The measured part of the run in nanoseconds since its beginning.
  var measured: ClosedRange<Double> { Double(warmup.nanoseconds)...Double(duration.nanoseconds) }

  /// Creates a scenario.
  public init(
    name: String, description: String = "", duration: TimeSpan, warmup: TimeSpan, seed: UInt64, fidelity: Fidelity?,
    comparison: Comparison?, hosts: [HostGroup], vms: [VMGroup], workloads: [Workload],
    policies: FleetPolicies? = nil, powerCurves: [PowerCurve] = [], traces: [TraceReference] = [],
    location: SourceLocation
  ) {
    self.name = name
    self.description = description
    self.duration = duration
    self.warmup = warmup
    self.seed = seed
    self.fidelity = fidelity
    self.comparison = comparison
    self.hosts = hosts
    self.vms = vms
    self.workloads = workloads
    self.policies = policies
    self.powerCurves = powerCurves
    self.traces = traces
    self.location = location
  }
}

/// A design chosen by name, with overridden axes.
public struct DesignReference: Sendable, Hashable {
  /// The design's name.
  public let name: String
  /// Overridden axes.
  public let overrides: [DesignAxis: String]
  /// vCPUs of the domain that drives the devices; nil for as many as the host has cores.
  public var privilegedVCPUs: Int?
  /// Their weight against vCPUs of guests; nil for 1.
  public var privilegedWeight: Double?
  /// Whether what the design runs beside the guests is there; nil for yes.
  public var hasServices: Bool?
  /// The profile that prices the design in a comparison instead of the hosts' own; nil for theirs.
  public var profile: String?
  /// Where the choice stands.
  public let location: SourceLocation

  /// Creates a reference.
  public init(name: String, overrides: [DesignAxis: String] = [:], location: SourceLocation) {
    self.name = name
    self.overrides = overrides
    self.location = location
  }
}

/// Hosts of one kind.
public struct HostGroup: Sendable {
  /// The name; hosts of a group larger than one are called `name-1`, `name-2`, ...
  public let name: String
  /// How many.
  public let count: Int
  /// Processor model, sockets, cores of each, threads of each core, frequency.
  public let cpu: Processor
  /// Size of the memory.
  public let memory: ByteCount
  /// Size of the pages that back guests.
  public let page: ByteCount
  /// Slice and threshold of the scheduler, where the scenario says.
  public var slice: TimeSpan?
  /// How far a vCPU may be ahead of its slowest sibling, where the scenario says.
  public var skew: TimeSpan?
  /// Memory nodes; nil where all memory is alike.
  public var nodes: HostNodes?
  /// A load beside the guests that has nothing to do with them.
  public var background: Background?
  /// Spinning after which a vCPU exits, where the scenario says.
  public var pauseWindow: Cost?
  /// What the host may do to promise more memory than it has.
  public var overcommit = Overcommit()
  /// How often each MHz may be promised in a fleet; nil for the policy's ratio.
  public var processorRatio: Double?
  /// How often each byte of memory may be promised in a fleet; nil for the policy's ratio.
  public var memoryRatio: Double?
  /// The device that translates devices' addresses, where the scenario names one.
  public var iommu: (name: String, location: SourceLocation)?
  /// Share of guests' memory that transparent huge pages back.
  public let hugePageShare: Double
  /// Levels of the page tables.
  public let pageTableLevels: Int
  /// Network interfaces.
  public let nics: [NetworkInterface]
  /// Names of the disks.
  public let disks: [Disk]
  /// The design that the hosts run.
  public let design: DesignReference
  /// The name of the cost profile, with its place.
  public let profile: String
  /// Where the profile is named.
  public let profileLocation: SourceLocation
  /// The power curve, if one is named.
  public let power: PowerReference?
  /// Labels that VMs may require.
  public let capabilities: [String]
  /// Where the group stands.
  public let location: SourceLocation
  /// Where its keys stand, and `slice` and `skew` of its scheduling.
  public var keyLocations: [String: SourceLocation] = [:]

  /// Means of a host to promise more memory than it has.
  public struct Overcommit: Sendable, Hashable {
    /// The swap device; nil without swap.
    public var swap: SwapDevice?
    /// Pages compared per second to merge equal ones; nil without merging.
    public var scannedPages: Rate?

    /// No means at all.
    public init(swap: SwapDevice? = nil, scannedPages: Rate? = nil) {
      self.swap = swap
      self.scannedPages = scannedPages
    }
  }

  /// A load beside the guests.
  public struct Background: Sendable, Hashable {
    /// Threads.
    public var threads: Int
    /// Share of a processor that each asks for; 1 for one that never sleeps.
    public var share = 1.0
    /// CPU time between two sleeps.
    public var burst = TimeSpan(nanoseconds: 10_000_000)
    /// Weight of each against other threads.
    public var weight = 1.0

    /// Creates a load of threads that never sleep.
    public init(threads: Int) { self.threads = threads }
  }

  /// A processor.
  public struct Processor: Sendable {
    /// The frequency while no more than so many cores are active.
    public struct Boost: Sendable {
      /// Active cores.
      public let cores: Int
      /// Their frequency.
      public let frequency: Frequency

      /// Creates an entry.
      public init(cores: Int, frequency: Frequency) {
        self.cores = cores
        self.frequency = frequency
      }
    }

    /// Model name, compared with the processors that the profile was made on.
    public let model: String?
    /// Sockets of a host.
    public let sockets: Int
    /// Cores of a socket.
    public let coresPerSocket: Int
    /// Clock frequency.
    public let frequency: Frequency
    /// Hardware threads of a core.
    public var threadsPerCore = 1
    /// What a core does with all its threads busy, in units of what it does with one.
    public var smtThroughput = HostProcessors.usualSMTThroughput
    /// Frequencies by active cores; empty for a fixed one.
    public var boost: [Boost] = []
    /// Idle states of its cores.
    public var idleStates = IdleSetting.profile
    /// Cores of a host.
    public var cores: Int { sockets * coresPerSocket }

    /// Which idle states the cores have.
    public enum IdleSetting: Sendable {
      /// Those of the profile, if it has any.
      case profile
      /// The scenario's own; none where empty.
      case own([IdleStates.State])

      /// Whether the scenario states them.
      var isOwn: Bool { if case .own = self { true } else { false } }
    }

    /// Creates a processor.
    public init(model: String?, sockets: Int, coresPerSocket: Int, frequency: Frequency) {
      self.model = model
      self.sockets = sockets
      self.coresPerSocket = coresPerSocket
      self.frequency = frequency
    }
  }

  /// A network interface of a host.
  public struct NetworkInterface: Sendable {
    /// The name by which VMs choose it.
    public let name: String
    /// Wire speed.
    public let bandwidth: BitRate
    /// The device that it is, if one is named.
    public let model: String?
    /// Where it stands.
    public let location: SourceLocation

    /// Creates an interface.
    public init(name: String, bandwidth: BitRate, model: String? = nil, location: SourceLocation) {
      self.name = name
      self.bandwidth = bandwidth
      self.model = model
      self.location = location
    }
  }

  /// A disk of a host.
  public struct Disk: Sendable {
    /// The name by which VMs choose it.
    public let name: String
    /// The device that it is, if one is named.
    public let model: String?
    /// Where it stands.
    public let location: SourceLocation

    /// Creates a disk.
    public init(name: String, model: String?, location: SourceLocation) {
      self.name = name
      self.model = model
      self.location = location
    }
  }

  /// Creates a group.
  public init(
    name: String, count: Int, cpu: Processor, memory: ByteCount, page: ByteCount,
    hugePageShare: Double = 0, pageTableLevels: Int = 4, nics: [NetworkInterface],
    disks: [Disk], design: DesignReference, profile: String, profileLocation: SourceLocation,
    power: PowerReference? = nil, capabilities: [String] = [], location: SourceLocation
  ) {
    self.name = name
    self.count = count
    self.cpu = cpu
    self.memory = memory
    self.page = page
    self.hugePageShare = hugePageShare
    self.pageTableLevels = pageTableLevels
    self.nics = nics
    self.disks = disks
    self.design = design
    self.profile = profile
    self.profileLocation = profileLocation
    self.power = power
    self.capabilities = capabilities
    self.location = location
  }
}

/// VMs of one kind.
public struct VMGroup: Sendable {
  /// The name; VMs of a group larger than one are called `name-1`, `name-2`, ...
  public let name: String
  /// How many.
  public let count: Int
  /// vCPUs of each; `tracedVCPUs` where the trace says.
  public let vcpus: Int
  /// Memory of each; `tracedMemory` where the trace says.
  public let memory: ByteCount
  /// Stands for as many vCPUs as the trace says.
  public static let tracedVCPUs = 0
  /// Stands for as much memory as the trace says.
  public static let tracedMemory = ByteCount.zero
  /// Size of the guest's own pages.
  public let page: ByteCount
  /// Most shadow pages that the hypervisor keeps for the VM, if the scenario says.
  public var shadowPages: Int?
  /// Dirty logging that runs all the time, if any.
  public var dirtyLogging: DirtyLogging?
  /// The image whose VMs have equal pages, and the share of the memory that is equal.
  public var image: ImageSetting?
  /// The balloon, if it has one.
  public var balloon: BalloonSetting?
  /// Share of the guest's memory in transparent huge pages.
  public let hugePageShare: Double
  /// Levels of the guest's page tables.
  public let pageTableLevels: Int
  /// The name of the guest system.
  public let guest: String
  /// The host's network interface that the VM uses, if any.
  public let nic: String?
  /// The host's disk that the VM uses, if any.
  public let disk: String?
  /// What the VM says on its network interface.
  public var nicOptions = DeviceOptions()
  /// What it says on its disk.
  public var diskOptions = DeviceOptions()
  /// The name of the workload.
  public let workload: String
  /// The host or host group that the VMs must run on, if the scenario says.
  public let host: String?
  /// Weight, cap and pinning.
  public var share = ProcessorShare()
  /// Where its memory lies.
  public var nodes = NodeOptions()
  /// What only fleets use.
  public let fleet: FleetVMOptions
  /// Where the group stands.
  public let location: SourceLocation
  /// Where values of its keys stand, for messages on them.
  public var keyLocations: [String: SourceLocation] = [:]

  /// Where the value of a key stands; the group's own place if it has none.
  public func location(of key: String) -> SourceLocation { keyLocations[key] ?? location }

  /// Creates a group.
  public init(
    name: String, count: Int, vcpus: Int, memory: ByteCount, page: ByteCount,
    hugePageShare: Double = 0, pageTableLevels: Int = 4, guest: String, nic: String?,
    disk: String?, workload: String, host: String?, fleet: FleetVMOptions = FleetVMOptions(), location: SourceLocation
  ) {
    self.name = name
    self.count = count
    self.vcpus = vcpus
    self.memory = memory
    self.page = page
    self.hugePageShare = hugePageShare
    self.pageTableLevels = pageTableLevels
    self.guest = guest
    self.nic = nic
    self.disk = disk
    self.workload = workload
    self.host = host
    self.fleet = fleet
    self.location = location
  }
}
