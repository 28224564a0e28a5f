/// Hosts that are asked for more CPU than they have, and what works beside the guests lack.
extension FleetState {
  /// Weighted max-min sharing with reservations, as on single hosts: `min(wanted, max(reservation, weight × level))` with
  /// the level at which nothing is left. Works beside the guests share as VMs do, those of the privileged domain as one;
  /// merging has what it asks for.
  ///
  /// - Complexity: O(VMs) for each time that some VMs have enough, or their reservation only, at the level of the rest; few
  ///   times in practice.
  func shareScarce(_ host: UnsafeMutablePointer<Host>) {
    let slots = host.pointee.slots
    let count = Int(host.pointee.count)
    let costs = self.costs
    let works = self.works[Int(host.pointee.group)]
    withUnsafeTemporaryAllocation(of: Scarce.self, capacity: count + works.count + 1) { buffer in
      let claims = buffer.baseAddress!
      var reserved = 0.0
      var weights = 0.0
      for index in 0..<count {
        let cost = costs[Int(slots[index].cost)]
        let wanted = slots[index].rate * (cost.vcpu + cost.backend)
        let floor = min(wanted, cost.reservation)
        claims[index] = Scarce(slot: Int32(index), wanted: wanted, floor: floor, weight: cost.weight)
        reserved += floor
        weights += cost.weight
      }
      var open = count
      var domain = Scarce(slot: Int32(count + works.count), wanted: 0, floor: 0, weight: 0)
      for (index, work) in works.enumerated() {
        let wanted = work.demand(of: host) - (host.pointee.lacks?[index].missing ?? 0)
        guard wanted > 0 else { continue }
        if work.isInDomain {
          domain.wanted += wanted
        } else {
          claims[open] = Scarce(slot: Int32(count + index), wanted: wanted, floor: 0, weight: work.weight(of: host))
          weights += claims[open].weight
          open += 1
        }
      }
      if domain.wanted > 0 {
        let speed = coreSpeeds[Int(host.pointee.group)]
        domain.weight = max(1, min(host.pointee.domain / speed, (domain.wanted / speed).rounded(.up)))
        claims[open] = domain
        weights += domain.weight
        open += 1
      }
      let total = max(0, host.pointee.total - (count > 0 ? host.pointee.merging : 0))
      if reserved > total {
        for index in 0..<count { claims[index].floor *= total / reserved }
      }
      var left = total
      var used = host.pointee.total - total
      func settle(_ claim: Scarce, _ given: Double) {
        used += given
        let factor = claim.wanted > 0 ? given / claim.wanted : 0
        guard claim.slot < Int32(count) else {
          lack(host, works, claim.slot - Int32(count), share: factor)
          return
        }
        let slot = slots + Int(claim.slot)
        slot.pointee.missing = slot.pointee.rate * costs[Int(slot.pointee.cost)].vcpu * (1 - factor)
        slot.pointee.rate *= factor
      }
      while open > 0 {
        let level = left / weights
        // Where reservations add more to even shares than VMs leave of theirs, the level can only fall: those below their
        // reservation have just that. Else it can only rise, and those who want no more than their share have enough.
        var balance = 0.0
        if reserved > 0 {
          for index in 0..<open {
            let even = level * claims[index].weight
            balance += max(claims[index].floor, min(claims[index].wanted, even)) - even
          }
        }
        let falls = balance > 0
        var kept = 0
        weights = 0
        for index in 0..<open {
          let claim = claims[index]
          let even = level * claim.weight
          if falls ? claim.floor > even : claim.wanted <= even {
            let given = falls ? claim.floor : claim.wanted
            left = max(0, left - given)
            settle(claim, given)
          } else {
            claims[kept] = claim
            kept += 1
            weights += claim.weight
          }
        }
        if kept == open {
          for index in 0..<open { settle(claims[index], level * claims[index].weight) }
          open = 0
        } else {
          open = kept
        }
      }
      host.pointee.used = min(used, host.pointee.total)
    }
  }

  /// What a VM of a scarce host, or a work beside the VMs, wants, and what it has at least.
  private struct Scarce {
    var slot: Int32
    var wanted: Double
    var floor: Double
    var weight: Double
  }

  /// Lets a work, or all of the privileged domain, have a share of what it still wants.
  private func lack(_ host: UnsafeMutablePointer<Host>, _ works: [Work], _ number: Int32, share: Double) {
    guard share < 1, let lacks = host.pointee.lacks else { return }
    host.pointee.isLacking = true
    for (index, work) in works.enumerated()
    where number == Int32(index) || (number == Int32(works.count) && work.isInDomain) {
      lacks[index].missing += (work.demand(of: host) - lacks[index].missing) * (1 - share)
    }
  }

  /// Holds works of the privileged domain to what the backends leave of its vCPUs. Returns the MHz that they lack.
  func holdInDomain(_ host: UnsafeMutablePointer<Host>, _ lacks: UnsafeMutablePointer<Lack>) -> Double {
    let works = self.works[Int(host.pointee.group)]
    var asked = 0.0
    for work in works where work.isInDomain { asked += work.demand(of: host) }
    var left = host.pointee.domain
    for index in 0..<Int(host.pointee.count) {
      let slot = host.pointee.slots[index]
      left -= slot.rate * costs[Int(slot.cost)].backend
    }
    guard asked > max(0, left) else { return 0 }
    host.pointee.isLacking = true
    let share = max(0, left) / asked
    for (index, work) in works.enumerated() where work.isInDomain {
      lacks[index].missing = work.demand(of: host) * (1 - share)
    }
    return asked * (1 - share)
  }

  func clearLacks(_ host: UnsafeMutablePointer<Host>, _ lacks: UnsafeMutablePointer<Lack>) {
    host.pointee.isLacking = false
    for index in works[Int(host.pointee.group)].indices { lacks[index].missing = 0 }
  }

  func settleLacks(_ host: UnsafeMutablePointer<Host>, _ span: Double) {
    guard let lacks = host.pointee.lacks else { return }
    for index in works[Int(host.pointee.group)].indices { lacks[index].sum += lacks[index].missing * span }
  }

  /// MHz × seconds that a work had so far, its host having been awake so long.
  func done(by index: Int, of host: UnsafeMutablePointer<Host>, awake: Double) -> Double {
    let work = works[Int(host.pointee.group)][index]
    let asked = work.demand * (work.perVM ? host.pointee.vmSeconds : awake)
    return max(0, asked - (host.pointee.lacks?[index].sum ?? 0))
  }

  /// MHz that works beside the guests have now.
  func beside(_ host: UnsafeMutablePointer<Host>) -> Double {
    var sum = 0.0
    for (index, work) in works[Int(host.pointee.group)].enumerated() {
      sum += work.demand(of: host) - (host.pointee.lacks?[index].missing ?? 0)
    }
    return sum
  }
}
