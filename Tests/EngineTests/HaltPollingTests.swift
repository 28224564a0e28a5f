import Machine
import Model
import Testing
import Virtualization

/// Halt polling against its Markov chain.
struct HaltPollingTests {
  @Test("The window grows by doubling within the limit and falls to nothing beyond it")
  func windows() {
    let polling = HaltPolling()
    var window = 0.0
    for expected in [10e3, 20e3, 40e3, 80e3, 160e3, 200e3, 200e3] {
      window = polling.window(after: window, idle: 199_999 < window ? window : 199_999)
      #expect(window == expected)
    }
    #expect(polling.window(after: 40e3, idle: 30e3) == 40e3)
    #expect(polling.window(after: 40e3, idle: 200_001) == 0)
    #expect(polling.window(after: 0, idle: 1e9) == 0)
  }

  @Test("The chain at its ends: short halts are all met, long ones never polled for")
  func limits() {
    let short = HaltPolling().expectation(idle: 1000)
    #expect(short.success > 0.999_999 && abs(short.time - 1000) < 1)
    let long = HaltPolling().expectation(idle: 1e9)
    #expect(long.success < 1e-6 && long.time < 10)
  }

  @Test("Both engines agree on one vCPU", arguments: [500.0, 2000, 6000, 10000])
  func agreement(rate: Double) throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: \(rate)/s}
          service: {distribution: exponential, mean: 50 us}
      """, duration: "40 s", design: "{name: kvm-virtio, halt_polling: \"on\"}")
    let exit = try Support.exit(try Support.model(scenario))
    let fluid = try Support.fluid(try Support.model(scenario, fidelity: .fluid))
    func polled(_ result: RunResult) -> Double {
      Double(result.exits.filter { $0.operation == .haltPoll }.reduce(0) { $0 + $1.nanoseconds })
    }
    #expect(polled(fluid) > 0)
    // Four standard errors of 20,000 halts and more in runs of a few, beside the 2 % of the engines.
    #expect(abs(polled(exit) - polled(fluid)) < 0.05 * polled(fluid), "\(polled(exit)) \(polled(fluid))")
    for metric in [SummaryMetric.throughput, .utilization] {
      let (value, expected) = (try #require(exit.value(of: metric)), try #require(fluid.value(of: metric)))
      #expect(abs(value - expected) < 0.02 * expected, "\(metric.name) \(value) \(expected)")
    }
    let (latency, expected) = (try #require(exit.value(of: .latencyMean)), try #require(fluid.value(of: .latencyMean)))
    #expect(abs(latency - expected) < 0.1 * expected, "\(latency) \(expected)")
  }

  @Test("Nobody polls while a thread waits, and polling costs waiting threads nothing")
  func contention() throws {
    let scenario = try Support.scenario(
      """
      scenario: test
      duration: 4 s
      hosts:
        - {name: node, cpu: {cores: 1, frequency: 2.5 GHz}, memory: {size: 16 GiB},
           design: {name: kvm-virtio, halt_polling: "on"}, profile: cascade-lake-pvm-paper}
      vms:
        - {name: web, count: 2, vcpus: 1, memory: {size: 1 GiB}, workload: web}
        - {name: hog, vcpus: 1, memory: {size: 1 GiB}, workload: hog}
      workloads:
        web: {arrivals: {process: poisson, rate: 3000/s}, service: {distribution: exponential, mean: 50 us}}
        hog: {batch: {work: 1000 s}}
      """)
    let result = try Support.exit(try Support.model(scenario))
    #expect(
      result.exits.allSatisfy { $0.operation != .haltPoll || $0.nanoseconds == 0 },
      "\(result.exits.filter { $0.operation == .haltPoll })")
    #expect((result.value(of: .utilization) ?? 0) > 0.9999)
  }
}
