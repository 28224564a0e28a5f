import Quantities
import Virtualization

extension RunResult {
  /// What a result of a fleet has beyond the tables of hosts and VMs.
  public struct Fleet: Sendable {
    /// The fleet.
    public let model: FleetModel
    /// What became of it.
    public let report: FleetReport

    /// Joins both.
    public init(model: FleetModel, report: FleetReport) {
      self.model = model
      self.report = report
    }
  }

  /// Rows of hosts in whole nanoseconds: what is neither guest work nor virtualization is idle.
  static func hostRows(of model: SimulationModel, _ fleet: Fleet, services: [ServiceRow]) -> [HostRow] {
    let report = fleet.report
    var beside = [Int64](repeating: 0, count: fleet.model.hostClass.count)
    for row in services { beside[row.host] += row.nanoseconds }
    return fleet.model.hostClass.indices.map { host in
      let group = fleet.model.hostClasses[Int(fleet.model.hostClass[host])]
      let design = model.hosts[group.representative].design
      let capacity = Int64(group.cores) * model.window.nanoseconds
      var left = capacity - beside[host]
      func take(_ seconds: Double) -> Int64 {
        let nanoseconds = min(left, Int64((max(0, seconds) * 1e9).rounded(.down)))
        left -= nanoseconds
        return nanoseconds
      }
      let guest = take(report.hostGuest[host])
      let places = Place.allCases.map { take(report.hostVirtualization[Int($0.rawValue)][host]) }
      return HostRow(
        name: fleet.model.hostName(host), design: design.choice.label, profile: design.profile.name, cores: group.cores,
        guest: guest, virtualization: places, idle: left, services: beside[host])
    }
  }

  /// What ran beside the guests of each host; services of VMs have as many threads as there are VMs at the end.
  static func serviceRows(of model: SimulationModel, _ fleet: Fleet) -> [ServiceRow] {
    let report = fleet.report
    guard fleet.model.hostClasses.contains(where: { !$0.works.isEmpty }) else { return [] }
    var vms = [Int](repeating: 0, count: fleet.model.hostClass.count)
    for host in report.vmHost where host >= 0 { vms[Int(host)] += 1 }
    return fleet.model.hostClass.indices.flatMap { host in
      let group = fleet.model.hostClasses[Int(fleet.model.hostClass[host])]
      var left = Int64(group.cores) * model.window.nanoseconds
      return zip(group.works, report.hostWorks[host]).map { entry, seconds in
        let time = min(left, Int64((max(0, seconds) * 1e9).rounded(.down)))
        left -= time
        return ServiceRow(
          host: host, name: entry.work.name, home: entry.work.home,
          threads: entry.work.threads * (entry.perVM ? vms[host] : 1),
          wakeups: entry.work.wakeups == nil || entry.work.work <= 0
            ? 0 : Int64((seconds * 1e9 / entry.work.work).rounded()),
          nanoseconds: time)
      }
    }
  }

  /// Rows of VMs in whole nanoseconds: what they neither run nor wait for is halted.
  static func vmRows(of model: SimulationModel, _ fleet: Fleet) -> [VMRow] {
    let report = fleet.report
    return fleet.model.vmClass.indices.map { vm in
      let group = fleet.model.vmClasses[Int(fleet.model.vmClass[vm])]
      var left = Int64(group.vcpus) * model.window.nanoseconds
      func take(_ seconds: Double) -> Int64 {
        let nanoseconds = min(left, Int64((max(0, seconds) * 1e9).rounded(.down)))
        left -= nanoseconds
        return nanoseconds
      }
      let guest = take(report.vmGuest[vm])
      let stall = take(report.vmStall[vm])
      let steal = take(report.vmSteal[vm])
      var row = VMRow(
        name: fleet.model.vmName(vm), host: Int(report.vmHost[vm]), workload: group.workload, vcpus: group.vcpus,
        guest: guest, stall: stall, steal: steal, halted: left,
        backend: Int64((report.vmBackend[vm] * 1e9).rounded(.down)),
        completed: Int64(report.vmCompleted[vm].rounded()), exits: Int64(report.vmExits[vm].rounded()))
      row.spin = min(guest, Int64((report.vmSpin[vm] * 1e9).rounded(.down)))
      return row
    }
  }

  /// Checks a fleet's accounts: per host and VM the times fill the cores' and vCPUs' time, no time is negative, services
  /// and the hosts' energies add up, and each VM moved as often as the migrations say.
  func checkFleetConservation(_ fleet: Fleet) throws(ConservationError) {
    var beside = [Int64](repeating: 0, count: hosts.count)
    for row in services { beside[row.host] += row.nanoseconds }
    for (index, host) in hosts.enumerated() {
      let all = host.guest + host.virtualization.reduce(0, +) + host.services + host.idle
      guard host.services == beside[index], host.services >= 0 else {
        throw ConservationError(description: "host \(host.name): the services add up to \(beside[index]) ns")
      }
      guard all == Int64(host.cores) * window.nanoseconds, host.idle >= 0 else {
        throw ConservationError(description: "host \(host.name): \(all) ns do not fill its cores' time")
      }
    }
    for vm in vms {
      let all = vm.guest + vm.stall + vm.steal + vm.halted
      guard all == Int64(vm.vcpus) * window.nanoseconds, vm.halted >= 0 else {
        throw ConservationError(description: "vm \(vm.name): \(all) ns do not fill its vCPUs' time")
      }
    }
    try checkSteps(fleet)
    let sum = fleet.report.hostEnergy.reduce(0, +)
    // Sums of so many terms differ in their order by less.
    guard abs(sum - fleet.report.energy) <= 1e-9 * abs(sum) + 1e-6 else {
      throw ConservationError(description: "the hosts' energies add up to \(sum) J, not \(fleet.report.energy) J")
    }
    var moves = [Int32](repeating: 0, count: vms.count)
    for (index, vm) in fleet.report.migrations.vm.enumerated() {
      switch fleet.report.migrations.outcome[index] {
      case .completed, .capped: moves[Int(vm)] += 1
      case .underWay, .cancelled: break
      }
    }
    guard moves == fleet.report.vmMigrations else {
      throw ConservationError(description: "the migrations of some VMs do not add up")
    }
  }

  /// What must be known of a run beside its figures.
  public var outcomeWarnings: [String] {
    guard let report = fleet?.report else { return [] }
    let waiting = report.unplacedVMs - report.oversizedVMs
    var texts: [String] = []
    if report.oversizedVMs > 0 {
      texts.append("\(report.oversizedVMs) of \(vms.count) VMs are larger than any host and were never placed")
    }
    if waiting > 0 { texts.append("\(waiting) of \(vms.count) VMs still waited for room at the end") }
    return texts.map { "\(design): \($0)" }
  }

  /// The figures of `summary.csv` for a fleet.
  func summary(of fleet: Fleet) -> [SummaryRow] {
    let report = fleet.report
    var figures = SummaryFigures(label: "all")
    let completed = workloads.reduce(0) { $0 + ($1.shape == "requests" ? $1.completed : 0) }
    if completed > 0 {
      figures.add(.throughput, workloads.reduce(0) { $0 + ($1.shape == "requests" ? $1.throughput : 0) })
    }
    let guest = hosts.reduce(Int128(0)) { $0 + Int128($1.guest) }
    let virtualization = hosts.reduce(Int128(0)) { $0 + $1.virtualization.reduce(Int128(0)) { $0 + Int128($1) } }
    figures.addProcessorTimes(
      guest: guest, virtualization: virtualization, vms: vms, steps: exits,
      requests: workloads.allSatisfy { $0.shape == "requests" } ? completed : 0)
    let idle = hosts.reduce(Int128(0)) { $0 + Int128($1.idle) }
    let beside = hosts.reduce(Int128(0)) { $0 + Int128($1.services) }
    let capacity = Double(guest + virtualization + beside + idle)
    if capacity > 0 { figures.add(.utilization, 1 - Double(idle) / capacity) }
    if !services.isEmpty { figures.add(.servicesCPU, time: beside) }
    if fleet.model.hostClasses.allSatisfy({ $0.power != nil }) { figures.add(.energy, report.kilowattHours) }
    figures.add(.migrations, Double(report.migrations.count))
    figures.add(.slaViolation, report.violation)
    figures.add(.migrationDegradation, report.degradation)
    figures.add(.overloadTime, report.shortTime)
    figures.add(.unserved, report.overallViolation)
    figures.add(.hostShutdowns, Double(report.shutdowns))
    if report.endedVMs > 0 { figures.add(.endedVMs, Double(report.endedVMs)) }
    if fleet.model.policies.semantics == .standard, fleet.model.policies.consolidation != nil {
      figures.add(.migrationDowntime, report.downtime)
      figures.add(.hostWakeups, Double(report.wakeups))
      figures.add(.asleepTime, report.hostAsleep.reduce(0, +))
      figures.add(.transitionTime, report.transitionTime)
    }
    if !fleet.model.swapping.isEmpty {
      figures.add(.mergedMemory, report.mergedMemory / window.seconds)
      figures.add(.balloonedMemory, report.balloonedMemory / window.seconds)
      figures.add(.swappedMemory, report.swappedMemory / window.seconds)
    }
    if report.waitedVMs > 0 || report.unplacedVMs > 0 {
      figures.add(.waitedVMs, Double(report.waitedVMs))
      figures.add(.waitingTime, report.waitingTime)
      figures.add(.unplacedVMs, Double(report.unplacedVMs))
    }
    guard workloads.count > 1 else { return figures.rows }
    return figures.rows + workloads.indices.flatMap { summary(of: fleet, workload: $0) }
  }

  /// The figures of one workload of a fleet.
  private func summary(of fleet: Fleet, workload index: Int) -> [SummaryRow] {
    var figures = SummaryFigures(label: workloads[index].name)
    let isRequests = workloads[index].shape == "requests"
    if isRequests { figures.add(.throughput, workloads[index].throughput) }
    figures.addProcessorTimes(
      vms: vms.filter { $0.workload == index },
      steps: exits.filter { fleet.model.vmClasses[$0.vm].workload == index },
      requests: isRequests ? workloads[index].completed : 0)
    return figures.rows
  }
}
