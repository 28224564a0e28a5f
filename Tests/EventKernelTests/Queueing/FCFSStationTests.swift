import EventKernel
import Quantities
import Testing

@Suite struct FCFSStationTests {
  private let unit = FineTime.unitsPerNanosecond

  private func drain(_ station: borrowing FCFSStation) -> [StationNotice] {
    var notices: [StationNotice] = []
    while let notice = station.popNotice() { notices.append(notice) }
    return notices
  }

  @Test func servesInTheOrderOfArrivalWithoutGaps() {
    // Three thousand jobs of a third of a nanosecond, rounded to units, take 3 000 times that and not a unit more.
    let station = FCFSStation(servers: 1)
    let work = unit / 3
    for job in 0..<3_000 as Range<UInt32> { #expect(station.arrive(job, work: work, at: 0) == true) }
    #expect(station.takePlan()?.time == 1)
    station.advance(to: 2_000)
    let ends = drain(station).filter { $0.kind == .ended }
    #expect(ends.map(\.job) == Array(0..<3_000))
    #expect(ends.map(\.instant) == (1...3_000 as ClosedRange<Int64>).map { Int128($0 * work) })
    #expect(station.statistics(at: 2_000).busyTime == Int128(3_000 * work))
  }

  @Test func aJobThatComesAfterAnEndStartsWhenItComes() {
    // The server is free from 0.5 ns on; the next job comes at 1 ns, before the completion was announced.
    let station = FCFSStation(servers: 1, capacity: 1)
    #expect(station.arrive(1, work: unit / 2, at: 0) == true)
    #expect(station.arrive(2, work: unit, at: 1) == true)
    let notices = drain(station)
    #expect(notices.map(\.kind) == [.started, .ended, .started])
    #expect(notices.map(\.instant) == [0, Int128(unit / 2), Int128(unit)])
    #expect(station.arrive(3, work: 0, at: 2) == true, "a job that ends makes room for one that comes then")
    #expect(drain(station).map(\.job) == [2, 3, 3])
  }

  @Test func jobsBeyondTheCapacityAreRefused() {
    let station = FCFSStation(servers: 2, capacity: 3)
    #expect((0..<5).map { station.arrive($0, work: 10 * unit, at: 0) } == [true, true, true, false, false])
    #expect(station.number == 3)
    #expect(drain(station).map(\.job) == [0, 1])
    let plan = station.takePlan()
    #expect(plan?.time == 10)
    #expect(station.arrive(9, work: unit, at: 10) == true)
    #expect(drain(station).map(\.job) == [0, 2, 1, 9])
    #expect(plan.map { station.isCurrent($0.generation) } == true, "no plan was taken since")
    #expect(station.takePlan()?.time == 11)
    #expect(plan.map { station.isCurrent($0.generation) } == false)
    let statistics = station.statistics(at: 20)
    #expect(statistics.arrivals == 6 && statistics.refusals == 2 && statistics.departures == 4)
    #expect(statistics.numberIntegral == Int128((3 * 10 + 1 + 10) * unit))
    #expect(statistics.busyTime == Int128(31 * unit))
  }

  @Test func jobsWithoutWorkWaitForAServer() {
    let station = FCFSStation(servers: 1)
    #expect(station.arrive(1, work: 0, at: 5) == true)
    #expect(drain(station).map(\.kind) == [.started, .ended])
    #expect(station.arrive(2, work: 3 * unit, at: 5) == true)
    #expect(station.arrive(3, work: 0, at: 6) == true)
    #expect(station.arrive(4, work: 0, at: 6) == true)
    station.advance(to: 8)
    #expect(drain(station).map(\.job) == [2, 2, 3, 3, 4, 4])
    #expect(station.takePlan() == nil)
  }

  @Test func warmUpIsForgottenButNotTheJobs() {
    let station = FCFSStation(servers: 1)
    #expect(station.arrive(1, work: 10 * unit, at: 0) == true)
    station.resetStatistics(at: 6)
    let statistics = station.statistics(at: 14)
    #expect(statistics.start == 6 && statistics.end == 14)
    #expect(statistics.arrivals == 0 && statistics.departures == 1)
    #expect(statistics.meanNumber == 0.5 && statistics.meanBusyServers == 0.5)
    station.resetStatistics(at: 14)
    #expect(station.statistics(at: 14).meanNumber.isNaN)
  }

  @Test func longServiceTimesDoNotOverflow() {
    let station = FCFSStation(servers: 1)
    for job in 0..<4 as Range<UInt32> { #expect(station.arrive(job, work: .max, at: 0) == true) }
    station.advance(to: 1 << 50)
    let ends = drain(station).filter { $0.kind == .ended }.map(\.time)
    let most: Int64 = 1 << 47
    #expect(ends == [most, 2 * most, 3 * most, 4 * most])
  }

  @Test func timeDoesNotRunBackwards() async {
    await #expect(processExitsWith: .failure) {
      let station = FCFSStation(servers: 1)
      station.advance(to: 5)
      station.advance(to: 4)
    }
  }

  @Test func workIsNotNegative() async {
    await #expect(processExitsWith: .failure) {
      let station = FCFSStation(servers: 1)
      _ = station.arrive(1, work: -1, at: 0)
    }
  }
}
