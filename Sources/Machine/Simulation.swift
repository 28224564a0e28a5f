import EventKernel
import Model
import Quantities
import Virtualization

/// The state of one exit-level run.
///
/// ```
///  arrivals -> [backend thread] -> guest queue -> vCPU threads -> [backend thread] -> wire
///                     \________ host scheduler: cores, time slices ________/
/// ```
///
/// Everything the event loop touches lies in tables of plain values behind pointers; entities are indices. An event is
/// the end of a thread's burst, an arrival, a client's return or the end of a time slice. Private operations of a job
/// are charged in bulk: they are spread evenly over the job, so that any cut of it books whole counts and exact times.
struct Simulation: ~Copyable {
  let model: SimulationModel
  let replication: UInt32
  let events = PendingEventSet()
  var now: Int64 = 0
  var eventCount: Int64 = 0
  var ledger = Ledger()
  var threads: Pool<Thread>
  var vms: Pool<VMState>
  var hosts: Pool<HostState>
  /// Hardware threads of all hosts.
  var processors: Pool<Processor>
  /// What schedulers keep, by thread.
  var shares: Pool<SchedulingShare>
  /// Two heaps for each queue: threads that are due, and threads that are ahead.
  var heaps: Pool<ThreadHeap>
  /// Processors of the host that a queue's threads may use, and where each queue's begin.
  var pinning: Pool<Bool>
  var pinningStart: Pool<Int>
  /// Caps by VM.
  var bandwidths: Pool<Bandwidth>
  /// Reservations by VM.
  var reservations: Pool<Reservation>
  /// Slowdown by host and number of busy threads of a core.
  var stretches: Pool<Double>
  /// Exit latencies and target residencies of hosts' idle states, and the last idle times of processors, in nanoseconds.
  var idleLatencies = Pool<Int64>(capacity: 4)
  var idleResidencies = Pool<Int64>(capacity: 4)
  var idleTimes = Pool<Int64>(capacity: 8)
  /// Speeds of hosts with a boost, by active cores.
  var speeds = Pool<Double>(capacity: 16)
  var jobs = Pool<Job>(capacity: 256)
  var freeJob: Int32 = -1
  var items = Pool<BackendItem>(capacity: 256)
  var freeItem: Int32 = -1
  /// Amounts of a job by bulk leaf (`jobStride` a job) and operation counts by component.
  var jobAmounts: UnsafeMutablePointer<Int64>
  var jobCounts: UnsafeMutablePointer<Int64>
  var jobCapacity = 0
  var jobStride = 1
  var components: Pool<BulkComponent>
  /// Fractions of operations with a rate, carried from job to job, by component.
  var carried: Pool<Double>
  /// Amounts of a thread's current stall or item, `groupStride` a thread.
  var groupAmounts: UnsafeMutablePointer<Int64>
  let groupStride = 16
  var backends = Pool<Backend>(capacity: 8)
  /// Queues of all VMs' devices.
  var queues = Pool<DeviceQueue>(capacity: 8)
  /// The first of the privileged domain's backends by host, -1 without.
  var firstPrivileged: Pool<Int32>
  var disks: Pool<DiskState>
  /// When each channel of all disks has done what it was given.
  var channelFree = Pool<Int64>(capacity: 64)
  var readSamplers: Pool<Sampler>
  var writeSamplers: Pool<Sampler>
  var diskStreams: Pool<RandomStream>
  /// When each network interface may interrupt again.
  var nextInterrupt: Pool<Int64>
  /// When each network interface has sent what it was given.
  var wireFree: Pool<Int64>
  var arrivalStreams: Pool<RandomStream>
  var serviceStreams: Pool<RandomStream>
  var countStreams: Pool<RandomStream>
  var costStreams: Pool<RandomStream>
  /// Native work of a job by VM.
  var samplers: Pool<Sampler>
  /// Parts of a nanosecond by which the last arrival of a VM was rounded down.
  var arrivalCarry: Pool<Double>
  /// Rounds of dirty logging by VM.
  var dirtyRounds: Pool<DirtyRound>
  /// Deferred invalidations of the IOMMU's translations by VM.
  var invalidationQueues: Pool<InvalidationQueue>
  /// Translated code by VM.
  var codeStates: Pool<CodeState>
  /// Windows of dirty logging by VM.
  var windows: Pool<LoggingWindow>
  /// Memory by VM that changes during the run, the tables of its misses and its orders; and what hosts keep for guests.
  var memories: Pool<MemoryState>
  var missRatios = Pool<Double>(capacity: 2)
  var balloonOrders = Pool<MemoryPlan.Order>(capacity: 1)
  var hostMemories: Pool<HostMemory>
  var balloonSeries = Pool<Double>(capacity: 1)
  /// Locks of shadow tables.
  var shadowLocks = Pool<ShadowLock>(capacity: 1)
  /// Threads of work beside the guests.
  var works = Pool<WorkState>(capacity: 16)
  var workStreams = Pool<RandomStream>(capacity: 16)
  /// Locks of guests: their kinds, the locks, the laws of holds, and their random streams by VM.
  var lockClasses = Pool<SpinLockClass>(capacity: 1)
  var spinLocks = Pool<SpinLock>(capacity: 1)
  var holdSamplers = Pool<Sampler>(capacity: 1)
  var spinStreams: Pool<RandomStream>
  /// What VMs do with locks, by VM, and what threads do about them.
  var spins: Pool<SpinSetting>
  var waiters: Pool<SpinState>
  /// Critical sections of a job by kind of lock, `lockStride` a job.
  var jobTakings: UnsafeMutablePointer<Int64>
  var lockStride = 0
  /// Latencies by workload.
  var latencies: Pool<LatencyRecord>
  /// Native work of a job in nanoseconds beyond which it cannot end before the run does, so that more need not be told
  /// apart.
  let endlessWork: Double
  /// How far a running vCPU was ahead of a sibling that waited, at most, in nanoseconds.
  var largestSkew: Int64 = 0
  /// Whether the warm-up is over.
  var isMeasuring = false

  /// Native work of a chunk of a batch or a program, in nanoseconds.
  static let chunk: Int64 = 1_000_000

  init(model: SimulationModel, replication: Int) {
    self.model = model
    self.replication = UInt32(replication)
    endlessWork = 2 * Double(model.duration.nanoseconds)
    threads = Pool(capacity: model.vms.reduce(0) { $0 + $1.vcpus + 1 })
    vms = Pool(capacity: model.vms.count)
    hosts = Pool(capacity: model.hosts.count)
    processors = Pool(capacity: model.hosts.reduce(0) { $0 + $1.cores })
    shares = Pool(capacity: model.vms.reduce(0) { $0 + $1.vcpus + 1 })
    heaps = Pool(capacity: 2 * model.hosts.count)
    pinning = Pool(capacity: 64)
    pinningStart = Pool(capacity: 4)
    bandwidths = Pool(capacity: model.vms.count)
    reservations = Pool(capacity: model.vms.count)
    stretches = Pool(capacity: model.hosts.count * Self.longestCore)
    components = Pool(capacity: 64)
    carried = Pool(capacity: 64)
    wireFree = Pool(capacity: model.nicCount)
    nextInterrupt = Pool(capacity: model.nicCount)
    disks = Pool(capacity: model.disks.count)
    readSamplers = Pool(capacity: model.disks.count)
    writeSamplers = Pool(capacity: model.disks.count)
    diskStreams = Pool(capacity: model.disks.count)
    firstPrivileged = Pool(capacity: model.hosts.count)
    arrivalStreams = Pool(capacity: model.vms.count)
    serviceStreams = Pool(capacity: model.vms.count)
    countStreams = Pool(capacity: model.vms.count)
    costStreams = Pool(capacity: model.vms.count)
    samplers = Pool(capacity: model.vms.count)
    arrivalCarry = Pool(capacity: model.vms.count)
    dirtyRounds = Pool(capacity: model.vms.count)
    windows = Pool(capacity: model.vms.count)
    invalidationQueues = Pool(capacity: model.vms.count)
    codeStates = Pool(capacity: model.vms.count)
    memories = Pool(capacity: model.vms.count)
    hostMemories = Pool(capacity: model.hosts.count)
    spinStreams = Pool(capacity: model.vms.count)
    spins = Pool(capacity: model.vms.count)
    waiters = Pool(capacity: model.vms.reduce(0) { $0 + $1.vcpus + 1 })
    jobTakings = .allocate(capacity: 1)
    latencies = Pool(capacity: model.workloads.count)
    for workload in model.workloads { _ = latencies.append(LatencyRecord(objective: workload.objective)) }
    jobAmounts = .allocate(capacity: 1)
    jobCounts = .allocate(capacity: 1)
    groupAmounts = .allocate(capacity: 1)
    for host in model.hosts.indices {
      addHost(host)
      _ = firstPrivileged.append(-1)
      _ = hostMemories.append(HostMemory(pages: model.hosts[host].guestPages))
    }
    for _ in 0..<model.nicCount {
      _ = wireFree.append(0)
      _ = nextInterrupt.append(0)
    }
    addDisks()
    for index in model.vms.indices { addVM(index) }
    addServices()
    addWorks()
    addShares()
    addReservations()
    for thread in threads.indices {
      var waiter = SpinState()
      if threads[thread].vcpu >= 0 { waiter.window = spins[Int(threads[thread].vm)].window }
      _ = waiters.append(waiter)
    }
    for index in 0..<vms.count { jobStride = max(jobStride, vms[index].bulkLeafCount, vms[index].componentCount) }
    groupAmounts.deallocate()
    groupAmounts = .allocate(capacity: max(1, threads.count * groupStride))
    groupAmounts.initialize(repeating: 0, count: max(1, threads.count * groupStride))
  }

  deinit {
    ledger.deallocate()
    threads.deallocate()
    vms.deallocate()
    hosts.deallocate()
    processors.deallocate()
    for heap in heaps.indices { heaps[heap].base.deallocate() }
    shares.deallocate()
    heaps.deallocate()
    pinning.deallocate()
    pinningStart.deallocate()
    bandwidths.deallocate()
    reservations.deallocate()
    stretches.deallocate()
    idleLatencies.deallocate()
    idleResidencies.deallocate()
    idleTimes.deallocate()
    speeds.deallocate()
    jobs.deallocate()
    items.deallocate()
    components.deallocate()
    carried.deallocate()
    wireFree.deallocate()
    nextInterrupt.deallocate()
    backends.deallocate()
    queues.deallocate()
    firstPrivileged.deallocate()
    disks.deallocate()
    channelFree.deallocate()
    readSamplers.deallocate()
    writeSamplers.deallocate()
    diskStreams.deallocate()
    arrivalStreams.deallocate()
    serviceStreams.deallocate()
    countStreams.deallocate()
    costStreams.deallocate()
    samplers.deallocate()
    arrivalCarry.deallocate()
    dirtyRounds.deallocate()
    invalidationQueues.deallocate()
    codeStates.deallocate()
    shadowLocks.deallocate()
    memories.deallocate()
    missRatios.deallocate()
    balloonOrders.deallocate()
    hostMemories.deallocate()
    balloonSeries.deallocate()
    lockClasses.deallocate()
    spinLocks.deallocate()
    holdSamplers.deallocate()
    spinStreams.deallocate()
    spins.deallocate()
    waiters.deallocate()
    jobTakings.deallocate()
    windows.deallocate()
    works.deallocate()
    workStreams.deallocate()
    latencies.deallocate()
    jobAmounts.deallocate()
    jobCounts.deallocate()
    groupAmounts.deallocate()
  }

  /// Runs to the end of the scenario, with the measured window behind the warm-up.
  ///
  /// - Throws: `RunInterrupted` when `isCancelled` says so; asked every 65,536 events.
  mutating func run(isCancelled: () -> Bool) throws {
    for vm in 0..<vms.count { start(vm) }
    startServices()
    startWorks()
    startSchedulers()
    startReservations()
    try run(until: model.warmup.nanoseconds, isCancelled: isCancelled)
    now = model.warmup.nanoseconds
    beginWindow()
    try run(until: model.duration.nanoseconds, isCancelled: isCancelled)
    now = model.duration.nanoseconds
    bookEverything()
    for vm in 0..<vms.count { accountMemory(vm: vm) }
  }

  private mutating func run(until end: Int64, isCancelled: () -> Bool) throws {
    while let event = events.popFirst(notAfter: end) {
      now = event.time
      eventCount += 1
      if eventCount & 0xffff == 0 {
        if isCancelled() { throw RunInterrupted() }
        if events.isMostlyStale { compactEvents() }
      }
      let index = Int(event.handle)
      switch event.kind {
      case EventKind.burstEnd:
        if threads[index].generation & Event.generationMask == event.generation {
          endBurst(index)
        } else {
          events.noteDropped()
        }
      case EventKind.idleExit:
        if threads[index].generation & Event.generationMask == event.generation {
          endIdleExit(thread: index)
        } else {
          events.noteDropped()
        }
      case EventKind.arrival: arrive(index)
      case EventKind.thinkEnd: submit(vm: index)
      case EventKind.servicePeriod: beginPeriod(service: index)
      case EventKind.workWakeup: wakeWork(index)
      case EventKind.pageArrival: endPageWait(thread: index)
      case EventKind.delivery: deliver(job: Int32(index), vm: Int(jobs[index].vm))
      case EventKind.guestDelivery: endModeration(vm: index)
      case EventKind.diskEnd: endDisk(job: Int32(index))
      case EventKind.sliceEnd:
        if processors[index].sliceGeneration & Event.generationMask == event.generation {
          endSlice(processor: index)
        } else {
          events.noteDropped()
        }
      case EventKind.bandwidth:
        if bandwidths[index].generation & Event.generationMask == event.generation {
          changeBandwidth(vm: index)
        } else {
          events.noteDropped()
        }
      case EventKind.balloonOrder: takeOrder(vm: index)
      case EventKind.balloonStep: stepBalloon(vm: index)
      case EventKind.reservationPeriod: beginReservation(vm: index)
      case EventKind.reservationEnd:
        if reservations[index].generation & Event.generationMask == event.generation {
          endReservation(vm: index)
        } else {
          events.noteDropped()
        }
      case EventKind.skew: checkSkew(vm: index)
      case EventKind.coStart: coStart(vm: index)
      case EventKind.creditPeriod: giveCredit(host: index)
      default: break
      }
    }
  }

  /// Drops the events whose bursts and slices were cut.
  private func compactEvents() {
    let threads = threads.base
    let processors = processors.base
    let bandwidths = bandwidths.base
    let reservations = reservations.base
    events.compact { event in
      switch event.kind {
      case EventKind.burstEnd, EventKind.idleExit:
        threads[Int(event.handle)].generation & Event.generationMask != event.generation
      case EventKind.sliceEnd:
        processors[Int(event.handle)].sliceGeneration & Event.generationMask != event.generation
      case EventKind.bandwidth:
        bandwidths[Int(event.handle)].generation & Event.generationMask != event.generation
      case EventKind.reservationEnd:
        reservations[Int(event.handle)].generation & Event.generationMask != event.generation
      default: false
      }
    }
  }
}
