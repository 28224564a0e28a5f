import EventKernel
import Virtualization

/// What schedulers charge threads: virtual run time and credit.
extension Simulation {
  /// Credit is given every 30 ms; a boosted vCPU is judged anew after a tick of 10 ms.
  /// [Xen, xen/common/sched/credit.c]
  static let creditPeriod: Int64 = 30_000_000
  static let creditTick: Int64 = 10_000_000
  /// Credit of credit2 at each giving, and the shortest time on a processor. [Xen, xen/common/sched/credit2.c]
  static let credit2Initial = 10_000_000.0
  static let credit2Shortest: Int64 = 500_000
  /// A thread of Xen's schedulers runs at least so long before it is preempted (`ratelimit_us`).
  static let rateLimit: Int64 = 1_000_000

  /// Brings the sum of virtual run times up to date.
  mutating func advanceClock(host: Int) {
    hosts[host].virtualSum += Double(hosts[host].runningThreads) * Double(now - hosts[host].sumTime)
    hosts[host].sumTime = now
  }

  /// The mean virtual run time of the runnable threads by weight.
  mutating func clock(of host: Int) -> Double {
    advanceClock(host: host)
    return hosts[host].weight > 0 ? hosts[host].virtualSum / hosts[host].weight : hosts[host].lastClock
  }

  /// A thread wants to run: it comes with the lag with which it left.
  mutating func join(thread index: Int) {
    let host = Int(threads[index].host)
    switch hosts[host].scheduler {
    case .roundRobin: break
    case .credit: shares[index].isBoosted = shares[index].credit >= 0
    case .credit2: shares[index].virtualTime = max(shares[index].virtualTime, hosts[host].epoch)
    case .fair, .relaxedCoscheduling, .strictCoscheduling, .core:
      let clock = clock(of: host)
      let weight = shares[index].weight
      let all = hosts[host].weight
      // The newcomer shifts the mean; scaled so that its lag is the same afterwards.
      shares[index].virtualTime = clock - (all > 0 ? shares[index].lag * (all + weight) / all : 0)
      shares[index].deadline = shares[index].virtualTime + Double(hosts[host].slice) / weight
      hosts[host].weight += weight
      hosts[host].virtualSum += weight * shares[index].virtualTime
    }
  }

  /// A charged thread does not want to run, or may not.
  mutating func leave(thread index: Int) {
    let host = Int(threads[index].host)
    shares[index].isBoosted = false
    guard hosts[host].isFair else { return }
    let clock = clock(of: host)
    let weight = shares[index].weight
    let limit = 2 * Double(hosts[host].slice) / weight
    shares[index].lag = max(-limit, min(limit, clock - shares[index].virtualTime))
    hosts[host].weight -= weight
    hosts[host].virtualSum -= weight * shares[index].virtualTime
    hosts[host].lastClock = clock
    if hosts[host].weight < 1e-9 {
      hosts[host].weight = 0
      hosts[host].virtualSum = 0
    }
  }

  /// Charges a running thread up to now.
  mutating func charge(thread index: Int) {
    let spent = now - shares[index].charged
    shares[index].charged = now
    guard spent > 0 else { return }
    let host = Int(threads[index].host)
    shares[index].virtualTime += Double(spent) / shares[index].weight
    if hosts[host].hasReservations, threads[index].vcpu >= 0, reservations[Int(threads[index].vm)].quota > 0 {
      boundLead(thread: index)
    }
    guard hosts[host].scheduler == .credit else { return }
    shares[index].credit -= Double(spent)
    if now - threads[index].sliceStart >= Self.creditTick { shares[index].isBoosted = false }
  }

  /// Run time that a thread may have on its processor while others wait, from when it got it.
  mutating func slice(of index: Int) -> Int64 {
    let host = Int(threads[index].host)
    switch hosts[host].scheduler {
    case .roundRobin: return hosts[host].slice
    case .credit: return shares[index].isBoosted ? min(hosts[host].slice, Self.creditTick) : hosts[host].slice
    case .credit2:
      // Until the credit is that of the next thread in the queue.
      let heap = heaps[2 * Int(shares[index].queue)]
      guard heap.count > 0 else { return hosts[host].slice }
      let lead = (shares[Int(heap.base[0])].virtualTime - shares[index].virtualTime) * shares[index].weight
      return max(Self.rateLimit, min(hosts[host].slice, max(Self.credit2Shortest, Int64(max(0, lead)))))
    case .fair, .relaxedCoscheduling, .strictCoscheduling, .core:
      if hosts[host].hasReservations, isReserved(thread: index) { return hosts[host].slice }
      let left = (shares[index].deadline - shares[index].virtualTime) * shares[index].weight
      return max(1000, Int64(left.rounded(.up)))
    }
  }

  /// Credit2 gives all threads credit when the one that comes next has none: threads keep their order, so that only the
  /// point of reference moves.
  mutating func giveCredit2(host: Int, next: Int) {
    while shares[next].virtualTime - hosts[host].epoch >= Self.credit2Initial {
      hosts[host].epoch += Self.credit2Initial
    }
  }

  /// Whether a thread of a host is given credit: it runs, waits, or has a debt.
  private func usesCredit(_ index: Int, of host: Int) -> Bool {
    Int(threads[index].host) == host && (threads[index].state != .blocked || shares[index].credit < 0)
  }

  /// Where a waiting thread stands under credit: by class, and within it by credit.
  ///
  /// In Xen threads of a class take turns. Slices are as long as periods, and without the disturbances of a real host the
  /// turns of several processors fall into step with them, which gives light threads what heavy ones should have.
  func creditKey(of index: Int) -> Double {
    let share = shares[index]
    let rank = share.isBoosted ? 0.0 : share.credit >= 0 ? 1 : 2
    return rank * 1e9 - max(-1e8, min(1e8, share.credit / Double(Self.creditPeriod)))
  }

  /// Divides the credit of a period by weight among threads that have used any, none more than a processor's worth, and
  /// makes up for what all together have come to lack, as Xen does.
  ///
  /// Where nobody waits for the same processors a debt beyond a period is forgiven, and credit beyond a period halved: such
  /// threads count as idle in Xen. Where threads wait neither happens: it would take from one what it gives to another.
  /// Four periods bound the credit of threads that do not ask for their share, or cannot have it on the processors that
  /// they are pinned to.
  mutating func giveCredit(host: Int) {
    events.insert(
      Event(time: now + Self.creditPeriod, kind: EventKind.creditPeriod, handle: UInt32(host), generation: 0))
    var (weight, balance) = (0.0, 0.0)
    for index in threads.indices where Int(threads[index].host) == host {
      if threads[index].state == .running { charge(thread: index) }
      guard usesCredit(index, of: host) else { continue }
      weight += shares[index].weight
      balance += shares[index].credit
    }
    guard weight > 0 else { return }
    let period = Double(Self.creditPeriod)
    let usual = period * Double(hosts[host].processors)
    let all = max(usual, -balance)
    let most = period * all / usual
    var part = all / weight
    while true {
      // What is more than a processor's worth goes to the others.
      var (left, others) = (all, weight)
      for index in threads.indices where usesCredit(index, of: host) && shares[index].weight * part >= most {
        left -= most
        others -= shares[index].weight
      }
      guard others > weight * 1e-9, left > part * others * (1 + 1e-9) else { break }
      part = left / others
    }
    for index in threads.indices where usesCredit(index, of: host) {
      shares[index].credit += min(most, shares[index].weight * part)
      if heaps[2 * Int(shares[index].queue)].count > 0 {
        shares[index].credit = min(4 * period, shares[index].credit)
      } else {
        shares[index].credit = max(-period, shares[index].credit)
        if shares[index].credit > period { shares[index].credit /= 2 }
      }
      guard shares[index].heap >= 0 else { continue }
      let heap = Int(shares[index].heap)
      remove(index)
      shares[index].key = creditKey(of: index)
      push(index, heap: heap)
    }
  }
}
