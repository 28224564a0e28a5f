import Quantities
import Virtualization

/// A host that an engine simulates.
public struct Host: Sendable {
  /// The name.
  public let name: String
  /// Hardware threads: what the scheduler has to give.
  public var cores: Int { processors.threads }
  /// Cores, their threads and how they are scheduled.
  public let processors: HostProcessors
  /// The compiled design that the host runs.
  public let design: CompiledDesign
  /// Pages a second that the host compares to merge equal ones; 0 for none.
  public var scannedPages = 0.0
  /// Pages of 4 KiB that it has for the memory of its guests, merged ones counted as often as they are used.
  public internal(set) var guestPages = 0.0
  /// vCPUs of the domain that drives the devices, where the design has one.
  public var privilegedVCPUs = 1
  /// Their weight under the host's scheduler.
  public var privilegedWeight = 1.0
  /// Memory nodes; nil where all memory is alike.
  public var nodes: HostNodes?
  /// What runs beside the guests.
  public var works: [HostWork] = []

  /// Demand for processors of what runs in one place beside the guests.
  public func demand(in home: HostService.Home) -> Double { works.reduce(0) { $0 + ($1.home == home ? $1.demand : 0) } }
}

/// A VM that an engine simulates.
public struct VirtualMachine: Sendable {
  /// The name.
  public let name: String
  /// Index of its host.
  public let host: Int
  /// vCPUs.
  public let vcpus: Int
  /// Weight, cap and pinning.
  public internal(set) var share = ProcessorShare()
  /// Where it runs and has its memory; nil where all memory is alike.
  public internal(set) var home: NodeHome?
  /// Index of its workload.
  public let workload: Int
  /// The guest system.
  public let guest: GuestSystem
  /// Wire speed of its network interface; nil without one.
  public let bandwidth: BitRate?
  /// Index of its network interface among all interfaces of all hosts; nil without one.
  public let nic: Int?
  /// How often its operations happen.
  public internal(set) var load: OperationLoad
  /// The part of the run with dirty logging; nil where it is off or always on.
  public internal(set) var logged: LoggedPhase?
  /// The host's design with the prices that hold for this VM.
  public var design: CompiledDesign { load.design }
  /// What is known of its memory before the run.
  public internal(set) var memory = MemoryFigures()
  /// What its memory does; nil on a host whose balloons do not move.
  public internal(set) var plan: MemoryPlan?
  /// The disk, among all disks of all hosts, to which its host swaps; nil where it swaps to a device of known latency.
  public internal(set) var swapDisk: Int?
  /// What the host writes there meanwhile.
  public internal(set) var swapWrites = SwapWrites()
  /// The way of its packets and block requests.
  public var io = IOSetting()
  /// Names the VM's random streams. It follows from the VM's name, so that other VMs, wherever they stand in the
  /// scenario, leave its draws alone.
  public let stream: UInt32
}

/// Names for random streams that follow from names of entities.
struct StreamNames {
  private var taken: Set<UInt32> = []

  /// The FNV-1a hash of the name; where two names of a scenario share one, the later takes the next that is free.
  ///
  /// [G. Fowler, L. C. Noll, K.-P. Vo, D. Eastlake, The FNV non-cryptographic hash algorithm, IETF draft]
  mutating func name(for text: String) -> UInt32 {
    var hash: UInt32 = 0x811c_9dc5
    for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    while !taken.insert(hash).inserted { hash &+= 1 }
    return hash
  }
}

/// Everything that an engine takes: hosts with compiled designs, placed VMs, workloads.
public struct SimulationModel: Sendable {
  /// The scenario's name.
  public let scenario: String
  /// Simulated time, the warm-up included.
  public let duration: TimeSpan
  /// Time that the results leave out.
  public let warmup: TimeSpan
  /// Seed of all random streams.
  public let seed: UInt64
  /// Hosts.
  public let hosts: [Host]
  /// VMs in the order of the scenario.
  public let vms: [VirtualMachine]
  /// Workloads.
  public let workloads: [Workload]
  /// Network interfaces of all hosts.
  public let nicCount: Int
  /// Disks of all hosts with a model; nil for disks without one.
  public let disks: [StorageDevice?]
  /// The engine that the scenario asks for or that its size suggests.
  public let fidelity: Fidelity
  /// The fleet, where the scenario is one; its VMs are not among `vms`.
  public let fleet: FleetModel?
  /// Remarks for the user.
  public let remarks: [ModelWarning]
  /// What they say.
  public var warnings: [String] { remarks.map(\.message) }

  /// How tables name the design of the run: the hosts' common design, or `mixed`.
  public var designLabel: String { Self.common(hosts.map(\.design.choice.label)) }
  /// How tables name the profile of the run: the hosts' common profile, or `mixed`.
  public var profileLabel: String { Self.common(hosts.map(\.design.profile.name)) }

  /// The measured part of the run.
  public var window: TimeSpan { duration - warmup }

  /// The measured part of the run in nanoseconds since its beginning.
  public var measured: ClosedRange<Double> { Double(warmup.nanoseconds)...Double(duration.nanoseconds) }

  /// Time on the wire of the packets that one request of a VM sends, in nanoseconds; 0 without an interface.
  public func wireTime(ofRequestBy vm: VirtualMachine) -> Int64 {
    guard let bandwidth = vm.bandwidth, case .requests = workloads[vm.workload].shape else { return 0 }
    let bits = vm.load.traffic.sentBytes * 8
    return Int64(max(bits / Double(bandwidth.bitsPerSecond) * 1e9, vm.io.packetWalks).rounded(.up))
  }

  private static func common(_ labels: [String]) -> String {
    guard let first = labels.first else { return "" }
    return labels.allSatisfy { $0 == first } ? first : "mixed"
  }
}

/// The documents by name that scenarios refer to.
public struct Library: Sendable {
  /// Designs by name.
  public var designs: [String: HypervisorDesign] = [:]
  /// Profiles by name.
  public var profiles: [String: CostProfile] = [:]
  /// Guest systems by name.
  public var guests: [String: GuestSystem] = [:]
  /// Workloads by name, for scenarios that name one which they do not state.
  public var workloads: [String: Workload] = [:]
  /// All steps.
  public var catalogue = StepCatalogue()
  /// Power curves by name.
  public var powerCurves: [String: PowerCurve] = [:]
  /// Demand series by the name of their trace.
  public var demands: [String: TraceSet] = [:]
  /// Devices by name.
  public var devices: [String: Device] = [:]

  /// An empty library.
  public init() {}

  /// The name of the design whose paths `native` stands for.
  public static let bareHostDesign = "bare-metal"

  /// The device that translates the addresses of devices on hosts that name no other.
  public static let usualIOMMU = "vt-d"
}

/// A fault of a scenario that shows when it is joined with the library.
public struct ModelFault: Error, Sendable, Hashable {
  /// Where the faulty item stands.
  public let location: SourceLocation
  /// What is wrong and what was expected.
  public let message: String

  /// Creates a fault.
  public init(location: SourceLocation, message: String) {
    self.location = location
    self.message = message
  }
}

/// All faults of one assembly.
public struct ModelFaults: Error, Sendable {
  /// The faults.
  public let faults: [ModelFault]

  /// Creates the error from its faults.
  public init(faults: [ModelFault]) { self.faults = faults }
}
