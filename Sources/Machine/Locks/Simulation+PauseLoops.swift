import Virtualization

/// What hypervisors do with vCPUs that spin.
extension Simulation {
  /// A vCPU that has exited because it spins makes way. Returns whether it has lost its processor.
  mutating func makeWay(thread index: Int) -> Bool {
    let host = Int(threads[index].host)
    guard hosts[host].waiting > 0, hosts[host].scheduler != .strictCoscheduling, hosts[host].collecting < 0 else {
      return false
    }
    let processor = Int(threads[index].core)
    let target: Int
    switch spins[Int(threads[index].vm)].response {
    case .off: return false
    case .directedYield: target = preemptedSibling(of: index, processor: processor)
    case .yield: target = hosts[host].scheduler == .core ? bestOnCore(for: processor) : best(for: processor)
    }
    guard target >= 0 else { return false }
    waiters[index].hasYielded = true
    waiters[index].isEligible = false
    enter(.waiting, thread: index)
    vacate(thread: index)
    dequeue(thread: target)
    if hosts[host].scheduler == .credit2 { giveCredit2(host: host, next: target) }
    if hosts[host].isFair {
      // It gives the rest of its request away.
      shares[index].deadline =
        max(shares[index].deadline, shares[index].virtualTime) + Double(hosts[host].slice) / shares[index].weight
    }
    enqueue(thread: index)
    watchSkew(of: index)
    place(thread: target, on: processor)
    return true
  }

  /// The next sibling, in turns, that was preempted in its guest's kernel; -1 for none. One that has itself made way is passed
  /// over every other time.
  ///
  /// [Linux, virt/kvm/kvm_main.c, kvm_vcpu_on_spin; R. van Riel, Directed yield for pause loop exiting, 2011]
  private mutating func preemptedSibling(of index: Int, processor: Int) -> Int {
    let vm = Int(threads[index].vm)
    let count = Int(vms[vm].vcpus)
    for step in 1...count {
      let number = (Int(spins[vm].lastBoosted) + step) % count
      let sibling = vms[vm].threads.lowerBound + number
      guard sibling != index, shares[sibling].heap >= 0,
        allows(queue: Int(shares[sibling].queue), processor: processor),
        isInKernel(sibling)
      else { continue }
      if waiters[sibling].hasYielded {
        waiters[sibling].isEligible.toggle()
        if waiters[sibling].isEligible { continue }
      }
      spins[vm].lastBoosted = Int32(number)
      return sibling
    }
    return -1
  }

  /// Whether a preempted vCPU was in its guest's kernel, as far as the model tells: in a critical section, waiting for a lock,
  /// or about to run it after an exit. Work outside critical sections counts as user code.
  private func isInKernel(_ index: Int) -> Bool { threads[index].activity != .job }
}
