import Model
import Virtualization

/// Building processors, queues and shares.
extension Simulation {
  /// More than the hardware threads of any core.
  static let longestCore = 9

  mutating func addHost(_ index: Int) {
    let description = model.hosts[index].processors
    let first = processors.count
    for processor in 0..<description.threads {
      let sibling = first + processor / description.threadsPerCore * description.threadsPerCore
      _ = processors.append(
        Processor(
          host: Int32(index), firstSibling: Int32(sibling), siblings: Int32(description.threadsPerCore)))
    }
    for busy in 0..<Self.longestCore { _ = stretches.append(description.stretch(busy: busy)) }
    let firstSpeed = speeds.count
    if !description.boost.isEmpty {
      for active in 0...description.cores { _ = speeds.append(description.speed(active: active)) }
    }
    let scheduler = description.scheduler
    _ = hosts.append(
      HostState(
        firstProcessor: Int32(first), processors: Int32(description.threads), idle: Int32(description.threads),
        scheduler: scheduler, isShared: description.threadsPerCore > 1 || !description.boost.isEmpty,
        isBoosted: !description.boost.isEmpty, firstSpeed: Int32(firstSpeed),
        speed: description.speed(active: 0),
        slice: description.slice ?? HostProcessors.usualSlice(of: scheduler), skew: description.skew))
    addIdleStates(of: index)
  }

  /// Gives every thread its weight, cap and queue; called when all threads are there.
  mutating func addShares() {
    for _ in threads.indices { _ = shares.append(SchedulingShare()) }
    for vm in model.vms {
      var bandwidth = Bandwidth()
      if let cap = vm.share.cap, cap < Double(vm.vcpus) {
        bandwidth.period = vm.share.period
        bandwidth.quota = max(1, Int64((cap * Double(bandwidth.period)).rounded()))
        bandwidth.left = bandwidth.quota
      }
      _ = bandwidths.append(bandwidth)
    }
    for host in model.hosts.indices {
      hosts[host].firstQueue = Int32(pinningStart.count)
      // A single queue is one that all processors take from.
      var queues: [[Int]?: Int32] = [nil: addQueue(nil, host: host)]
      for thread in threads.indices where Int(threads[thread].host) == host {
        let share = model.vms[Int(threads[thread].vm)].share
        let pinned =
          [.service, .work].contains(threads[thread].role) || isPrivileged(thread: thread)
          ? nil : share.pinned.map { Set($0).sorted() }
        if queues[pinned] == nil { queues[pinned] = addQueue(pinned, host: host) }
        shares[thread].queue = queues[pinned]!
        switch threads[thread].role {
        case .service: shares[thread].weight = 1
        case .work: shares[thread].weight = works[Int(threads[thread].firstWork)].weight
        case .vcpu, .backend, .balloon: shares[thread].weight = share.weight
        }
        if isPrivileged(thread: thread) { shares[thread].weight = model.hosts[host].privilegedWeight }
      }
      hosts[host].queues = Int32(queues.count)
      addHomes(of: host)
    }
  }

  private mutating func addQueue(_ pinned: [Int]?, host: Int) -> Int32 {
    let start = pinning.count
    for processor in 0..<Int(hosts[host].processors) {
      _ = pinning.append(pinned.map { $0.contains(processor) } ?? true)
    }
    for _ in 0..<2 { _ = heaps.append(ThreadHeap(base: .allocate(capacity: threads.count))) }
    return Int32(pinningStart.append(start))
  }

  mutating func startSchedulers() {
    for host in hosts.indices where hosts[host].scheduler == .credit { giveCredit(host: host) }
  }
}
