import Quantities
import Virtualization

/// What the command line changes in a scenario for one run.
public struct ModelOverrides: Sendable {
  /// A design that all hosts run instead of their own.
  public var design: DesignReference?
  /// A profile that all hosts use instead of their own.
  public var profile: CostProfile?
  /// The engine to use.
  public var fidelity: Fidelity?
  /// Assumed prices that stand at an end of their range, by step.
  public var assumedEnds: [String: RangeEnd] = [:]

  /// Creates overrides; nil leaves the scenario's own.
  public init(design: DesignReference? = nil, profile: CostProfile? = nil, fidelity: Fidelity? = nil) {
    self.design = design
    self.profile = profile
    self.fidelity = fidelity
  }
}

extension SimulationModel {
  /// The exit-level engine is the default up to so many hosts and so long a time.
  static let exitLimit = (hosts: 8, duration: TimeSpan.seconds(600))

  /// The longest scenario at exit fidelity: its fixed-point clock holds 39 hours, and jobs longer than the run must fit
  /// in with room to spare.
  public static let longestAtExitFidelity = TimeSpan.seconds(4 * 3600)

  /// Joins a scenario with its designs, profiles and guest systems, and places its VMs.
  ///
  /// VMs are placed in the order of the scenario, each on the host with the most memory left (the first of equals), or
  /// on the host that it names.
  ///
  /// - Throws: `ModelFaults` with every fault at once.
  /// - Complexity: O(VMs × hosts).
  public init(
    scenario: Scenario, library: Library, overrides: ModelOverrides = ModelOverrides()
  ) throws(ModelFaults) {
    var assembly = ModelAssembly(scenario: scenario, library: library, overrides: overrides)
    assembly.makeHosts()
    let isFleet = assembly.isFleet
    fleet = isFleet ? assembly.makeFleet() : nil
    if !isFleet { assembly.placeVMs() }
    assembly.countServices()
    assembly.reclaimMemory()
    // A guest that swaps to its disk reads more blocks.
    assembly.translateDMA()
    assembly.placeOnNodes()
    let isSmall =
      assembly.hosts.count <= Self.exitLimit.hosts && scenario.duration <= Self.exitLimit.duration
    fidelity = overrides.fidelity ?? scenario.fidelity ?? (isSmall && !isFleet ? .exit : .fluid)
    if isFleet { assembly.checkFleet(fidelity: fidelity) }
    if fidelity == .exit { assembly.checkExitLimits(longest: Self.longestAtExitFidelity) }
    if fidelity == .fluid, !isFleet { assembly.remarkOnFluidLimits() }
    assembly.remarkOnUnusedKeys()
    guard assembly.faults.isEmpty else { throw ModelFaults(faults: assembly.faults) }
    self.scenario = scenario.name
    duration = scenario.duration
    warmup = scenario.warmup
    seed = scenario.seed
    hosts = assembly.hosts
    vms = assembly.vms
    workloads = assembly.scenario.workloads
    nicCount = assembly.nicCount
    disks = assembly.disks
    remarks = assembly.warnings
  }
}

/// The work of assembling a model: collects hosts, VMs and faults.
struct ModelAssembly {
  let scenario: Scenario
  let library: Library
  let overrides: ModelOverrides
  var hosts: [Host] = []
  var vms: [VirtualMachine] = []
  var warnings: [ModelWarning] = []
  var faults: [ModelFault] = []
  var nicCount = 0
  var disks: [StorageDevice?] = []

  struct Slot {
    let group: Int
    let firstNIC: Int
    let firstDisk: Int
    var freeMemory: Int64
    /// What the host has for guests, and what those placed on it ask for, by index of the VM.
    let capacity: Int64
    /// Processors that its VMs have reserved.
    var reserved = 0.0
    /// Bytes and processors that policies have promised of it.
    var promisedMemory: Int64 = 0
    var promisedCPU = 0.0
    var guests: [MemoryReclaim.Guest] = []
    var members: [(vm: Int, group: Int)] = []
    /// VMs that have a device, or a virtual function of it, by device.
    var assigned: [String: Int] = [:]
    /// Sizes that each of them is to have over time.
    var sizes: [[GuestSize]] = []
  }
  var slots: [Slot] = []

  /// All VMs of a group have the same load on all hosts of a group.
  struct LoadKey: Hashable {
    let vmGroup: Int
    let hostGroup: Int
  }
  var loads: [LoadKey: OperationLoad] = [:]
  var phases: [LoadKey: LoggedPhase] = [:]
  /// Misses of a workload's memory and files by group of VMs.
  var curves: [Int: (FaultCurve, FaultCurve)] = [:]
  var streamNames = StreamNames()
  /// Round robin goes on here.
  var nextSlot = 0

  /// Whether the scenario is to be run as a fleet. What only first placement makes one can also be run at exit fidelity.
  var isFleet: Bool {
    scenario.isFleet && !((overrides.fidelity ?? scenario.fidelity) == .exit && scenario.isPlacedOnly)
  }

  init(scenario: Scenario, library: Library, overrides: ModelOverrides) {
    // What the scenario does not state itself comes from the library.
    var scenario = scenario
    for group in scenario.vms where !scenario.workloads.contains(where: { $0.name == group.workload }) {
      if let workload = library.workloads[group.workload] { scenario.workloads.append(workload) }
    }
    self.scenario = scenario
    self.library = library
    self.overrides = overrides
  }

  mutating func fault(_ location: SourceLocation, _ message: String) {
    let fault = ModelFault(location: location, message: message)
    if !faults.contains(fault) { faults.append(fault) }
  }

  mutating func warn(_ message: String, at location: SourceLocation? = nil) {
    let warning = ModelWarning(location: location, message: message)
    if !warnings.contains(warning) { warnings.append(warning) }
  }

  // MARK: Hosts

  mutating func makeHosts() {
    for (index, group) in scenario.hosts.enumerated() {
      guard let design = compile(group) else { continue }
      let overhead = design.choice.design.memory
      let free = group.memory.bytes - overhead.perHost
      if free <= 0 {
        fault(
          group.location,
          "host '\(group.name)' has \(group.memory), of which design '\(design.choice.label)' keeps "
            + "\(ByteCount(bytes: overhead.perHost)); nothing is left for guests")
      }
      let storage = group.disks.map { self.storage(of: $0) }
      let reference = overrides.design ?? group.design
      checkPrivilegedDomain(reference, design)
      checkSwap(of: group)
      for number in 1...group.count {
        let name = group.count == 1 ? group.name : "\(group.name)-\(number)"
        var host = Host(
          name: name, processors: processors(of: group, design), design: design,
          scannedPages: group.overcommit.scannedPages?.perSecond ?? 0)
        host.privilegedWeight = reference.privilegedWeight ?? group.design.privilegedWeight ?? 1
        host.privilegedVCPUs = reference.privilegedVCPUs ?? group.design.privilegedVCPUs ?? group.cpu.cores
        host.works = hostWork(of: group, reference, design)
        hosts.append(host)
        slots.append(
          Slot(group: index, firstNIC: nicCount, firstDisk: disks.count, freeMemory: free, capacity: free))
        disks += storage
        nicCount += group.nics.count
      }
    }
  }

  private func processors(of group: HostGroup, _ design: CompiledDesign) -> HostProcessors {
    var processors = HostProcessors(cores: group.cpu.cores)
    processors.threadsPerCore = group.cpu.threadsPerCore
    processors.smtThroughput = group.cpu.smtThroughput
    processors.boost = group.cpu.boost.map {
      HostProcessors.Boost(
        cores: $0.cores, speed: Double($0.frequency.hertz) / Double(group.cpu.frequency.hertz))
    }
    processors.scheduler = SchedulerKind(rawValue: design.choice.axes[.scheduler]) ?? .fair
    processors.slice = group.slice?.nanoseconds
    if let skew = group.skew { processors.skew = skew.nanoseconds }
    if design.choice.axes[.haltPolling] == "on" { processors.haltPolling = design.choice.design.haltPolling }
    // Fleets leave idle states out.
    switch isFleet ? .own([]) : group.cpu.idleStates {
    case .profile: processors.idleStates = design.profile.idleStates
    case .own(let states) where !states.isEmpty:
      processors.idleStates = IdleStates(
        states: states, included: design.profile.idleStates?.included ?? [:], kind: .assumed, source: "the scenario")
    case .own: break
    }
    processors.setPauseLoops(of: design, at: group.cpu.frequency, window: group.pauseWindow)
    return processors
  }

  /// The VM's share of its host; a limit in Hz is a cap at the host's frequency.
  func share(of group: VMGroup, on host: HostGroup) -> ProcessorShare {
    var share = group.share
    share.weight = group.fleet.weight
    if let limit = group.fleet.limit, share.cap == nil {
      share.cap = Double(limit.hertz) / Double(host.cpu.frequency.hertz)
    }
    share.reservation = group.fleet.reservation.map { Double($0.hertz) / Double(host.cpu.frequency.hertz) }
    return share
  }

  private mutating func compile(_ group: HostGroup) -> CompiledDesign? {
    let reference = overrides.design ?? group.design
    let design = find(reference)
    let profile = overrides.profile ?? find(profileOf: group, for: reference)
    guard let design, let profile, let bareHost = library.designs[Library.bareHostDesign] else {
      if library.designs[Library.bareHostDesign] == nil {
        fault(group.location, "the library has no design '\(Library.bareHostDesign)'; expected its document")
      }
      return nil
    }
    if let model = group.cpu.model, !profile.processors.isEmpty, !profile.processors.contains(model) {
      warn(
        "host '\(group.name)' has processor '\(model)', but profile '\(profile.name)' was made on "
          + profile.processors.joined(separator: ", "))
    }
    do {
      let compiled = try CompiledDesign(
        choice: DesignChoice(design: design, overrides: reference.overrides), bareHost: bareHost,
        catalogue: library.catalogue,
        profile: profile.atRangeEnds(overrides.assumedEnds).at(group.cpu.frequency))
      compiled.warnings.forEach { warn($0) }
      return compiled
    } catch {
      for costFault in error.faults { fault(costFault.location, costFault.message) }
      return nil
    }
  }

  private mutating func find(_ reference: DesignReference) -> HypervisorDesign? {
    guard let design = library.designs[reference.name] else {
      fault(reference.location, unknown("design", reference.name, among: library.designs.keys))
      return nil
    }
    for (axis, value) in reference.overrides.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
      let allowed = design.allowed[axis] ?? []
      if !allowed.contains(value) {
        fault(
          reference.location,
          "design '\(design.name)' cannot have \(axis) '\(value)'; expected \(allowed.joined(separator: " or "))")
      }
    }
    return design
  }

  /// The profile that a comparison names beside the design, else the hosts' own.
  private mutating func find(profileOf group: HostGroup, for reference: DesignReference) -> CostProfile? {
    let name = reference.profile ?? group.profile
    guard let profile = library.profiles[name] else {
      let location = reference.profile == nil ? group.profileLocation : reference.location
      fault(location, unknown("profile", name, among: library.profiles.keys))
      return nil
    }
    return profile
  }

  /// What to say of an unknown name; `owner` is what should have it.
  func unknown(
    _ what: String, _ name: String, among names: some Sequence<String>, of owner: String? = nil
  ) -> String {
    let sorted = names.sorted()
    let start = "unknown \(what) '\(name)'" + (owner.map { " of \($0)" } ?? "")
    if sorted.isEmpty { return start + (owner == nil ? "" : ", which has none") }
    if let nearest = NearestName.nearest(to: name, among: sorted) {
      return "\(start) (did you mean '\(nearest)'?)"
    }
    return "\(start); expected one of: \(sorted.joined(separator: ", "))"
  }

  /// What the exit-level engine's clock cannot hold.
  mutating func checkExitLimits(longest: TimeSpan) {
    if scenario.duration > longest {
      fault(
        scenario.location,
        "the exit-level engine runs at most \(longest), found a duration of \(scenario.duration); expected a shorter one "
          + "or fidelity: fluid")
    }
    for workload in scenario.workloads {
      guard case .program(let program) = workload.shape, program.compute > longest else { continue }
      fault(
        workload.location,
        "an iteration of program '\(workload.name)' computes for \(program.compute); expected at most \(longest) at exit "
          + "fidelity")
    }
  }

  /// Whether the design can serve every operation of a load, and the load fits into its own service time.
  mutating func check(
    _ load: OperationLoad, of workload: Workload, group: VMGroup
  ) -> Bool {
    let design = load.design
    let before = faults.count
    if load.logging != nil && design.choice.axes[.dirtyLogging] == "none" {
      fault(
        group.location,
        "vm group '\(group.name)' is to be logged, but design '\(design.choice.label)' has no dirty_logging")
    }
    for entry in load.perRequest + load.perCPUSecond where design.cost(of: entry.operation) == nil {
      fault(
        workload.location,
        "workload '\(workload.name)' uses \(entry.operation), for which design '\(design.choice.label)' has no path")
    }
    if load.packetsSent + load.packetsReceived > 0 && group.nic == nil {
      fault(
        group.location,
        "vm group '\(group.name)' needs a nic: its workload '\(workload.name)' sends or receives packets")
    }
    let added =
      load.perCPUSecond.reduce(0) { sum, entry in
        let cost = design.cost(of: entry.operation)
        return sum + entry.rate * ((cost?.synchronousMean ?? 0) + (cost?.waitMean ?? 0))
      } * 1e-9
    if added > 1000 {
      fault(
        workload.location,
        "the operations per CPU second of workload '\(workload.name)' add \(Int64(added)) s to each second under design "
          + "'\(design.choice.label)'; expected at most 1000 s")
    }
    let share = load.bareHostShare
    if share >= 1 {
      fault(
        workload.location,
        "the operations per CPU second of workload '\(workload.name)' cost the bare host \(share) of its CPU time; "
          + "expected less than 1")
    }
    if case .requests(let requests) = workload.shape {
      let operations = load.bareHostRequestCost + requests.service.mean * share
      if operations > requests.service.mean * (1 + 1e-9) {
        fault(
          workload.location,
          "the service time of workload '\(workload.name)' is \(requests.service.mean / 1000) us, but its operations "
            + "alone cost the bare host \(operations / 1000) us; expected a service time that includes them")
      }
    }
    checkLocks(load, of: workload, group: group)
    return faults.count == before
  }
}
