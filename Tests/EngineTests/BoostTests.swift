import Model
import Testing
import Virtualization

/// Cores that are faster while few of them are active.
struct BoostTests {
  static let curve = "[{cores: 1, frequency: 4 GHz}, {cores: 2, frequency: 3 GHz}, {cores: 4, frequency: 2.5 GHz}]"

  private func run(
    _ fidelity: Fidelity, boost: String = curve, count: Int, vcpus: Int = 1, cpu: String = "", workload: String,
    threads: Int = 1, duration: String = "20 s", warmup: String = "0 s"
  ) throws -> RunResult {
    let scenario = try Support.scenario(
      """
      scenario: test
      duration: \(duration)
      warmup: \(warmup)
      hosts:
        - name: node
          cpu: {cores: 4, frequency: 2 GHz, threads_per_core: \(threads), boost: \(boost)}
          memory: {size: 64 GiB}
          design: bare-metal
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: \(count), vcpus: \(vcpus), memory: {size: 1 GiB}, workload: work\(cpu)}
      workloads:
        work: {\(workload)}
      """)
    let model = try Support.model(scenario, fidelity: fidelity)
    return try Support.run(model, fidelity)
  }

  @Test("Always-busy threads run at the speed of their number", arguments: [Fidelity.exit, .fluid])
  func busy(fidelity: Fidelity) throws {
    for (count, speed) in [(1, 2.0), (2, 1.5), (3, 1.25), (4, 1.25), (6, 1.25)] {
      let result = try run(fidelity, count: count, workload: "batch: {work: 1000 s}")
      let work = try #require(result.value(of: .throughput))
      let expected = speed * Double(min(4, count))
      #expect(abs(work - expected) < 1e-3 * expected, "\(fidelity), \(count): \(work)")
      #expect(abs(Double(result.vms.reduce(0) { $0 + $1.guest }) * 1e-9 - 20 * Double(min(4, count))) < 0.01)
    }
    // A cap is time on processors.
    let capped = try run(fidelity, count: 1, cpu: ", cpu: {cap: 0.5}", workload: "batch: {work: 1000 s}")
    #expect(abs(try #require(capped.value(of: .throughput)) - 1) < 0.01, "\(fidelity)")
    // One core with two busy threads does 1.25 times the work of one, at twice the speed.
    let siblings = try run(fidelity, count: 1, vcpus: 8, workload: "batch: {work: 1000 s, threads: 8}", threads: 2)
    #expect(abs(try #require(siblings.value(of: .throughput)) - 4 * 1.25 * 1.25) < 0.01, "\(fidelity)")
  }

  @Test("One entry is a fixed frequency: the same events as without, faster")
  func fixed() throws {
    let work = "arrivals: {process: closed, clients: 3, think: 1 ms}, service: {distribution: exponential, mean: 1 ms}"
    let fixed = try run(.exit, boost: "[{cores: 4, frequency: 2 GHz}]", count: 2, workload: work)
    let none = try Support.exit(
      try Support.model(
        try Support.scenario(
          """
          scenario: test
          duration: 20 s
          hosts:
            - {name: node, cpu: {cores: 4, frequency: 2 GHz}, memory: {size: 64 GiB}, design: bare-metal, profile: cascade-lake-pvm-paper}
          vms:
            - {name: vm, count: 2, vcpus: 1, memory: {size: 1 GiB}, workload: work}
          workloads:
            work: {\(work)}
          """)))
    #expect(fixed.vms == none.vms && fixed.workloads == none.workloads)
  }

  @Test("Engines agree on requests: work in time, utilization, latency", arguments: [200.0, 600, 1000])
  func agreement(rate: Double) throws {
    let work = "arrivals: {process: poisson, rate: \(rate)/s}, service: {distribution: exponential, mean: 1 ms}"
    // What a VM could not carry at the fixed frequency is cut in the fluid engine; four of a load of 1 are its limit.
    let stated = rate == 1000 ? work.replacing("1000.0/s", with: "900/s") : work
    let exit = try run(.exit, count: 4, workload: stated, duration: "60 s", warmup: "2 s")
    let fluid = try run(.fluid, count: 4, workload: stated, duration: "60 s", warmup: "2 s")
    for metric in [SummaryMetric.throughput, .guestCPU, .utilization, .latencyMean] {
      let value = try #require(exit.value(of: metric))
      let expected = try #require(fluid.value(of: metric))
      let tolerance = metric == .latencyMean ? 0.1 : 0.02
      #expect(abs(value - expected) <= tolerance * expected, "\(rate): \(metric.name) \(value) against \(expected)")
    }
  }
}
