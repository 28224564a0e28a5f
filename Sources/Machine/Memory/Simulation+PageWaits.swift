import EventKernel
import Quantities
import Statistics
import Virtualization

/// Waits for pages that were swapped out, as events.
///
/// A job's faults lie at random in it. At each its vCPU gives up its core until the device has the page and goes on
/// with the job as soon as it has a core again; what the fault costs in CPU time is charged with the job. The guest
/// does not switch to another thread meanwhile. A disk of the host serves faults as it does any request, one after the
/// other.
extension Simulation {
  /// Places the faults of a new job.
  mutating func placePageWaits(job: Int, vm: Int) {
    guard vms[vm].hasPageWaits else { return }
    let first = vms[vm].firstComponent
    for component in first..<first + vms[vm].componentCount {
      addPageWaits(of: component, job: job, vm: vm)
    }
    placeNextPageWait(job: job, vm: vm)
  }

  /// Adds the waits of one component's operations to a job.
  mutating func addPageWaits(of component: Int, job: Int, vm: Int) {
    guard components[component].pageWait > 0 else { return }
    let operations = jobCounts[job * jobStride + component - vms[vm].firstComponent]
    jobs[job].pageWaits += operations
    if components[component].readsSwapDisk {
      jobs[job].diskPages += operations
    } else {
      jobs[job].pageWaitTime += operations * components[component].pageWait
    }
  }

  mutating func placeNextPageWait(job: Int, vm: Int) {
    let left = jobs[job].pageWaits
    guard left > 0 else { return }
    let outside = jobs[job].total - jobs[job].executed
    let share = 1 - PortableMath.exp(-costStreams[vm].nextExponential() / Double(left))
    jobs[job].nextPageWait = jobs[job].executed + min(outside, Int64(Double(outside) * share))
  }

  /// The vCPU gives its core up until the page is there. Faults on devices of known latency share the time.
  mutating func waitForPage(thread index: Int, vm: Int) {
    let job = Int(threads[index].current)
    let (waits, onDisk) = (jobs[job].pageWaits, jobs[job].diskPages)
    let end: Int64
    if onDisk > 0, onDisk == waits || costStreams[vm].nextUniform() * Double(waits) < Double(onDisk) {
      jobs[job].diskPages -= 1
      let disk = Int(vms[vm].swapDisk)
      end = serve(
        disk: disk, channel: freeChannel(of: disk), from: now, isRead: true, transfer: vms[vm].swapTransfer)
      writeSwap(vm: vm)
    } else {
      let time = jobs[job].pageWaitTime / (waits - onDisk)
      jobs[job].pageWaitTime -= time
      end = now + time
    }
    jobs[job].pageWaits -= 1
    placeNextPageWait(job: job, vm: vm)
    threads[index].activity = .pageWait
    threads[index].remaining = 0
    events.insert(Event(time: end, kind: EventKind.pageArrival, handle: UInt32(index), generation: 0))
    block(thread: index)
  }

  /// The page takes the place of another, which must be written if it has changed: by a cluster at a time, for which
  /// nobody waits.
  private mutating func writeSwap(vm: Int) {
    vms[vm].swapDebt += vms[vm].swapDirty
    while vms[vm].swapDebt >= vms[vm].swapCluster {
      vms[vm].swapDebt -= vms[vm].swapCluster
      let disk = Int(vms[vm].swapDisk)
      _ = serve(
        disk: disk, channel: freeChannel(of: disk), from: now, isRead: false, transfer: vms[vm].swapWriteTransfer)
    }
  }

  /// The page is there.
  mutating func endPageWait(thread index: Int) {
    threads[index].activity = .none
    wake(thread: index)
  }
}
