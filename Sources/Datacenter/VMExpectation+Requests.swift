import EventKernel
import Model
import Virtualization

extension VMExpectation {
  /// The expectation of a VM that serves requests or idle wake-ups.
  ///
  /// - Parameters:
  ///   - vm: the VM.
  ///   - model: where it stands.
  ///   - neighbours: what its devices do for other VMs.
  static func requests(
    _ vm: VirtualMachine, in model: SimulationModel, beside neighbours: SharedBackends, utilization: Double = 1
  ) -> VMExpectation {
    let design = vm.design
    let workload = model.workloads[vm.workload]
    var service = Distribution.deterministic(mean: vm.guest.idleWork)
    var arrivals = ArrivalProcess.poisson(rate: .init(perSecond: vm.guest.idleWakeups * Double(vm.vcpus)))
    var discipline = ServiceDiscipline.processorSharing
    if case .requests(let requests) = workload.shape {
      service = requests.service
      arrivals = requests.arrivals
      discipline = requests.discipline
    }
    let share = vm.load.guestShare(of: workload)
    let job = JobExpectation(
      guest: service.mean * share, native: service.mean, load: vm.load, design: design, utilization: utilization,
      window: model.measured)
    var path = RequestPath(vm: vm, design: design, job: job.time, model: model, neighbours: neighbours)
    path.fixed =
      JobExpectation(
        guest: 0, native: 0, load: vm.load, design: design, utilization: utilization, window: model.measured
      ).time
    if case .requests(let requests) = workload.shape, discipline == .processorSharing, service.mean > 0 {
      path.sharing = (service.variance / (service.mean * service.mean), requests.turn)
    }

    var flow: RequestPath.Flow
    switch arrivals {
    case .poisson(let rate):
      flow = path.open(rate: rate.perSecond, variability: discipline.variability(of: service, arrivals: 1))
    case .deterministic(let rate):
      flow = path.open(
        rate: rate.perSecond, variability: discipline.variability(of: service, arrivals: 0),
        isRegular: true)
    case .closed(let clients, let think):
      flow = path.closed(
        clients: clients, think: Double(think.nanoseconds),
        variation: discipline == .firstComeFirstServed ? service.variance / (service.mean * service.mean) : nil)
    }
    var expectation = VMExpectation()
    expectation.throughput = flow.rate
    expectation.latency = flow.latency
    expectation.isSaturated = flow.isSaturated
    job.book(rate: flow.workRate ?? flow.rate, into: &expectation)
    path.book(flow, into: &expectation)
    if let locks = vm.load.guestLocks {
      expectation.exitSpinning(
        locks, rate: flow.rate, placed: flow.allWakes * (1 - flow.polled), design: design,
        on: model.hosts[vm.host].processors)
    }
    expectation.use = path.use(of: flow, vcpus: expectation.vcpuDemand * 1e-9)
    expectation.steal =
      expectation.use.vcpus.wakes * 1e9 * path.delays.vcpus.wait.mean
      + expectation.vcpuDemand * (path.delays.vcpus.slowdown - 1)
    return expectation
  }
}

extension ServiceDiscipline {
  /// `(c_a² + c_s²)/2`, with `c_s² = 1` under processor sharing, whose mean does not depend on it.
  func variability(of service: Distribution, arrivals: Double) -> Double {
    switch self {
    case .processorSharing: (arrivals + 1) / 2
    case .firstComeFirstServed: (arrivals + service.variance / (service.mean * service.mean)) / 2
    }
  }
}
