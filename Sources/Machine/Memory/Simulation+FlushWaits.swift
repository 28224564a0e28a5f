import Quantities
import Virtualization

/// Flushes of translations that a guest asks of its vCPUs by interrupts: it waits, spinning, until all have flushed, and a
/// vCPU that has lost its processor flushes only when it has one again.
///
/// Under a paravirtual flush the hypervisor flushes such vCPUs when it enters them, and nobody waits. What the interrupts
/// cost, and the flush of those that run, is charged with the job. Halted vCPUs are not waited for: their kernel is lazy.
extension Simulation {
  mutating func addFlushWait(of index: Int, to state: inout VMState) {
    let vm = model.vms[index]
    let load = vm.logged?.load ?? vm.load
    let entries = load.perRequest + load.perCPUSecond
    guard vm.vcpus > 1, entries.contains(where: { $0.operation == .shootdown }),
      vm.design.choice.axes[.flushes] == "interrupt", vm.design.choice.axes[.interrupts] != "native"
    else { return }
    let charge = StepCharge(
      step: "flush_wait", place: .guest, count: 1, exitsPerStep: 0, stepMean: 0, distribution: .deterministic,
      kind: .assumed,
      origin: PriceOrigin(
        document: model.scenario, source: "the time until preempted siblings have a processor, as it is simulated"))
    state.flushWait = open(.flushWait, of: index, charges: [charge])
    state.flushesPreempted = true
  }

  /// Spreads the flushes of a job evenly over it: one for each round of interrupts to all siblings.
  mutating func placeFlushes(job: Int, vm: Int) {
    let first = vms[vm].firstComponent
    var interrupts: Int64 = 0
    for component in first..<first + vms[vm].componentCount where components[component].operation == .shootdown {
      interrupts += jobCounts[job * jobStride + component - first]
    }
    let siblings = Int64(vms[vm].vcpus) - 1
    jobs[job].flushes = (interrupts + siblings - 1) / siblings
    placeNextFlush(job: job)
  }

  private func placeNextFlush(job: Int) {
    guard jobs[job].flushes > 0 else { return }
    let left = jobs[job].total - jobs[job].executed
    jobs[job].nextFlush = jobs[job].executed + left / (jobs[job].flushes + 1)
  }

  /// The job on a vCPU flushes. Returns whether it has to wait for a sibling without a processor.
  mutating func waitForFlush(thread index: Int, vm: Int) -> Bool {
    let job = Int(threads[index].current)
    jobs[job].flushes -= 1
    placeNextFlush(job: job)
    guard owesFlush(vm: vm, since: now, except: index) else { return false }
    vms[vm].flushSpinners += 1
    threads[index].flushStart = now
    plan(.flushWait, group: vms[vm].flushWait, time: Self.endless, thread: index)
    beginBurst(thread: index)
    return true
  }

  /// Whether a vCPU has been without a processor since before a flush began.
  ///
  /// - Complexity: O(vCPUs of the VM).
  private func owesFlush(vm: Int, since start: Int64, except index: Int) -> Bool {
    return vms[vm].threads.contains {
      $0 != index && threads[$0].state == .waiting && threads[$0].since <= start && threads[$0].current >= 0
    }
  }

  /// A vCPU got a processor: lets go on those that waited for nobody else.
  mutating func endFlushWaits(vm: Int) {
    for thread in vms[vm].threads
    where threads[thread].activity == .flushWait
      && !owesFlush(vm: vm, since: threads[thread].flushStart, except: thread)
    {
      endFlushWait(thread: thread, vm: vm)
    }
  }

  private mutating func endFlushWait(thread index: Int, vm: Int) {
    let isRunning = threads[index].state == .running
    if isRunning, threads[index].isBursting { cut(thread: index) }
    dropPlan(thread: index)
    vms[vm].flushSpinners -= 1
    if isRunning { decideVCPU(thread: index) }
  }
}
