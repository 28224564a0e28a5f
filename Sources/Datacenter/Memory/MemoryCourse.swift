import Model
import Virtualization

/// The expectation of VMs on a host whose balloons follow a schedule.
///
/// Time is cut where an order comes, and finely while a balloon moves or a guest's memory fills again. In each piece the
/// VM is taken as steady with the memory that it has in the middle; the mean over the measured window is what counts.
/// What other VMs leave a contended host does not slow balloons down.
struct MemoryCourse {
  let model: SimulationModel
  /// The expectation of a VM without pauses, by its wire time.
  let steady: (VirtualMachine) -> VMExpectation
  /// Block requests of VMs on a disk.
  let requests: (Int) -> SharedBackends.DiskPassing

  /// A VM on its way through the run.
  struct Member {
    let vm: Int
    let plan: MemoryPlan
    var residence: MemoryResidence
    var target: Double
    /// CPUs' worth of native work that it did last, and vCPUs that it kept busy with it.
    var utilization = 1.0
    var busy = 0.0
    var sum = WeightedExpectation()
    var use: MemoryUse
    var inflated = 0.0
    var deflated = 0.0
  }

  /// Expectations by VM of a host; empty without a schedule.
  ///
  /// - Complexity: O(pieces × VMs × operations).
  func expectations(of host: Int) -> [Int: VMExpectation] {
    var members = model.vms.indices.compactMap { vm -> Member? in
      guard model.vms[vm].host == host, let plan = model.vms[vm].plan else { return nil }
      var use = MemoryUse(model.vms[vm].memory)
      (use.balloon, use.swapped, use.guestSwapped) = (0, 0, 0)
      use.series = [Double](repeating: 0, count: MemoryUse.intervals)
      return Member(
        vm: vm, plan: plan, residence: plan.initial, target: plan.initial.balloon,
        utilization: Double(model.vms[vm].vcpus), use: use)
    }
    guard !members.isEmpty else { return [:] }
    let warmup = Double(model.warmup.nanoseconds)
    let end = Double(model.duration.nanoseconds)
    var breaks = Set(members.flatMap { $0.plan.orders.map { Double($0.time) } } + [warmup, end])
    for member in members {
      if let phase = model.vms[member.vm].logged { breaks.formUnion([phase.logging.start, phase.logging.stop]) }
    }
    var swap = SwapDisks(model: model)
    let times = breaks.filter { $0 > 0 && $0 <= end }.sorted()
    var now = 0.0
    for next in times {
      let least = (next - now) / 4096
      for index in members.indices {
        for order in members[index].plan.orders where Double(order.time) <= now {
          members[index].target = order.balloon
        }
      }
      while now < next {
        let step = min(next - now, max(least, length(members, host: host, now: now)))
        let isMeasured = now >= warmup
        advance(&members, by: step, host: host, from: now, isMeasured: isMeasured, swap: &swap)
        now = next - now - step < 1 ? next : now + step
      }
    }
    var result: [Int: VMExpectation] = [:]
    for member in members {
      guard var mean = member.sum.mean else { continue }
      var use = member.use
      use.balloonAtEnd = member.residence.balloon * BasePage.size
      mean.memory = use
      result[member.vm] = mean
    }
    return result
  }

  private func swappedShare(_ members: [Member], host: Int) -> Double {
    let backed = members.reduce(0) { $0 + $1.residence.backed }
    let pages = model.hosts[host].guestPages
    return backed > pages ? (backed - pages) / backed : 0
  }

  private func isLogged(_ vm: VirtualMachine, at now: Double) -> Bool {
    guard let phase = vm.logged else { return false }
    return now >= phase.logging.start && now < phase.logging.stop
  }

  /// The VM in the phase of its dirty logging that holds at a time.
  private func phase(of vm: Int, at now: Double) -> VirtualMachine {
    guard let phases = model.vms[vm].phases else { return model.vms[vm] }
    return isLogged(model.vms[vm], at: now) ? phases.logged : phases.plain
  }

  // MARK: Pieces

  /// How long the memory of all VMs may be taken as it is.
  private func length(_ members: [Member], host: Int, now: Double) -> Double {
    members.reduce(.infinity) { shortest, member in
      var length = shortest
      let distance = abs(member.target - member.residence.balloon)
      if distance > 0 {
        let balloon = Balloon(
          member, phase(of: member.vm, at: now), swappedShare: swappedShare(members, host: host),
          hasIdle: hasIdleVCPU(member.vm))
        let rate = balloon.rate
        var pages = distance
        if member.target > member.residence.balloon {
          pages = min(pages, max(member.plan.batch, member.residence.alike))
          // Faults change with every page that the guest gives up.
          if member.residence.free == 0 { pages = min(pages, max(member.plan.batch, member.residence.size / 256)) }
        }
        pages = min(pages, max(member.plan.batch, member.residence.size / 64))
        length = min(length, pages / rate)
      }
      let residence = member.residence
      let faults =
        member.plan.references * member.plan.curve.ratio(residence.resident) * member.utilization * 1e-9
      let files =
        member.plan.fileReferences * member.plan.fileCurve.ratio(residence.cached) * member.utilization * 1e-9
      for (rate, room, set) in [
        (
          faults, min(residence.workingSet - residence.resident, residence.free + residence.cached),
          residence.workingSet
        ),
        (files, min(residence.fileSet - residence.cached, residence.free), residence.fileSet),
      ] where rate > 0 && room > 0 {
        length = min(length, max(room / 8, min(room, set / 512)) / rate)
      }
      return length
    }
  }

  private func advance(
    _ members: inout [Member], by step: Double, host: Int, from now: Double, isMeasured: Bool, swap: inout SwapDisks
  ) {
    // Half a step ahead first: what holds is the state in the middle.
    var middle = members
    let share = swappedShare(members, host: host)
    for index in middle.indices { move(&middle[index], by: step / 2, share: share, now: now, swap: swap) }
    let inTheMiddle = swappedShare(middle, host: host)
    let window = Double(model.window.nanoseconds)
    func expectations() -> [VMExpectation] {
      members.indices.map { index in
        var probe = middle[index]
        return move(
          &probe, by: step, share: inTheMiddle, now: now, swap: swap, isMoving: false,
          distance: abs(members[index].target - members[index].residence.balloon))
      }
    }
    var found = expectations()
    if swap.isUsed {
      // All wait for the same disk.
      swap.restart()
      for _ in 0..<40 {
        found = expectations()
        let faults = zip(members, found).compactMap { member, result in
          model.vms[member.vm].swapDisk.map { ($0, result.swapReads) }
        }
        if swap.update(faults, beside: requests) < 1e-5 { break }
      }
    }
    for index in members.indices {
      let before = members[index].residence.balloon
      let expectation = found[index]
      let sizes = middle[index].residence
      move(
        &members[index], by: step, share: inTheMiddle, now: now, swap: swap, expectation: expectation,
        middle: middle[index].residence)
      guard isMeasured else { continue }
      members[index].sum.add(expectation, weight: step)
      members[index].use.balloon += sizes.balloon * BasePage.size * step / window
      members[index].use.guestSwapped += (sizes.workingSet - sizes.resident) * BasePage.size * step / window
      members[index].use.swapped += inTheMiddle * sizes.backed * BasePage.size * step / window
      members[index].moved(
        by: members[index].residence.balloon - before, from: now, step: step, balloon: sizes.balloon, model: model)
    }
  }

  /// Moves a VM's memory on. Returns what it is expected to do meanwhile.
  @discardableResult
  private func move(
    _ member: inout Member, by step: Double, share: Double, now: Double, swap: SwapDisks, isMoving: Bool = true,
    expectation known: VMExpectation? = nil, middle: MemoryResidence? = nil, distance: Double? = nil
  ) -> VMExpectation {
    var vm = phase(of: member.vm, at: now)
    let balloon = Balloon(member, vm, swappedShare: share, hasIdle: hasIdleVCPU(member.vm))
    let pages = min(balloon.rate * step, distance ?? abs(member.target - member.residence.balloon))
    let seconds = max(1e-12, (known?.utilization ?? member.utilization) * step * 1e-9)
    var residence = member.residence
    let events = events(of: member.plan, &residence, as: middle ?? residence, share: share, seconds: seconds)
    let expectation: VMExpectation
    if let known {
      expectation = known
    } else {
      vm = vm.adding(
        [
          (GuestOperation.guestSwapIn, events.guestSwapIn), (.swapIn, events.hostSwapIn),
          (.doublePaging, events.doublePaging), (.cacheRead, events.cacheRead), (.firstTouch, events.firstTouch),
        ].filter { $0.1 > 0 }.map { OperationLoad.Entry(operation: $0.0, rate: $0.1 / seconds) })
      var made = steady(swap.waiting(vm))
      if pages > 0 {
        balloon.add(to: &made, vm: vm, batches: pages / balloon.pages / step)
      }
      expectation = made
    }
    member.utilization = expectation.utilization
    member.busy = busyVCPUs(of: member.vm, expectation)
    guard isMoving else { return expectation }
    if member.target > residence.balloon { _ = residence.inflate(pages) } else { residence.deflate(pages) }
    member.residence = residence
    return expectation
  }

  /// vCPUs that are not halted, in the mean.
  private func busyVCPUs(of vm: Int, _ expectation: VMExpectation) -> Double {
    switch model.workloads[model.vms[vm].workload].shape {
    case .batch(let batch): Double(min(batch.threads, model.vms[vm].vcpus))
    case .program: 1
    case .requests, .idle: (expectation.vcpuDemand + expectation.waiting) * 1e-9
    }
  }

  /// Whether work without a pause leaves a vCPU idle, which the balloon's driver then has for itself.
  private func hasIdleVCPU(_ vm: Int) -> Bool {
    switch model.workloads[model.vms[vm].workload].shape {
    case .batch(let batch): batch.threads < model.vms[vm].vcpus
    case .program: model.vms[vm].vcpus > 1
    case .requests, .idle: false
    }
  }

  private func events(
    of plan: MemoryPlan, _ residence: inout MemoryResidence, as state: MemoryResidence, share: Double, seconds: Double
  ) -> MemoryEvents {
    let swapped = share * state.backed
    let missing = (
      inGuest: plan.curve.ratio(state.resident),
      inHost: plan.curve.ratio(min(state.resident, state.backed - swapped))
    )
    return MemoryEvents(
      &residence, swapped: swapped,
      references: (pages: plan.references * seconds, files: plan.fileReferences * seconds), missing: missing,
      filesMissing: plan.fileCurve.ratio(state.cached))
  }
}

extension MemoryCourse.Member {
  /// Notes pages that the balloon has moved, and its size in the parts of the window.
  fileprivate mutating func moved(
    by pages: Double, from start: Double, step: Double, balloon: Double, model: SimulationModel
  ) {
    if pages > 0 { inflated += pages } else { deflated -= pages }
    use.inflated = Int64(inflated.rounded())
    use.deflated = Int64(deflated.rounded())
    let part = Double(model.window.nanoseconds) / Double(MemoryUse.intervals)
    var from = start - Double(model.warmup.nanoseconds)
    let end = from + step
    var index = min(MemoryUse.intervals - 1, max(0, Int(from / part)))
    while from < end {
      let until = index >= MemoryUse.intervals - 1 ? end : min(end, Double(index + 1) * part)
      if until > from {
        use.series[min(index, MemoryUse.intervals - 1)] += balloon * BasePage.size * (until - from) / part
        from = until
      }
      index += 1
    }
  }
}
