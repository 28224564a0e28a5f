import Foundation
import Model
import Statistics
import Testing

/// Scenarios on the bare host against closed forms of queueing theory.
///
/// Each compares theory with a 99 % Student-t interval of the mean over ten replications with fixed seeds.
struct QueueingTheoryTests {
  private func meanLatency(_ scenario: Scenario, replications: Int = 10) throws -> Interval {
    let model = try Support.model(scenario)
    let means = try (1...replications).map { replication in
      try #require(Support.exit(model, replication: replication).workloads[0].meanLatency)
    }
    return try meanInterval(of: means, confidence: 0.99).1
  }

  @Test("M/M/1: T = S/(1 − ρ)", arguments: [500.0, 700.0])
  func mm1(rate: Double) throws {
    let scenario = try Support.shipped("mm1", edits: ["workloads.queue.arrivals.rate=\(rate)/s", "duration=30 s"])
    let interval = try meanLatency(scenario)
    let theory = 1e-3 / (1 - rate * 1e-3)
    #expect(interval.lower <= theory && theory <= interval.upper, "\(interval) against \(theory)")
  }

  @Test("M/M/1, first come first served: the same mean")
  func mm1FirstComeFirstServed() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 600/s}
          service: {distribution: exponential, mean: 1 ms}
          discipline: fcfs
      """, duration: "30 s", warmup: "2 s")
    let interval = try meanLatency(scenario)
    #expect(interval.lower <= 2.5e-3 && 2.5e-3 <= interval.upper, "\(interval) against 2.5 ms")
  }

  @Test("M/M/2: T = S [1 + C/(2 (1 − ρ))]")
  func mm2() throws {
    let interval = try meanLatency(try Support.shipped("mm2", edits: ["duration=30 s"]))
    // C(2, a) = a²/(2 + a) for two servers; a = 1.4, ρ = 0.7.
    let delay = 1.4 * 1.4 / (2 + 1.4)
    let theory = 1e-3 * (1 + delay / (2 * (1 - 0.7)))
    #expect(interval.lower <= theory && theory <= interval.upper, "\(interval) against \(theory)")
  }

  @Test("M/D/1, first come first served: Pollaczek-Khinchine")
  func md1() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 600/s}
          service: {distribution: deterministic, mean: 1 ms}
          discipline: fcfs
      """, duration: "30 s", warmup: "2 s")
    let interval = try meanLatency(scenario)
    let theory = 1e-3 * (1 + 0.6 / (2 * (1 - 0.6)))
    #expect(interval.lower <= theory && theory <= interval.upper, "\(interval) against \(theory)")
  }

  @Test("M/G/1 processor sharing is insensitive: turns of a sixteenth come within 2 % of S/(1 − ρ)")
  func insensitivity() throws {
    // The guest takes turns of a sixteenth of a mean request, not infinitely small ones; under first come, first
    // served the mean would be 2.7 times as long.
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 600/s}
          service: {distribution: hyperexponential, mean: 1 ms, cv: 2}
      """, duration: "40 s", warmup: "2 s")
    let interval = try meanLatency(scenario)
    #expect(interval.lower <= 2.5e-3 * 1.02 && 2.5e-3 * 0.98 <= interval.upper, "\(interval) against 2.5 ms")
    #expect(interval.upper < 3e-3)
  }

  @Test("Machine repairman: ten clients, one server")
  func closed() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: closed, clients: 10, think: 9 ms}
          service: {distribution: exponential, mean: 1 ms}
      """, duration: "30 s", warmup: "2 s")
    let model = try Support.model(scenario)
    let rates = try (1...10).map { try Support.exit(model, replication: $0).workloads[0].throughput }
    // p_n ∝ N!/(N−n)! (S/Z)^n; throughput = (1 − p_0)/S.
    var weight = 1.0
    var sum = 1.0
    for n in 1...10 {
      weight *= Double(10 - n + 1) / 9
      sum += weight
    }
    let theory = (1 - 1 / sum) / 1e-3
    let interval = try meanInterval(of: rates, confidence: 0.99).1
    #expect(interval.lower <= theory && theory <= interval.upper, "\(interval) against \(theory)")
  }

  @Test("D/M/1: T = S/(1 − σ) with σ = exp(−(1 − σ)/ρ), in both engines", arguments: [0.5, 0.7, 0.9])
  func dm1(load: Double) throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: deterministic, rate: \(1000 * load)/s}
          service: {distribution: exponential, mean: 1 ms}
          discipline: fcfs
      """, duration: "60 s", warmup: "2 s")
    var sigma = 0.5
    for _ in 0..<1000 { sigma = exp(-(1 - sigma) / load) }
    let theory = 1e-3 / (1 - sigma)
    let interval = try meanLatency(scenario)
    #expect(interval.lower <= theory && theory <= interval.upper, "\(interval) against \(theory)")
    // The approximation of Krämer and Langenbach-Belz is within 2 % of the exact wait here.
    let model = try Support.model(scenario, fidelity: .fluid)
    let fluid = try #require(try Support.fluid(model).workloads[0].meanLatency)
    #expect(abs(fluid - theory) < 0.02 * theory, "\(fluid) against \(theory)")
  }

  @Test("The number of requests is that of the arrivals: throughput equals the rate")
  func throughput() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: deterministic, rate: 1000/s}
          service: {distribution: deterministic, mean: 100 us}
      """)
    let result = try Support.exit(try Support.model(scenario))
    #expect(result.workloads[0].completed == 9000)
  }
}
