import Virtualization

/// What the fluid engine cannot know. It reckons with means: no order in time, no slice, nobody who waits for a sibling.
extension ModelAssembly {
  /// Threads of a host beyond its processors delay each other; up to this load of them the delays are small.
  private static let smallLoad = 0.3

  /// Warns at the keys that ask the fluid engine for what it does not know.
  mutating func remarkOnFluidLimits() {
    for index in hosts.indices {
      let guests = vms.filter { $0.host == index }
      guard !guests.isEmpty else { continue }
      let group = group(ofHost: index)
      remarkOnLocks(of: hosts[index], guests, at: group.location)
      remarkOnScheduling(of: hosts[index], guests, group)
      remarkOnContention(of: hosts[index], guests, group)
    }
    for index in scenario.workloads.indices where vms.contains(where: { $0.workload == index }) {
      remarkOnArrivals(of: scenario.workloads[index])
    }
  }

  /// Requests at equal intervals find vCPUs halted more often than those that come at random.
  private mutating func remarkOnArrivals(of workload: Workload) {
    guard case .requests(let requests) = workload.shape, case .deterministic = requests.arrivals else { return }
    warn(
      "requests of workload '\(workload.name)' come at equal intervals: the fluid engine lets them find vCPUs halted, and "
        + "wait, as if they came at random; expected fidelity exit for latencies and exits", at: workload.location)
  }

  private func group(ofHost index: Int) -> HostGroup {
    var first = 0
    for group in scenario.hosts {
      if index < first + group.count { return group }
      first += group.count
    }
    return scenario.hosts[scenario.hosts.count - 1]
  }

  private func isRequests(_ vm: VirtualMachine) -> Bool {
    if case .requests = scenario.workloads[vm.workload].shape { return true }
    return false
  }

  // MARK: Locks, flushes

  private mutating func remarkOnLocks(of host: Host, _ guests: [VirtualMachine], at location: SourceLocation) {
    let vcpus = guests.reduce(0) { $0 + $1.vcpus }
    guard vcpus > host.cores else { return }
    if guests.contains(where: { $0.load.guestLocks != nil && $0.vcpus > 1 }) {
      warn(
        "host '\(host.name)' has \(vcpus) vCPUs on \(host.cores) processors, and locks are taken on it: the fluid engine "
          + "does not model holders and waiters that are preempted; expected fidelity exit", at: location)
    }
    for vm in guests where vm.waitsForFlushes {
      let workload = scenario.workloads[vm.workload]
      warn(
        "workload '\(workload.name)' flushes translations of sibling vCPUs by interrupts, on \(vcpus) vCPUs and "
          + "\(host.cores) processors: the fluid engine knows no waits for siblings without a processor; expected fidelity "
          + "exit, or flushes: paravirtual", at: workload.location)
    }
  }

  // MARK: Schedulers

  private mutating func remarkOnScheduling(of host: Host, _ guests: [VirtualMachine], _ group: HostGroup) {
    for (key, isStated) in [("slice", group.slice != nil), ("skew", group.skew != nil)] where isStated {
      warn(
        "'\(key)' of host '\(group.name)' has no effect at fluid fidelity, which divides processors by weight, whatever the "
          + "length of turns; expected fidelity exit", at: group.keyLocations[key] ?? group.location)
    }
    for vm in guests where isRequests(vm) && (vm.share.cap ?? .infinity) < Double(vm.vcpus) {
      let key = scenario.vms.first { vm.name == $0.name || vm.name.hasPrefix($0.name + "-") }
      warn(
        "vm '\(vm.name)' serves requests under a cap: the fluid engine holds their number to it, but knows no waits for the "
          + "next period; expected fidelity exit for latencies and exits", at: key?.location ?? group.location)
    }
  }

  /// Where more threads than processors may want to run, they wait for each other.
  private mutating func remarkOnContention(of host: Host, _ guests: [VirtualMachine], _ group: HostGroup) {
    var threads = host.works.reduce(0) { $1.home == .host ? $0 + $1.threads : $0 }
    var endless = host.works.reduce(0) { $1.wakeups == nil && $1.home == .host ? $0 + $1.threads : $0 }
    var load = host.works.reduce(0) { $0 + $1.demand }
    if host.design.hasPrivilegedDomain { threads += host.privilegedVCPUs }
    for vm in guests {
      let workload = scenario.workloads[vm.workload]
      threads += vm.vcpus + (host.design.hasPrivilegedDomain ? 0 : vm.io.network == nil && vm.io.block == nil ? 0 : 1)
      switch workload.shape {
      case .requests(let requests):
        switch requests.arrivals {
        case .poisson(let rate), .deterministic(let rate):
          load += min(Double(vm.vcpus), rate.perSecond * requests.service.mean * 1e-9)
        case .closed(let clients, _): load += Double(min(vm.vcpus, clients))
        }
      case .batch(let batch): endless += min(vm.vcpus, batch.threads)
      case .program: endless += 1
      case .idle: break
      }
    }
    load += Double(endless)
    guard guests.contains(where: { isRequests($0) }), threads > host.cores,
      load > Self.smallLoad * Double(host.cores)
    else { return }
    if host.processors.haltPolling != nil {
      warn(
        "\(threads) threads of host '\(host.name)' share \(host.cores) processors, on which it polls for wake-ups of halted "
          + "vCPUs: how many polls end because a thread waits is approximate in the fluid engine; "
          + "expected fidelity exit, or halt_polling: \"off\"", at: group.location)
    }
    let what = group.background == nil ? "" : ", 'background' among them,"
    let location = group.keyLocations["background"] ?? group.location
    guard endless >= host.cores else {
      warn(
        "\(threads) threads of host '\(host.name)'\(what) share \(host.cores) processors: the fluid engine lets them wait "
          + "in the order in which they wake up, whatever the scheduler; latencies and exits by reason are approximate; "
          + "expected fidelity exit", at: location)
      return
    }
    warn(
      "\(endless) threads of host '\(host.name)'\(what) never sleep and leave none of its \(host.cores) processors idle: the "
        + "fluid engine divides by weight alone and knows no waits for the end of a slice; throughput and exits of VMs that "
        + "serve requests are approximate; expected fidelity exit", at: location)
  }
}

extension VirtualMachine {
  /// Whether its vCPUs flush each other's translations by interrupts and wait for that.
  fileprivate var waitsForFlushes: Bool {
    vcpus > 1 && design.choice.axes[.flushes] == "interrupt" && design.choice.axes[.interrupts] != "native"
      && (load.perRequest + load.perCPUSecond).contains { $0.operation == .shootdown }
  }
}
