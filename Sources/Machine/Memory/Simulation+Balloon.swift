import EventKernel
import Model
import Quantities
import Virtualization

/// Balloons with a rate, as events.
///
/// ```
///  order -> [driver in the guest: a batch of pages, reclaimed if need be] -> bell -> [worker of the host] -> interrupt -> ...
/// ```
///
/// The driver is a thread of the guest's kernel. Where a thread of the host does its part of a batch, the driver sleeps
/// until its interrupt, and the guest then lets it run at once; where the hypervisor does it within a call, the driver
/// goes on with the next batch and nobody interrupts it. How fast the balloon moves follows from what its pages cost, from
/// the guest's swap device, and from a stated bound.
extension Simulation {
  // MARK: Building

  mutating func addMemory(of index: Int, to state: inout VMState) {
    var memory = MemoryState()
    defer { _ = memories.append(memory) }
    let vm = model.vms[index]
    guard let plan = vm.plan else { return }
    state.hasPlan = true
    memory.residence = plan.initial
    memory.target = plan.initial.balloon
    memory.references = plan.references
    memory.fileReferences = plan.fileReferences
    memory.timePerPage = plan.timePerPage
    memory.guestLatency = plan.guestLatency
    memory.writeCluster = plan.writeCluster
    memory.largestBatch = plan.batch
    memory.curve = add(plan.curve)
    memory.fileCurve = add(plan.fileCurve)
    hostMemories[vm.host].backed += plan.initial.backed
    memory.series = balloonSeries.count
    for _ in 0..<MemoryUse.intervals { _ = balloonSeries.append(0) }
    memory.firstOrder = balloonOrders.count
    memory.orders = plan.orders.count
    for order in plan.orders { _ = balloonOrders.append(order) }
    guard !plan.orders.isEmpty else { return }
    func asynchronous(_ operation: GuestOperation) -> LeafGroup {
      open(operation, of: index, charges: vm.design.cost(of: operation)?.asynchronous ?? [])
    }
    memory.inflate = asynchronous(.balloonPage)
    memory.deflate = asynchronous(.balloonReturn)
    memory.wake = asynchronous(.balloonBatch)
    guard !memory.inflate.isEmpty || !memory.deflate.isEmpty || !memory.wake.isEmpty else { return }
    memory.worker = Int32(threads.append(Thread(host: Int32(vm.host), vm: Int32(index), role: .balloon)))
  }

  private mutating func add(_ curve: FaultCurve) -> Int {
    guard curve.pages > 0 else { return -1 }
    let first = missRatios.count
    for value in curve.values { _ = missRatios.append(value) }
    return first
  }

  func scheduleOrders(vm: Int) {
    for order in memories[vm].firstOrder..<memories[vm].firstOrder + memories[vm].orders {
      events.insert(
        Event(
          time: balloonOrders[order].time, kind: EventKind.balloonOrder, handle: UInt32(vm), generation: 0))
    }
  }

  // MARK: What jobs meet

  private func missRatio(_ curve: Int, resident: Double, of pages: Double) -> Double {
    curve < 0 ? 0 : FaultCurve.ratio(resident, of: pages, in: UnsafePointer(missRatios.base + curve))
  }

  /// What `seconds` of CPU time meet in the memory as it is, which they change.
  mutating func useMemory(vm: Int, seconds: Double) {
    accountMemory(vm: vm)
    let host = Int(vms[vm].host)
    let before = memories[vm].residence
    let swapped = hostMemories[host].swappedShare * before.backed
    let curve = memories[vm].curve
    let missing = missRatio(curve, resident: before.resident, of: before.workingSet)
    let inHost = missRatio(curve, resident: min(before.resident, before.backed - swapped), of: before.workingSet)
    memories[vm].latest = MemoryEvents(
      &memories[vm].residence, swapped: swapped,
      references: (memories[vm].references * seconds, memories[vm].fileReferences * seconds),
      missing: (missing, inHost),
      filesMissing: missRatio(memories[vm].fileCurve, resident: before.cached, of: before.fileSet))
    hostMemories[host].backed += memories[vm].residence.backed - before.backed
  }

  // MARK: The driver

  /// The host wants the balloon to have another size.
  mutating func takeOrder(vm: Int) {
    let first = memories[vm].firstOrder
    for order in first..<first + memories[vm].orders where balloonOrders[order].time <= now {
      memories[vm].target = balloonOrders[order].balloon
    }
    // The request is a change of the device's configuration, told by an interrupt; a driver that is at work sees it then.
    if !memories[vm].isBusy { startBatch(vm: vm) }
  }

  /// The bound on the rate, or the guest's device, lets the balloon go on.
  mutating func stepBalloon(vm: Int) {
    if memories[vm].batch > 0 { ringBalloon(vm: vm) } else { startBatch(vm: vm) }
  }

  /// The driver takes the next pages, if any are left; awake, it does so on the vCPU that it has.
  private mutating func startBatch(vm: Int, isAwake: Bool = false) {
    accountMemory(vm: vm)
    let distance = memories[vm].target - memories[vm].residence.balloon
    memories[vm].isBusy = distance != 0
    guard distance != 0 else { return }
    memories[vm].isInflating = distance > 0
    let pages = min(memories[vm].largestBatch, abs(distance))
    memories[vm].batch = pages
    memories[vm].begun = now
    var dropped = 0.0
    var evicted = 0.0
    var double = 0.0
    if distance > 0 {
      let before = memories[vm].residence
      let swapped = hostMemories[Int(vms[vm].host)].swappedShare * before.backed
      (dropped, evicted) = memories[vm].residence.inflate(pages)
      double =
        evicted
        * DoublePaging.probability(
          swapped: swapped, of: before.resident + before.cached, inactive: before.inactiveShare)
      hostMemories[Int(vms[vm].host)].backed += memories[vm].residence.backed - before.backed
      memories[vm].inflated += pages
    }
    let job = makeBalloonJob(
      vm: vm, pages: Int64(pages), dropped: dropped, evicted: evicted, double: double)
    if isAwake { vms[vm].balloonJob = job } else { offerBalloonJob(job, vm: vm) }
  }

  /// Work of the driver in the guest for one batch.
  private mutating func makeBalloonJob(
    vm: Int, pages: Int64, dropped: Double, evicted: Double, double: Double
  ) -> Int32 {
    let job = allocateJob()
    let active = activeComponents(of: vm)
    clearIdleComponents(of: vm, job: job)
    var total: Int64 = 0
    for component in active {
      guard case .balloon(let part) = components[component].count else { continue }
      let operations: Int64
      switch part {
      case .page: operations = memories[vm].isInflating ? pages : 0
      case .back: operations = memories[vm].isInflating ? 0 : pages
      case .batch: operations = 1
      case .reclaim: operations = carry(dropped, component: component)
      case .swapOut: operations = carry(evicted, component: component)
      case .doublePaging: operations = carry(double, component: component)
      }
      total += charge(component: component, operations: operations, job: job, vm: vm)
    }
    total += chargeTicks(from: active.lowerBound, to: active.upperBound, job: job, vm: vm, busy: total)
    start(job: job, vm: vm, total: total)
    jobs[job].isBalloon = true
    for component in active {
      guard case .balloon = components[component].count else { continue }
      addPageWaits(of: component, job: job, vm: vm)
    }
    if jobs[job].pageWaits > 0 { placeNextPageWait(job: job, vm: vm) }
    // Pages that are written to the guest's swap are free when the device has them.
    let written = MemoryPlan.writing(
      evicted, latency: memories[vm].guestLatency, cluster: memories[vm].writeCluster)
    jobs[job].left = Int64(written.rounded())
    return Int32(job)
  }

  /// An interrupt of the device, or the order, wakes the driver: on a vCPU that is idle, else on one that must make room.
  private mutating func offerBalloonJob(_ job: Int32, vm: Int) {
    vms[vm].balloonJob = job
    if wakeHalted(vm: vm) { return }
    let range = vms[vm].threads
    let running = range.first { threads[$0].state == .running && threads[$0].activity == .job }
    if !vms[vm].kick.isEmpty, !range.contains(where: { threads[$0].isKickPending }) {
      threads[running ?? range.lowerBound].isKickPending = true
    }
    guard let running else { return }
    cut(thread: running)
    threads[running].remaining = 0
    decideVCPU(thread: running)
  }

  /// A vCPU takes up the driver's work; what it did has to wait.
  mutating func takeBalloonJob(thread index: Int, vm: Int) {
    if threads[index].current >= 0 { returnJob(threads[index].current, vm: vm) }
    threads[index].current = vms[vm].balloonJob
    vms[vm].balloonJob = -1
    notify(vm: vm, byInterrupt: false)
  }

  /// The driver has its pages and waits for the host, or for the pages to be written. Its vCPU is free meanwhile.
  mutating func endBalloonJob(_ job: Int32, vm: Int) {
    let job = Int(job)
    let written = jobs[job].left
    book(job: job, upTo: jobs[job].total, stretch: 1)
    release(job: job)
    if written > 0 {
      events.insert(
        Event(time: now + written, kind: EventKind.balloonStep, handle: UInt32(vm), generation: 0))
    } else {
      ringBalloon(vm: vm, isAwake: true)
    }
  }

  // MARK: The host

  private mutating func ringBalloon(vm: Int, isAwake: Bool = false) {
    let worker = Int(memories[vm].worker)
    guard worker >= 0 else {
      endBatch(vm: vm, isAwake: isAwake)
      return
    }
    threads[worker].activity = .woken
    wake(thread: worker)
  }

  mutating func decideBalloonWorker(thread index: Int) {
    guard threads[index].activity == .woken else {
      block(thread: index)
      return
    }
    begin(.balloonWake, group: memories[Int(threads[index].vm)].wake, operations: 1, thread: index)
  }

  mutating func beginBalloonWork(thread index: Int) {
    let vm = Int(threads[index].vm)
    let group = memories[vm].isInflating ? memories[vm].inflate : memories[vm].deflate
    begin(.balloonWork, group: group, operations: Int64(memories[vm].batch), thread: index)
  }

  mutating func endBalloonWork(thread index: Int) {
    let vm = Int(threads[index].vm)
    block(thread: index)
    endBatch(vm: vm)
  }

  /// The host has done its part of a batch, within the driver's call where that is still awake.
  private mutating func endBatch(vm: Int, isAwake: Bool = false) {
    accountMemory(vm: vm)
    if !memories[vm].isInflating {
      memories[vm].residence.deflate(memories[vm].batch)
      memories[vm].deflated += memories[vm].batch
    }
    let next = memories[vm].begun + Int64((memories[vm].batch * memories[vm].timePerPage).rounded())
    memories[vm].batch = 0
    if next > now {
      events.insert(Event(time: next, kind: EventKind.balloonStep, handle: UInt32(vm), generation: 0))
    } else {
      startBatch(vm: vm, isAwake: isAwake)
    }
  }

  // MARK: Accounts

  /// Adds the time since the last change to the sizes of a VM's memory.
  mutating func accountMemory(vm: Int) {
    guard vms[vm].hasPlan, now > memories[vm].since else { return }
    let time = Double(now - memories[vm].since)
    let residence = memories[vm].residence
    if isMeasuring {
      memories[vm].balloonTime += residence.balloon * time
      memories[vm].guestSwappedTime += (residence.workingSet - residence.resident) * time
      memories[vm].swappedTime += hostMemories[Int(vms[vm].host)].swappedShare * residence.backed * time
      addToSeries(vm: vm, balloon: residence.balloon)
    }
    memories[vm].since = now
  }

  private func addToSeries(vm: Int, balloon: Double) {
    let start = Double(model.warmup.nanoseconds)
    let length = Double(model.window.nanoseconds) / Double(MemoryUse.intervals)
    var from = max(0, Double(memories[vm].since) - start)
    let end = Double(now) - start
    var part = min(MemoryUse.intervals - 1, Int(from / length))
    while from < end {
      let until = part == MemoryUse.intervals - 1 ? end : min(end, Double(part + 1) * length)
      if until > from {
        balloonSeries[memories[vm].series + part] += balloon * (until - from)
        from = until
      }
      part += 1
    }
  }

  /// What is reported of a VM's memory.
  func memoryUse(of vm: Int) -> MemoryUse {
    var use = MemoryUse(model.vms[vm].memory)
    guard vms[vm].hasPlan else { return use }
    let time = Double(model.window.nanoseconds)
    let page = BasePage.size
    use.balloon = memories[vm].balloonTime / time * page
    use.balloonAtEnd = memories[vm].residence.balloon * page
    use.swapped = memories[vm].swappedTime / time * page
    use.guestSwapped = memories[vm].guestSwappedTime / time * page
    use.inflated = Int64(memories[vm].inflated.rounded())
    use.deflated = Int64(memories[vm].deflated.rounded())
    let part = time / Double(MemoryUse.intervals)
    use.series = (0..<MemoryUse.intervals).map { balloonSeries[memories[vm].series + $0] / part * page }
    return use
  }

  mutating func beginMemoryWindow(vm: Int) {
    accountMemory(vm: vm)
    memories[vm].since = now
    memories[vm].inflated = 0
    memories[vm].deflated = 0
  }
}
