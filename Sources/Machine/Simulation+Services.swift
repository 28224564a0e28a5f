import EventKernel
import Model
import Virtualization

/// Services of the host: threads that work periodically and compete for its cores. Their time is booked with the first VM
/// of the host, at the place of the step.
extension Simulation {
  /// Time between two turns of the page scanner in nanoseconds.
  ///
  /// Linux's `/sys/kernel/mm/ksm/sleep_millisecs` is 20 by default.
  static let scanPeriod: Int64 = 20_000_000

  mutating func addServices() {
    for (host, description) in model.hosts.enumerated() where description.scannedPages > 0 {
      guard let vm = model.vms.firstIndex(where: { $0.host == host }),
        let cost = model.vms[vm].design.cost(of: .memoryScan), !cost.asynchronous.isEmpty
      else { continue }
      var thread = Thread(host: Int32(host), vm: Int32(vm), role: .service)
      let first = ledger.open(vm: vm, operation: .memoryScan, charges: cost.asynchronous)
      thread.group = LeafGroup(
        first: Int32(first), count: Int32(cost.asynchronous.count),
        mean: cost.asynchronous.reduce(0) { $0 + $1.draw.mean })
      thread.groupOperations = Int64(description.scannedPages * Double(Self.scanPeriod) * 1e-9)
      _ = threads.append(thread)
    }
  }

  mutating func startServices() {
    for thread in threads.indices where threads[thread].role == .service { schedulePeriod(service: thread) }
  }

  private func schedulePeriod(service thread: Int) {
    events.insert(
      Event(
        time: now + Self.scanPeriod, kind: EventKind.servicePeriod, handle: UInt32(thread), generation: 0))
  }

  /// Wakes a service for its next turn; one that is still at the last one skips it.
  mutating func beginPeriod(service thread: Int) {
    schedulePeriod(service: thread)
    guard threads[thread].state == .blocked, threads[thread].groupOperations > 0 else { return }
    threads[thread].activity = .woken
    wake(thread: thread)
  }

  mutating func decideService(thread index: Int) {
    guard threads[index].activity == .woken else {
      block(thread: index)
      return
    }
    begin(.service, group: threads[index].group, operations: threads[index].groupOperations, thread: index)
  }
}
