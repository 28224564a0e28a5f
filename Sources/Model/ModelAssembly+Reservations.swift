import Quantities
import Virtualization

/// Reservations of processors.
extension ModelAssembly {
  /// Schedulers that know reservations: ESXi's. Control groups of Linux and Xen's schedulers have weights and caps only;
  /// those of Hyper-V are not simulated.
  private static let reserving: Set<SchedulerKind> = [.relaxedCoscheduling]

  /// Faults a reservation that the host's scheduler does not know, or that host or VM cannot keep.
  mutating func checkReservation(of group: VMGroup, name: String, slot: Int) {
    guard let reservation = group.fleet.reservation else { return }
    let host = hosts[slot]
    let hostGroup = scenario.hosts[slots[slot].group]
    guard Self.reserving.contains(host.processors.scheduler) else {
      fault(
        group.location,
        "vm '\(name)' has a reservation, but scheduler '\(host.processors.scheduler.rawValue)' of design "
          + "'\(host.design.choice.label)' has none; expected \(SchedulerKind.relaxedCoscheduling.rawValue), or a fleet"
      )
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
