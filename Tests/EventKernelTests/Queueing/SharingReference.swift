/// Processor sharing by its definition, one unit of time after the other, with work linear in the number of jobs.
struct SharingReference {
  struct Job {
    var name: UInt32
    var remaining: Int64
  }

  var servers: Int
  private(set) var jobs: [Job] = []
  private(set) var pool = 0
  private(set) var now: Int128 = 0
  private(set) var ended: [(job: UInt32, instant: Int128)] = []
  private(set) var numberIntegral: Int128 = 0
  /// What the servers gave: the smaller of the numbers of jobs and servers in every unit, without what nobody took.
  private(set) var capacityUsed: Int128 = 0

  init(servers: Int) {
    self.servers = servers
  }

  mutating func advance(to instant: Int128) {
    while now < instant {
      let rate = min(jobs.count, servers)
      numberIntegral += Int128(jobs.count)
      capacityUsed += Int128(rate)
      pool += rate
      now += 1
      share()
    }
  }

  mutating func arrive(_ job: UInt32, work: Int64) {
    if work == 0 {
      ended.append((job, now))
    } else {
      jobs.append(Job(name: job, remaining: work))
    }
  }

  mutating func cancel(_ job: UInt32) -> Int64? {
    guard let index = jobs.firstIndex(where: { $0.name == job }) else { return nil }
    let remaining = jobs.remove(at: index).remaining
    share()
    return remaining
  }

  private mutating func share() {
    while !jobs.isEmpty, pool >= jobs.count {
      pool -= jobs.count
      for index in jobs.indices { jobs[index].remaining -= 1 }
      ended += jobs.filter { $0.remaining == 0 }.map { ($0.name, now) }
      jobs.removeAll { $0.remaining == 0 }
    }
    if jobs.isEmpty {
      capacityUsed -= Int128(pool)
      pool = 0
    }
  }
}

/// Processor sharing of real-valued work, without any grid; work linear in the number of jobs.
struct FluidReference {
  struct Job {
    var name: UInt32
    var remaining: Double
  }

  var servers: Int
  private(set) var jobs: [Job] = []
  private(set) var now = 0.0
  private(set) var ended: [UInt32: Double] = [:]

  init(servers: Int) {
    self.servers = servers
  }

  mutating func arrive(_ job: UInt32, work: Double) { jobs.append(Job(name: job, remaining: work)) }

  mutating func advance(to instant: Double) {
    while let first = jobs.min(by: { $0.remaining < $1.remaining }), servers > 0 {
      let rate = min(1, Double(servers) / Double(jobs.count))
      let span = min(first.remaining / rate, instant - now)
      now += span
      for index in jobs.indices { jobs[index].remaining -= span * rate }
      guard now < instant else { break }
      ended[first.name] = now
      jobs.removeAll { $0.name == first.name }
    }
    now = instant
  }
}
