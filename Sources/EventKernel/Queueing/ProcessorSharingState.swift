/// The inside of a processor-sharing station.
///
/// In every unit of time the servers add min(n, c) units of work to a pool; as long as the pool holds n units, each of
/// the n jobs takes one. The virtual time counts the units that a job got which was there all along, so a job ends when
/// it has advanced by the job's work. What is left in the pool is less than a unit a job, and stays for the jobs that
/// are there next: no work is lost or invented.
struct ProcessorSharingState {
  private(set) var servers: Int
  var account: StationAccount
  var output = StationOutput()
  private var jobs = JobHeap()
  /// Wraps around.
  private var virtualTime: Int64 = 0
  /// Work served that no job got yet, below the number of jobs.
  private(set) var pool: Int64 = 0

  init(servers: Int, start: Int64) {
    self.servers = servers
    account = StationAccount(start: start)
  }

  mutating func deallocate() {
    output.deallocate()
    jobs.deallocate()
  }

  var number: Int { jobs.count }

  /// Work units a unit of time.
  private var rate: Int64 { Int64(min(jobs.count, servers)) }

  var nextTime: Int64 {
    jobs.count > 0 && servers > 0 ? FineInstant.ceiling(nextEnd(rate: rate)) : .max
  }

  mutating func advance(to instant: Int128) {
    guard instant > account.now else { return }
    while jobs.count > 0, servers > 0 {
      let rate = rate
      let end = nextEnd(rate: rate)
      if end > instant { break }
      pool = Int64(available(at: end, rate: rate) &- toFirstEnd)
      take(jobs.firstEnd &- virtualTime)
      account.pass(until: end, number: jobs.count)
      removeEnded()
      share()
    }
    if jobs.count > 0, servers > 0 {
      let available = available(at: instant, rate: rate)
      // Most divisions fit in one instruction; it gives the same.
      if let available = Int64(exactly: available) {
        let (share, left) = available.quotientAndRemainder(dividingBy: Int64(jobs.count))
        take(share)
        pool = left
      } else {
        let (share, left) = available.quotientAndRemainder(dividingBy: Int128(jobs.count))
        take(Int64(share))
        pool = Int64(left)
      }
    }
    account.pass(until: instant, number: jobs.count)
  }

  mutating func arrive(_ job: UInt32, work: Int64, at instant: Int128) -> JobTicket {
    precondition(work >= 0, "work is not negative")
    advance(to: instant)
    account.statistics.arrivals += 1
    let ticket = jobs.insert(job: job, end: virtualTime &+ work)
    if work == 0 { removeEnded() }
    return ticket
  }

  mutating func cancel(_ ticket: JobTicket, at instant: Int128) -> Int64? {
    advance(to: instant)
    guard let end = jobs.remove(ticket) else { return nil }
    let remaining = end &- virtualTime
    account.statistics.cancellations += 1
    share()
    return remaining
  }

  mutating func remainingWork(of ticket: JobTicket, at instant: Int128) -> Int64? {
    advance(to: instant)
    return jobs.end(of: ticket).map { $0 &- virtualTime }
  }

  mutating func setServers(_ servers: Int, at instant: Int128) {
    precondition(servers >= 0, "a number of servers is not negative")
    advance(to: instant)
    self.servers = servers
  }

  /// The units that all jobs together get until the first of them ends.
  private var toFirstEnd: Int128 { Int128(jobs.count) &* Int128(jobs.firstEnd &- virtualTime) }

  /// The units that the pool would hold at an instant if no job took any.
  private func available(at instant: Int128, rate: Int64) -> Int128 {
    Int128(pool) &+ (instant &- account.now) &* Int128(rate)
  }

  /// The instant at which the first job ends if nothing changes, for a rate above zero.
  private func nextEnd(rate: Int64) -> Int128 {
    let needed = toFirstEnd &- Int128(pool) &+ Int128(rate &- 1)
    if let needed = Int64(exactly: needed) { return account.now &+ Int128(needed / rate) }
    return account.now &+ needed / Int128(rate)
  }

  /// Every job gets `share` units.
  private mutating func take(_ share: Int64) {
    virtualTime &+= share
    account.statistics.busyTime &+= Int128(share) &* Int128(jobs.count)
  }

  private mutating func removeEnded() {
    while jobs.count > 0, jobs.firstEnd == virtualTime {
      output.report(.ended, job: jobs.removeFirst(), at: account.now)
      account.statistics.departures += 1
    }
  }

  /// Shares the pool, after jobs have left, among those that are still there.
  private mutating func share() {
    while jobs.count > 0, pool >= jobs.count {
      let share = min(pool / Int64(jobs.count), jobs.firstEnd &- virtualTime)
      take(share)
      pool -= share * Int64(jobs.count)
      removeEnded()
    }
    // Nobody is there to take the rest of the last unit of time: that part of it the servers did not work.
    if jobs.count == 0 { pool = 0 }
  }
}
