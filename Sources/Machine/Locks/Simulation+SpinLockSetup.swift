import EventKernel
import Model
import Quantities
import Statistics
import Virtualization

/// Building the locks of a VM's guest, and placing a job's critical sections.
extension Simulation {
  /// Adds the locks of a VM. Called once for each VM, in their order.
  mutating func addSpinLocks(of index: Int) {
    let vm = model.vms[index]
    var setting = SpinSetting()
    defer { _ = spins.append(setting) }
    _ = spinStreams.append(
      RandomStream(seed: model.seed, replication: replication, entity: vm.stream, purpose: Purpose.spinLocks))
    guard let use = vm.load.guestLocks else { return }
    setting.firstClass = Int32(lockClasses.count)
    setting.classes = Int32(use.entries.count)
    lockStride = max(lockStride, use.entries.count)
    for entry in use.entries {
      let whole = entry.perRequest.rounded(.down)
      _ = lockClasses.append(
        SpinLockClass(
          first: Int32(spinLocks.count), instances: Int64(entry.lock.instances), sampler: Int32(holdSamplers.count),
          meanHold: entry.lock.hold.mean, makesExits: entry.lock.makesExits, whole: Int64(whole),
          fraction: entry.perRequest - whole,
          perNanosecond: entry.perCPUSecond * 1e-9))
      _ = holdSamplers.append(Sampler(entry.lock.hold))
      for _ in 0..<entry.lock.instances { _ = spinLocks.append(SpinLock(kind: entry.kind)) }
    }
    let design = vm.design
    if use.entries.contains(where: { $0.kind == .paravirtual }) {
      setting.threshold = FineTime.units(nanoseconds: use.threshold * use.pass)
      setting.check = FineTime.units(nanoseconds: SpinLockPolicy.checkedPasses * use.pass)
      setting.kick = open(.lockKick, of: index, charges: design.cost(of: .lockKick)?.synchronous ?? [])
      setting.halt = open(.lockHalt, of: index, charges: design.cost(of: .halt)?.synchronous ?? [])
      setting.wake = open(
        .lockWake, of: index, charges: design.cost(of: .interrupt, target: .halted)?.synchronous ?? [])
    }
    let processors = model.hosts[vm.host].processors
    if processors.pauseResponse != .off, let cost = design.cost(of: .pauseLoop), cost.synchronousMean > 0 {
      setting.response = processors.pauseResponse
      setting.window = FineTime.units(nanoseconds: processors.pauseWindow)
      if processors.longestPauseWindow.isFinite {
        setting.longestWindow = FineTime.units(nanoseconds: processors.longestPauseWindow)
      }
      setting.pause = open(.pauseLoop, of: index, charges: cost.synchronous)
    }
  }

  /// Places the critical sections of a new job of `native` nanoseconds of work: evenly at random in what is left outside of
  /// them. Their time is part of the job, and grows with it by what virtualization adds.
  mutating func placeSpinLocks(job: Int, vm: Int, native: Double) {
    jobs[job].lockTakings = 0
    guard spins[vm].classes > 0, native > 0 else { return }
    let first = Int(spins[vm].firstClass)
    var all: Int64 = 0
    for index in first..<first + Int(spins[vm].classes) {
      var count: Int64 = 0
      if vms[vm].shape == .requests {
        count = lockClasses[index].whole
        if lockClasses[index].fraction > 0, spinStreams[vm].nextUniform() < lockClasses[index].fraction { count += 1 }
      }
      if lockClasses[index].perNanosecond > 0 {
        let exact = native * lockClasses[index].perNanosecond + lockClasses[index].carried
        let rounded = exact.rounded(.down)
        lockClasses[index].carried = exact - rounded
        count += Int64(rounded)
      }
      jobTakings[job * lockStride + index - first] = count
      all += count
    }
    jobs[job].lockTakings = all
    jobs[job].dilation = Double(jobs[job].total) / native
    placeNextSpinLock(job: job, vm: vm)
  }

  /// Units of time for each nanosecond of a hold.
  private func dilation(of lockClass: Int, job: Int) -> Double {
    lockClasses[lockClass].makesExits ? jobs[job].dilation : Double(FineTime.unitsPerNanosecond)
  }

  /// Chooses the lock that a job takes next, how long it holds it, and where in its work that is.
  mutating func placeNextSpinLock(job: Int, vm: Int) {
    let left = jobs[job].lockTakings
    guard left > 0 else { return }
    let first = Int(spins[vm].firstClass)
    var pick = Int64(spinStreams[vm].nextUniform() * Double(left))
    var chosen = first
    var others = 0.0
    for index in first..<first + Int(spins[vm].classes) {
      let count = jobTakings[job * lockStride + index - first]
      others += Double(count) * lockClasses[index].meanHold * dilation(of: index, job: job)
      if pick >= 0, count > 0 { chosen = index }
      pick -= count
    }
    let dilation = dilation(of: chosen, job: job)
    others = max(0, others - lockClasses[chosen].meanHold * dilation)
    let rest = max(0, jobs[job].total - jobs[job].executed)
    let drawn = holdSamplers[Int(lockClasses[chosen].sampler)].sample(using: &spinStreams[vm]) * dilation
    let hold = drawn < Double(rest) ? max(1, Int64(drawn)) : rest
    let outside = max(0, Double(rest - hold) - others)
    let share = 1 - PortableMath.exp(-spinStreams[vm].nextExponential() / Double(left))
    jobs[job].nextLock = jobs[job].executed + min(rest - hold, Int64(outside * share))
    jobs[job].lockClass = Int32(chosen)
    jobs[job].hold = hold
  }
}
