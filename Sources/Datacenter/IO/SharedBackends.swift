import Model
import Quantities
import Virtualization

/// What other VMs ask of threads, disks and interfaces that a VM shares with them, at their nominal rates.
enum SharedBackends {
  /// Requests per nanosecond that a VM is asked for.
  static func nominalRate(of vm: VirtualMachine, in model: SimulationModel) -> Double {
    guard case .requests(let requests) = model.workloads[vm.workload].shape else { return 0 }
    return requests.nominalRate
  }

  /// Items of other VMs that pass the same vCPU of the privileged domain.
  static func others(
    beside vm: VirtualMachine, in model: SimulationModel
  ) -> (rate: Double, load: Double, secondMoment: Double) {
    var sum = (rate: 0.0, load: 0.0, secondMoment: 0.0)
    guard vm.design.hasPrivilegedDomain else { return sum }
    let count = model.hosts[vm.host].privilegedVCPUs
    let here = model.vms.filter { $0.host == vm.host }
    guard let own = here.firstIndex(where: { $0.stream == vm.stream }) else { return sum }
    for (position, other) in here.enumerated() where position != own && position % count == own % count {
      let rate = nominalRate(of: other, in: model)
      func add(_ rate: Double, _ time: Double) {
        guard time > 0 else { return }
        sum.rate += rate
        sum.load += rate * time
        sum.secondMoment += rate * time * time
      }
      func time(_ operation: GuestOperation) -> Double { other.design.cost(of: operation)?.asynchronousMean ?? 0 }
      add(rate, Double(other.load.packetsReceived) * time(.netRx))
      add(rate, Double(other.load.packetsSent) * time(.netTx))
      add(rate * other.load.block.reads, time(.blockRead))
      add(rate * other.load.block.writes, time(.blockWrite))
      add(rate * other.load.block.count, time(.blockCompletion))
    }
    return sum
  }

  /// Block requests per nanosecond of other VMs on the same disk.
  static func diskRates(beside vm: VirtualMachine, in model: SimulationModel) -> (reads: Double, writes: Double) {
    var sum = (reads: 0.0, writes: 0.0)
    for other in model.vms where other.io.disk == vm.io.disk && other.stream != vm.stream {
      let rate = nominalRate(of: other, in: model)
      sum.reads += rate * other.load.block.reads
      sum.writes += rate * other.load.block.writes
    }
    return sum
  }

  /// Batches per nanosecond that come through what interrupts for a VM: its interface, or its function of one.
  static func packetRate(of vm: VirtualMachine, in model: SimulationModel, own: Double) -> Double {
    vm.io.hasOwnInterrupts
      ? own
      : model.vms.reduce(own) { sum, other in
        other.nic == vm.nic && other.stream != vm.stream && other.load.packetsReceived > 0
          ? sum + nominalRate(of: other, in: model) : sum
      }
  }
}
