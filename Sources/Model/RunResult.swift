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
    services = Self.serviceRows(of: model, fleet)
    hosts = Self.hostRows(of: model, fleet, services: services)
    exits = Self.exitRows(of: fleet, hosts: hosts)
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
}
