import Model
import Statistics
import Virtualization

/// The fluid engine: expected rates instead of single events, from the same designs and profiles.
///
/// Each VM's operations, stalls and backends follow from its workload as rates; a host that is asked for more cores than
/// it has divides them max-min fairly by weight. Latency means come from queueing formulas; quantiles are left to the
/// exit-level engine.
public enum FluidEngine {
  /// Computes the expectation of one run. The replication only labels the result: expectations do not vary.
  ///
  /// - Complexity: O(VMs × (operations + log VMs)).
  public static func run(model: SimulationModel, replication: Int) -> RunResult {
    let (solved, neighbours) = expectations(of: model)
    var expectations = solved
    for host in model.hosts.indices where model.vms.contains(where: { $0.host == host && $0.plan != nil }) {
      let course = MemoryCourse(
        model: model, steady: { steady($0, in: model, beside: neighbours) },
        requests: { neighbours.requests(onDisk: $0) })
      for (vm, expectation) in course.expectations(of: host) { expectations[vm] = expectation }
    }
    addServices(of: model, to: &expectations)
    let works = share(model: model, expectations: &expectations)
    return FluidResult(model: model, expectations: expectations, works: works).make(replication: replication)
  }

  /// The expectations of all VMs; those that share devices or processors slow each other down, by fixed point.
  ///
  /// - Parameter alike: for each VM the first of those that meet the same, itself among them; nil where all differ.
  static func expectations(
    of model: SimulationModel, alike: [Int]? = nil
  ) -> ([VMExpectation], SharedBackends) {
    var neighbours = SharedBackends(model: model)
    var contention = HostContention(model: model, domainThreads: neighbours.threads)
    var swap = SwapDisks(model: model)
    func solve() -> [VMExpectation] {
      var result: [VMExpectation] = []
      for (number, vm) in model.vms.enumerated() {
        let first = alike?[number] ?? number
        result.append(
          first < number ? result[first] : expectation(of: swap.waiting(vm), in: model, beside: neighbours))
      }
      return result
    }
    var result = solve()
    for _ in 0..<60 {
      var change = contention.update(from: result)
      neighbours.delays = contention.delays
      if neighbours.needsIteration {
        let rates = zip(neighbours.rates, result).map { ($0 + $1.throughput * 1e-9) / 2 }
        change = max(change, zip(rates, neighbours.rates).reduce(0) { max($0, abs($1.0 - $1.1) / max($1.0, 1e-15)) })
        neighbours.take(rates)
      }
      if swap.isUsed {
        let faults = zip(model.vms, result).compactMap { vm, result in vm.swapDisk.map { ($0, result.swapReads) } }
        change = max(change, swap.update(faults) { neighbours.requests(onDisk: $0) })
        neighbours.takeSwap(swap.requests)
      }
      if change == 0 { break }
      result = solve()
      if change < 1e-6 { break }
    }
    return (result, neighbours)
  }

  /// The expectation of one VM. How many pages a round of dirty logging finds, and how much new code a translator meets,
  /// depends on the work done, and that on what it costs: a fixed point.
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

  /// The expectation of a VM whose memory and logging do not change over the run.
  static func steady(_ vm: VirtualMachine, in model: SimulationModel, beside neighbours: SharedBackends)
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
}
