import EventKernel
import Quantities
import Testing

@Suite struct PriorityStationTests {
  private let unit = FineTime.unitsPerNanosecond

  private func drain(_ station: borrowing PriorityStation) -> [String] {
    var notices: [String] = []
    while let notice = station.popNotice() { notices.append("\(notice.job) \(notice.kind) \(notice.time)") }
    return notices
  }

  @Test func urgentJobsPreemptAndTheOthersResume() {
    let station = PriorityStation(classes: 3)
    station.arrive(1, priority: 2, work: 10 * unit, at: 0)
    station.arrive(2, priority: 2, work: 10 * unit, at: 1)
    station.arrive(3, priority: 1, work: 4 * unit, at: 3)
    station.arrive(4, priority: 0, work: 2 * unit, at: 4)
    station.arrive(5, priority: 1, work: 1 * unit, at: 5)
    #expect(station.number == 5)
    #expect(station.takePlan()?.time == 6)
    station.advance(to: 100)
    #expect(
      drain(station) == [
        "1 started 0", "1 preempted 3", "3 started 3", "3 preempted 4", "4 started 4", "4 ended 6", "3 resumed 6",
        "3 ended 9", "5 started 9", "5 ended 10", "1 resumed 10", "1 ended 17", "2 started 17", "2 ended 27",
      ])
    let statistics = station.statistics(at: 100)
    #expect(statistics.preemptions == 2 && statistics.arrivals == 5 && statistics.departures == 5)
    #expect(statistics.busyTime == Int128(27 * unit))
    #expect(statistics.numberIntegral == Int128((17 + 26 + 6 + 2 + 5) * unit))
  }

  @Test func theLeastUrgentJobThatCameLastLosesItsServer() {
    let station = PriorityStation(classes: 2, servers: 3)
    station.arrive(1, priority: 1, work: 20 * unit, at: 0)
    station.arrive(2, priority: 0, work: 20 * unit, at: 0)
    station.arrive(3, priority: 1, work: 20 * unit, at: 0)
    station.arrive(4, priority: 0, work: 4 * unit, at: 1)
    station.arrive(5, priority: 0, work: 2 * unit, at: 2)
    station.arrive(6, priority: 0, work: 1 * unit, at: 2)
    station.advance(to: 5)
    #expect(
      drain(station) == [
        "1 started 0", "2 started 0", "3 started 0", "3 preempted 1", "4 started 1", "1 preempted 2", "5 started 2",
        "5 ended 4", "6 started 4", "4 ended 5", "1 resumed 5", "6 ended 5", "3 resumed 5",
      ])
    station.advance(to: 100)
    #expect(drain(station) == ["2 ended 20", "1 ended 23", "3 ended 24"])
  }

  @Test func jobsThatEndAtAnInstantAreNotPreemptedThen() {
    let station = PriorityStation(classes: 2)
    station.arrive(1, priority: 1, work: 5 * unit, at: 0)
    station.arrive(2, priority: 0, work: 5 * unit, at: 5)
    #expect(drain(station) == ["1 started 0", "1 ended 5", "2 started 5"])
    station.arrive(3, priority: 1, work: 0, at: 6)
    station.arrive(4, priority: 0, work: 0, at: 6)
    station.advance(to: 10)
    #expect(drain(station) == ["2 ended 10", "4 started 10", "4 ended 10", "3 started 10", "3 ended 10"])
    #expect(station.takePlan() == nil)
  }
}
