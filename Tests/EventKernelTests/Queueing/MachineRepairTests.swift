import EventKernel
import Quantities
import Testing

@Suite struct MachineRepairTests {
  /// Machines that run for an exponential time and wait for one of the repairers: 99 % intervals over ten replications.
  @Test func closedPopulation() throws {
    let (machines, repairers, running) = (5, 2, 4.0)
    var weights = [1.0]
    for broken in 1...machines {
      let rate = Double(machines - broken + 1) / running / Double(min(broken, repairers))
      weights.append(weights[broken - 1] * rate)
    }
    let total = weights.reduce(0, +)
    let broken = weights.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element } / total
    try expectMeans([broken, (Double(machines) - broken) / running]) { replication in
      repair(machines: machines, repairers: repairers, running: running, replication: replication)
    }
  }

  /// The mean number of broken machines, and of repairers at work.
  private func repair(machines: Int, repairers: Int, running: Double, replication: UInt32) -> [Double] {
    let station = FCFSStation(servers: repairers)
    let events = PendingEventSet()
    var streams = (0..<machines).map {
      RandomStream(seed: 5, replication: replication, entity: UInt32($0), purpose: 2)
    }
    func draw(_ machine: Int, mean: Double) -> Double { streams[machine].nextExponential(mean: mean) * millisecond }
    for machine in 0..<machines {
      events.insert(Event(time: Int64(draw(machine, mean: running)), kind: 0, handle: UInt32(machine)))
    }
    events.insert(Event(time: 50_000_000, kind: 2, handle: 0))
    while let event = events.popFirst(notAfter: 1_050_000_000) {
      switch event.kind {
      case 0:
        let work = FineTime.units(nanoseconds: draw(Int(event.handle), mean: 1))
        _ = station.arrive(event.handle, work: work, at: event.time)
      case 1:
        if station.isCurrent(event.generation) { station.advance(to: event.time) }
      default: station.resetStatistics(at: event.time)
      }
      while let notice = station.popNotice() {
        guard notice.kind == .ended else { continue }
        let time = event.time + Int64(draw(Int(notice.job), mean: running))
        events.insert(Event(time: time, kind: 0, handle: notice.job))
      }
      if let plan = station.takePlan() {
        events.insert(Event(time: plan.time, kind: 1, handle: 0, generation: plan.generation))
      }
    }
    let statistics = station.statistics(at: 1_050_000_000)
    return [statistics.meanNumber, statistics.meanBusyServers]
  }
}
