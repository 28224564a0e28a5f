import EventKernel
import Model
import Virtualization

extension VMExpectation {
  /// The expectation of a VM that works through a batch: every thread has a vCPU, or the threads share the vCPUs.
  static func batch(_ batch: BatchWorkload, _ vm: VirtualMachine, in model: SimulationModel, utilization: Double = 1)
    -> VMExpectation
  {
    let design = vm.design
    let share = vm.load.guestShare(of: model.workloads[vm.workload])
    // One nanosecond of native work is one job.
    let job = JobExpectation(
      guest: share, native: 1, load: vm.load, design: design, utilization: utilization, window: model.measured,
      limit: Double(batch.work.nanoseconds), busy: min(batch.threads, vm.vcpus))
    return steady(
      job, parallel: min(batch.threads, vm.vcpus), limit: Double(batch.work.nanoseconds), isSaturated: true)
  }

  /// The expectation of a VM that runs a program's loop on one vCPU.
  static func program(
    _ program: ProgramWorkload, _ vm: VirtualMachine, in model: SimulationModel, utilization: Double = 1
  ) -> VMExpectation {
    let design = vm.design
    let kept = vm.load.perRequest.reduce(0) { $0 + $1.rate * (design.cost(of: $1.operation)?.nativeMean ?? 0) }
    let job = JobExpectation(
      guest: Double(program.compute.nanoseconds) + kept, native: 0, load: vm.load, design: design,
      utilization: utilization, window: model.measured, busy: 1)
    var expectation = steady(job, parallel: 1, limit: Double(program.iterations), isSaturated: true)
    expectation.latency = job.time
    return expectation
  }

  private static func steady(
    _ job: JobExpectation, parallel: Int, limit: Double, isSaturated: Bool
  ) -> VMExpectation {
    var expectation = VMExpectation()
    let rate = Double(parallel) * 1e9 / max(job.time, 1e-3)
    expectation.throughput = rate
    expectation.isSaturated = isSaturated
    expectation.workLimit = limit
    job.book(rate: rate, into: &expectation)
    expectation.use.vcpus.load = Double(parallel)
    return expectation
  }
}
