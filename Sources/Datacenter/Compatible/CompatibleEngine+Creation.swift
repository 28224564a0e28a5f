import Model

extension CompatibleEngine {
  /// Places all VMs, which ask for their full MIPS then, while those already placed ask for nothing.
  func create() throws {
    var memory = model.hostClass.map { model.hostClasses[Int($0)].memory }
    var bandwidth = model.hostClass.map { model.hostClasses[Int($0)].bandwidth }
    var hosts = CandidateHosts(capacity: fleet.hostCount)
    defer { hosts.hosts.deallocate() }
    for host in 0..<fleet.hostCount { hosts.append(host) }
    for vm in 0..<fleet.vmCount {
      let group = model.vmClasses[Int(model.vmClass[vm])]
      fleet.vms[vm].request = fleet.vmKinds[vm].mips
      func hasRoom(_ host: Int) -> Bool {
        fleet.isSuitable(host, for: vm) && memory[host] >= group.memory && bandwidth[host] >= group.bandwidth
      }
      var chosen: Int?
      if model.policies.placement.rule == .powerAware {
        var least = Double.greatestFiniteMagnitude
        for host in 0..<fleet.hostCount where hasRoom(host) {
          let after = (fleet.hosts[host].potential + fleet.vms[vm].request) / fleet.hostKinds[host].total
          guard let power = fleet.power(of: host, at: after) else { continue }
          let increase = power - fleet.presentPower(of: host)
          if increase < least {
            least = increase
            chosen = host
          }
        }
      } else {
        chosen = (0..<fleet.hostCount).first(where: hasRoom)
      }
      guard let chosen else {
        throw FleetError(
          "vm '\(model.vmName(vm))' finds no host with \(fleet.vmKinds[vm].mips) MHz, memory and bandwidth for it",
          location: group.location)
      }
      memory[chosen] -= group.memory
      bandwidth[chosen] -= group.bandwidth
      fleet.place(vm, on: chosen)
      fleet.vms[vm].host = Int32(chosen)
      fleet.vms[vm].lastHost = Int32(chosen)
      // CloudSim's histories begin with the moment of creation, when nothing was asked for.
      fleet.remember(0, of: vm)
    }
    initialHosts = (0..<fleet.vmCount).map { fleet.vms[$0].host }
  }
}
