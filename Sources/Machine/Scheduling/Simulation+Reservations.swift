import EventKernel

/// A VM's reservation: in each period its vCPUs come before those of others until they have had their part of it.
struct Reservation {
  /// Run time in a period, in nanoseconds; 0 without a reservation.
  var quota: Int64 = 0
  /// What is left of it at `updated`, and vCPUs on processors.
  var left: Int64 = 0
  var updated: Int64 = 0
  var running: Int64 = 0
  var generation: UInt32 = 0
  /// Whether its vCPUs come first.
  var isActive = false
  /// Whether the next event is the end of the reserved time, which may change.
  var isPlanned = false
}

/// Reservations: a guaranteed share as time in a period that comes before what weights decide.
///
/// A VM with more than its weight gives it is ahead of the others' virtual time by at most two slices, so that nobody who
/// comes later is held against its whole lead.
extension Simulation {
  /// Period of reservations in nanoseconds. Assumed: a tenth of the period in which caps hold.
  static let reservationPeriod: Int64 = 10_000_000

  mutating func addReservations() {
    for vm in model.vms {
      var reservation = Reservation()
      if let processors = vm.share.reservation {
        hosts[vm.host].hasReservations = true
        reservation.quota = Int64((processors * Double(Self.reservationPeriod)).rounded())
      }
      _ = reservations.append(reservation)
    }
  }

  mutating func startReservations() {
    for vm in reservations.indices where reservations[vm].quota > 0 { beginReservation(vm: vm) }
  }

  /// Whether a thread comes before those whose turn weights decide.
  func isReserved(thread index: Int) -> Bool {
    threads[index].vcpu >= 0 && reservations[Int(threads[index].vm)].isActive
  }

  /// A period begins.
  mutating func beginReservation(vm: Int) {
    events.insert(
      Event(
        time: now + Self.reservationPeriod, kind: EventKind.reservationPeriod, handle: UInt32(vm), generation: 0))
    reservations[vm].left = reservations[vm].quota
    reservations[vm].updated = now
    setReserved(vm: vm, true)
    planReservation(vm: vm)
  }

  /// A vCPU of a VM with a reservation got or lost a processor.
  mutating func changeReserved(vm: Int, by difference: Int64) {
    reservations[vm].left -= reservations[vm].running * (now - reservations[vm].updated)
    reservations[vm].updated = now
    reservations[vm].running += difference
    planReservation(vm: vm)
  }

  private mutating func planReservation(vm: Int) {
    if reservations[vm].isPlanned { events.noteStale() }
    reservations[vm].generation &+= 1
    reservations[vm].isPlanned = reservations[vm].isActive && reservations[vm].running > 0
    guard reservations[vm].isPlanned else { return }
    let running = reservations[vm].running
    events.insert(
      Event(
        time: now + (max(0, reservations[vm].left) + running - 1) / running, kind: EventKind.reservationEnd,
        handle: UInt32(vm), generation: reservations[vm].generation))
  }

  /// The reserved time of the period is used up.
  mutating func endReservation(vm: Int) {
    reservations[vm].isPlanned = false
    changeReserved(vm: vm, by: 0)
    guard reservations[vm].isActive, reservations[vm].left <= 0 else { return }
    if reservations[vm].isPlanned { events.noteStale() }
    reservations[vm].generation &+= 1
    reservations[vm].isPlanned = false
    setReserved(vm: vm, false)
  }

  /// Lets the vCPUs of a VM come first, or take their turn by weight again.
  private mutating func setReserved(vm: Int, _ isActive: Bool) {
    guard reservations[vm].isActive != isActive else { return }
    reservations[vm].isActive = isActive
    let host = Int(vms[vm].host)
    for thread in vms[vm].threads {
      if shares[thread].heap >= 0 {
        dequeue(thread: thread)
        enqueue(thread: thread)
        if isActive { preempt(for: thread) }
      } else if threads[thread].state == .running, hosts[host].waiting > 0, !isActive {
        // Others may have waited for it.
        scheduleSlice(Int(threads[thread].core), at: now)
      }
    }
  }

  /// Holds the lead of a VM with a reservation over the others' virtual time.
  mutating func boundLead(thread index: Int) {
    let host = Int(threads[index].host)
    let limit = clock(of: host) + 2 * Double(hosts[host].slice) / shares[index].weight
    guard shares[index].virtualTime > limit else { return }
    hosts[host].virtualSum -= shares[index].weight * (shares[index].virtualTime - limit)
    shares[index].virtualTime = limit
    shares[index].deadline = min(shares[index].deadline, limit + Double(hosts[host].slice) / shares[index].weight)
  }
}
