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
  /// MHz of the guest's own work.
  var guest = 1.0
  /// MHz of virtualization by place.
  var places: [Double] = Place.allCases.map { _ in 0 }
  /// Steps with their operations per second of work, and exits and completed requests per second of work.
  var flows: [VMExpectation.Flow] = []
  var exits = 0.0
  var completed = 0.0
  /// MHz of work that one percent of demand asks for.
  var perPercent = 0.0
  /// MHz that the vCPUs take at most.
  var cap = 0.0
  var weight = 1.0
  var reservation = 0.0

  /// The cost of a class of VMs on a class of hosts, while a VM runs there or, with the hypervisor noting what it writes,
  /// while it is copied away.
  init(vm: Int, host: Int, fleet: FleetModel, model: SimulationModel, isMigrating: Bool = false) {
    let vmClass = fleet.vmClasses[vm]
    let hostClass = fleet.hostClasses[host]
    let speed = vmClass.speed > 0 ? vmClass.speed : hostClass.coreSpeed
    perPercent = vmClass.cpus * speed / 100
    cap = min(min(Double(vmClass.vcpus), vmClass.cap) * hostClass.coreSpeed, vmClass.limit)
    // Hosts divide their processors among threads, as everywhere.
    weight = vmClass.weight * Double(max(1, vmClass.vcpus))
    reservation = vmClass.reservation
    let index = vm * fleet.hostClasses.count + host
    let loads = isMigrating && !fleet.migratingLoads.isEmpty ? fleet.migratingLoads : fleet.loads
    guard loads.indices.contains(index), let load = loads[index] else { return }
    let workload = model.workloads[vmClass.workload]
    let design = load.design
    var expectation = VMExpectation()
    // Nanoseconds of work in a second that the expectation is about.
    let work = 1e9
    if workload.utilization != nil {
      JobExpectation(
        guest: load.guestShare(of: workload), native: 1, load: load, design: design, window: model.measured
      )
      .book(rate: work, into: &expectation)
    } else {
      let machine = VirtualMachine(representing: vmClass, on: hostClass, guest: fleet.guests[vm], load: load)
      expectation = .requests(machine, in: model, beside: SharedBackends(model: model))
      // Requests ask for the same all the time; a unit of work is all that they ask for.
      perPercent = hostClass.coreSpeed / 100
      completed = expectation.throughput
    }
    vcpu = expectation.vcpuDemand / work
    backend = expectation.backendDemand / work
    guest = expectation.guest / work
    flows = expectation.flows
    for flow in flows {
      places[Int(flow.charge.place.rawValue)] += flow.rate * flow.charge.mean / work
      exits += flow.rate * Double(flow.charge.exits)
    }
  }
}

extension FleetCost {
  /// What updates read.
  var rates: FleetState.Cost {
    FleetState.Cost(
      vcpu: vcpu, backend: backend, perPercent: perPercent, cap: cap, weight: weight, reservation: reservation)
  }
}

/// Demand that VMs follow: side by side by sample, or, where VMs have life times, each at its own place in its series.
struct FleetDemand {
  let set: TraceSet
  /// Nil where VMs have life times.
  let matrix: DemandMatrix?
  var interval: Int64 { return self.set.interval.nanoseconds }

  init(_ set: TraceSet) {
    self.set = set
    let lives = (0..<set.count).contains { set.entities[$0].start > 0 || set.entities[$0].end != TraceSet.forever }
    matrix = lives ? nil : DemandMatrix(set)
  }
}

/// Demand of all series at each sample: a row for each sample, so that one moment of many VMs lies together.
final class DemandMatrix {
  let interval: Int64
  let width: Int
  let rows: Int
  private let values: UnsafeMutablePointer<Float>

  /// Lays out series; shorter ones are repeated up to the longest, but those that end hold their last sample.
  init(_ set: TraceSet) {
    interval = set.interval.nanoseconds
    width = set.count
    rows = max(1, (0..<set.count).map { set.sampleRange(of: $0).count }.max() ?? 1)
    values = .allocate(capacity: max(1, width * rows))
    for series in 0..<width {
      let samples = set.samples(of: series)
      let ends = set.entities[series].end != TraceSet.forever
      for row in 0..<rows {
        let sample = ends ? min(row, samples.count - 1) : row % max(1, samples.count)
        values[row * width + series] = samples.isEmpty ? 0 : samples[sample]
      }
    }
  }

  deinit { values.deallocate() }

  /// The samples that hold from `time` on; after the last row the first follows.
  func row(at time: Int64) -> UnsafePointer<Float> {
    UnsafePointer(values + Int(time / interval) % rows * width)
  }
}
