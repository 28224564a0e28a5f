import EventKernel
import Model
import Virtualization

extension VMExpectation {
  /// The expectation of a VM that serves requests or idle wake-ups.
  ///
  /// - Parameters:
  ///   - vm: the VM.
  ///   - model: where it stands.
  ///   - wire: mean time from the backend's hand-over to the end of transmission, in nanoseconds.
  static func requests(_ vm: VirtualMachine, in model: SimulationModel, wire: Double, utilization: Double = 1)
    -> VMExpectation
  {
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
    let path = RequestPath(vm: vm, design: design, job: job.time, wire: wire)

    var flow: RequestPath.Flow
    switch arrivals {
    case .poisson(let rate):
      flow = path.open(rate: rate.perSecond, variability: discipline.variability(of: service, arrivals: 1))
    case .deterministic(let rate):
      flow = path.open(rate: rate.perSecond, variability: discipline.variability(of: service, arrivals: 0))
    case .closed(let clients, let think):
      flow = path.closed(clients: clients, think: Double(think.nanoseconds))
    }
    var expectation = VMExpectation()
    expectation.throughput = flow.rate
    expectation.latency = flow.latency
    expectation.isSaturated = flow.isSaturated
    job.book(rate: flow.rate, into: &expectation)
    path.book(flow, into: &expectation)
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

/// The way of a request: backend, guest, backend, wire.
struct RequestPath {
  let vm: VirtualMachine
  let design: CompiledDesign
  /// Time that a request holds a vCPU, in nanoseconds.
  let job: Double
  let wire: Double

  /// Rates and shares along the way.
  struct Flow {
    /// Requests per second.
    var rate: Double
    var latency: Double?
    var isSaturated: Bool
    /// Per request: wakings and haltings of a vCPU, interrupts taken by a running one, bells, wakings of the backend.
    var wakes = 0.0
    var halts = 0.0
    var kicks = 0.0
    var bells = 0.0
    var backendWakes = 0.0
  }

  private func stall(_ operation: GuestOperation, _ target: TargetState = .running) -> Double {
    design.cost(of: operation, target: target)?.synchronousMean ?? 0
  }
  private var wakeTime: Double { stall(.interrupt, .halted) + stall(.eoi, .halted) }
  private var kickTime: Double { stall(.interrupt) + stall(.eoi) }
  private var hasBackend: Bool { design.hasNetworkBackend && vm.load.packetsSent + vm.load.packetsReceived > 0 }
  private var sends: Bool { hasBackend && vm.load.packetsSent > 0 }
  private var receives: Bool { hasBackend && vm.load.packetsReceived > 0 }

  private func backend(rate: Double) -> BackendStation {
    BackendStation(
      received: (
        receives ? rate : 0, Double(vm.load.packetsReceived) * (design.cost(of: .netRx)?.asynchronousMean ?? 0)
      ),
      sent: (sends ? rate : 0, Double(vm.load.packetsSent) * (design.cost(of: .netTx)?.asynchronousMean ?? 0)),
      wake: design.cost(of: .doorbell)?.asynchronousMean ?? 0, bell: stall(.doorbell))
  }

  /// Rates for `rate` requests per second that all get through, and the station of the guest at that rate.
  private func flow(rate perSecond: Double, variability: Double) -> (Flow, GuestStation, BackendStation) {
    let rate = perSecond * 1e-9
    let backend = backend(rate: rate)
    let bells = sends ? backend.bellsPerBatch : 0
    var station = GuestStation(
      servers: vm.vcpus, arrivals: rate, job: job, afterwork: bells * stall(.doorbell), wake: wakeTime,
      halt: stall(.halt), variability: variability)
    // Interrupts that meet no halted vCPU are taken by a running one.
    station.afterwork += (1 - station.wakesPerJob) * kickTime
    var flow = Flow(rate: perSecond, latency: nil, isSaturated: !station.isStable || !backend.isStable)
    flow.wakes = station.wakesPerJob
    flow.halts = station.haltsPerJob
    flow.kicks = kickTime > 0 ? 1 - station.wakesPerJob : 0
    flow.bells = bells
    flow.backendWakes = hasBackend ? backend.asleep : 0
    return (flow, station, backend)
  }

  /// Time outside the guest in nanoseconds.
  private func outside(_ flow: Flow, _ backend: BackendStation) -> Double {
    var time = sends || vm.load.packetsSent > 0 ? wire : 0
    if receives { time += backend.delay + backend.received.time }
    if sends { time += flow.bells * stall(.doorbell) + backend.delay + backend.sent.time }
    return time
  }

  /// Requests that arrive at a given rate.
  func open(rate: Double, variability: Double) -> Flow {
    var (flow, station, backend) = flow(rate: rate, variability: variability)
    if flow.isSaturated {
      // Served as fast as the slower of vCPUs and backend can; nobody sleeps.
      let guest = Double(vm.vcpus) / (job + kickTime) * 1e9
      let perRequest = (receives ? backend.received.time : 0) + (sends ? backend.sent.time : 0)
      let limit = perRequest > 0 ? min(guest, 1e9 / perRequest) : guest
      return Flow(rate: min(rate, limit), latency: nil, isSaturated: true, kicks: kickTime > 0 ? 1 : 0)
    }
    flow.latency = station.sojourn.map { $0 + outside(flow, backend) }
    return flow
  }

  /// Requests of a closed population, by fixed point over the rate.
  func closed(clients: Int, think: Double) -> Flow {
    var rate = Double(clients) / (think + job) * 1e9
    var flow = Flow(rate: rate, latency: nil, isSaturated: false)
    for _ in 0..<200 {
      let (next, _, backend) = self.flow(rate: min(rate, 0.999 * Double(vm.vcpus) / job * 1e9), variability: 1)
      flow = next
      let outside = backend.isStable ? self.outside(flow, backend) : 0
      let solved = ClosedStation(
        clients: clients, servers: vm.vcpus,
        job: job + flow.bells * stall(.doorbell) + flow.kicks * kickTime + flow.wakes * wakeTime,
        away: think + outside
      ).solve()
      let found = solved.throughput * 1e9
      flow.wakes = solved.idle
      flow.halts = solved.idle
      flow.kicks = kickTime > 0 ? 1 - solved.idle : 0
      if abs(found - rate) < 1e-9 * found { break }
      rate = (rate + found) / 2
    }
    flow.rate = rate
    flow.isSaturated = false
    flow.latency = rate > 0 ? max(job, Double(clients) / rate * 1e9 - think) : nil
    return flow
  }

  /// Adds the steps that requests cause outside their jobs.
  func book(_ flow: Flow, into expectation: inout VMExpectation) {
    func synchronous(_ operation: GuestOperation, _ target: TargetState = .running) -> [StepCharge] {
      design.cost(of: operation, target: target)?.synchronous ?? []
    }
    func asynchronous(_ operation: GuestOperation) -> [StepCharge] { design.cost(of: operation)?.asynchronous ?? [] }
    expectation.add(.interrupt, synchronous(.interrupt, .halted), rate: flow.rate * flow.wakes)
    expectation.add(.eoi, synchronous(.eoi, .halted), rate: flow.rate * flow.wakes)
    expectation.add(.interrupt, synchronous(.interrupt), rate: flow.rate * flow.kicks)
    expectation.add(.eoi, synchronous(.eoi), rate: flow.rate * flow.kicks)
    expectation.add(.halt, synchronous(.halt), rate: flow.rate * flow.halts)
    guard hasBackend else { return }
    expectation.add(.doorbell, synchronous(.doorbell), rate: flow.rate * flow.bells)
    if sends {
      expectation.add(.doorbell, asynchronous(.doorbell), rate: flow.rate * flow.backendWakes)
      expectation.add(.netTx, asynchronous(.netTx), rate: flow.rate * Double(vm.load.packetsSent))
    }
    if receives {
      expectation.add(.deviceInterrupt, asynchronous(.deviceInterrupt), rate: flow.rate * flow.backendWakes)
      expectation.add(.netRx, asynchronous(.netRx), rate: flow.rate * Double(vm.load.packetsReceived))
    }
  }
}
