/// The inside of a station that serves in the order of arrival.
struct FCFSState {
  struct Waiting: BitwiseCopyable {
    var job: UInt32
    var work: Int64
  }

  let servers: Int
  let capacity: Int
  var account: StationAccount
  var output = StationOutput()
  private var busy: ServerHeap
  private var queue = RingBuffer<Waiting>()

  init(servers: Int, capacity: Int, start: Int64) {
    self.servers = servers
    self.capacity = capacity
    account = StationAccount(start: start)
    busy = ServerHeap(servers: servers)
  }

  mutating func deallocate() {
    output.deallocate()
    busy.deallocate()
    queue.deallocate()
  }

  var number: Int { busy.count + queue.count }

  var nextTime: Int64 { busy.count > 0 ? FineInstant.ceiling(busy.firstEnd) : .max }

  mutating func advance(to instant: Int128) {
    while busy.count > 0, busy.firstEnd <= instant {
      let end = busy.firstEnd
      account.pass(until: end, number: number, busy: busy.count)
      output.report(.ended, job: busy.removeFirst(), at: end)
      account.statistics.departures += 1
      // The next job starts at the exact end of the last one: no part of a nanosecond is lost.
      if let next = queue.popFirst() { start(next) }
    }
    account.pass(until: instant, number: number, busy: busy.count)
  }

  mutating func arrive(_ job: UInt32, work: Int64, at instant: Int128) -> Bool {
    precondition(work >= 0, "work is not negative")
    advance(to: instant)
    account.statistics.arrivals += 1
    guard number < capacity else {
      account.statistics.refusals += 1
      return false
    }
    let arrival = Waiting(job: job, work: work)
    if busy.count < servers {
      start(arrival)
      if work == 0 { advance(to: instant) }
    } else {
      queue.append(arrival)
    }
    return true
  }

  private mutating func start(_ waiting: Waiting) {
    busy.insert(job: waiting.job, end: account.now + Int128(waiting.work))
    output.report(.started, job: waiting.job, at: account.now)
  }
}
