import Model
import Statistics
import Virtualization

/// The fluid engine: expected rates instead of single events, from the same designs and profiles.
///
/// Each VM's operations, stalls and backends follow from its workload as rates; a host that is asked for more cores than
/// it has divides them max-min fairly by weight. Latency means come from queueing formulas; quantiles are left to the exit-level
/// engine.
public enum FluidEngine {
  /// Computes the expectation of one run. The replication only labels the result: expectations do not vary.
  ///
  /// - Complexity: O(VMs × (operations + log VMs)).
  public static func run(model: SimulationModel, replication: Int) -> RunResult {
    let (solved, neighbours) = expectations(of: model)
    var expectations = solved
    for host in model.hosts.indices where model.vms.contains(where: { $0.host == host && $0.plan != nil }) {
      let course = MemoryCourse(model: model) { steady($0, in: model, beside: neighbours) }
      for (vm, expectation) in course.expectations(of: host) { expectations[vm] = expectation }
    }
    addServices(of: model, to: &expectations)
    let works = share(model: model, expectations: &expectations)
    return FluidResult(model: model, expectations: expectations, works: works).make(replication: replication)
  }

  /// The expectations of all VMs; closed ones that share devices slow each other down, by fixed point.
  private static func expectations(of model: SimulationModel) -> ([VMExpectation], SharedBackends) {
    var neighbours = SharedBackends(model: model)
    func solve() -> [VMExpectation] { model.vms.map { expectation(of: $0, in: model, beside: neighbours) } }
    var result = solve()
    guard neighbours.needsIteration else { return (result, neighbours) }
    for _ in 0..<60 {
      let rates = zip(neighbours.rates, result).map { ($0 + $1.throughput * 1e-9) / 2 }
      let change = zip(rates, neighbours.rates).reduce(0) { max($0, abs($1.0 - $1.1) / max($1.0, 1e-15)) }
      neighbours.take(rates)
      result = solve()
      if change < 1e-6 { break }
    }
    return (result, neighbours)
  }

  /// The expectation of one VM. How many pages a round of dirty logging finds, and how much new code a translator meets, depends on the work done,
  /// and that on what it costs: a fixed point.
  private static func expectation(of vm: VirtualMachine, in model: SimulationModel, beside neighbours: SharedBackends)
    -> VMExpectation
  {
    guard let phase = vm.logged, let phases = vm.phases else { return steady(vm, in: model, beside: neighbours) }
    let plain = steady(phases.plain, in: model, beside: neighbours)
    let logged = steady(phases.logged, in: model, beside: neighbours)
    let window = Double(model.warmup.nanoseconds)..<Double(model.duration.nanoseconds)
    var result = plain.mixed(with: logged, weight: phase.share(of: window))
    let faults = phase.faults(in: window, logged: logged.utilization, plain: plain.utilization)
    let parallel: Double
    switch model.workloads[vm.workload].shape {
    case .requests, .idle: parallel = Double(vm.vcpus)
    case .batch(let batch): parallel = Double(min(batch.threads, vm.vcpus))
    case .program: parallel = 1
    }
    for (count, load) in [(faults.splits, phase.load), (faults.joins, vm.load)] {
      result.addOnce(
        .hiddenFault, load.design.cost(of: .hiddenFault)?.synchronous ?? [], count: count,
        seconds: model.window.seconds, parallel: parallel)
    }
    return result
  }

  private static func steady(_ vm: VirtualMachine, in model: SimulationModel, beside neighbours: SharedBackends)
    -> VMExpectation
  {
    func make(_ utilization: Double) -> VMExpectation {
      switch model.workloads[vm.workload].shape {
      case .requests, .idle: .requests(vm, in: model, beside: neighbours, utilization: utilization)
      case .batch(let batch): .batch(batch, vm, in: model, utilization: utilization)
      case .program(let program): .program(program, vm, in: model, utilization: utilization)
      }
    }
    var result = make(1)
    guard vm.load.logging != nil || vm.load.codeTranslation != nil || vm.load.deferredInvalidation != nil else {
      return result
    }
    for _ in 0..<100 {
      let before = result.utilization
      result = make(before)
      if abs(result.utilization - before) < 1e-12 { break }
    }
    return result
  }

  /// Adds the hosts' page scanners, booked with the first VM of each host.
  private static func addServices(of model: SimulationModel, to expectations: inout [VMExpectation]) {
    for (host, description) in model.hosts.enumerated() where description.scannedPages > 0 {
      guard let vm = model.vms.firstIndex(where: { $0.host == host }) else { continue }
      expectations[vm].add(
        .memoryScan, model.vms[vm].design.cost(of: .memoryScan)?.asynchronous ?? [], rate: description.scannedPages)
    }
  }

  /// Works of one place as one contender: their processors, and the weight of the threads that want them. Those of the
  /// privileged domain have its vCPUs, behind the backends.
  private struct Beside {
    var demand: Double
    var weight: Double
    /// Indices of the host's works.
    var members: [Int]
  }

  private static func contenders(on host: Host, backends: Double, speed: Double) -> [Beside] {
    let isWeighted = host.processors.scheduler != .roundRobin
    var contenders: [Beside] = []
    var inDomain = Beside(demand: 0, weight: 0, members: [])
    for (index, work) in host.works.enumerated() {
      switch work.home {
      case .host:
        contenders.append(
          Beside(
            demand: work.demand * (work.wakeups == nil ? speed : 1),
            weight: Double(work.threads) * (isWeighted ? work.weight : 1), members: [index]))
      case .privilegedDomain:
        inDomain.demand += work.demand * (work.wakeups == nil ? speed : 1)
        inDomain.members.append(index)
      }
    }
    guard !inDomain.members.isEmpty else { return contenders }
    let vcpus = Double(host.privilegedVCPUs)
    inDomain.demand = min(inDomain.demand, max(0, vcpus * speed - backends))
    inDomain.weight = max(1, min(vcpus, inDomain.demand.rounded(.up))) * (isWeighted ? host.privilegedWeight : 1)
    return contenders + [inDomain]
  }

  /// The mean speed of a host's active cores. Works that never end, and VMs that always have work, do more of it; requests of
  /// others meet shorter queues, by Erlang's formula at the lower load.
  private static func boost(
    _ vms: [Int], on host: Int, of model: SimulationModel, _ expectations: inout [VMExpectation]
  ) -> Double {
    let processors = model.hosts[host].processors
    guard !processors.boost.isEmpty else { return 1 }
    let works = model.hosts[host].works
    let parallel =
      vms.reduce(0) { $0 + threads(of: model.vms[$1], in: model) } + works.reduce(0) { $0 + $1.threads }
    func isEndless(_ vm: Int) -> Bool { expectations[vm].isSaturated }
    var speed = processors.speed(active: 1)
    for _ in 0..<100 {
      let demand =
        vms.reduce(0) {
          $0 + (expectations[$1].vcpuDemand * (isEndless($1) ? speed : 1) + expectations[$1].backendDemand) * 1e-9
        } + works.reduce(0) { $0 + $1.demand * ($1.wakeups == nil ? speed : 1) }
      let all = processors.capacity * processors.speed(active: processors.cores)
      let next = processors.meanSpeed(demand: min(demand, all), parallel: parallel)
      if abs(next - speed) < 1e-12 { break }
      speed = (speed + next) / 2
    }
    for vm in vms {
      if isEndless(vm) {
        expectations[vm].scale(by: speed)
      } else if let latency = expectations[vm].latency {
        let load = expectations[vm].vcpuDemand * 1e-9
        let count = model.vms[vm].vcpus
        func sojourn(_ load: Double) -> Double {
          1 + Erlang.c(servers: count, offeredLoad: load) / (Double(count) - load)
        }
        if load < Double(count), load / speed < Double(count) {
          expectations[vm].latency = latency * sojourn(load / speed) / sojourn(load)
        }
      }
    }
    return speed
  }

  /// Holds VMs to their caps, and scales down those of hosts that are asked for more than their processors can do.
  ///
  /// VMs that are pinned to the same processors divide these; others divide what pinned ones leave. Siblings of a core that
  /// are both busy slow each other down, which is counted as time of what they run. Returns the processors that the works
  /// of each host get.
  private static func share(model: SimulationModel, expectations: inout [VMExpectation]) -> [[Double]] {
    var given = model.hosts.map { [Double](repeating: 0, count: $0.works.count) }
    for host in model.hosts.indices {
      let vms = model.vms.indices.filter { model.vms[$0].host == host }
      let processors = model.hosts[host].processors
      VMExpectation.yieldPolling(of: vms, capacity: processors.capacity, &expectations)
      let speed = boost(vms, on: host, of: model, &expectations)
      for vm in vms {
        let demand = expectations[vm].vcpuDemand * 1e-9
        if let cap = model.vms[vm].share.cap, cap * speed < demand { expectations[vm].scale(by: cap * speed / demand) }
      }
      func demand(_ vm: Int) -> Double { (expectations[vm].vcpuDemand + expectations[vm].backendDemand) * 1e-9 }
      let capacity = processors.capacity * (processors.boost.isEmpty ? 1 : processors.speed(active: processors.cores))
      let each = capacity / Double(processors.threads)
      var left = capacity
      let pinned = Dictionary(grouping: vms) { Set(model.vms[$0].share.pinned ?? []) }
      for (set, group) in pinned.sorted(by: { ($0.value[0]) < ($1.value[0]) }) where !set.isEmpty {
        divide(min(left, Double(set.count) * each), among: group, of: model, &expectations)
        left -= group.reduce(0) { $0 + demand($1) }
      }
      let beside = contenders(
        on: model.hosts[host], backends: vms.reduce(0) { $0 + expectations[$1].backendDemand } * 1e-9, speed: speed)
      let shares = divide(left, among: pinned[[]] ?? [], beside: beside, of: model, &expectations)
      for (contender, share) in zip(beside, shares) {
        let asked = contender.members.reduce(0) { $0 + model.hosts[host].works[$1].demand }
        for member in contender.members {
          given[host][member] = asked > 0 ? share * model.hosts[host].works[member].demand / asked : 0
        }
      }
      let all = vms.reduce(0) { $0 + demand($1) } + given[host].reduce(0, +)
      guard processors.threadsPerCore > 1 || speed != 1, all > 0 else { continue }
      let stretch = max(1, processors.busyThreads(demand: all / speed) / (all / speed)) / speed
      for vm in vms { expectations[vm].stretch = stretch }
      for index in given[host].indices { given[host][index] *= stretch }
    }
    return given
  }

  /// Returns what those beside the guests get.
  @discardableResult
  private static func divide(
    _ capacity: Double, among vms: [Int], beside: [Beside] = [], of model: SimulationModel,
    _ expectations: inout [VMExpectation]
  ) -> [Double] {
    let demands =
      vms.map { (expectations[$0].vcpuDemand + expectations[$0].backendDemand) * 1e-9 } + beside.map(\.demand)
    guard demands.reduce(0, +) > capacity else { return beside.map(\.demand) }
    let shares = HostSharing.maxMin(
      demands: demands, weights: vms.map { weight(of: model.vms[$0], in: model) } + beside.map(\.weight),
      floors: vms.map { model.vms[$0].share.reservation ?? 0 } + beside.map { _ in 0 }, capacity: capacity)
    for (position, vm) in vms.enumerated() where shares[position] < demands[position] {
      expectations[vm].scale(by: shares[position] / demands[position])
    }
    return Array(shares.suffix(beside.count))
  }

  /// vCPUs of a VM that may have work at a time.
  private static func threads(of vm: VirtualMachine, in model: SimulationModel) -> Int {
    switch model.workloads[vm.workload].shape {
    case .batch(let batch): min(batch.threads, vm.vcpus)
    case .program: 1
    case .requests, .idle: vm.vcpus
    }
  }

  /// The weight of all threads of a VM that want to run: schedulers divide among threads.
  private static func weight(of vm: VirtualMachine, in model: SimulationModel) -> Double {
    let threads = threads(of: vm, in: model)
    let isWeighted = model.hosts[vm.host].processors.scheduler != .roundRobin
    return Double(threads) * (isWeighted ? vm.share.weight : 1)
  }
}

extension VMExpectation {
  /// Lets everything go on at a fraction of its rate: the VM gets only that share of the cores it asks for.
  mutating func scale(by factor: Double) {
    throughput *= factor
    guest *= factor
    spin *= factor
    waiting *= factor
    for index in flows.indices { flows[index].rate *= factor }
    latency = workLimit.isFinite ? latency.map { $0 / factor } : nil
    isSaturated = true
  }
}
