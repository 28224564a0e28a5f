import EventKernel
import Model
import Quantities
import Virtualization

/// What a VM of one class costs a host of one class, for each MHz of work at the bare host's speed: compiled once.
struct FleetCost {
  /// MHz that the vCPUs take: the slowdown of MODELS section 0.
  var vcpu = 1.0
  /// MHz that backends take on top.
  var backend = 0.0
  /// MHz of the guest's own work, and of it those in which it spins for locks.
  var guest = 1.0
  var spin = 0.0
  /// MHz of virtualization by place.
  var places: [Double] = Place.allCases.map { _ in 0 }
  /// Steps with their operations per second of work, and exits and completed requests per second of work.
  var flows: [VMExpectation.Flow] = []
  var exits = 0.0
  var completed = 0.0
  /// MHz of work that one percent of demand asks for.
  var perPercent = 0.0
  /// MHz that the vCPUs take at most.
  var vcpuCap = 0.0
  /// MHz of work that the devices let through.
  var deviceCap = Double.infinity
  var weight = 1.0
  var reservation = 0.0

  /// Nanoseconds of work in a second that expectations are about.
  private static let work = 1e9

  /// What a VM asks for, and what holds it back, without costs.
  init(vm: Int, host: Int, fleet: FleetModel) {
    let vmClass = fleet.vmClasses[vm]
    let hostClass = fleet.hostClasses[host]
    let speed = vmClass.speed > 0 ? vmClass.speed : hostClass.coreSpeed
    perPercent = vmClass.cpus * speed / 100
    vcpuCap = min(min(Double(vmClass.vcpus), vmClass.cap) * hostClass.coreSpeed, vmClass.limit)
    // Hosts divide their processors among threads, as everywhere.
    weight = vmClass.weight * Double(max(1, vmClass.vcpus))
    reservation = vmClass.reservation
  }

  /// The cost of a class of VMs on a class of hosts, each for itself, while a VM runs there or, with the hypervisor noting
  /// what it writes, while it is copied away.
  init(vm: Int, host: Int, fleet: FleetModel, model: SimulationModel, isMigrating: Bool = false) {
    self.init(vm: vm, host: host, fleet: fleet)
    let index = vm * fleet.hostClasses.count + host
    let loads = isMigrating && !fleet.migratingLoads.isEmpty ? fleet.migratingLoads : fleet.loads
    guard loads.indices.contains(index), let load = loads[index] else { return }
    let workload = model.workloads[fleet.vmClasses[vm].workload]
    guard workload.utilization != nil else {
      let alone = HostMix(hostClass: host, counts: [1], of: [vm]).costs(in: model, isMigrating: isMigrating)
      if let cost = alone.first { self = cost }
      return
    }
    var expectation = VMExpectation()
    JobExpectation(
      guest: load.guestShare(of: workload), native: 1, load: load, design: load.design, window: model.measured
    )
    .book(rate: Self.work, into: &expectation)
    take(expectation)
  }

  /// Takes over what is expected in a second.
  private mutating func take(_ expectation: VMExpectation) {
    vcpu = expectation.vcpuDemand / Self.work
    backend = expectation.backendDemand / Self.work
    guest = expectation.guest / Self.work
    spin = expectation.spin / Self.work
    flows = expectation.flows
    for flow in flows {
      places[Int(flow.charge.place.rawValue)] += flow.rate * flow.charge.mean / Self.work
      exits += flow.rate * Double(flow.charge.exits)
    }
  }

  /// Takes over what is expected of a VM that serves requests: it asks for the same all the time, and all of that is a unit
  /// of work.
  ///
  /// - Parameter share: the part of it that the devices let through.
  mutating func takeRequests(_ expectation: VMExpectation, share: Double, speed: Double) {
    take(expectation)
    perPercent = speed / 100
    completed = expectation.throughput
    deviceCap = share < 1 ? share * speed : .infinity
  }
}

extension FleetCost {
  /// MHz that the vCPUs take at most, where a MHz of work takes so many.
  func cap(vcpu: Double) -> Double { deviceCap.isFinite ? min(vcpuCap, deviceCap * vcpu) : vcpuCap }

  /// What updates read.
  var rates: FleetState.Cost {
    FleetState.Cost(
      vcpu: vcpu, backend: backend, perPercent: perPercent, cap: cap(vcpu: vcpu), weight: weight,
      reservation: reservation)
  }
}
