import Model
import Testing
import Virtualization

/// The host's cores when there are fewer than wanted.
struct SchedulingTests {
  private func overcommitted(vms: Int, cores: Int, fidelity: Fidelity) throws -> RunResult {
    let scenario = try Support.scenario(
      """
      scenario: test
      duration: 4 s
      hosts:
        - {name: node, cpu: {cores: \(cores), frequency: 2.5 GHz}, memory: {size: 64 GiB}, design: bare-metal,
           profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, count: \(vms), vcpus: 1, memory: {size: 1 GiB}, workload: work}
      workloads:
        work: {batch: {work: 1000 s}}
      """)
    let model = try Support.model(scenario, fidelity: fidelity)
    return try Support.run(model, fidelity)
  }

  @Test("Always-busy VMs share cores equally; steal is demand minus supply", arguments: [Fidelity.exit, .fluid])
  func steal(fidelity: Fidelity) throws {
    let result = try overcommitted(vms: 6, cores: 4, fidelity: fidelity)
    let steal = result.vms.reduce(0) { $0 + $1.steal }
    #expect(abs(Double(steal) * 1e-9 - 8) < 0.001)
    for vm in result.vms {
      // Fair to within one slice of 3 ms.
      let fair: Int64 = 4_000_000_000 * 4 / 6
      #expect(abs(vm.guest - fair) < 6_100_000)
      #expect(vm.halted < 1000)
    }
    #expect(try #require(result.value(of: .utilization)) > 0.9999)
  }

  @Test("With cores to spare nobody waits")
  func spare() throws {
    let result = try overcommitted(vms: 4, cores: 4, fidelity: .exit)
    #expect(result.vms.allSatisfy { $0.steal == 0 })
  }

  @Test("A batch ends when its work is done", arguments: [Fidelity.exit, .fluid])
  func batch(fidelity: Fidelity) throws {
    let scenario = try Support.oneVM(
      """
          batch: {work: 3 s, threads: 2}
      """, vcpus: 2, duration: "4 s", warmup: "0 s")
    let model = try Support.model(scenario, fidelity: fidelity)
    let result = try Support.run(model, fidelity)
    #expect(result.workloads[0].completed == 1)
    #expect(abs(try #require(result.workloads[0].meanLatency) - 1.5) < 1e-5)
    #expect(abs(Double(result.vms[0].guest) * 1e-9 - 3) < 1e-5)
  }

  @Test("An idle guest wakes as often as its system does, and exits for each", arguments: [Fidelity.exit, .fluid])
  func idle(fidelity: Fidelity) throws {
    let scenario = try Support.oneVM(
      """
          idle: true
      """, duration: "400 s", warmup: "0 s", design: "kvm-virtio")
    let model = try Support.model(scenario, fidelity: fidelity)
    let result = try Support.run(model, fidelity)
    let halts = result.exits.filter { $0.operation == .halt }.reduce(0) { $0 + $1.exits }
    // 3,600 wake-ups on average, Poisson: four standard deviations.
    #expect(abs(Double(halts) - 3600) < 240)
    let timers = result.exits.filter { $0.operation == .timerProgram }.reduce(0) { $0 + $1.exits }
    #expect(abs(Double(timers) - 2 * Double(halts)) < 3)
  }

  @Test("An overloaded guest serves what it can")
  func overload() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 3000/s}
          service: {distribution: exponential, mean: 1 ms}
      """, duration: "20 s")
    let exit = try Support.exit(try Support.model(scenario))
    let fluid = try Support.fluid(try Support.model(scenario, fidelity: .fluid))
    #expect(abs(exit.workloads[0].throughput - 1000) < 30)
    #expect(abs(fluid.workloads[0].throughput - 1000) < 1)
    #expect(fluid.workloads[0].meanLatency == nil)
  }

  @Test(
    "Extremes that the language allows run to their end",
    arguments: [
      "arrivals: {process: poisson, rate: 100/s}\n    service: {distribution: exponential, mean: 1000 d}",
      "arrivals: {process: poisson, rate: 100/s}\n    service: {distribution: lognormal, mean: 1 h, cv: 100}",
      "arrivals: {process: deterministic, rate: 0.0000000001/s}\n    service: {distribution: exponential, mean: 1 us}",
      "arrivals: {process: closed, clients: 1, think: 100 d}\n    service: {distribution: exponential, mean: 1 us}",
      "batch: {work: 3 ns, threads: 8}",
      "batch: {work: 1 ms}\n    memory: {working_set: 9223372036854775807 B, page_references: 100/s, reuse_skew: 1}",
    ])
  func extremes(workload: String) throws {
    for fidelity in [Fidelity.exit, .fluid] {
      let scenario = try Support.oneVM("    " + workload, duration: "100 ms", warmup: "0 s", design: "kvm-virtio")
      let model = try Support.model(scenario, fidelity: fidelity)
      _ = try Support.run(model, fidelity)
    }
  }
}
