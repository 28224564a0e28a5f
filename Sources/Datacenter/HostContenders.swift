import Model
import Virtualization

/// Who asks for the processors of a host: the vCPUs and backends of VMs, the privileged domain, what runs beside them.
///
/// Schedulers divide among threads, so that each of them has its own weight. What a VM does less because some of its threads
/// get less than they ask for, it also asks less for its others.
struct HostContenders {
  /// Threads that share a weight. Those of the privileged domain work for several VMs.
  struct Contender {
    enum Kind { case vcpus, backends, domain, work }

    var kind: Kind
    /// Weight of all threads together, and processors that they are guaranteed.
    var weight: Double
    var floor = 0.0
    /// What they do, and the processors that each asks for.
    var members: [(flow: Int, demand: Double)] = []
    /// So many of the first members come before the others.
    var urgent = 0

    var demand: Double { members.reduce(0) { $0 + $1.demand } }
    /// Processors that they get at most where a unit of weight gets so many.
    func limit(at level: Double) -> Double { max(floor, weight * level) }
  }

  /// Indices of the VMs; each is a flow, works follow.
  let vms: [Int]
  private(set) var contenders: [Contender] = []
  /// Share of what each flow wants to do that it is allowed anyway.
  private var limits: [Double]

  init(vms: [Int], works: Int = 0) {
    self.vms = vms
    limits = [Double](repeating: 1, count: vms.count + works)
  }

  func flow(ofWork work: Int) -> Int { vms.count + work }
  func isFlow(_ flow: Int, of vm: Int) -> Bool { flow < vms.count && vms[flow] == vm }

  /// Adds the vCPUs and the backends of the VMs.
  ///
  /// - Parameter slowdowns: what their threads would do more if they got more; nil for nothing.
  mutating func addThreads(
    of model: SimulationModel, _ expectations: [VMExpectation], _ slowdowns: [ProcessorDelays]? = nil
  ) {
    for (flow, index) in vms.enumerated() {
      let vm = model.vms[index]
      let weight = model.hosts[vm.host].processors.scheduler == .roundRobin ? 1 : vm.share.weight
      let threads = Double(FluidEngine.threads(of: vm, in: model))
      let slowdown = slowdowns?[index] ?? ProcessorDelays()
      let expectation = expectations[index]
      let vcpus = expectation.vcpuDemand * 1e-9
      add(
        .vcpus, slowdowns == nil ? vcpus : min(vm.share.cap ?? .infinity, vcpus * slowdown.vcpus.slowdown), of: flow,
        weight: threads * weight,
        floor: vm.share.reservation ?? 0)
      let backends = expectation.demand { $0.isAsynchronous && $0 != .privilegedDomain }
      let workers = Double(vm.backendThreads)
      add(.backends, backends * slowdown.network.slowdown, of: flow, weight: workers * weight)
    }
  }

  /// Adds the vCPUs of the privileged domain: its backends, and what runs in it when these have nothing to do.
  mutating func addDomain(
    of host: Int, in model: SimulationModel, _ expectations: [VMExpectation], speed: Double,
    _ slowdowns: [ProcessorDelays]? = nil
  ) {
    let host = model.hosts[host]
    var domain = Contender(kind: .domain, weight: 0)
    var left = Double(host.privilegedVCPUs) * speed
    for (flow, index) in vms.enumerated() {
      let demand = expectations[index].demand { $0 == .privilegedDomain } * (slowdowns?[index].network.slowdown ?? 1)
      guard demand > 0 else { continue }
      domain.members.append((flow, demand))
      left -= demand
    }
    domain.urgent = domain.members.count
    for (index, work) in host.works.enumerated() where work.home == .privilegedDomain {
      let demand = work.demand * (work.wakeups == nil ? speed : 1)
      domain.members.append((flow(ofWork: index), demand))
      // Backends leave no more.
      limits[flow(ofWork: index)] = demand > 0 ? max(0, min(1, left / demand)) : 1
      left -= demand
    }
    guard !domain.members.isEmpty else { return }
    let vcpus = max(1, min(Double(host.privilegedVCPUs), domain.demand.rounded(.up)))
    domain.weight = vcpus * (host.processors.scheduler == .roundRobin ? 1 : host.privilegedWeight)
    contenders.append(domain)
  }

  /// Adds what runs beside the guests in threads of its own.
  mutating func addWorks(of host: Host, speed: Double) {
    for (index, work) in host.works.enumerated() where work.home == .host {
      let weight = host.processors.scheduler == .roundRobin ? 1 : work.weight
      add(
        .work, work.demand * (work.wakeups == nil ? speed : 1), of: flow(ofWork: index),
        weight: Double(work.threads) * weight)
    }
  }

  private mutating func add(_ kind: Contender.Kind, _ demand: Double, of flow: Int, weight: Double, floor: Double = 0) {
    guard demand > 0 else { return }
    contenders.append(Contender(kind: kind, weight: weight, floor: floor, members: [(flow, demand)]))
  }

  /// Divides processors: weighted max-min fair shares of the threads, of whom nobody gets more than it asks for.
  ///
  /// - Returns: the share of what each flow wants to do that it can do, and what a unit of weight may have at most.
  /// - Complexity: O(100 × contenders).
  func divide(_ capacity: Double) -> (shares: [Double], level: Double) {
    guard used(limits) > capacity else { return (limits, .infinity) }
    var lower = 0.0
    var upper = contenders.reduce(0) { max($0, $1.demand / $1.weight) }
    for _ in 0..<100 {
      let middle = (lower + upper) / 2
      if used(shares(at: middle)) <= capacity { lower = middle } else { upper = middle }
    }
    return (shares(at: lower), lower)
  }

  private func used(_ shares: [Double]) -> Double {
    contenders.reduce(0) { $0 + $1.members.reduce(0) { $0 + shares[$1.flow] * $1.demand } }
  }

  private func shares(at level: Double) -> [Double] {
    var shares = limits
    for contender in contenders where contender.members.count == 1 {
      let (flow, demand) = contender.members[0]
      shares[flow] = min(shares[flow], contender.limit(at: level) / demand)
    }
    for contender in contenders where contender.members.count > 1 {
      var left = contender.limit(at: level)
      for members in [contender.members[..<contender.urgent], contender.members[contender.urgent...]] {
        // What others cannot use is left to the rest.
        var demand = members.reduce(0) { $0 + $1.demand }
        for member in members.sorted(by: { shares[$0.flow] < shares[$1.flow] }) {
          let share = min(shares[member.flow], demand > 0 ? max(0, left) / demand : 0)
          left -= share * member.demand
          demand -= member.demand
          shares[member.flow] = share
        }
      }
    }
    return shares
  }
}

extension VirtualMachine {
  /// Threads of its own backends.
  var backendThreads: Int {
    let network = design.workers(of: io.networkOptions)
    return design.sharesBackend ? network : network + design.workers(of: io.blockOptions)
  }
}
