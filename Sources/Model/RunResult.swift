import Quantities
import Virtualization

/// What an engine gives back: exact counts and times of the measured window, ready for tables.
///
/// All times are whole nanoseconds, so that sums over rows are exact.
public struct RunResult: Sendable {
  /// The scenario's name.
  public let scenario: String
  /// The design's label.
  public let design: String
  /// The profile's name.
  public let profile: String
  /// The replication's number, from 1.
  public let replication: Int
  /// The engine that ran.
  public let fidelity: Fidelity
  /// Length of the measured window.
  public let window: TimeSpan
  /// Time before it.
  public let warmup: TimeSpan
  /// Virtualization's steps by host, VM, operation and place.
  public let exits: [ExitRow]
  /// Hosts.
  public let hosts: [HostRow]
  /// What ran beside the guests.
  public let services: [ServiceRow]
  /// VMs.
  public let vms: [VMRow]
  /// Workloads.
  public let workloads: [WorkloadRow]
  /// The prices that the run rests on.
  public let provenance: [ProvenanceRow]
  /// Events that the engine processed; 0 for the fluid engine.
  public let events: Int64
  /// Remarks for the user.
  public let warnings: [String]
  /// The fleet and its report, where the run was one.
  public let fleet: Fleet?

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

  /// The probabilities whose quantiles the exit-level engine reports.
  public static let reportedQuantiles = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999]

  /// Creates a result; the hosts' accounts follow from those of their VMs.
  ///
  /// - Complexity: O(rows).
  public init(
    model: SimulationModel, replication: Int, fidelity: Fidelity, exits: [ExitRow], vms: [VMRow],
    services: [ServiceRow] = [], workloads: [WorkloadRow], events: Int64
  ) {
    scenario = model.scenario
    design = model.designLabel
    profile = model.profileLabel
    self.replication = replication
    self.fidelity = fidelity
    window = model.window
    warmup = model.warmup
    self.exits = exits
    hosts = Self.hostRows(of: model, exits: exits, vms: vms, services: services)
    self.services = services
    let own = Dictionary(grouping: exits) { $0.vm }
    self.vms = zip(vms, model.vms).enumerated().map { index, pair in
      var row = pair.0
      row.home = pair.1.home
      row.memory?.count(own[index] ?? [], shadowTables: row.shadowTables)
      return row
    }
    self.workloads = workloads
    self.events = events
    warnings = model.warnings
    provenance = Self.provenance(of: model)
    fleet = nil
  }

  /// Creates the result of a fleet.
  ///
  /// - Complexity: O(hosts + VMs).
  public init(model: SimulationModel, replication: Int, fleet: Fleet, workloads: [WorkloadRow]) {
    scenario = model.scenario
    design = model.designLabel
    profile = model.profileLabel
    self.replication = replication
    fidelity = .fluid
    window = model.window
    warmup = model.warmup
    hosts = Self.hostRows(of: model, fleet)
    exits = Self.exitRows(of: fleet, hosts: hosts)
    services = []
    vms = Self.vmRows(of: model, fleet)
    self.workloads = workloads
    events = fleet.report.events
    warnings = model.warnings
    provenance = fleet.model.policies.semantics == .cloudSimCompatible ? [] : Self.provenance(of: model)
    self.fleet = fleet
  }

  /// What is neither guest work nor virtualization of a host's cores is idle time.
  private static func hostRows(of model: SimulationModel, exits: [ExitRow], vms: [VMRow], services: [ServiceRow])
    -> [HostRow]
  {
    var virtualization = [[Int64]](
      repeating: [Int64](repeating: 0, count: Place.allCases.count), count: model.hosts.count)
    var guest = [Int64](repeating: 0, count: model.hosts.count)
    for row in exits { virtualization[row.host][Int(row.place.rawValue)] += row.nanoseconds }
    for vm in vms { guest[vm.host] += vm.guest }
    var beside = [Int64](repeating: 0, count: model.hosts.count)
    for row in services { beside[row.host] += row.nanoseconds }
    return model.hosts.indices.map { index in
      let host = model.hosts[index]
      let capacity = Int64(host.cores) * model.window.nanoseconds
      return HostRow(
        name: host.name, design: host.design.choice.label, profile: host.design.profile.name, cores: host.cores,
        guest: guest[index], virtualization: virtualization[index],
        idle: capacity - guest[index] - virtualization[index].reduce(0, +) - beside[index],
        services: beside[index],
        shadowTables: vms.reduce(0) { $0 + ($1.host == index ? $1.shadowTables : 0) })
    }
  }

  /// The prices of all steps that the compiled designs of the model hold, by profile and step.
  private static func provenance(of model: SimulationModel) -> [ProvenanceRow] {
    var rows: [String: ProvenanceRow] = [:]
    let designs =
      model.fleet.map { $0.distinctLoads.map(\.design) } ?? model.hosts.map(\.design) + model.vms.map(\.design)
      + model.vms.compactMap { $0.logged?.load.design }
    for design in designs {
      for operation in GuestOperation.allCases {
        for target in TargetState.allCases {
          guard let cost = design.cost(of: operation, target: target) else { continue }
          for charge in cost.native + cost.synchronous + cost.asynchronous + cost.waiting {
            if let origin = charge.origin {
              let row = ProvenanceRow(
                step: charge.step, mean: charge.mean / Double(max(1, charge.count)), unit: "ns", kind: charge.kind,
                source: origin.source, profile: origin.document, range: nil)
              rows["\(origin.document)/\(charge.step)/\(row.mean.bitPattern)"] = row
              continue
            }
            guard let price = design.profile.price(of: charge.step, backends: design.choice.design.backends) else {
              continue
            }
            let (mean, unit) = price.cost.mean.valueAndUnit
            rows["\(price.profile)/\(charge.step)"] = ProvenanceRow(
              step: charge.step, mean: mean, unit: unit, kind: price.cost.kind, source: price.cost.source,
              profile: price.profile, range: price.cost.range)
          }
        }
      }
    }
    return rows.sorted { $0.key < $1.key }.map(\.value)
  }
}

extension Cost {
  /// The value as it was stated and its unit, `ns` or `cycles`.
  var valueAndUnit: (Double, String) {
    switch self {
    case .nanoseconds(let value): (value, "ns")
    case .cycles(let value): (value, "cycles")
    }
  }
}
