import Model

/// The hosts that a round of placement may choose from, in the order of their numbers.
struct CandidateHosts {
  let hosts: UnsafeMutablePointer<Int32>
  private(set) var count = 0

  init(capacity: Int) { hosts = .allocate(capacity: capacity) }

  mutating func removeAll() { count = 0 }

  /// Adds a host, whose number is above those that are there.
  mutating func append(_ host: Int) {
    hosts[count] = Int32(host)
    count += 1
  }

  mutating func remove(_ host: Int) {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if hosts[middle] < host { low = middle + 1 } else { high = middle }
    }
    guard low < count, hosts[low] == host else { return }
    for index in low + 1..<max(count, low + 1) { hosts[index - 1] = hosts[index] }
    count -= 1
  }
}

extension CompatibleFleet {
  /// A VM with the host that it is to run on.
  struct Move {
    var vm: Int32
    var target: Int32
  }

  /// The candidate where a VM adds the least power; of equals the first.
  ///
  /// What a host draws now is as of its last update, what it would draw counts VMs placed in this round. Empty hosts of one
  /// group are alike, so that only the first of them is looked at.
  func leastPowerIncrease(for vm: Int, among candidates: CandidateHosts, detector: Detector?) -> Int? {
    var best = Double.greatestFiniteMagnitude
    var chosen: Int?
    var seen: UInt64 = 0
    for index in 0..<candidates.count {
      let host = Int(candidates.hosts[index])
      if hosts[host].count == 0, hosts[host].utilization == 0 {
        let bit = UInt64(1) << UInt64(hostKinds[host].group & 63)
        if seen & bit != 0 { continue }
        seen |= bit
      }
      guard isSuitable(host, for: vm) else { continue }
      let after = (hosts[host].potential + vms[vm].request) / hostKinds[host].total
      guard let power = power(of: host, at: after) else { continue }
      let increase = power - presentPower(of: host)
      guard increase < best else { continue }
      if let detector, hosts[host].utilization != 0, isOverloaded(host, with: vm, by: detector) { continue }
      best = increase
      chosen = host
    }
    return chosen
  }

  /// Puts a VM on a host for the time of the round.
  func place(_ vm: Int, on host: Int) {
    append(vm, to: host, incoming: false)
    allocate(host)
  }

  /// Undoes `place`, or takes a VM off its host.
  func displace(_ vm: Int, from host: Int) {
    remove(vm, from: host)
    allocate(host)
  }
}
