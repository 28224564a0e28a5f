import Quantities
import Testing

@testable import EventKernel

@Suite struct ProcessorSharingTests {
  private let unit = FineTime.unitsPerNanosecond

  private func drain(_ station: borrowing ProcessorSharingStation) -> [StationNotice] {
    var notices: [StationNotice] = []
    while let notice = station.popNotice() { notices.append(notice) }
    return notices
  }

  @Test func sharesEquallyUpToOneServerAJob() {
    let station = ProcessorSharingStation(servers: 2)
    station.arrive(1, work: 30 * unit, at: 0)
    station.arrive(2, work: 30 * unit, at: 10)
    station.arrive(3, work: 6 * unit, at: 20)
    // Alone, then two on two servers, then three at two thirds: job 1 needs 10, job 3 needs 6, which takes 9 ns.
    station.advance(to: 29)
    #expect(drain(station) == [StationNotice(.ended, job: 3, at: Int128(29 * unit))])
    #expect(station.takePlan() == StationPlan(time: 33, generation: 1))
    station.advance(to: 100)
    #expect(drain(station).map(\.instant) == [33, 43].map { Int128($0 * unit) })
    let statistics = station.statistics(at: 100)
    #expect(statistics.numberIntegral == Int128((33 + 33 + 9) * unit))
    #expect(statistics.busyTime == Int128(66 * unit))
  }

  @Test func tiesEndInTheOrderOfArrival() {
    let station = ProcessorSharingStation(servers: 1)
    for job in [9, 4, 7, 1, 8, 2] as [UInt32] { station.arrive(job, work: 5 * unit, at: 3) }
    station.advance(to: 32)
    #expect(drain(station).isEmpty)
    station.advance(to: 33)
    #expect(drain(station).map(\.job) == [9, 4, 7, 1, 8, 2])
    #expect(station.number == 0)
  }

  @Test func jobsWithoutWorkEndAtOnce() {
    let station = ProcessorSharingStation(servers: 0)
    let ticket = station.arrive(1, work: 0, at: 4)
    #expect(drain(station) == [StationNotice(.ended, job: 1, at: Int128(4 * unit))])
    #expect(station.cancel(ticket, at: 4) == nil)
    let statistics = station.statistics(at: 5)
    #expect(statistics.departures == 1 && statistics.numberIntegral == 0)
  }

  @Test func serversCanBeTakenAwayAndGivenBack() {
    let station = ProcessorSharingStation(servers: 2)
    station.arrive(1, work: 10 * unit, at: 0)
    station.arrive(2, work: 20 * unit, at: 0)
    let plan = station.takePlan()
    #expect(plan?.time == 10)
    station.setServers(1, at: 4)
    #expect(plan.map { station.isCurrent($0.generation) } == true, "no plan was taken since")
    let later = station.takePlan()
    #expect(later?.time == 16)
    #expect(plan.map { station.isCurrent($0.generation) } == false)
    station.setServers(0, at: 6)
    #expect(station.takePlan() == nil)
    #expect(later.map { station.isCurrent($0.generation) } == false)
    station.setServers(3, at: 1_000)
    let last = station.takePlan()
    #expect(last?.time == 1_005)
    #expect(last.map { station.isCurrent($0.generation) } == true)
    #expect(station.takePlan() == nil)
    station.advance(to: 2_000)
    #expect(drain(station).map(\.time) == [1_005, 1_015])
  }

  @Test func whatACancelledJobLeavesIsReturned() {
    let station = ProcessorSharingStation(servers: 1)
    let first = station.arrive(1, work: 10 * unit, at: 0)
    let second = station.arrive(2, work: 10 * unit, at: 0)
    #expect(station.remainingWork(of: first, at: 4) == 8 * unit)
    #expect(station.cancel(first, at: 6) == 7 * unit)
    #expect(station.cancel(first, at: 6) == nil)
    let third = station.arrive(3, work: 100 * unit, at: 6)
    #expect(station.remainingWork(of: first, at: 7) == nil, "the slot of a job that left may be another's")
    #expect(station.cancel(third, at: 10) == 98 * unit)
    #expect(station.takePlan()?.time == 15)
    #expect(station.cancel(second, at: 15) == nil, "it ended before it could be cancelled")
    let statistics = station.statistics(at: 15)
    #expect(statistics.arrivals == 3 && statistics.departures == 1 && statistics.cancellations == 2)
    #expect(statistics.busyTime == Int128(15 * unit))
  }

  @Test func endsBetweenNanosecondsLeaveNothingIdle() {
    // A job ends at 1.5 ns, when the other has 1 ns left: it is alone from then on, and ends at 2.5 ns.
    let station = ProcessorSharingStation(servers: 1)
    station.arrive(1, work: unit * 3 / 4, at: 0)
    station.arrive(2, work: unit * 7 / 4, at: 0)
    station.advance(to: 3)
    let notices = drain(station)
    #expect(notices.map(\.time) == [2, 3])
    #expect(notices.map(\.lead) == [1 << 15, 1 << 15])
    #expect(station.statistics(at: 3).busyTime == Int128(unit * 5 / 2))
  }

  @Test func virtualTimeWrapsAround() {
    // A chain of overlapping jobs near the greatest work keeps both servers busy through many ranges of Int64.
    let station = ProcessorSharingStation(servers: 2)
    let span: Int64 = 1 << 45
    for job in 0..<20 as Range<Int64> {
      station.arrive(UInt32(job), work: 2 * span * unit, at: job * span)
      station.advance(to: job * span + span / 2)
    }
    station.advance(to: 21 * span)
    #expect(station.statistics(at: 21 * span).busyTime == Int128(40 * span) * Int128(unit))
    let notices = drain(station)
    #expect(notices.map(\.job) == Array(0..<20))
    #expect(notices.map(\.time) == (2...21 as ClosedRange<Int64>).map { $0 * span })
    station.setServers(1, at: 21 * span)
    station.arrive(90, work: .max, at: 21 * span)
    station.arrive(91, work: .max, at: 21 * span)
    station.arrive(92, work: 1, at: 21 * span)
    station.advance(to: 21 * span + 1)
    #expect(drain(station).map(\.job) == [92])
    #expect(station.takePlan()?.time == 21 * span + 1 << 48)
  }

  @Test func completionsBeyondTheClockAreNotPlanned() {
    let station = ProcessorSharingStation(servers: 1, start: .max - 5)
    station.arrive(1, work: 100 * unit, at: .max - 5)
    #expect(station.takePlan() == nil)
    station.advance(to: .max)
    #expect(station.number == 1)
  }

  /// Even replications are quiet; odd ones come in bursts, with many servers and many jobs that end together.
  @Test(arguments: 0..<12 as Range<UInt32>)
  func equalsTheDefinitionUnitByUnit(replication: UInt32) {
    let inBursts = replication % 2 == 1
    var random = RandomStream(seed: 11, replication: replication, entity: 0, purpose: 3)
    var state = ProcessorSharingState(servers: 2, start: 0)
    defer { state.deallocate() }
    var reference = SharingReference(servers: 2)
    var tickets: [(job: UInt32, ticket: JobTicket)] = []
    var attained: Int128 = 0
    var instant: Int128 = 0
    for job in 0..<300 as Range<UInt32> {
      instant += Int128(!inBursts || random.nextInteger(below: 8) == 0 ? random.nextInteger(below: 9) : 0)
      reference.advance(to: instant)
      switch random.nextInteger(below: 8) {
      case 0:
        let servers = random.nextInteger(below: inBursts ? 14 : 5)
        state.setServers(servers, at: instant)
        reference.servers = servers
      case 1 where !tickets.isEmpty:
        let choice = tickets[random.nextInteger(below: tickets.count)]
        let left = state.cancel(choice.ticket, at: instant)
        #expect(left == reference.cancel(choice.job))
        if let left { attained -= Int128(left) }
      case 2:
        state.advance(to: instant)
      default:
        let work = Int64(random.nextInteger(below: inBursts ? 4 : 25))
        tickets.append((job, state.arrive(job, work: work, at: instant)))
        reference.arrive(job, work: work)
        attained += Int128(work)
      }
      #expect(state.number == reference.jobs.count)
      #expect(state.pool == Int64(reference.pool))
      let statistics = state.account.statistics
      #expect(statistics.numberIntegral == reference.numberIntegral)
      #expect(statistics.busyTime + Int128(state.pool) == reference.capacityUsed)
      let left = reference.jobs.reduce(0) { $0 + Int128($1.remaining) }
      #expect(statistics.busyTime == attained - left, "what was served is what the jobs got")
      #expect(
        statistics.arrivals
          == statistics.departures + statistics.cancellations + Int64(state.number))
    }
    var ended: [StationNotice] = []
    while let notice = state.output.popNotice() { ended.append(notice) }
    #expect(ended.map(\.job) == reference.ended.map(\.job))
    #expect(ended.map(\.instant) == reference.ended.map(\.instant))
    #expect(ended.count > 80)
  }

  @Test(arguments: [1, 3, 8])
  func agreesWithSharingOfRealNumbers(servers: Int) throws {
    var random = RandomStream(seed: 12, replication: UInt32(servers), entity: 0, purpose: 3)
    let station = ProcessorSharingStation(servers: servers)
    var reference = FluidReference(servers: servers)
    var time: Int64 = 0
    for job in 0..<400 as Range<UInt32> {
      time += Int64(random.nextExponential(mean: 1_000 / Double(servers)))
      reference.advance(to: Double(time))
      let work = FineTime.units(nanoseconds: random.nextExponential(mean: 900))
      station.arrive(job, work: work, at: time)
      reference.arrive(job, work: FineTime.nanoseconds(units: work))
      if job % 50 == 25 {
        let other = servers + random.nextInteger(below: 3) - 1
        station.setServers(other, at: time)
        reference.servers = other
      }
    }
    reference.servers = servers
    station.setServers(servers, at: time)
    reference.advance(to: 1e9)
    station.advance(to: 1_000_000_000)
    let ended = drain(station)
    #expect(ended.count == 400 && station.number == 0)
    for notice in ended {
      let ideal = try #require(reference.ended[notice.job])
      #expect(abs(Double(notice.time) - Double(notice.lead) / 65_536 - ideal) < 0.01)
    }
  }
}
