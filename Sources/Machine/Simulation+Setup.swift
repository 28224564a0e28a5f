import EventKernel
import Model
import Quantities
import Virtualization

/// Building the tables of a VM, and setting it going.
extension Simulation {
  /// Random streams of one VM by purpose.
  enum Purpose {
    static let arrivals: UInt16 = 1
    static let service: UInt16 = 2
    static let counts: UInt16 = 3
    static let costs: UInt16 = 4
    static let disk: UInt16 = 5
    static let locks: UInt16 = 16
    static let spinLocks: UInt16 = 17
    /// The first thread of work beside the guests; the others follow.
    static let work: UInt16 = 1 << 14
  }

  mutating func addVM(_ index: Int) {
    let vm = model.vms[index]
    let design = vm.design
    var state = VMState(
      host: Int32(vm.host), workload: Int32(vm.workload), firstThread: Int32(threads.count),
      vcpus: Int32(vm.vcpus), halted: Int32(vm.vcpus))
    for vcpu in 0..<vm.vcpus {
      _ = threads.append(Thread(host: Int32(vm.host), vm: Int32(index), vcpu: Int32(vcpu)))
    }
    addBulkComponents(of: index, to: &state)
    addStalls(of: index, design: design, to: &state)
    addLock(of: index, to: &state)
    state.isMultiQueue = max(vm.io.networkOptions.queues, vm.io.blockOptions.queues) > 1
    addNetwork(of: index, design: design, to: &state)
    addBlock(of: index, design: design, to: &state)
    addSwapDisk(of: index, to: &state)
    describeWork(of: index, in: &state)
    func stream(_ purpose: UInt16) -> RandomStream {
      RandomStream(seed: model.seed, replication: replication, entity: vm.stream, purpose: purpose)
    }
    _ = arrivalStreams.append(stream(Purpose.arrivals))
    _ = serviceStreams.append(stream(Purpose.service))
    _ = countStreams.append(stream(Purpose.counts))
    _ = costStreams.append(stream(Purpose.costs))
    _ = arrivalCarry.append(0)
    let logged = vm.logged?.load ?? vm.load
    _ = dirtyRounds.append(DirtyRound(logging: logged.logging, exitsPerCPUSecond: logged.exitsPerCPUSecond))
    _ = windows.append(LoggingWindow(vm.logged))
    _ = invalidationQueues.append(InvalidationQueue(deferred: vm.load.deferredInvalidation))
    _ = codeStates.append(CodeState(translation: vm.load.codeTranslation))
    addMemory(of: index, to: &state)
    addHaltPolling(of: index, to: &state)
    addIncludedWakes(of: index, to: &state)
    _ = vms.append(state)
    addSpinLocks(of: index)
  }

  /// Turns the workload's document into the plain numbers that the event loop reads.
  private mutating func describeWork(of index: Int, in state: inout VMState) {
    let vm = model.vms[index]
    switch model.workloads[vm.workload].shape {
    case .requests(let requests):
      state.shape = .requests
      _ = samplers.append(Sampler(requests.service))
      if requests.discipline == .processorSharing {
        state.turn = FineTime.units(nanoseconds: min(requests.turn, endlessWork))
      }
      switch requests.arrivals {
      case .poisson(let rate):
        state.isPoisson = true
        state.meanGap = rate.perSecond > 0 ? 1e9 / rate.perSecond : 0
      case .deterministic(let rate): state.meanGap = rate.perSecond > 0 ? 1e9 / rate.perSecond : 0
      case .closed(_, let think): state.thinkTime = Double(think.nanoseconds)
      }
    case .idle:
      state.shape = .idle
      _ = samplers.append(Sampler(.deterministic(mean: vm.guest.idleWork)))
      let rate = vm.guest.idleWakeups * Double(vm.vcpus)
      state.isPoisson = true
      state.meanGap = rate > 0 ? 1e9 / rate : 0
    case .batch:
      state.shape = .batch
      _ = samplers.append(Sampler(.deterministic(mean: 1)))
    case .program:
      state.shape = .program
      _ = samplers.append(Sampler(.deterministic(mean: 1)))
    }
  }

  /// Opens the leaves of an operation's synchronous or asynchronous steps.
  mutating func open(_ operation: GuestOperation, of vm: Int, charges: [StepCharge]) -> LeafGroup {
    LeafGroup(
      first: Int32(ledger.open(vm: vm, operation: operation, charges: charges)), count: Int32(charges.count),
      mean: charges.reduce(0) { $0 + $1.draw.mean })
  }

  /// Two groups of leaves that were opened one after the other as one.
  func pair(_ first: LeafGroup, _ second: LeafGroup) -> LeafGroup {
    LeafGroup(first: first.first, count: first.count + second.count, mean: first.mean + second.mean)
  }

  private mutating func addStalls(of index: Int, design: CompiledDesign, to state: inout VMState) {
    func synchronous(_ operation: GuestOperation, _ target: TargetState = .running) -> [StepCharge] {
      design.cost(of: operation, target: target)?.synchronous ?? []
    }
    let wake = open(.interrupt, of: index, charges: synchronous(.interrupt, .halted))
    state.wake = pair(wake, open(.eoi, of: index, charges: synchronous(.eoi, .halted)))
    let kick = open(.interrupt, of: index, charges: synchronous(.interrupt))
    state.kick = pair(kick, open(.eoi, of: index, charges: synchronous(.eoi)))
    let window = open(.interruptWindow, of: index, charges: synchronous(.interruptWindow))
    state.blockedKick = pair(state.kick, window)
    if !state.kick.isEmpty, !window.isEmpty { state.blockedShare = model.vms[index].guest.interruptsOff }
    addFlushWait(of: index, to: &state)
    state.halt = open(.halt, of: index, charges: synchronous(.halt))
  }

  private mutating func addBulkComponents(of index: Int, to state: inout VMState) {
    let vm = model.vms[index]
    state.firstComponent = components.count
    state.firstBulkLeaf = ledger.leaves.count
    (state.guestShare, state.iteration) = addComponents(of: index, load: vm.load, to: &state)
    state.plainComponents = state.componentCount
    if let phase = vm.logged {
      (state.loggedShare, state.loggedIteration) = addComponents(of: index, load: phase.load, to: &state)
    }
  }

  /// Adds the components of a phase. Returns the guest's own share of native work in it, and of a program's iteration.
  private mutating func addComponents(
    of index: Int, load: OperationLoad, to state: inout VMState
  ) -> (share: Double, iteration: Int64) {
    let vm = model.vms[index]
    let design = load.design
    let workload = model.workloads[vm.workload]

    func add(_ entry: OperationLoad.Entry, _ count: BulkComponent.Count, native: Double = 0) {
      // Waits for the lock and kicks of siblings are events of their own.
      if load.lock != nil, entry.operation == .lockWait || entry.operation == .remoteFlush { return }
      guard let cost = design.cost(of: entry.operation) else { return }
      let group = open(entry.operation, of: index, charges: cost.synchronous)
      guard group.count > 0 || native > 0 else { return }
      _ = components.append(
        BulkComponent(
          operation: entry.operation, count: count, firstLeaf: Int(group.first), leafCount: Int(group.count),
          native: FineTime.units(nanoseconds: native), stall: group.mean,
          takesLock: ShadowLockUse.takers.contains(entry.operation), pageWait: Int64(cost.waitMean.rounded()),
          readsSwapDisk: vm.swapDisk != nil && entry.operation.readsHostSwap))
      if cost.waitMean > 0 { state.hasPageWaits = true }
      _ = carried.append(0)
    }

    for entry in load.interruptAccesses { add(entry, .perInterrupt(Int64(entry.rate))) }
    for entry in load.perRequest {
      if entry.operation == .blockRead || entry.operation == .blockWrite {
        add(entry, .blocks(isRead: entry.operation == .blockRead))
        continue
      }
      let whole = entry.rate.rounded(.down)
      add(entry, .perRequest(whole: Int64(whole), fraction: entry.rate - whole))
    }
    for entry in load.perCPUSecond {
      add(entry, .perNativeNanosecond(entry.rate * 1e-9))
    }
    if load.logging != nil {
      add(OperationLoad.Entry(operation: .dirtyPage, rate: 0), .dirtyPages)
      add(OperationLoad.Entry(operation: .dirtyLogFull, rate: 0), .fullLogs)
    }
    if load.deferredInvalidation != nil { add(OperationLoad.Entry(operation: .iotlbFlush, rate: 0), .invalidations) }
    if load.codeTranslation != nil {
      add(OperationLoad.Entry(operation: .codeTranslation, rate: 0), .newCode)
    }
    for entry in load.perRunningSecond {
      let native = design.cost(of: entry.operation)?.nativeMean ?? 0
      add(entry, .perRunning(period: FineTime.units(nanoseconds: 1e9 / entry.rate)), native: native)
    }
    if vm.logged != nil { add(OperationLoad.Entry(operation: .hiddenFault, rate: 0), .regions) }
    if vm.plan != nil {
      for event in MemoryEvent.allCases {
        add(OperationLoad.Entry(operation: event.operation, rate: 0), .memory(event))
      }
      for part in BalloonPart.allCases { add(OperationLoad.Entry(operation: part.operation, rate: 0), .balloon(part)) }
    }
    addExtraWalks(of: index, load: load)
    state.componentCount = components.count - state.firstComponent
    state.bulkLeafCount = ledger.leaves.count - state.firstBulkLeaf
    var iteration: Int64 = 0
    if case .program(let program) = workload.shape {
      let kept = load.perRequest.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.nativeMean ?? 0) }
      iteration = FineTime.units(nanoseconds: Double(program.compute.nanoseconds) + kept)
    }
    return (load.guestShare(of: workload), iteration)
  }

  /// Under a smaller effective page the design has more TLB misses than the bare host; the native walks of the
  /// additional ones are virtualization's.
  private mutating func addExtraWalks(of index: Int, load: OperationLoad) {
    let design = load.design
    guard let misses = load.perCPUSecond.first(where: { $0.operation == .tlbMiss })?.rate,
      misses > load.bareHostTLBMisses, let walk = design.cost(of: .tlbMiss)
    else { return }
    let group = open(.tlbMiss, of: index, charges: walk.native)
    _ = components.append(
      BulkComponent(
        operation: .tlbMiss, count: .perNativeNanosecond((misses - load.bareHostTLBMisses) * 1e-9),
        firstLeaf: Int(group.first), leafCount: Int(group.count), native: 0, stall: group.mean))
    _ = carried.append(0)
  }

  /// Starts the arrivals, clients, threads or wake-ups of a VM.
  mutating func start(_ vm: Int) {
    scheduleOrders(vm: vm)
    switch model.workloads[Int(vms[vm].workload)].shape {
    case .requests(let requests):
      switch requests.arrivals {
      case .closed(let clients, _):
        vms[vm].isClosed = true
        for _ in 0..<clients { think(vm: vm, from: now) }
      case .poisson, .deterministic:
        scheduleArrival(vm: vm)
      }
    case .idle:
      scheduleArrival(vm: vm)
    case .batch(let batch):
      vms[vm].running = Int32(batch.threads)
      for thread in 0..<batch.threads {
        let share = batch.work.nanoseconds / Int64(batch.threads)
        let extra = Int64(thread) < batch.work.nanoseconds % Int64(batch.threads) ? Int64(1) : 0
        startThread(vm: vm, work: share + extra)
      }
    case .program(let program):
      vms[vm].running = 1
      startThread(vm: vm, work: program.iterations)
    }
  }
}
