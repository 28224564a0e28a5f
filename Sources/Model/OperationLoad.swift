import Quantities
import Virtualization

/// Pages and page tables of a VM and of the host that backs it.
public struct PageLayout: Sendable, Hashable {
  /// The guest's page sizes.
  public var guest: PageMix
  /// The host's page sizes.
  public var host: PageMix
  /// Levels of the guest's page tables.
  public var guestLevels: Int
  /// Levels of the host's page tables.
  public var hostLevels: Int
  /// Bytes of the guest's memory; nil when they do not matter.
  public var size: Int64?
  /// Most shadow pages of the guest; nil for what follows from its memory.
  public var shadowPages: Int?

  /// Creates a layout.
  public init(
    guest: PageMix, host: PageMix, guestLevels: Int = 4, hostLevels: Int = 4, size: Int64? = nil,
    shadowPages: Int? = nil
  ) {
    self.shadowPages = shadowPages
    self.size = size
    self.guest = guest
    self.host = host
    self.guestLevels = guestLevels
    self.hostLevels = hostLevels
  }
}

/// How often each operation of a VM happens, before any cost: what both engines charge.
public struct OperationLoad: Sendable {
  /// Expected operations per request, loop iteration or idle wake-up, in the order of `GuestOperation`.
  public internal(set) var perRequest: [Entry]
  /// Operations per second of CPU time on the bare host, TLB misses under the design among them.
  public private(set) var perCPUSecond: [Entry]
  /// Operations per second during which a vCPU runs its guest.
  public let perRunningSecond: [Entry]
  /// The design with the prices that hold for this workload and its memory: the only one to ask about the VM's costs.
  public internal(set) var design: CompiledDesign
  /// Dirty logging of the VM, if it is on.
  public let logging: DirtyLogging?
  /// Exits of a job's operations and ticks per second of CPU time on the bare host, dirty logging left out.
  public let exitsPerCPUSecond: Double
  /// How vCPUs meet at the lock of the shadow tables; nil where they do not. Waits and kicked siblings are among the rates.
  public let lock: ShadowLockUse?
  /// Spin locks of the guest's kernel; nil where the workload takes none.
  public private(set) var guestLocks: GuestLockUse?
  /// Bytes of the shadow tables: those of the guest's programs and their operations, and the leaf tables of the working
  /// set, up to the limit of shadow pages; 0 without shadow paging.
  public let shadowTables: Int64
  /// TLB misses and walks; nil when they are not modelled.
  public let translation: TranslationLoad?
  /// TLB misses per second of CPU time on the bare host, where the design has another rate; 0 when they are not modelled.
  public let bareHostTLBMisses: Double
  /// Code that is translated as the guest reaches it; nil when nothing is.
  public let codeTranslation: CodeTranslation?
  /// What a request's packets and block requests have become on their way to the devices.
  public internal(set) var traffic: RequestTraffic
  /// Packets received per request.
  public var packetsReceived: Int { traffic.received }
  /// Packets sent per request.
  public var packetsSent: Int { traffic.sent }
  /// Block requests per request.
  public var block: BlockLoad { traffic.block }
  /// The way of its packets and block requests.
  public let io: IOSetting
  /// Register accesses at an interrupt for received packets.
  public let interruptAccesses: [Entry]
  /// How an interrupt of its disk tells of all requests that are done; nil where each has one of its own.
  public var sharedInterrupt: FrontEnd.SharedInterrupt? { block.count > 0 ? io.block?.sharedInterrupt : nil }
  /// Invalidations of an IOMMU's translations that its driver defers; nil where it does not.
  public internal(set) var deferredInvalidation: DeferredInvalidation?

  /// Time in which code is translated in each nanosecond of work, in the mean over a run.
  private static func translationTime(
    _ code: CodeTranslation?, measured: ClosedRange<Double>, busy: Double, design: CompiledDesign
  ) -> Double {
    guard let code, let cost = design.cost(of: .codeTranslation) else { return 0 }
    return code.rate(from: measured.lowerBound * busy, to: measured.upperBound * busy) * cost.synchronousMean
  }

  /// An operation with its frequency.
  public struct Entry: Sendable, Hashable {
    /// The operation.
    public let operation: GuestOperation
    /// How often.
    public let rate: Double

    /// Creates an entry.
    public init(operation: GuestOperation, rate: Double) {
      self.operation = operation
      self.rate = rate
    }
  }

  /// Creates the load of a VM.
  ///
  /// - Parameters:
  ///   - workload: what the VM does.
  ///   - guest: its system, which expands operations and ticks.
  ///   - memory: pages and tables of guest and host.
  ///   - vcpus: vCPUs of the VM.
  ///   - design: the compiled design, asked for its paging and the processor's data.
  ///   - logging: dirty logging of the VM; the host then backs it by pages of 4 KiB.
  ///   - measured: the measured part of the run in nanoseconds, for code that is translated when it is first met.
  public init(
    workload: Workload, guest: GuestSystem, memory stated: PageLayout, vcpus: Int, design host: CompiledDesign,
    logging: DirtyLogging? = nil, io: IOSetting = IOSetting(), measured: ClosedRange<Double> = 0...0
  ) {
    var memory = stated
    if logging != nil { memory.host = PageMix(page: BasePage.bytes) }
    self.logging = logging
    self.io = io
    var perRequest: [GuestOperation: Double] = [:]
    var perCPUSecond: [GuestOperation: Double] = [:]
    var ticks = true
    switch workload.shape {
    case .requests(let requests):
      perRequest = requests.perRequest
      perCPUSecond = requests.perCPUSecond
    case .batch(let batch):
      perCPUSecond = batch.perCPUSecond
    case .program(let program):
      perRequest = program.operations.mapValues(Double.init)
    case .idle:
      // An idle wake-up programs the timer twice: once for the handler's own timers, once on the way back to idle.
      perRequest = [.timerProgram: 2]
      ticks = false
    }
    if case .requests(let requests) = workload.shape {
      traffic = RequestTraffic(requests, io: io, hasLayers: host.choice.axes[.fileSystem] == "overlay")
      traffic.apply(to: &perRequest)
    } else {
      traffic = RequestTraffic()
    }
    let design = host.merging(traffic)
    let mode = Self.pagingMode(of: design.choice, memory: memory, guest: guest)
    let atInterrupt = io.accesses(.network, .interrupt)
    interruptAccesses =
      traffic.received > 0
      ? [
        Entry(operation: .devicePort, rate: Double(atInterrupt.ports)),
        Entry(operation: .deviceMemory, rate: Double(atInterrupt.memory)),
      ].filter { $0.rate > 0 } : []
    deferredInvalidation = Self.mapBuffers(io, traffic: traffic, vcpus: vcpus, into: &perRequest)
    perRequest.merge(Self.accesses(io, traffic)) { $0 + $1 }
    let expansion = PagingExpansion(
      operations: Array(perRequest.keys) + perCPUSecond.keys, extents: workload.extents, guest: guest,
      mode: mode, vcpus: vcpus, processes: BusyVCPUs(workload: workload, vcpus: vcpus).processes)
    // Leaf tables of the working set, where it is not in huge pages on both sides.
    let small = 1 - min(memory.guest.share(from: 2 << 20), memory.host.share(from: 2 << 20))
    let leaves = (Double(workload.memory?.workingSet ?? 0) / PagingMode.leafReach * small).rounded(.up)
    shadowTables =
      mode.kind == .shadow
      ? Int64(min(Double(mode.shadowLimit), Double(expansion.shadowPages) + leaves)) * PagingMode.shadowPageBytes : 0
    var changes = expansion.tableChanges(guest.expand(perCPUSecond))
    let requestChanges = expansion.tableChanges(guest.expand(perRequest))
    perRequest = expansion.expand(guest.expand(perRequest))
    perCPUSecond = expansion.expand(guest.expand(perCPUSecond))
    if let references = workload.memory, mode.kind == .shadow, small > 0, mode.shadowLimit < .max {
      let pressure = ShadowPressure(
        references, room: max(1, Double(mode.shadowLimit - expansion.shadowPages) / small))
      if pressure.recycled > 0 {
        perCPUSecond[.hiddenFault, default: 0] += pressure.fills * small
        perCPUSecond[.shadowRecycle, default: 0] += pressure.recycled * small
        perCPUSecond[.remoteFlush, default: 0] += pressure.recycled * small
        // Each is made again.
        changes.tables += 2 * pressure.recycled * small
      }
    }

    let isNative = design.choice.axes[.paging] == "native"
    var switches = perCPUSecond[.contextSwitch] ?? 0
    if case .requests(let requests) = workload.shape, requests.service.mean > 0 {
      switches += (perRequest[.contextSwitch] ?? 0) / requests.service.mean * 1e9
    }
    let stated = Self.perSecond([.tlbMiss], perRequest, perCPUSecond, workload)
    let translation = workload.memory.flatMap { references in
      TranslationLoad(
        memory: references,
        setting: TranslationLoad.Setting(
          guest: memory.guest, host: memory.host, paging: design.choice.axes[.paging], guestLevels: memory.guestLevels,
          hostLevels: memory.hostLevels, contextSwitches: switches,
          // A busy guest's own threads change address spaces at least as often as those of an idle one wake up.
          flushes: max(
            guest.idleWakeups, Self.perSecond([.contextSwitch, .rootLoad], perRequest, perCPUSecond, workload)),
          statedMisses: stated > 0 ? stated : nil),
        profile: design.profile)
    }
    let modelled = perRequest[.tlbMiss] == nil ? translation : nil
    let bareHostMisses = perCPUSecond[.tlbMiss] ?? modelled?.bareHost.misses ?? 0
    perCPUSecond[.tlbMiss] = perCPUSecond[.tlbMiss] ?? modelled?.design.misses
    // Touches are counted in pages of 4 KiB; the host backs memory by its own pages.
    let touches = isNative ? 1 : memory.host.pagesPerByte * BasePage.size
    perRequest[.firstTouch] = perRequest[.firstTouch].map { $0 * touches }
    perCPUSecond[.firstTouch] = perCPUSecond[.firstTouch].map { $0 * touches }
    self.translation = translation
    if let hits = translation?.design.victimHits, hits > 0 { perCPUSecond[.victimHit] = hits }
    let code = (program: workload.code ?? .usualProgram, kernel: guest.code ?? .usualKernel)
    var priced = (translation.map { design.pricing($0) } ?? design).touching(memory.host).accessingDevices()
      .translating(program: code.program, kernel: code.kernel)
    if let data = workload.switching, design.profile.effectiveCache != nil {
      priced = priced.refilling(
        data, footprint: guest.switchFootprint, isTagged: guest.paging?.isTagged ?? false)
      perRequest[.switchRefill] = perRequest[.contextSwitch]
      perCPUSecond[.switchRefill] = perCPUSecond[.contextSwitch]
    }
    codeTranslation = CodeTranslation(
      design.translatedCode, program: code.program, kernel: code.kernel, cache: design.choice.design.translationCache)
    bareHostTLBMisses = bareHostMisses
    let rounds = logging.map { [Entry(operation: .dirtyLogRound, rate: 1e9 / $0.interval)] } ?? []
    perRunningSecond =
      rounds
      + (ticks
        ? [
          Entry(operation: .timerInterrupt, rate: guest.tickRate),
          Entry(operation: .hostInterrupt, rate: design.choice.design.hostTick.rate),
        ].filter { $0.rate > 0 } : [])
    let lockLoad = ShadowLockLoad(workload: workload, vcpus: vcpus, design: priced)
    lock = lockLoad.use(
      perRequest: perRequest, perCPUSecond: perCPUSecond,
      changes: requestChanges + changes * (workload.unitOfWork * 1e-9),
      translation: Self.translationTime(
        codeTranslation, measured: measured, busy: workload.nominalBusy(vcpus: vcpus), design: priced)
        * workload.unitOfWork,
      ticks: perRunningSecond.reduce(0) { $0 + $1.rate * (priced.cost(of: $1.operation)?.synchronousMean ?? 0) * 1e-9 })
    if let lock {
      if lock.waits > 0 { priced = priced.waiting(lock.wait / lock.waits) }
      (perRequest[.lockWait], perRequest[.remoteFlush]) = lock.operations(among: perRequest, design: priced)
      (perCPUSecond[.lockWait], perCPUSecond[.remoteFlush]) = lock.operations(among: perCPUSecond, design: priced)
    } else {
      let siblings = Double(lockLoad.contenders - 1)
      perRequest[.remoteFlush] = perRequest[.remoteFlush].map { $0 * siblings }
      perCPUSecond[.remoteFlush] = perCPUSecond[.remoteFlush].map { $0 * siblings }
    }
    self.design = priced
    self.perRequest = Self.entries(perRequest)
    self.perCPUSecond = Self.entries(perCPUSecond)
    var exits = (self.perCPUSecond + perRunningSecond).reduce(0) {
      $0 + $1.rate * Double(design.cost(of: $1.operation)?.exits ?? 0)
    }
    if case .requests(let requests) = workload.shape, requests.service.mean > 0 {
      let each = self.perRequest.reduce(0) { $0 + $1.rate * Double(design.cost(of: $1.operation)?.exits ?? 0) }
      exits += each / requests.service.mean * 1e9
    }
    exitsPerCPUSecond = exits
    expandCode(of: workload, idleWork: guest.idleWork, code: code)
    if var locks = GuestLockUse(workload: workload, guest: guest, design: self.design) {
      locks.expectSpinning(of: workload, vcpus: vcpus, busy: busyTime(of: workload))
      guestLocks = locks
    }
  }

  /// Time that a request, or a second of a batch's CPU time, holds a vCPU under the design, in nanoseconds.
  private func busyTime(of workload: Workload) -> Double {
    let service = workload.unitOfWork
    func sum(_ entries: [Entry]) -> Double {
      entries.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.synchronousMean ?? 0) }
    }
    let ticks = perRunningSecond.reduce(0) {
      $0 + $1.rate
        * ((design.cost(of: $1.operation)?.synchronousMean ?? 0)
          + (design.cost(of: $1.operation)?.nativeMean ?? 0)) * 1e-9
    }
    let work = service * guestShare(of: workload) + sum(perRequest) + sum(perCPUSecond) * service * 1e-9
    return work / (1 - min(0.99, ticks))
  }

  /// The load with more operations per second of CPU time, and with another design where one is given.
  public func adding(_ entries: [Entry], design: CompiledDesign? = nil) -> OperationLoad {
    var load = self
    if let design { load.design = design }
    load.perCPUSecond += entries
    return load
  }

  /// Operations per second of CPU time on the bare host, those of requests and of work together.
  private static func perSecond(
    _ operations: [GuestOperation], _ perRequest: [GuestOperation: Double], _ perCPUSecond: [GuestOperation: Double],
    _ workload: Workload
  ) -> Double {
    var requests = 0.0
    if case .requests(let shape) = workload.shape, shape.service.mean > 0 { requests = 1e9 / shape.service.mean }
    return operations.reduce(0) { $0 + (perCPUSecond[$1] ?? 0) + (perRequest[$1] ?? 0) * requests }
  }

  /// Adds the work that a translator expands and no operation stands for: a workload's own code.
  private mutating func expandCode(
    of workload: Workload, idleWork: Double, code: (program: CodeDescription, kernel: CodeDescription)
  ) {
    guard codeTranslation != nil else { return }
    var perRequest = Dictionary(uniqueKeysWithValues: perRequest.map { ($0.operation, $0.rate) })
    var perCPUSecond = Dictionary(uniqueKeysWithValues: perCPUSecond.map { ($0.operation, $0.rate) })
    func add(_ program: Double, _ kernel: Double, to rates: inout [GuestOperation: Double]) {
      rates.merge(design.expandedWork(program: program, kernel: kernel, code: code)) { $0 + $1 }
    }
    switch workload.shape {
    case .idle: add(0, max(0, idleWork - bareHostRequestCost), to: &perRequest)
    case .program(let program):
      let work = Double(program.compute.nanoseconds)
      add(work * (1 - code.program.kernelShare), work * code.program.kernelShare, to: &perRequest)
    case .requests, .batch:
      var share = 1 - bareHostShare
      if case .requests(let requests) = workload.shape, requests.service.mean > 0 {
        share -= bareHostRequestCost / requests.service.mean
      }
      let work = max(0, share) * 1e9
      add(work * (1 - code.program.kernelShare), work * code.program.kernelShare, to: &perCPUSecond)
    }
    self.perRequest = Self.entries(perRequest)
    self.perCPUSecond = Self.entries(perCPUSecond)
  }

  /// How a design virtualizes the page tables of a guest in some memory.
  public static func pagingMode(of choice: DesignChoice, memory: PageLayout, guest: GuestSystem) -> PagingMode {
    let kind: PagingMode.Kind =
      switch choice.axes[.paging] {
      case "shadow": .shadow
      case "direct_paravirtual": .direct
      default: .hardware
      }
    return PagingMode(
      kind: kind, levels: memory.guestLevels, isolation: choice.axes[.guestPageTableIsolation] == "on",
      tags: guest.paging?.isTagged ?? false, isHugeBacked: memory.host.share(from: 2 << 20) >= 0.5,
      shadowLimit: memory.shadowPages ?? memory.size.map { PagingMode.shadowLimit(memory: $0) } ?? .max,
      reverseMappings: choice.design.reverseMappings[choice.axes[.reverseMappings]])
  }

  private static func entries(_ rates: [GuestOperation: Double]) -> [Entry] {
    GuestOperation.allCases.compactMap { operation in
      guard let rate = rates[operation], rate > 0 else { return nil }
      return Entry(operation: operation, rate: rate)
    }
  }

  /// CPU time in nanoseconds that the operations of one request cost the bare host.
  public var bareHostRequestCost: Double {
    perRequest.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.bareHostMean ?? 0) }
  }

  /// Share of a bare host's CPU time that goes into operations with a rate per CPU second or per running second.
  public var bareHostShare: Double {
    let byWork = perCPUSecond.reduce(0.0) { sum, entry in
      let rate = entry.operation == .tlbMiss ? bareHostTLBMisses : entry.rate
      return sum + rate * (design.cost(of: entry.operation)?.bareHostMean ?? 0)
    }
    let byTime = perRunningSecond.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.bareHostMean ?? 0) }
    return (byWork + byTime) * 1e-9
  }

  /// The share of a request's or batch's native work that the guest still does under the design: native steps that paths
  /// replace, and the bare host's ticks, are taken out, because the engines charge what stands in their place.
  public func guestShare(of workload: Workload) -> Double {
    let byWork = perCPUSecond.reduce(0.0) { sum, entry in
      let rate = entry.operation == .tlbMiss ? min(entry.rate, bareHostTLBMisses) : entry.rate
      return sum + rate * (design.cost(of: entry.operation)?.nativeReplaced ?? 0)
    }
    let byTime = perRunningSecond.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.bareHostMean ?? 0) }
    var share = 1 - (byWork + byTime) * 1e-9
    if case .requests(let requests) = workload.shape, requests.service.mean > 0 {
      let replaced = perRequest.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.nativeReplaced ?? 0) }
      share -= replaced / requests.service.mean
    }
    return max(0, share)
  }
}
