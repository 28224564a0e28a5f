import EventKernel
import Quantities
import Testing

/// Random operations with many ties, jobs without work and ends between nanoseconds.
@Suite struct ConservationTests {
  private struct Job {
    var work: Int128
    var arrival: Int128
    var end: Int128?
  }

  /// Checks, against the notices alone, that no job and no work is lost.
  private func check<Station: QueueingStation & ~Copyable>(_ station: borrowing Station, replication: UInt32) {
    var random = RandomStream(seed: 8, replication: replication, entity: 0, purpose: 4)
    var jobs: [UInt32: Job] = [:]
    var time: Int64 = 0
    var last: Int128 = 0
    var refused: Int64 = 0
    func read() {
      while let notice = station.popNotice() {
        #expect(notice.instant >= last, "notices come in the order of time")
        last = notice.instant
        guard notice.kind == .ended else { continue }
        #expect(jobs[notice.job]?.end == nil)
        jobs[notice.job]?.end = notice.instant
      }
    }
    for job in 0..<600 as Range<UInt32> {
      time += Int64(random.nextInteger(below: 5))
      let work = random.nextInteger(below: 6) == 0 ? 0 : Int64(random.nextInteger(below: 500_000))
      if station.admit(job, priority: random.nextInteger(below: 3), work: work, at: time) {
        jobs[job] = Job(work: Int128(work), arrival: Int128(time) * 65_536)
      } else {
        refused += 1
      }
      read()
      let inSystem = Int64(jobs.values.count { $0.end == nil })
      #expect(Int64(station.number) == inSystem)
      let statistics = station.statistics(at: time)
      #expect(statistics.arrivals == statistics.departures + inSystem + refused)
      #expect(statistics.refusals == refused)
    }
    time += 10_000
    station.advance(to: time)
    read()
    let statistics = station.statistics(at: time)
    #expect(station.number == 0 && statistics.departures == Int64(jobs.count))
    #expect(statistics.busyTime == jobs.values.reduce(0) { $0 + $1.work }, "served work = busy time")
    let stays = jobs.values.reduce(0) { $0 + ($1.end ?? 0) - $1.arrival }
    #expect(statistics.numberIntegral == stays, "Little's law for every path")
  }

  @Test(arguments: [1, 2, 5])
  func firstComeFirstServed(servers: Int) {
    let station = FCFSStation(servers: servers)
    check(station, replication: UInt32(servers))
  }

  @Test(arguments: [1, 2, 5])
  func finite(servers: Int) {
    let station = FCFSStation(servers: servers, capacity: servers + 1)
    check(station, replication: UInt32(10 + servers))
  }

  @Test(arguments: [1, 2, 5])
  func processorSharing(servers: Int) {
    let station = ProcessorSharingStation(servers: servers)
    check(station, replication: UInt32(20 + servers))
  }

  @Test(arguments: [1, 2, 5])
  func priorities(servers: Int) {
    let station = PriorityStation(classes: 3, servers: servers)
    check(station, replication: UInt32(30 + servers))
  }
}
