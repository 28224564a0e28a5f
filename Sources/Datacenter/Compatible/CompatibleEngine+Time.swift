import Model

/// The passing of time: demand, shares, energy.
extension CompatibleEngine {
  /// Advances all hosts, adds up energy, and ends VMs that ask for nothing.
  func updateAll() {
    let sampled = (now - Self.creationTime).truncatingRemainder(dividingBy: fleet.interval) == 0
    let clock = SampleClock(time: now, interval: sampleInterval, isSampled: sampled)
    for host in 0..<fleet.hostCount { fleet.update(host, at: clock) }
    let span = now - last
    if span > 0 {
      var frame = 0.0
      for host in 0..<fleet.hostCount {
        let used = energyUsed(by: host, in: span)
        energy[host] += used
        frame += used
      }
      total += frame
    }
    if model.policies.endsIdleVMs { endIdleVMs() }
    last = now
  }

  /// Joules of a host since the last update: power changes evenly from then to now; nothing when nothing ran then.
  private func energyUsed(by host: Int, in span: Double) -> Double {
    if fleet.corrections.energy { return heldEnergy(of: host, in: span) }
    if !model.policies.isPowerAware {
      // From the first tick on, all hosts draw what they draw at full load; the time before VMs exist does not count.
      return (fleet.power(of: host, at: 1) ?? 0) * (last == 0 ? span - Self.creationTime : span)
    }
    let before = fleet.utilization(fleet.hosts[host].previousUtilization, of: host)
    guard before != 0 else { return fleet.corrections.emptyHosts ? (fleet.power(of: host, at: 0) ?? 0) * span : 0 }
    let from = fleet.power(of: host, at: before) ?? 0
    let to = fleet.hosts[host].power
    return (from + (to - from) / 2) * span
  }

  /// Joules of a host since the last update at the power of that; before the first update, at that of the first.
  private func heldEnergy(of host: Int, in span: Double) -> Double {
    let span = last == 0 ? span - Self.creationTime : span
    guard model.policies.isPowerAware else { return (fleet.power(of: host, at: 1) ?? 0) * span }
    let held = last == 0 ? fleet.hosts[host].utilization : fleet.hosts[host].previousUtilization
    let utilization = fleet.utilization(held, of: host)
    guard utilization != 0 || fleet.corrections.emptyHosts else { return 0 }
    return (fleet.power(of: host, at: utilization) ?? 0) * span
  }

  /// The time from the last update to the end.
  func finishEnergy() {
    guard fleet.corrections.energy, limit > last, last > 0 else { return }
    for host in 0..<fleet.hostCount {
      let utilization = fleet.utilization(fleet.hosts[host].utilization, of: host)
      let isOff = model.policies.isPowerAware && utilization == 0 && !fleet.corrections.emptyHosts
      let watts = fleet.power(of: host, at: model.policies.isPowerAware ? utilization : 1) ?? 0
      let used = isOff ? 0 : watts * (limit - last)
      energy[host] += used
      total += used
    }
  }

  private func endIdleVMs() {
    for host in 0..<fleet.hostCount {
      var index = 0
      while index < Int(fleet.hosts[host].count) {
        let vm = Int(fleet.hosts[host].slots[index].vm)
        if !fleet.vms[vm].isMigrating, fleet.vms[vm].request == 0 {
          fleet.displace(vm, from: host)
          fleet.vms[vm].isAlive = false
          fleet.vms[vm].host = -1
          endedVMs += 1
        } else {
          index += 1
        }
      }
    }
  }
}
