import EventKernel
import Quantities
import Statistics
import Virtualization

/// Waits for pages that were swapped out, as events.
///
/// A job's faults lie at random in it. At each its vCPU gives up its core for the latency of the device and goes on with
/// the job as soon as it has a core again; what the fault costs in CPU time is charged with the job. The guest does not
/// switch to another thread meanwhile.
extension Simulation {
  /// Places the faults of a new job.
  mutating func placePageWaits(job: Int, vm: Int) {
    guard vms[vm].hasPageWaits else { return }
    let first = vms[vm].firstComponent
    for component in first..<first + vms[vm].componentCount where components[component].pageWait > 0 {
      jobs[job].pageWaits += jobCounts[job * jobStride + component - first]
      jobs[job].pageWaitTime += jobCounts[job * jobStride + component - first] * components[component].pageWait
    }
    placeNextPageWait(job: job, vm: vm)
  }

  mutating func placeNextPageWait(job: Int, vm: Int) {
    let left = jobs[job].pageWaits
    guard left > 0 else { return }
    let outside = jobs[job].total - jobs[job].executed
    let share = 1 - PortableMath.exp(-costStreams[vm].nextExponential() / Double(left))
    jobs[job].nextPageWait = jobs[job].executed + min(outside, Int64(Double(outside) * share))
  }

  /// The vCPU gives its core up until the page is there. Faults on the host's and on the guest's device share the time.
  mutating func waitForPage(thread index: Int, vm: Int) {
    let job = Int(threads[index].current)
    let time = jobs[job].pageWaitTime / jobs[job].pageWaits
    jobs[job].pageWaitTime -= time
    jobs[job].pageWaits -= 1
    placeNextPageWait(job: job, vm: vm)
    threads[index].activity = .pageWait
    threads[index].remaining = 0
    events.insert(Event(time: now + time, kind: EventKind.pageArrival, handle: UInt32(index), generation: 0))
    block(thread: index)
  }

  /// The page is there.
  mutating func endPageWait(thread index: Int) {
    threads[index].activity = .none
    wake(thread: index)
  }
}
