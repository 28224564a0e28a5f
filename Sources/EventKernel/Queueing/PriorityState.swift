/// The inside of a station with preemptive priorities.
struct PriorityState {
  private struct Server: BitwiseCopyable {
    var end: Int128
    var slot: UInt32
  }

  let servers: Int
  var account: StationAccount
  var output = StationOutput()
  private var jobs: PriorityJobs
  /// The first `busy` of them serve, in no order.
  private let inService: UnsafeMutablePointer<Server>
  private var busy = 0

  init(servers: Int, classes: Int, start: Int64) {
    self.servers = servers
    account = StationAccount(start: start)
    jobs = PriorityJobs(classes: classes)
    inService = .allocate(capacity: servers)
  }

  mutating func deallocate() {
    output.deallocate()
    jobs.deallocate()
    inService.deallocate()
  }

  var number: Int { busy + jobs.waiting }

  var nextTime: Int64 { busy > 0 ? FineInstant.ceiling(inService[firstToEnd].end) : .max }

  mutating func advance(to instant: Int128) {
    while busy > 0 {
      let server = firstToEnd
      let (end, slot) = (inService[server].end, inService[server].slot)
      if end > instant { break }
      account.pass(until: end, number: number, busy: busy)
      output.report(.ended, job: jobs[slot].name, at: end)
      account.statistics.departures += 1
      jobs.remove(slot)
      busy -= 1
      inService[server] = inService[busy]
      if let next = jobs.popFirst() { serve(next) }
    }
    account.pass(until: instant, number: number, busy: busy)
  }

  mutating func arrive(_ job: UInt32, priority: Int, work: Int64, at instant: Int128) {
    precondition(work >= 0, "work is not negative")
    precondition(priority >= 0 && priority < jobs.classes, "a priority is the number of one of the classes")
    advance(to: instant)
    account.statistics.arrivals += 1
    let slot = jobs.add(name: job, priority: priority, work: work)
    if busy == servers {
      let victim = leastUrgent
      let preempted = inService[victim]
      guard jobs[preempted.slot].priority > UInt32(priority) else {
        jobs.append(slot)
        return
      }
      jobs[preempted.slot].remaining = Int64(preempted.end - instant)
      jobs.prepend(preempted.slot)
      output.report(.preempted, job: jobs[preempted.slot].name, at: instant)
      account.statistics.preemptions += 1
      busy -= 1
      inService[victim] = inService[busy]
    }
    serve(slot)
    if work == 0 { advance(to: instant) }
  }

  private mutating func serve(_ slot: UInt32) {
    let job = jobs[slot]
    output.report(job.hasStarted ? .resumed : .started, job: job.name, at: account.now)
    jobs[slot].hasStarted = true
    inService[busy] = Server(end: account.now + Int128(job.remaining), slot: slot)
    busy += 1
  }

  /// The server whose job ends first; of equals, the one whose job came first.
  private var firstToEnd: Int {
    var first = 0
    for server in 1..<max(busy, 1) {
      let (other, best) = (inService[server], inService[first])
      if other.end < best.end || (other.end == best.end && jobs[other.slot].arrival < jobs[best.slot].arrival) {
        first = server
      }
    }
    return first
  }

  /// The server whose job is of the least urgent class; of equals, the one whose job came last.
  private var leastUrgent: Int {
    var least = 0
    for server in 1..<max(busy, 1) {
      let (other, worst) = (jobs[inService[server].slot], jobs[inService[least].slot])
      if other.priority > worst.priority || (other.priority == worst.priority && other.arrival > worst.arrival) {
        least = server
      }
    }
    return least
  }
}
