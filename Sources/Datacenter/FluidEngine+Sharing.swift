import Model
import Statistics
import Virtualization

/// What hosts give to those who ask for their processors.
extension FluidEngine {
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
  static func share(model: SimulationModel, expectations: inout [VMExpectation]) -> [[Double]] {
    var given = model.hosts.map { [Double](repeating: 0, count: $0.works.count) }
    for host in model.hosts.indices {
      let vms = model.vms.indices.filter { model.vms[$0].host == host }
      let processors = model.hosts[host].processors
      VMExpectation.yieldPolling(of: vms, in: model, capacity: processors.capacity, &expectations)
      let speed = boost(vms, on: host, of: model, &expectations)
      for vm in vms {
        let demand = expectations[vm].vcpuDemand * 1e-9
        if let cap = model.vms[vm].share.cap, cap * speed < demand { expectations[vm].scale(by: cap * speed / demand) }
      }
      let full = processors.capacity * (processors.boost.isEmpty ? 1 : processors.speed(active: processors.cores))
      let each = full / Double(processors.threads)
      var capacity = full
      if processors.threadsPerCore > 1, !vms.contains(where: { expectations[$0].backendDemand > 0 }) {
        // Too few threads to fill all siblings.
        let parallel =
          vms.reduce(0) { $0 + threads(of: model.vms[$1], in: model) }
          + model.hosts[host].works.reduce(0) { $0 + $1.threads }
        let active = min(parallel, processors.cores)
        capacity =
          processors.capacity(busyThreads: parallel)
          * (processors.boost.isEmpty ? 1 : processors.speed(active: active))
      }
      var left = capacity
      let pinned = Dictionary(grouping: vms) { Set(model.vms[$0].share.pinned ?? []) }
      for (set, group) in pinned.sorted(by: { ($0.value[0]) < ($1.value[0]) }) where !set.isEmpty {
        var contenders = HostContenders(vms: group)
        contenders.addThreads(of: model, expectations)
        divide(min(left, Double(set.count) * each), among: contenders, &expectations)
        left -= group.reduce(0) { $0 + expectations[$1].ownDemand }
      }
      var contenders = HostContenders(vms: pinned[[]] ?? [], works: model.hosts[host].works.count)
      contenders.addThreads(of: model, expectations)
      contenders.addDomain(of: host, in: model, expectations, speed: speed)
      contenders.addWorks(of: model.hosts[host], speed: speed)
      let shares = divide(left, among: contenders, &expectations)
      for (index, work) in model.hosts[host].works.enumerated() {
        given[host][index] = work.demand * (work.wakeups == nil ? speed : 1) * shares[contenders.flow(ofWork: index)]
      }
      let all =
        vms.reduce(0) { $0 + (expectations[$1].vcpuDemand + expectations[$1].backendDemand) * 1e-9 }
        + given[host].reduce(0, +)
      guard processors.threadsPerCore > 1 || speed != 1, all > 0 else { continue }
      let stretch = max(1, processors.busyThreads(demand: all / speed) / (all / speed)) / speed
      for vm in vms { expectations[vm].stretch = stretch }
      for index in given[host].indices { given[host][index] *= stretch }
    }
    return given
  }

  /// Returns the share of what each flow wants to do that it can do.
  @discardableResult
  private static func divide(
    _ capacity: Double, among contenders: HostContenders, _ expectations: inout [VMExpectation]
  ) -> [Double] {
    let shares = contenders.divide(capacity).shares
    for (position, vm) in contenders.vms.enumerated() where shares[position] < 1 {
      expectations[vm].scale(by: shares[position])
    }
    return shares
  }

  /// vCPUs of a VM that may have work at a time.
  static func threads(of vm: VirtualMachine, in model: SimulationModel) -> Int {
    switch model.workloads[vm.workload].shape {
    case .batch(let batch): min(batch.threads, vm.vcpus)
    case .program: 1
    case .requests, .idle: vm.vcpus
    }
  }
}

extension VMExpectation {
  private static let remainder = 0.99

  /// Lets everything go on at a fraction of its rate: the VM gets only that share of the cores it asks for.
  mutating func scale(by factor: Double) {
    throughput *= factor
    guest *= factor
    spin *= factor
    waiting *= factor
    for index in flows.indices { flows[index].rate *= factor }
    use = use * factor
    // A remainder of the fixed point changes nothing else.
    guard factor < Self.remainder else { return }
    latency = workLimit.isFinite ? latency.map { $0 / factor } : nil
    isSaturated = true
  }
}
