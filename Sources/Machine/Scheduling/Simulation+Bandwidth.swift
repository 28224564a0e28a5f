import EventKernel

/// Bandwidth control: the vCPUs of a VM with a cap run for its quota in each period, then wait for the next.
extension Simulation {
  /// Takes off what has run since the last update; a new period begins with a full quota.
  private mutating func consume(vm: Int) {
    bandwidths[vm].left -= bandwidths[vm].running * (now - bandwidths[vm].updated)
    bandwidths[vm].updated = now
    let number = now / bandwidths[vm].period
    if number != bandwidths[vm].number {
      bandwidths[vm].number = number
      bandwidths[vm].left = bandwidths[vm].quota
    }
  }

  /// A vCPU of a VM with a cap got or lost a processor.
  mutating func changeRunning(vm: Int, by difference: Int64) {
    consume(vm: vm)
    bandwidths[vm].running += difference
    plan(vm: vm)
  }

  /// The next change: the quota is used up, or the period ends.
  private mutating func plan(vm: Int) {
    if bandwidths[vm].isPlanned { events.noteStale() }
    bandwidths[vm].generation &+= 1
    bandwidths[vm].isPlanned = bandwidths[vm].running > 0 || bandwidths[vm].isThrottled
    guard bandwidths[vm].isPlanned else { return }
    var time = (bandwidths[vm].number + 1) * bandwidths[vm].period
    let running = bandwidths[vm].running
    if running > 0, !bandwidths[vm].isThrottled {
      time = min(time, now + (max(0, bandwidths[vm].left) + running - 1) / running)
    }
    events.insert(
      Event(
        time: time, kind: EventKind.bandwidth, handle: UInt32(vm), generation: bandwidths[vm].generation))
  }

  /// The quota of a VM is used up, or its period ends.
  mutating func changeBandwidth(vm: Int) {
    bandwidths[vm].isPlanned = false
    consume(vm: vm)
    let range = vms[vm].threads
    if bandwidths[vm].isThrottled, bandwidths[vm].left > 0 {
      bandwidths[vm].isThrottled = false
      for thread in range where shares[thread].isThrottled {
        shares[thread].isThrottled = false
        if !shares[thread].isCoStopped { start(thread: thread) }
      }
    } else if !bandwidths[vm].isThrottled, bandwidths[vm].left <= 0 {
      bandwidths[vm].isThrottled = true
      for thread in range where threads[thread].state != .blocked {
        suspend(thread: thread)
        shares[thread].isThrottled = true
      }
    }
    plan(vm: vm)
  }
}
