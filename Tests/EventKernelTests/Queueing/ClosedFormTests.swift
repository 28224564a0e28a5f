import EventKernel
import Statistics
import Testing

/// Stations against the closed forms of queueing theory: 99 % intervals over ten replications with fixed seeds.
@Suite struct ClosedFormTests {
  private let exponential = Distribution.exponential(mean: 1)

  @Test func singleServer() throws {
    try expectMeans([1.5, 2.5, 0.6]) { replication in
      let station = FCFSStation(servers: 1)
      let run = simulate(
        station, [JobClass(rate: 0.6, work: exponential)], duration: 1_500, replication: replication)
      return [run.statistics.meanNumber, run.responses[0], run.statistics.meanBusyServers]
    }
  }

  @Test func severalServersWaitByErlangC() throws {
    let response = 1 + Erlang.c(servers: 3, offeredLoad: 2.1) / (3 - 2.1)
    try expectMeans([2.1 * response, response, 2.1]) { replication in
      let station = FCFSStation(servers: 3)
      let run = simulate(
        station, [JobClass(rate: 2.1, work: exponential)], duration: 500, replication: replication)
      return [run.statistics.meanNumber, run.responses[0], run.statistics.meanBusyServers]
    }
  }

  @Test func finiteCapacityRefuses() throws {
    let (servers, capacity, load) = (2, 4, 1.8)
    var weights = [1.0]
    for number in 1...capacity { weights.append(weights[number - 1] * load / Double(min(number, servers))) }
    let total = weights.reduce(0, +)
    let mean = weights.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element } / total
    let blocking = weights[capacity] / total
    try expectMeans([blocking, mean, load * (1 - blocking)]) { replication in
      let station = FCFSStation(servers: servers, capacity: capacity)
      let run = simulate(
        station, [JobClass(rate: load, work: exponential)], duration: 500, replication: replication)
      let refused = Double(run.statistics.refusals) / Double(run.statistics.arrivals)
      return [refused, run.statistics.meanNumber, run.statistics.meanBusyServers]
    }
  }

  @Test func lossDependsOnTheMeanOnly() throws {
    try expectMeans([Erlang.b(servers: 3, offeredLoad: 2)]) { replication in
      let station = FCFSStation(servers: 3, capacity: 3)
      let work = Distribution.hyperexponential(mean: 1, coefficientOfVariation: 1.5)
      let run = simulate(station, [JobClass(rate: 2, work: work)], duration: 500, replication: replication)
      return [Double(run.statistics.refusals) / Double(run.statistics.arrivals)]
    }
  }

  @Test(arguments: [
    Distribution.deterministic(mean: 1), .erlang(shape: 2, mean: 1), .uniform(lower: 0, upper: 2),
    .hyperexponential(mean: 1, coefficientOfVariation: 1.5), .lognormal(mean: 1, coefficientOfVariation: 1.2),
  ])
  func generalServiceFollowsPollaczekAndKhinchine(work: Distribution) throws {
    let load = 0.5
    let square = work.coefficientOfVariation * work.coefficientOfVariation
    let response = 1 + load * (1 + square) / (2 * (1 - load))
    try expectMeans([load * response, response]) { replication in
      let station = FCFSStation(servers: 1)
      let run = simulate(station, [JobClass(rate: load, work: work)], duration: 1_000, replication: replication)
      return [run.statistics.meanNumber, run.responses[0]]
    }
  }

  @Test(arguments: [
    Distribution.deterministic(mean: 1), .exponential(mean: 1), .hyperexponential(mean: 1, coefficientOfVariation: 2),
  ])
  func processorSharingIsInsensitive(work: Distribution) throws {
    try expectMeans([1.5, 2.5, 0.6]) { replication in
      let station = ProcessorSharingStation(servers: 1)
      let run = simulate(station, [JobClass(rate: 0.6, work: work)], duration: 1_000, replication: replication)
      return [run.statistics.meanNumber, run.responses[0], run.statistics.meanBusyServers]
    }
  }

  @Test func processorSharingOnSeveralServersIsInsensitiveToo() throws {
    let response = 1 + Erlang.c(servers: 4, offeredLoad: 3) / (4 - 3)
    try expectMeans([3 * response, response]) { replication in
      let station = ProcessorSharingStation(servers: 4)
      let work = Distribution.hyperexponential(mean: 1, coefficientOfVariation: 1.5)
      let run = simulate(station, [JobClass(rate: 3, work: work)], duration: 400, replication: replication)
      return [run.statistics.meanNumber, run.responses[0]]
    }
  }

  @Test func urgentJobsDoNotFeelTheOthers() throws {
    // Class 0: work 0.5, always; class 1: exponential, mean 1. Half the second moments times the rates: 0.425.
    let (urgentLoad, load) = (0.2, 0.6)
    let urgent = 0.5 + 0.4 * 0.25 / 2 / (1 - urgentLoad)
    let other = 1 / (1 - urgentLoad) + (0.4 * 0.25 / 2 + 0.4 * 2 / 2) / ((1 - urgentLoad) * (1 - load))
    try expectMeans([urgent, other, load, 0.4 * 0.4]) { replication in
      let station = PriorityStation(classes: 2)
      let run = simulate(
        station, [JobClass(rate: 0.4, work: .deterministic(mean: 0.5)), JobClass(rate: 0.4, work: exponential)],
        duration: 1_000, replication: replication)
      // An urgent arrival preempts when it finds the other class in service.
      let preemptions = Double(run.statistics.preemptions) / 1_000
      return [run.responses[0], run.responses[1], run.statistics.meanBusyServers, preemptions]
    }
  }

  @Test func prioritiesOnSeveralServers() throws {
    // Preemption of exponential work does not change the number in the station.
    let urgent = 1 + Erlang.c(servers: 2, offeredLoad: 0.8) / (2 - 0.8)
    let all = 1 + Erlang.c(servers: 2, offeredLoad: 1.4) / (2 - 1.4)
    try expectMeans([urgent, 1.4 * all]) { replication in
      let station = PriorityStation(classes: 2, servers: 2)
      let run = simulate(
        station, [JobClass(rate: 0.8, work: exponential), JobClass(rate: 0.6, work: exponential)], duration: 600,
        replication: replication)
      return [run.responses[0], run.statistics.meanNumber]
    }
  }
}
