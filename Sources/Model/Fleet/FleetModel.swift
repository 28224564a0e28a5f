import Quantities
import Virtualization

/// What the fluid engine takes for a fleet: classes of hosts and VMs, who belongs to which, demand series and policies.
///
/// A VM holds a number of a series, never a copy; 16 bytes a VM and 4 a host are all that grows with the fleet.
public struct FleetModel: Sendable {
  /// Hosts of one kind.
  public struct HostClass: Sendable {
    /// The group's name.
    public let name: String
    /// How many hosts the group has.
    public let count: Int
    /// Cores.
    public let cores: Int
    /// Speed of a core in MHz.
    public let coreSpeed: Double
    /// Bytes of memory for guests.
    public let memory: Int64
    /// Bytes a second of the fastest interface; 0 without one.
    public let bandwidth: Double
    /// What hosts draw; nil when no curve is named.
    public let power: PowerCurve?
    /// Index of a representative in `SimulationModel.hosts`, whose design all share.
    public let representative: Int
    /// Labels that VMs may require.
    public let capabilities: Set<String>
    /// Name of the design that the hosts run.
    public let hypervisor: String
    /// How often each MHz may be promised.
    public var processorRatio = 1.0
    /// How often each byte of memory may be promised.
    public var memoryRatio = 1.0
    /// How many pages a second are compared to merge equal ones; 0 without merging.
    public var scannedPages = 0.0
    /// Network interfaces of each.
    public var nicCount = 0
    /// Disks of each; nil for those without a model.
    public var disks: [StorageDevice?] = []
    /// VMs that each device takes: interfaces, then disks. Devices of the host's own take any number.
    public var deviceLimits: [Int] = []
    /// What runs beside the guests of each; the threads of `perVM` ones are those for one VM.
    public var works: [(work: HostWork, perVM: Bool)] = []
    /// vCPUs of the privileged domain, which bound what runs in it.
    public var privilegedVCPUs = 0

    /// Speed of all cores in MHz.
    public var capacity: Double { Double(cores) * coreSpeed }

    /// Creates a class.
    public init(
      name: String, count: Int, cores: Int, coreSpeed: Double, memory: Int64, bandwidth: Double, power: PowerCurve?,
      representative: Int, capabilities: Set<String> = [], hypervisor: String = ""
    ) {
      self.name = name
      self.count = count
      self.cores = cores
      self.coreSpeed = coreSpeed
      self.memory = memory
      self.bandwidth = bandwidth
      self.power = power
      self.representative = representative
      self.capabilities = capabilities
      self.hypervisor = hypervisor
    }
  }

  /// VMs of one kind.
  public struct VMClass: Sendable {
    /// The group's name.
    public let name: String
    /// Its number among the classes of a model; nil outside one.
    public internal(set) var index: Int?
    /// How many VMs the class has.
    public let count: Int
    /// How many VMs its group has: more where a trace gives the group's VMs different sizes.
    public let groupCount: Int
    /// Index of the first class of its group.
    public let group: Int
    /// vCPUs.
    public let vcpus: Int
    /// vCPUs' worth of work that it asks for at full demand; less than `vcpus` where a trace gives it a part of one.
    public let cpus: Double
    /// Speed of a vCPU in MHz, to which demand refers; 0 for that of the host's cores.
    public let speed: Double
    /// Bytes of memory.
    public let memory: Int64
    /// Bytes a second of its host's interface that are reserved for it.
    public let bandwidth: Double
    /// Index of the workload.
    public let workload: Int
    /// Index of the demand's series among those of the model; -1 for constant demand.
    public let demand: Int
    /// Demand as a share of the vCPUs where no series gives it.
    public let constantDemand: Double
    /// Relative share of a contended host.
    public let weight: Double
    /// MHz that it gets before others share; 0 for none.
    public let reservation: Double
    /// MHz that it never exceeds; infinite for none.
    public let limit: Double
    /// Which hosts may take it.
    public let requirement: Requirement
    /// Processors that its vCPUs may use together.
    public var cap = Double.infinity
    /// Image whose VMs have equal pages; nil for none.
    public var image: String?
    /// Share of the memory that is equal.
    public var sharedShare = 0.0
    /// Writes to equal pages per second of CPU time.
    public var imageWrites = 0.0
    /// Bytes down to which a balloon may shrink it; nil without one.
    public var balloonTarget: Int64?
    /// Where its group is stated.
    public var location: SourceLocation?

    /// Creates a class.
    public init(
      name: String, count: Int, vcpus: Int, speed: Double, memory: Int64, bandwidth: Double, workload: Int,
      demand: Int = -1, constantDemand: Double = 0, weight: Double = 1, reservation: Double = 0,
      limit: Double = .infinity,
      requirement: Requirement = Requirement(), cpus: Double? = nil, groupCount: Int? = nil, group: Int = 0
    ) {
      self.name = name
      self.count = count
      self.groupCount = groupCount ?? count
      self.group = group
      self.vcpus = vcpus
      self.cpus = cpus ?? Double(vcpus)
      self.speed = speed
      self.memory = memory
      self.bandwidth = bandwidth
      self.workload = workload
      self.demand = demand
      self.constantDemand = constantDemand
      self.weight = weight
      self.reservation = reservation
      self.limit = limit
      self.requirement = requirement
    }
  }

  /// Conditions on the host of a VM.
  public struct Requirement: Sendable, Hashable {
    /// Host class it must run on, by index; nil for any.
    public var hostClass: Int?
    /// Host it must run on, by index; nil for any.
    public var host: Int?
    /// Labels that its host must have.
    public var capabilities: Set<String> = []
    /// Names of the designs that its host may run; empty for any.
    public var hypervisors: Set<String> = []
    /// Number of the group of VMs that must share one host; nil for none.
    public var affinity: Int?
    /// Number of the group of VMs no two of which may share a host; nil for none.
    public var antiAffinity: Int?

    /// No conditions.
    public init() {}
  }

  /// The host classes in the order of the scenario.
  public let hostClasses: [HostClass]
  /// The VM classes in the order of the scenario.
  public let vmClasses: [VMClass]
  /// The class of each host.
  public let hostClass: [Int32]
  /// The number of each host in its class, from 0.
  public let hostNumber: [Int32]
  /// The class of each VM.
  public let vmClass: [Int32]
  /// The number of each VM in its group, from 0.
  public let vmNumber: [Int32]
  /// The series of each VM in its class's demand; -1 for none.
  public let vmSeries: [Int32]
  /// What VM classes refer to.
  public let demands: [DemandSource]
  /// The policies.
  public let policies: FleetPolicies
  /// What VM class `i` does on host class `j`, at `i × host classes + j`; empty where no cost is charged.
  public let loads: [OperationLoad?]
  /// The same while the hypervisor notes which pages VMs write, to copy them away; empty where it never does.
  public let migratingLoads: [OperationLoad?]
  /// What memory costs that is taken back from VM class `i` on host class `j`, as `loads`; empty where none ever is.
  public var swapping: [SwappingLoad?] = []
  /// The interface that VM class `i` has on host class `j`, among those of the host, as `loads`; -1 without one.
  public var nics: [Int32] = []
  /// Devices of a host of class `j` that a VM of class `i` has, or has a virtual function of, as `loads`: indices of
  /// `deviceLimits`.
  public var assigned: [[Int]] = []
  /// Guest system of each VM class.
  public let guests: [GuestSystem]
  /// The loads, each once.
  public let distinctLoads: [OperationLoad]

  /// Creates a model; VMs are those of the groups one after another, hosts too unless the policies number them in turn.
  ///
  /// - Parameters:
  ///   - series: the series of each VM in the order of the VMs.
  ///   - vmClass: the class of each VM; nil where the VMs of the classes stand one after another.
  public init(
    hostClasses: [HostClass], vmClasses: [VMClass], series: [Int32], vmClass given: [Int32]? = nil,
    demands: [DemandSource], policies: FleetPolicies, loads: [OperationLoad?] = [],
    migratingLoads: [OperationLoad?] = [], guests: [GuestSystem] = [],
    distinctLoads: [OperationLoad] = []
  ) {
    self.distinctLoads = distinctLoads
    self.hostClasses = hostClasses
    self.vmClasses = vmClasses.enumerated().map { number, vmClass in
      var vmClass = vmClass
      vmClass.index = number
      return vmClass
    }
    self.demands = demands
    self.policies = policies
    self.loads = loads
    self.guests = guests
    self.migratingLoads = migratingLoads
    var classes: [Int32] = []
    var numbers: [Int32] = []
    if policies.alternatesHosts {
      for number in 0..<(hostClasses.map(\.count).max() ?? 0) {
        for (index, group) in hostClasses.enumerated() where number < group.count {
          classes.append(Int32(index))
          numbers.append(Int32(number))
        }
      }
    } else {
      for (index, group) in hostClasses.enumerated() {
        classes += repeatElement(Int32(index), count: group.count)
        numbers += (0..<group.count).map(Int32.init)
      }
    }
    hostClass = classes
    hostNumber = numbers
    vmClass =
      given ?? vmClasses.enumerated().flatMap { index, group in repeatElement(Int32(index), count: group.count) }
    var members = [Int32](repeating: 0, count: vmClasses.count)
    vmNumber =
      given == nil
      ? vmClasses.flatMap { (0..<$0.count).map(Int32.init) }
      : vmClass.map { number in
        let group = vmClasses[Int(number)].group
        members[group] += 1
        return members[group] - 1
      }
    precondition(series.count == vmClass.count, "each VM has a series or none")
    vmSeries = series
  }

  /// The name of a host.
  public func hostName(_ host: Int) -> String {
    let group = hostClasses[Int(hostClass[host])]
    return group.count == 1 ? group.name : "\(group.name)-\(hostNumber[host] + 1)"
  }

  /// The name of a VM.
  public func vmName(_ vm: Int) -> String {
    let group = vmClasses[Int(vmClass[vm])]
    return group.groupCount == 1 ? group.name : "\(group.name)-\(vmNumber[vm] + 1)"
  }
}

/// Demand that is there before a run, or made for it.
public enum DemandSource: Sendable {
  /// Series of a trace.
  case series(TraceSet)
  /// Series that each replication draws for itself.
  case generated(GeneratedDemand)

  /// Time between two samples.
  public var interval: TimeSpan {
    switch self {
    case .series(let series): series.interval
    case .generated(let demand): demand.interval
    }
  }
}
