import EventKernel
import Model

extension FleetSimulation {
  /// Whether a host has no VM and expects none.
  func isEmpty(_ host: Int) -> Bool {
    state.hosts[host].count == 0 && state.hosts[host].incoming == 0 && expected[host] == 0
  }

  /// Keeps the index of empty hosts, and lets hosts that became empty fall asleep at the end of the instant.
  func updateSpare(_ host: Int) {
    guard let policy = fleet.policies.consolidation else { return }
    let empty = isEmpty(host)
    let index = spares[Int(fleet.hostClass[host])]
    if isSpare[host] { index.remove(host) }
    isSpare[host] = empty
    guard empty else { return }
    let group = fleet.hostClasses[Int(fleet.hostClass[host])]
    // Those that are awake first.
    let key = Double(host) + (state.hosts[host].mode == .awake ? 0 : Double(fleet.hostClass.count))
    index.insert(host, key: key, memory: placer.rooms[host].memory, cpu: group.capacity)
    if policy.sleeps, state.hosts[host].mode == .awake {
      emptied.append(Int32(host))
      endInstant()
    }
  }

  /// Lets empty hosts fall asleep.
  func sleepEmptied() {
    for host in emptied where isSpare[Int(host)] && state.hosts[Int(host)].mode == .awake {
      fallAsleep(Int(host))
    }
    emptied.removeAll(keepingCapacity: true)
  }

  private func fallAsleep(_ host: Int) {
    report.shutdowns += 1
    setMode(of: host, .fallingAsleep)
    placer.rest(host, true)
    updateSpare(host)
    let time = fleet.hostClasses[Int(fleet.hostClass[host])].power?.sleepTime.nanoseconds ?? 0
    plan(.slept, at: now + time, handle: host)
  }

  /// The host has fallen asleep; if it was called meanwhile, it wakes up at once.
  func slept(_ host: Int) {
    setMode(of: host, .asleep)
    if !isEmpty(host) { wake(host) }
  }

  /// Wakes a host up; one that falls asleep does so first.
  func wake(_ host: Int) {
    guard state.hosts[host].mode == .asleep else { return }
    report.wakeups += 1
    setMode(of: host, .waking)
    let time = fleet.hostClasses[Int(fleet.hostClass[host])].power?.wakeTime.nanoseconds ?? 0
    plan(.woke, at: now + time, handle: host)
  }

  /// The host is usable: what waited for it begins.
  func woke(_ host: Int) {
    setMode(of: host, .awake)
    placer.rest(host, false)
    ready.removeAll(keepingCapacity: true)
    moves.forEach(to: host) { if moves[$0].phase == .waiting { ready.append($0) } }
    for index in ready.indices.reversed() { beginCopying(ready[index]) }
    if expected[host] > 0 {
      expected[host] = 0
      for index in arriving.indices where arriving[index].host == Int32(host) {
        admit(Int(arriving[index].vm), on: host)
      }
      arriving.removeAll { $0.host == Int32(host) }
    }
    updateSpare(host)
  }

  /// Changes what a host is, its accounts settled.
  private func setMode(of host: Int, _ mode: FleetState.Mode) {
    let place = state.hosts + host
    change(host) {
      bookMode(of: host)
      place.pointee.mode = mode
    }
  }

  /// Books the time in which a host slept, or fell asleep or woke up.
  func bookMode(of host: Int) {
    let span = Double(now - modeSince[host]) * 1e-9
    modeSince[host] = now
    switch state.hosts[host].mode {
    case .awake: awakeTime[host] += span
    case .asleep: report.hostAsleep[host] += span
    case .fallingAsleep, .waking: report.transitionTime += span
    }
  }
}
