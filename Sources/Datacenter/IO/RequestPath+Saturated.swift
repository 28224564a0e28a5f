import Model
import Statistics

/// Requests that arrive faster than the slowest resource can serve them.
extension RequestPath {
  /// Where that is the guest, the interrupts of all arrivals take time from it, and backends that are quicker sleep between
  /// its batches and are rung.
  func saturated(rate: Double) -> Flow {
    let limit = min(rate, bottleneck > 0 ? 1e9 / bottleneck : rate)
    let vcpus = Double(vm.vcpus)
    var flow = Flow(rate: limit, latency: nil, isSaturated: true)
    flow.kicks = kickTime > 0 ? stages : 0
    // Interrupts for received packets, whose register accesses are part of their jobs.
    let interrupts =
      vm.load.packetsReceived > 0 ? (1 - pollingShare(rate * 1e-9)) * moderatedShare(rate * 1e-9) : 0
    let accesses = interrupts * interruptTime
    flow.interrupts = interrupts * rate / max(limit, 1e-9)
    for _ in 0..<400 {
      let network = networkBackend(rate: flow.rate * 1e-9)
      let diskBackend = diskBackend(rate: flow.rate * 1e-9)
      flow.bells = sends ? network.bellsPerBatch : 0
      flow.diskBells = submitTime > 0 && blocks > 0 ? diskBackend.bellsPerBatch * blocks : 0
      flow.sentKicks = kickTime > 0 ? sentInterrupts(drains: network.drainsPerBatch) : 0
      if sends, handsOver { flow.backendWakes = network.asleep }
      if flow.diskBells > 0 { flow.diskBackendWakes = diskBackend.asleep * blocks }
      // Every interrupt of a running job is taken; one that comes during a bell or an interrupt waits for its end, and
      // others join it.
      let bell = stall(.doorbell)
      let coming = (rate + (stages - 1 - toldTogether(flow)) * flow.rate) * 1e-9 / vcpus
      let together = kickTime > 0 ? PortableMath.exp(min(100, coming * kickTime)) : 0
      let rung = (flow.bells + flow.diskBells) * (1 - PortableMath.exp(-coming * bell)) * together
      let perRequest =
        (rung + flow.sentKicks) * kickTime + (flow.bells + flow.diskBells) * bell + sharedTime(flow)
      // What the vCPUs have left for jobs, and how many of these they end by it.
      let left = max(0, vcpus / delays.vcpus.slowdown - flow.rate * 1e-9 * perRequest)
      let work = left / (1 + coming * together * kickTime)
      let next = min(limit, ended(work: work, arrivals: rate * 1e-9, accesses: accesses) * 1e9)
      if next < limit {
        flow.kicks = coming * work * together * 1e9 / max(flow.rate, 1e-9) + rung
        let begun = work / (job + accesses) * 1e9
        flow.workRate = begun
        flow.interrupts = interrupts * begun / max(flow.rate, 1e-9)
      }
      let change = max(limit * 1e-6, next) - flow.rate
      if abs(change) < 1e-9 * limit { break }
      flow.rate += change / 4
    }
    return flow
  }

  /// Jobs that are ended a nanosecond by vCPUs that work on jobs for so much of it, where more come.
  ///
  /// Under processor sharing the jobs that are under way become ever more, at a rate of `α = λ (1 - E exp(-α B / w))`, and what
  /// has been done of them is not at anybody's service: jobs of hardly varying length hardly end at all. Here they take turns
  /// of `q`, of which the last one is cut short: each turn lets them grow by a factor of `f = 1 + α / r` for `r` turns a
  /// nanosecond, so that it is `E f^-N` with `N` turns of a job. The service time is taken to be gamma distributed, which is
  /// exact for deterministic and exponential ones.
  /// [A. Jean-Marie, P. Robert, On the transient behavior of the processor sharing queue, Queueing Systems 17, 1994]
  private func ended(work: Double, arrivals: Double, accesses: Double) -> Double {
    let (job, fixed) = (job + accesses, fixed + accesses)
    guard work > 0, arrivals * job > work else { return min(arrivals, work / max(job, 1e-9)) }
    guard let sharing else { return work / job }
    func transform(_ rate: Double) -> Double {
      let service = rate * max(0, job - fixed)
      let rest = PortableMath.exp(-rate * fixed)
      guard sharing.variation > 1e-6 else { return rest * PortableMath.exp(-service) }
      return rest * PortableMath.exp(-PortableMath.log(1 + service * sharing.variation) / sharing.variation)
    }
    var (low, high) = (0.0, arrivals)
    for _ in 0..<60 {
      let growth = (low + high) / 2
      let turns = work / sharing.turn + (arrivals - growth) / 2
      let factor = 1 + growth / turns
      let logarithm = PortableMath.log(factor)
      // Turns are whole ones: half of one more on average, in which a job may be anywhere.
      let ends = transform(logarithm / sharing.turn) * (1 - 1 / factor) / max(1e-12, logarithm)
      if arrivals * (1 - ends) > growth { low = growth } else { high = growth }
    }
    return arrivals - (low + high) / 2
  }
}
