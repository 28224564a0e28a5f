import Model
import Virtualization

extension MemoryCourse {
  /// A balloon's driver and what it costs, batch after batch.
  struct Balloon {
    let pages: Double
    let isInflating: Bool
    /// Operations of a batch.
    let operations: [(GuestOperation, Double)]
    /// Time of a batch in nanoseconds, and of it on a vCPU.
    let time: Double
    let busy: Double
    /// Whether a vCPU is always idle.
    let hasIdle: Bool
    /// Interrupts of a batch that the driver sleeps for, by whether they wake a vCPU: none where the hypervisor takes its
    /// pages within a call and nothing holds the driver up.
    let wakes: Double
    let kicks: Double

    /// Pages per nanosecond.
    var rate: Double { pages / time }

    init(_ member: Member, _ vm: VirtualMachine, swappedShare: Double, hasIdle: Bool) {
      self.hasIdle = hasIdle
      pages = member.plan.batch
      let design = vm.design
      isInflating = member.target > member.residence.balloon
      var operations: [(GuestOperation, Double)] = [
        (isInflating ? .balloonPage : .balloonReturn, pages), (.balloonBatch, 1),
      ]
      var writing = 0.0
      if isInflating {
        var residence = member.residence
        let before = residence
        let (dropped, evicted) = residence.inflate(pages)
        let double =
          evicted
          * DoublePaging.probability(
            swapped: swappedShare * before.backed, of: before.resident + before.cached,
            inactive: before.inactiveShare)
        operations += [(.pageReclaim, dropped), (.guestSwapOut, evicted), (.doublePaging, double)].filter { $0.1 > 0 }
        writing = member.plan.writing(evicted)
      }
      let load = min(1, member.busy / Double(max(1, vm.vcpus)))
      var all = 1.0
      for _ in 0..<vm.vcpus { all *= load }
      func mean(_ target: TargetState) -> Double {
        [GuestOperation.interrupt, .eoi].reduce(0) {
          $0 + (design.cost(of: $1, target: target)?.synchronousMean ?? 0)
        }
      }
      let inGuest = operations.reduce(0) { $0 + $1.1 * (design.cost(of: $1.0)?.synchronousMean ?? 0) }
      let byHost = operations.reduce(0) { $0 + $1.1 * (design.cost(of: $1.0)?.asynchronousMean ?? 0) }
      let elsewhere = operations.reduce(byHost) { $0 + $1.1 * (design.cost(of: $1.0)?.waitMean ?? 0) }
      let least = pages * member.plan.timePerPage
      let ticks = vm.load.perRunningSecond.reduce(0) {
        let cost = design.cost(of: $1.operation)
        return $0 + $1.rate * ((cost?.synchronousMean ?? 0) + (cost?.nativeMean ?? 0)) * 1e-9
      }
      let sleeps = byHost > 0 || writing > 0 || least > inGuest / (1 - ticks) ? 1.0 : 0
      wakes = sleeps * (hasIdle ? 1 : 1 - all)
      kicks = sleeps - wakes
      let interrupt = wakes * mean(.halted) + kicks * mean(.running)
      let halt = wakes * (design.cost(of: .halt)?.synchronousMean ?? 0)
      time = max(1, least, inGuest / (1 - ticks) + elsewhere + interrupt + writing)
      busy = inGuest / (1 - ticks) + interrupt + halt
      self.operations = operations
    }

    /// Adds what the driver does to a VM that otherwise does what is expected. Its work comes before the VM's own.
    ///
    /// - Parameter batches: batches a nanosecond.
    func add(to expectation: inout VMExpectation, vm: VirtualMachine, batches: Double) {
      let rate = 1e9 * batches
      let free = hasIdle ? 1 : max(0, 1 - busy * batches / Double(max(1, vm.vcpus)))
      if expectation.isSaturated {
        expectation.throughput *= free
        expectation.guest *= free
        expectation.waiting *= free
        expectation.utilization *= free
        for index in expectation.flows.indices { expectation.flows[index].rate *= free }
      } else if free > 0 {
        expectation.latency = expectation.latency.map { $0 / free }
      }
      func add(_ operation: GuestOperation, _ charges: [StepCharge], _ count: Double) {
        expectation.add(operation, charges, rate: rate * count)
      }
      for (operation, count) in operations {
        guard let cost = vm.design.cost(of: operation) else { continue }
        add(operation, cost.synchronous + cost.asynchronous, count)
        expectation.waiting += rate * count * cost.waitMean
      }
      for (target, share) in [(TargetState.halted, wakes), (.running, kicks)] {
        for operation in [GuestOperation.interrupt, .eoi] {
          add(operation, vm.design.cost(of: operation, target: target)?.synchronous ?? [], share)
        }
      }
      add(.halt, vm.design.cost(of: .halt)?.synchronous ?? [], wakes)
      for entry in vm.load.perRunningSecond {
        add(entry.operation, vm.design.cost(of: entry.operation)?.synchronous ?? [], entry.rate * busy * 1e-9)
        expectation.guest += rate * entry.rate * busy * 1e-9 * (vm.design.cost(of: entry.operation)?.nativeMean ?? 0)
      }
    }
  }
}
