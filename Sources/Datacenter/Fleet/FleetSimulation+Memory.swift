import EventKernel
import Model
import Virtualization

/// Memory that hosts promised more than once: what they take back, and what that costs their VMs.
///
/// Whenever the VMs of a host change, the host takes back what it lacks (merging, balloons, swap: MODELS section 14), and
/// the faults that follow slow its VMs: their steps take CPU time, and a vCPU that waits for a device runs nothing.
extension FleetSimulation {
  /// What a host takes back.
  struct Reclaimed {
    /// Bytes.
    var merged = 0.0
    var ballooned = 0.0
    var swapped = 0.0
    /// Since when, in nanoseconds.
    var since: Int64 = 0
  }

  /// What the faults of a VM depend on.
  struct FaultKey: Hashable {
    let classes: Int
    let guestResident: Int64
    let hostResident: Int64
  }

  /// MHz that merging takes of a host that runs VMs.
  func merging(ofClass number: Int) -> Double {
    let group = fleet.hostClasses[number]
    let each = scans[number].reduce(0) { $0 + $1.mean } * 1e-9
    return min(group.capacity, group.scannedPages * each * group.coreSpeed)
  }

  /// Takes memory back on a host whose VMs changed.
  ///
  /// - Complexity: O(its VMs) and a model of faults for each size that was not met before.
  func takeBackMemory(of host: Int) {
    guard reclaims, fleet.hostClasses[Int(fleet.hostClass[host])].memoryRatio > 1 else { return }
    let place = state.hosts + host
    let number = Int(fleet.hostClass[host])
    let group = fleet.hostClasses[number]
    let count = Int(place.pointee.count)
    var guests = (0..<count).map { guest(Int(place.pointee.slots[$0].vm), on: number) }
    // What is copied to the host fills its memory too.
    if place.pointee.incoming > 0 {
      moves.forEach(to: host) { index in
        if moves[index].phase != .waiting { guests.append(guest(Int(moves[index].vm), on: number)) }
      }
    }
    let reclaim = MemoryReclaim(guests: guests, capacity: Double(group.memory), scannedPages: group.scannedPages)
    noteReclaimed(host, Reclaimed(merged: reclaim.merged, ballooned: reclaim.ballooned, swapped: reclaim.swapped))
    var isChanged = false
    var found: [SIMD8<Double>] = []
    for index in 0..<count {
      let vm = Int(place.pointee.slots[index].vm)
      let own = self.faults(
        of: vm, on: host, resident: reclaim.guestResident[index], hostResident: reclaim.hostResident[index],
        breaks: reclaim.mergeBreaks[index])
      isChanged = isChanged || own != faults[vm]
      found.append(own)
    }
    guard isChanged else { return }
    change(host) {
      for index in 0..<count {
        let slot = place.pointee.slots + index
        let vm = Int(slot.pointee.vm)
        account(slot.pointee, of: host)
        slot.pointee.clearAccounts()
        faults[vm] = found[index]
        let cost = Int(slot.pointee.cost)
        if cost >= plainCosts, cost < ownCosts {
          state.costs[cost] = rates(of: cost - plainCosts)
        } else {
          slot.pointee.cost = Int32(ownCosts + vm)
          setOwnCost(of: vm, on: host)
        }
      }
    }
  }

  private func guest(_ vm: Int, on number: Int) -> MemoryReclaim.Guest {
    let group = fleet.vmClasses[Int(fleet.vmClass[vm])]
    var guest = MemoryReclaim.Guest(
      size: Double(group.memory), overhead: kept[Int(fleet.vmClass[vm])][number], image: group.image,
      sharedShare: group.sharedShare, balloonTarget: Double(group.balloonTarget ?? group.memory))
    let busy = fleet.swapping[Int(fleet.vmClass[vm]) * fleet.hostClasses.count + number]?.busy ?? 0
    if guest.sharedPages > 0 { guest.writesPerPage = group.imageWrites * busy / guest.sharedPages }
    return guest
  }

  private func faults(
    of vm: Int, on host: Int, resident: Double, hostResident: Double, breaks: Double
  ) -> SIMD8<Double> {
    let size = Double(fleet.vmClasses[Int(fleet.vmClass[vm])].memory)
    let classes = pair(vm: vm, host: host)
    guard let load = fleet.swapping[classes] else { return .zero }
    let broken = breaks > 0 ? load.rates(breaks: breaks) : .zero
    guard hostResident < size else { return broken }
    // Faults are counted in pages of 4 KiB.
    let key = FaultKey(
      classes: classes, guestResident: Int64(resident / BasePage.size),
      hostResident: Int64(hostResident / BasePage.size))
    if let known = knownFaults[key] { return known + broken }
    if knownFaults.count >= 1 << 20 { knownFaults.removeAll(keepingCapacity: true) }
    let found = load.rates(size: size, resident: resident, hostResident: hostResident)
    knownFaults[key] = found
    return found + broken
  }

  private func swapping(_ account: Int) -> SwappingLoad? {
    fleet.swapping[Int(pairs[account])]
  }

  /// Has a VM that takes faults cost what it does with them beside its neighbours of now.
  func setOwnCost(of vm: Int, on host: Int) {
    let plain = accountIndex(vm: vm, host: host, isMigrating: false)
    state.costs[ownCosts + vm] = withFaults(costs[plain].rates, vm: vm, account: plain, on: host)
  }

  /// What a VM costs with the faults that it has now.
  func withFaults(_ plain: FleetState.Cost, vm: Int, account: Int, on host: Int) -> FleetState.Cost {
    guard reclaims, faults[vm] != .zero, let load = swapping(account) else { return plain }
    var rates = plain
    var wait = 0.0
    for (index, cost) in load.costs.enumerated() {
      guard let fault = cost else { continue }
      let rate = faults[vm][index]
      rates.vcpu += rate * fault.synchronousMean * 1e-9
      rates.backend += rate * fault.asynchronousMean * 1e-9
      wait += rate * fault.waitMean * 1e-9
    }
    let group = fleet.vmClasses[Int(fleet.vmClass[vm])]
    rates.cap = min(
      costs[account].cap(vcpu: rates.vcpu), Double(group.vcpus) * speed(of: host) * rates.vcpu / (rates.vcpu + wait))
    return rates
  }

  /// Books the faults of work that was done.
  func bookFaults(_ vm: Int, on host: Int, account: Int, seconds: Double) {
    guard faults[vm] != .zero, let load = swapping(account) else { return }
    let counts = faults[vm] * seconds
    faultCounts[account] += counts
    for (index, cost) in load.costs.enumerated() where counts[index] > 0 {
      guard let fault = cost else { continue }
      let count = counts[index]
      report.vmStall[vm] += count * fault.synchronousMean * 1e-9
      report.vmBackend[vm] += count * fault.asynchronousMean * 1e-9
      for charge in fault.synchronous + fault.asynchronous {
        report.hostVirtualization[Int(charge.place.rawValue)][host] += count * charge.mean * 1e-9
        report.vmExits[vm] += count * Double(charge.exits)
      }
    }
  }

  private func noteReclaimed(_ host: Int, _ next: Reclaimed) {
    let last = reclaimed[host]
    let span = Double(now - last.since) * 1e-9
    report.mergedMemory += last.merged * span
    report.balloonedMemory += last.ballooned * span
    report.swappedMemory += last.swapped * span
    reclaimed[host] = next
    reclaimed[host].since = now
  }

  /// Books what a host did for its memory up to the end.
  func finishMemory(of host: Int) {
    if reclaims { noteReclaimed(host, Reclaimed()) }
    let number = Int(fleet.hostClass[host])
    for charge in scans[number] {
      report.hostVirtualization[Int(charge.place.rawValue)][host] +=
        state.hosts[host].active * fleet.hostClasses[number].scannedPages * charge.mean * 1e-9
    }
  }

  /// Steps of faults, and of merging, which is told of the first class of VMs.
  var memorySteps: [FleetReport.Step] {
    var steps: [FleetReport.Step] = []
    let hostClasses = fleet.hostClasses.count
    for (index, counts) in faultCounts.enumerated() {
      let pair = Int(pairs[index])
      guard let load = fleet.swapping[pair] else { continue }
      for (number, operation) in SwappingLoad.operations.enumerated() where counts[number] > 0 {
        let fault = load.costs[number]
        for charge in (fault?.synchronous ?? []) + (fault?.asynchronous ?? []) {
          steps.append(
            FleetReport.Step(
              hostClass: pair % hostClasses, vmClass: fleet.vmClasses[pair / hostClasses].group, operation: operation,
              charge: charge, operations: counts[number]))
        }
      }
    }
    for (number, charges) in scans.enumerated() where !charges.isEmpty {
      let active = fleet.hostClass.indices.reduce(0.0) {
        fleet.hostClass[$1] == Int32(number) ? $0 + state.hosts[$1].active : $0
      }
      guard active > 0 else { continue }
      for charge in charges {
        steps.append(
          FleetReport.Step(
            hostClass: number, vmClass: 0, operation: .memoryScan, charge: charge,
            operations: active * fleet.hostClasses[number].scannedPages))
      }
    }
    return steps
  }
}
