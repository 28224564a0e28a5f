import Quantities
import Virtualization

/// Reservations of processors.
extension ModelAssembly {
  /// Why a scheduler knows no reservations; nil for those that do: ESXi's, and Hyper-V's, whose virtual processors have a
  /// reserve.
  private static func reasonWithoutReservations(_ scheduler: SchedulerKind) -> String? {
    switch scheduler {
    case .relaxedCoscheduling, .core: nil
    case .fair: "control groups of Linux have weights and caps alone"
    case .credit, .credit2: "Xen's has weights and caps alone"
    case .strictCoscheduling: "the minimum of ESX 2 is not simulated"
    case .roundRobin: "all threads are alike"
    }
  }

  /// Faults a reservation that the host's scheduler does not know, or that host or VM cannot keep.
  mutating func checkReservation(of group: VMGroup, name: String, slot: Int) {
    guard let reservation = group.fleet.reservation else { return }
    let host = hosts[slot]
    let hostGroup = scenario.hosts[slots[slot].group]
    if let reason = Self.reasonWithoutReservations(host.processors.scheduler) {
      fault(
        group.location,
        "vm '\(name)' has a reservation, but scheduler '\(host.processors.scheduler.rawValue)' of design "
          + "'\(host.design.choice.label)' has none: \(reason); expected \(SchedulerKind.relaxedCoscheduling.rawValue), "
          + "\(SchedulerKind.core.rawValue), or a fleet")
      return
    }
    let processors = Double(reservation.hertz) / Double(hostGroup.cpu.frequency.hertz)
    if processors > Double(group.vcpus) * (1 + 1e-12) {
      fault(
        group.location,
        "vm '\(name)' reserves \(reservation), but its vCPUs do no more than "
          + "\(Frequency(hertz: hostGroup.cpu.frequency.hertz * Int64(group.vcpus)))")
    } else if slots[slot].reserved + processors > host.processors.capacity * (1 + 1e-12) {
      fault(
        group.location,
        "vm '\(name)' reserves \(reservation), but host '\(host.name)' has less left beside the reservations of others")
    }
    if let cap = group.share.cap, cap < processors {
      fault(group.location, "vm '\(name)' reserves more than its cap lets it have")
    }
  }
}
