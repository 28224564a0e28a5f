import Model

/// VMs that meet others at the devices of their host, and so cost what their neighbours let them.
extension FleetSimulation {
  /// A mix of VMs that some host has or had: the account of each of its classes as they run, then while they are copied.
  struct KnownMix {
    let classes: [Int]
    let accounts: [Int32]
  }

  /// Classes of VMs that use devices of hosts of a class by requests.
  static func meeting(on host: Int, of fleet: FleetModel, model: SimulationModel) -> [Int] {
    fleet.vmClasses.indices.filter { vm in
      let index = vm * fleet.hostClasses.count + host
      guard fleet.loads.indices.contains(index), let load = fleet.loads[index],
        model.workloads[fleet.vmClasses[vm].workload].utilization == nil
      else { return false }
      return load.packetsSent + load.packetsReceived > 0 || load.block.count > 0
    }
  }

  /// Index of the load of a VM on a host, by their classes.
  func pair(vm: Int, host: Int) -> Int {
    Int(fleet.vmClass[vm]) * fleet.hostClasses.count + Int(fleet.hostClass[host])
  }

  /// Index of what a VM costs on a host, beside those that are there or, where none of its class is, by itself.
  func accountIndex(vm: Int, host: Int, isMigrating: Bool) -> Int {
    if !mixOfHost.isEmpty, mixOfHost[host] >= 0 {
      let mix = mixes[Int(mixOfHost[host])]
      if let member = mix.classes.firstIndex(of: Int(fleet.vmClass[vm])) {
        return Int(mix.accounts[isMigrating ? member + mix.classes.count : member])
      }
    }
    return pair(vm: vm, host: host) + (isMigrating ? plainCosts / 2 : 0)
  }

  /// Where the state has costs: those by class, those of VMs that move, those of VMs that take faults, those of mixes.
  var ownCosts: Int { plainCosts + (fleet.policies.consolidation == nil ? 0 : fleet.vmClass.count) }
  private var mixCosts: Int { ownCosts + (reclaims ? fleet.vmClass.count : 0) }

  /// Where the state has the cost of an account.
  func place(ofAccount account: Int) -> Int32 {
    Int32(account < plainCosts ? account : account - plainCosts + mixCosts)
  }

  /// Index of the cost that accounts take for that of a slot.
  func account(ofCost index: Int, vm: Int, on host: Int) -> Int {
    if index < plainCosts { return index }
    if index >= mixCosts { return index - mixCosts + plainCosts }
    if index < ownCosts { return Int(moves[index - plainCosts].account) }
    return accountIndex(vm: vm, host: host, isMigrating: false)
  }

  /// Notes that other VMs are on a host.
  func changeVMs(of host: Int) {
    let number = Int(fleet.hostClass[host])
    guard !meeting[number].isEmpty || (reclaims && fleet.hostClasses[number].memoryRatio > 1) else { return }
    changedHosts.append(Int32(host))
    endInstant()
  }

  /// Finds what the VMs of hosts cost each other whose VMs changed.
  func workOffChangedHosts() {
    guard !changedHosts.isEmpty else { return }
    changedHosts.heapSort(by: <)
    var last: Int32 = -1
    for host in changedHosts where host != last {
      if !meeting[Int(fleet.hostClass[Int(host)])].isEmpty { mix(Int(host)) }
      takeBackMemory(of: Int(host))
      last = host
    }
    changedHosts.removeAll(keepingCapacity: true)
  }

  /// Lets the VMs of a host cost what they do beside each other.
  private func mix(_ host: Int) {
    let place = state.hosts + host
    let number = Int(fleet.hostClass[host])
    let classes = meeting[number]
    var counts = [Int32](repeating: 0, count: classes.count)
    for index in 0..<Int(place.pointee.count) {
      let own = Int(fleet.vmClass[Int(place.pointee.slots[index].vm)])
      if let member = classes.firstIndex(of: own) { counts[member] += 1 }
    }
    // Those who are alone cost what their class does.
    let next = counts.reduce(0, +) > 1 ? known(HostMix(hostClass: number, counts: counts, of: classes)) : -1
    change(host) {
      for index in 0..<Int(place.pointee.count) {
        let slot = place.pointee.slots + index
        guard classes.contains(Int(fleet.vmClass[Int(slot.pointee.vm)])) else { continue }
        account(slot.pointee, of: host)
        slot.pointee.clearAccounts()
      }
      mixOfHost[host] = next
      for index in 0..<Int(place.pointee.count) {
        let slot = place.pointee.slots + index
        let vm = Int(slot.pointee.vm)
        guard classes.contains(Int(fleet.vmClass[vm])) else { continue }
        let cost = Int(slot.pointee.cost)
        if cost >= plainCosts, cost < ownCosts {
          moves[cost - plainCosts].account = Int32(accountIndex(vm: vm, host: host, isMigrating: true))
          state.costs[cost] = rates(of: cost - plainCosts)
        } else if cost >= ownCosts, cost < mixCosts {
          setOwnCost(of: vm, on: host)
        } else {
          slot.pointee.cost = self.place(ofAccount: accountIndex(vm: vm, host: host, isMigrating: false))
        }
      }
    }
  }

  /// The number of a mix, whose costs are found when it is first met.
  private func known(_ mix: HostMix) -> Int32 {
    if let number = numberOfMix[mix] { return number }
    let both = fleet.policies.consolidation == nil ? [false] : [false, true]
    let found = both.map { mix.costs(in: model, isMigrating: $0) }
    // A class without a load has no cost here either.
    guard found.allSatisfy({ $0.count == mix.classes.count }) else { return -1 }
    var accounts: [Int32] = []
    for costs in found {
      for (vmClass, cost) in zip(mix.classes, costs) {
        accounts.append(Int32(self.costs.count))
        self.costs.append(cost)
        work.append(0)
        if reclaims { faultCounts.append(.zero) }
        pairs.append(Int32(vmClass * fleet.hostClasses.count + mix.hostClass))
        let place = Int(place(ofAccount: self.costs.count - 1))
        if place >= costCapacity {
          costCapacity = max(2 * costCapacity, place + 1)
          state.moveCosts(keeping: place, capacity: costCapacity)
        }
        (state.costs + place).initialize(to: cost.rates)
      }
    }
    mixes.append(KnownMix(classes: mix.classes, accounts: accounts))
    numberOfMix[mix] = Int32(mixes.count - 1)
    return Int32(mixes.count - 1)
  }
}
