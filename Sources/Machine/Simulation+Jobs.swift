import EventKernel
import Model
import Quantities
import Virtualization

/// Jobs: where they come from, what they cost, and the booking of it.
extension Simulation {
  // MARK: Arrivals

  mutating func scheduleArrival(vm: Int) {
    guard vms[vm].meanGap > 0 else { return }
    let gap = vms[vm].isPoisson ? arrivalStreams[vm].nextExponential(mean: vms[vm].meanGap) : vms[vm].meanGap
    // Rounding gaps one by one would shift the mean by up to half a nanosecond; the fraction is carried instead.
    let exact = gap + arrivalCarry[vm]
    // Beyond the end of the run.
    guard exact < endlessWork else { return }
    let whole = exact.rounded(.down)
    arrivalCarry[vm] = exact - whole
    events.insert(
      Event(time: now + Int64(whole), kind: EventKind.arrival, handle: UInt32(vm), generation: 0))
  }

  mutating func arrive(_ vm: Int) {
    scheduleArrival(vm: vm)
    submit(vm: vm)
  }

  /// A client starts to think; its next request follows.
  mutating func think(vm: Int, from start: Int64) {
    let pause = arrivalStreams[vm].nextExponential(mean: vms[vm].thinkTime)
    guard pause < endlessWork else { return }
    events.insert(
      Event(time: start + Int64(pause.rounded()), kind: EventKind.thinkEnd, handle: UInt32(vm), generation: 0))
  }

  /// A request reaches the VM: by way of its backend if its packets pass one, else straight into the guest.
  mutating func submit(vm: Int, byGuest: Bool = false) {
    let native = min(samplers[vm].sample(using: &serviceStreams[vm]), endlessWork)
    let job = makeJob(
      vm: vm, native: native, guest: FineTime.units(nanoseconds: native * guestShare(of: vm)), iterations: 1)
    if vms[vm].packetsReceived > 0 {
      receive(job: job, vm: vm)
    } else {
      pushJob(job, vm: vm)
      if !byGuest { notify(vm: vm, byInterrupt: true) }
    }
  }

  // MARK: Batches and programs

  mutating func startThread(vm: Int, work: Int64) {
    guard let job = makeChunk(vm: vm, left: work) else { return }
    pushJob(job, vm: vm)
    notify(vm: vm, byInterrupt: false)
  }

  /// The next chunk of a thread with `left` work: nanoseconds of a batch, iterations of a program. The job remembers
  /// what is left after it. Nil when nothing is left.
  private mutating func makeChunk(vm: Int, left: Int64) -> Int32? {
    guard left > 0 else { return nil }
    let job: Int32
    let amount: Int64
    if vms[vm].shape == .program {
      let cost = max(1, iterationCost(vm: vm))
      amount = min(left, max(1, Self.chunk * FineTime.unitsPerNanosecond / cost))
      job = makeJob(vm: vm, native: 0, guest: iteration(of: vm) * amount, iterations: amount)
    } else {
      amount = min(left, Self.chunk)
      let guest = FineTime.units(nanoseconds: Double(amount) * guestShare(of: vm))
      job = makeJob(vm: vm, native: Double(amount), guest: guest, iterations: 0)
    }
    jobs[Int(job)].amount = amount
    jobs[Int(job)].left = left - amount
    return job
  }

  /// Expected vCPU time of one iteration of a program, in units of `FineTime`.
  private func iterationCost(vm: Int) -> Int64 {
    var cost = iteration(of: vm)
    for component in activeComponents(of: vm) {
      if case .perRequest(let whole, _) = components[component].count { cost += whole * components[component].stall }
    }
    return cost
  }

  // MARK: Making a job

  /// Begins a job of one stage that takes a vCPU so long, in units of `FineTime`.
  mutating func start(job: Int, vm: Int, total: Int64) {
    jobs[job] = Job()
    jobs[job].vm = Int32(vm)
    jobs[job].isAlive = true
    jobs[job].arrival = now
    // A job that costs nothing still ends: one unit keeps the shares of its parts defined.
    jobs[job].total = max(1, total)
    jobs[job].stageEnd = jobs[job].total
  }

  /// Draws the operations of a job and what they cost.
  ///
  /// - Parameters:
  ///   - native: CPU time on the bare host in nanoseconds, by which rates are counted.
  ///   - guest: the guest's own work in units of `FineTime`.
  ///   - iterations: how often the operations per request happen.
  /// - Complexity: O(leaves of the VM).
  private mutating func makeJob(vm: Int, native: Double, guest: Int64, iterations: Int64) -> Int32 {
    let job = allocateJob()
    var total = guest
    let reads = blockRequests(vms[vm].reads, vm: vm)
    let writes = blockRequests(vms[vm].writes, vm: vm)
    // CPU time by which dirtied pages and new code are counted.
    let work = native > 0 ? native : Double(guest) / Double(FineTime.unitsPerNanosecond)
    let active = activeComponents(of: vm)
    clearIdleComponents(of: vm, job: job, active: active)
    if vms[vm].hasPlan { useMemory(vm: vm, seconds: native * 1e-9) }
    for component in active {
      var operations: Int64 = 0
      switch components[component].count {
      case .perRequest(let whole, let fraction):
        operations = whole * iterations
        if fraction > 0, iterations == 1 {
          if countStreams[vm].nextUniform() < fraction { operations += 1 }
        } else if fraction > 0 {
          operations += carry(fraction * Double(iterations), component: component)
        }
      case .perNativeNanosecond(let rate):
        operations = carry(native * rate, component: component)
      case .newCode:
        operations = carry(codeStates[vm].advance(nanoseconds: work), component: component)
      case .dirtyPages:
        operations = carry(dirtyRounds[vm].advance(to: now, nanoseconds: work), component: component)
      case .regions:
        operations = carry(windows[vm].advance(to: now, nanoseconds: work), component: component)
      case .fullLogs:
        operations = carry(dirtyRounds[vm].fullLogs, component: component)
      case .blocks(let isRead): operations = Int64(isRead ? reads.all : writes.all)
      case .invalidations: operations = invalidationQueues[vm].advance(to: now)
      case .perInterrupt, .balloon: break
      case .memory(let event):
        operations = carry(memories[vm].latest[event], component: component)
      case .perRunning: continue
      }
      total += charge(component: component, operations: operations, job: job, vm: vm)
    }
    total += chargeTicks(from: active.lowerBound, to: active.upperBound, job: job, vm: vm, busy: total)
    start(job: job, vm: vm, total: total)
    if vms[vm].isMultiQueue { jobs[job].flow = UInt16(countStreams[vm].nextUniform() * 65536) }
    jobs[job].reads = reads.plain + reads.cut
    jobs[job].writes = writes.plain + writes.cut
    jobs[job].cutReads = reads.cut
    jobs[job].cutWrites = writes.cut
    jobs[job].stageEnd = stageEnd(of: job)
    placeTakings(job: job, vm: vm)
    placePageWaits(job: job, vm: vm)
    placeSpinLocks(job: job, vm: vm, native: native)
    if vms[vm].flushesPreempted { placeFlushes(job: job, vm: vm) }
    return Int32(job)
  }

  /// How many block requests of one direction a job makes: one by one, cut ones, and all with the parts of these.
  private mutating func blockRequests(_ stages: BlockStages, vm: Int) -> (plain: Int32, cut: Int32, all: Int32) {
    func draw(_ whole: Int32, _ fraction: Double) -> Int32 {
      guard fraction > 0 else { return whole }
      return countStreams[vm].nextUniform() < fraction ? whole + 1 : whole
    }
    let plain = draw(stages.whole, stages.fraction)
    let cut = draw(stages.cutWhole, stages.cutFraction)
    return (plain, cut, plain + cut * stages.parts)
  }

  /// The work at which a job's present stage ends.
  func stageEnd(of job: Int) -> Int64 {
    let blocks = jobs[job].reads + jobs[job].writes
    guard jobs[job].stage < blocks else { return jobs[job].total }
    return Self.share(jobs[job].total, Int64(jobs[job].stage) + 1, of: Int64(blocks) + 1)
  }

  /// The whole part of a number of operations; the fraction is kept for the next job.
  func carry(_ operations: Double, component: Int) -> Int64 {
    let exact = operations + carried[component]
    let whole = exact.rounded(.down)
    carried[component] = exact - whole
    return Int64(whole)
  }

  /// Draws the costs of one component's operations into the job and returns their sum with native work.
  mutating func charge(component: Int, operations: Int64, job: Int, vm: Int) -> Int64 {
    let firstLeaf = components[component].firstLeaf
    let offset = job * jobStride + firstLeaf - vms[vm].firstBulkLeaf
    var total = components[component].native * operations
    for leaf in 0..<components[component].leafCount {
      let amount = ledger.draws[firstLeaf + leaf].sample(operations: operations, using: &costStreams[vm])
      jobAmounts[offset + leaf] = amount
      total += amount
    }
    jobCounts[job * jobStride + component - vms[vm].firstComponent] = operations
    return total
  }

  /// Ticks come with running time, their own included: the number of periods that end while the job runs.
  mutating func chargeTicks(from first: Int, to end: Int, job: Int, vm: Int, busy: Int64) -> Int64 {
    var ticks: Int64 = 0
    var planned: Int64 = -1
    while planned != ticks {
      planned = ticks
      ticks = 0
      for component in first..<end {
        guard case .perRunning(let period) = components[component].count else { continue }
        let crossings = (Int64(carried[component]) + busy + planned) / period
        ticks += crossings * (components[component].stall + components[component].native)
      }
      if ticks < planned { break }
    }
    var total: Int64 = 0
    for component in first..<end {
      guard case .perRunning(let period) = components[component].count else { continue }
      let phase = Int64(carried[component]) + busy + planned
      carried[component] = Double(phase % period)
      total += charge(component: component, operations: phase / period, job: job, vm: vm)
    }
    return total
  }

  mutating func allocateJob() -> Int {
    if freeJob >= 0 {
      let job = Int(freeJob)
      freeJob = jobs[job].next
      return job
    }
    let job = jobs.append(Job())
    if jobs.capacity > jobCapacity {
      let amounts = UnsafeMutablePointer<Int64>.allocate(capacity: jobs.capacity * jobStride)
      let counts = UnsafeMutablePointer<Int64>.allocate(capacity: jobs.capacity * jobStride)
      amounts.initialize(repeating: 0, count: jobs.capacity * jobStride)
      counts.initialize(repeating: 0, count: jobs.capacity * jobStride)
      amounts.update(from: jobAmounts, count: jobCapacity * jobStride)
      counts.update(from: jobCounts, count: jobCapacity * jobStride)
      jobAmounts.deallocate()
      jobCounts.deallocate()
      jobAmounts = amounts
      jobCounts = counts
      if lockStride > 0 {
        let takings = UnsafeMutablePointer<Int64>.allocate(capacity: jobs.capacity * lockStride)
        takings.initialize(repeating: 0, count: jobs.capacity * lockStride)
        takings.update(from: jobTakings, count: jobCapacity * lockStride)
        jobTakings.deallocate()
        jobTakings = takings
      }
      jobCapacity = jobs.capacity
    }
    return job
  }

  mutating func release(job: Int) {
    jobs[job].isAlive = false
    jobs[job].next = freeJob
    freeJob = Int32(job)
  }

  // MARK: The end of a job

  /// Books a job that has run to its end and passes it on. Returns whether the vCPU must ring the backend.
  mutating func complete(job: Int, vm: Int) -> Bool {
    book(job: job, upTo: jobs[job].total, stretch: 1)
    switch vms[vm].shape {
    case .requests:
      if vms[vm].network.hasBackend && vms[vm].packetsSent > 0 { return send(job: job, vm: vm) }
      leave(job: job, vm: vm)
    case .idle:
      vms[vm].completed += 1
      release(job: job)
    case .batch, .program:
      continueThread(after: job, vm: vm)
    }
    return false
  }

  /// A request leaves the host: its packets go over the wire, its latency is recorded.
  mutating func leave(job: Int, vm: Int) {
    var end = now
    if vms[vm].packetsSent > 0 {
      let nic = Int(vms[vm].nic)
      if vms[vm].limitTime > 0 {
        end = max(now, vms[vm].limitFree) + vms[vm].limitTime
        vms[vm].limitFree = end
      }
      end = max(end, wireFree[nic]) + vms[vm].wireTime
      wireFree[nic] = end
    }
    end += vms[vm].walkDelay
    if isMeasuring {
      vms[vm].completed += 1
      latencies[Int(vms[vm].workload)].record(end - jobs[job].arrival)
    }
    release(job: job)
    guard vms[vm].isClosed else { return }
    if vms[vm].thinkTime > 0 || vms[vm].packetsSent + vms[vm].packetsReceived > 0 {
      think(vm: vm, from: end)
    } else {
      // The guest's own thread goes on at once: nobody needs to tell its vCPU.
      submit(vm: vm, byGuest: true)
    }
  }

  private mutating func continueThread(after job: Int, vm: Int) {
    let left = jobs[job].left
    release(job: job)
    if let next = makeChunk(vm: vm, left: left) {
      // The thread goes on where it is: its vCPU chooses next, and nobody needs to be told.
      pushJob(next, vm: vm)
      return
    }
    vms[vm].running -= 1
    if vms[vm].running == 0 { vms[vm].finishedAt = now }
  }

  // MARK: Booking

  /// Books a job's costs up to `executed` units of its work. Its parts are spread evenly over it: at any cut each leaf
  /// holds the floor of its share, so that cuts are exact and add up to the whole.
  ///
  /// - Parameter stretch: time that a unit of the work since the last booking has taken.
  /// - Complexity: O(leaves of the VM).
  mutating func book(job: Int, upTo executed: Int64, stretch: Double) {
    let booked = jobs[job].booked
    let total = jobs[job].total
    guard executed > booked else { return }
    let vm = Int(jobs[job].vm)
    let base = job * jobStride
    let first = vms[vm].firstComponent
    let isWhole = booked == 0 && executed == total
    for component in first..<first + vms[vm].componentCount {
      let operations = jobCounts[base + component - first]
      guard operations > 0 else { continue }
      let ended =
        isWhole
        ? operations : Self.share(operations, executed, of: total) - Self.share(operations, booked, of: total)
      let firstLeaf = components[component].firstLeaf
      for leaf in firstLeaf..<firstLeaf + components[component].leafCount {
        let amount = jobAmounts[base + leaf - vms[vm].firstBulkLeaf]
        let part = isWhole ? amount : Self.share(amount, executed, of: total) - Self.share(amount, booked, of: total)
        ledger.time[leaf] += stretch == 1 ? part : Int64(Double(part) * stretch)
        ledger.count[leaf] += ended * ledger.draws[leaf].count
      }
    }
    vms[vm].done +=
      Self.share(jobs[job].amount, executed, of: total) - Self.share(jobs[job].amount, booked, of: total)
    jobs[job].booked = executed
  }

  /// `⌊value · part / whole⌋` without overflow.
  private static func share(_ value: Int64, _ part: Int64, of whole: Int64) -> Int64 {
    let product = value.multipliedFullWidth(by: part)
    return whole.dividingFullWidth(product).quotient
  }
}
