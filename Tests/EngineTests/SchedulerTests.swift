import Model
import Testing
import Virtualization

/// Every scheduler against closed forms, and the fluid engine against every scheduler.
///
/// Tolerances of sharing are the 1 % that weighted sharing is to keep; caps are exact to what one period can hold.
struct SchedulerTests {
  static let weighted = SchedulerKind.allCases.filter { $0 != .roundRobin }

  private func scenario(
    _ scheduler: SchedulerKind, cores: Int = 2, cpu: String = "", host: String = "", vms: String, workload: String,
    duration: String = "20 s", warmup: String = "0 s"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: test
      duration: \(duration)
      warmup: \(warmup)
      hosts:
        - {name: node, cpu: {cores: \(cores), frequency: 2.5 GHz\(cpu)}, memory: {size: 64 GiB}\(host),
           design: {name: bare-metal, scheduler: \(scheduler.rawValue)}, profile: cascade-lake-pvm-paper}
      vms:
      \(vms)
      workloads:
        work: {\(workload)}
      """)
  }

  private func run(_ scenario: Scenario, _ fidelity: Fidelity = .exit) throws -> RunResult {
    let model = try Support.model(scenario, fidelity: fidelity)
    return try Support.run(model, fidelity)
  }

  @Test("Always-busy VMs share by weight within 1 %", arguments: weighted)
  func weights(scheduler: SchedulerKind) throws {
    // Two processors, weights 1, 2 and 3: a third, two thirds and one processor.
    let vms = [1, 2, 3].map {
      "  - {name: w\($0), vcpus: 1, memory: {size: 1 GiB}, workload: work, cpu: {weight: \($0)}}"
    }.joined(separator: "\n")
    let result = try run(try scenario(scheduler, vms: vms, workload: "batch: {work: 1000 s}", duration: "60 s"))
    for (vm, expected) in zip(result.vms, [20e9, 40e9, 60e9]) {
      #expect(abs(Double(vm.guest) - expected) < 0.01 * expected, "\(scheduler): \(vm.name) \(vm.guest)")
    }
  }

  @Test("Weights hold whatever they are and however many processors are shared", arguments: weighted)
  func weightsOnSeveralProcessors(scheduler: SchedulerKind) throws {
    for (cores, weights) in [(2, [1, 3, 7, 10]), (2, [1, 2, 2, 3]), (4, [1, 2, 3, 4, 5, 6, 7, 8])] {
      let vms = weights.enumerated().map {
        "  - {name: v\($0.offset), vcpus: 1, memory: {size: 1 GiB}, workload: work, cpu: {weight: \($0.element)}}"
      }.joined(separator: "\n")
      let result = try run(
        try scenario(scheduler, cores: cores, vms: vms, workload: "batch: {work: 1000 s}", duration: "60 s"))
      // No share is a whole processor, so that the weights alone decide.
      let unit = 60e9 * Double(cores) / Double(weights.reduce(0, +))
      for (vm, weight) in zip(result.vms, weights) {
        let expected = unit * Double(weight)
        #expect(
          abs(Double(vm.guest) - expected) < 0.01 * expected, "\(scheduler), \(weights): \(vm.guest) for \(weight)")
      }
    }
  }

  @Test("VMs that need little do not change how busy ones share by weight under credit")
  func weightsBesideSleepers() throws {
    let text = try Support.scenario(
      """
      scenario: test
      duration: 60 s
      hosts:
        - {name: node, cpu: {cores: 2, frequency: 2.5 GHz}, memory: {size: 64 GiB},
           design: {name: bare-metal, scheduler: credit}, profile: cascade-lake-pvm-paper}
      vms:
        - {name: sleeper, count: 2, vcpus: 1, memory: {size: 1 GiB}, workload: sleepy}
        - {name: capped, vcpus: 1, memory: {size: 1 GiB}, workload: work, cpu: {cap: 0.1}}
        - {name: light, count: 2, vcpus: 1, memory: {size: 1 GiB}, workload: work}
        - {name: heavy, vcpus: 1, memory: {size: 1 GiB}, workload: work, cpu: {weight: 2}}
      workloads:
        work: {batch: {work: 1000 s}}
        sleepy:
          arrivals: {process: poisson, rate: 100/s}
          service: {distribution: exponential, mean: 1 ms}
      """)
    let result = try run(text)
    let (light, heavy) = (Double(result.vms[3].guest), Double(result.vms[5].guest))
    // Sleepers are woken at random times: their credit scatters, so that 3 % in the place of 1.
    #expect(abs(heavy / light - 2) < 0.06, "\(heavy / light)")
  }

  @Test("An odd number of busy threads loads one core with two of them, in both engines")
  func oddSiblings() throws {
    for (busy, expected) in [(2, 2.0), (3, 2.3), (4, 2.6), (5, 2.6)] {
      let text = try scenario(
        .fair, cores: 2, cpu: ", threads_per_core: 2, smt_throughput: 1.3",
        vms: "  - {name: vm, count: \(busy), vcpus: 1, memory: {size: 1 GiB}, workload: work}",
        workload:
          "arrivals: {process: closed, clients: 1, think: 0 s}, service: {distribution: deterministic, mean: 1 ms}")
      for fidelity in [Fidelity.exit, .fluid] {
        let rate = try #require(try run(text, fidelity).value(of: .throughput))
        #expect(abs(rate - expected * 1000) < 0.005 * expected * 1000, "\(busy) at \(fidelity): \(rate)")
      }
    }
  }

  @Test("Steal is demand minus supply at overcommit 1 to 4, in both engines", arguments: SchedulerKind.allCases)
  func steal(scheduler: SchedulerKind) throws {
    for count in 2...8 {
      let text = try scenario(
        scheduler, vms: "  - {name: vm, count: \(count), vcpus: 1, memory: {size: 1 GiB}, workload: work}",
        workload: "batch: {work: 1000 s}")
      for fidelity in [Fidelity.exit, .fluid] {
        let result = try run(text, fidelity)
        let steal = Double(result.vms.reduce(0) { $0 + $1.steal }) * 1e-9
        #expect(abs(steal - Double(count - 2) * 20) < 1e-4, "\(scheduler) at \(fidelity): \(steal)")
        #expect(try #require(result.value(of: .utilization)) > 0.99999)
        for vm in result.vms {
          #expect(abs(Double(vm.guest) - 40e9 / Double(count)) < 0.01 * 40e9 / Double(count), "\(scheduler)")
        }
      }
    }
  }

  @Test("A cap is exact over whole periods, and nobody else gets less", arguments: SchedulerKind.allCases)
  func caps(scheduler: SchedulerKind) throws {
    let text = try scenario(
      scheduler, cores: 4,
      vms: """
          - {name: capped, vcpus: 2, memory: {size: 1 GiB}, workload: work, cpu: {cap: 0.75, period: 50 ms}}
          - {name: free, vcpus: 2, memory: {size: 1 GiB}, workload: work}
        """, workload: "batch: {work: 1000 s, threads: 2}")
    for fidelity in [Fidelity.exit, .fluid] {
      let result = try run(text, fidelity)
      // Two vCPUs exhaust a quota together: at most a nanosecond too much in each of the 400 periods.
      #expect(abs(result.vms[0].guest - 15_000_000_000) <= 400, "\(scheduler) at \(fidelity)")
      #expect(abs(result.vms[1].guest - 40_000_000_000) <= 2)
    }
  }

  @Test("Pinned VMs keep to their processors", arguments: SchedulerKind.allCases)
  func pinning(scheduler: SchedulerKind) throws {
    let text = try scenario(
      scheduler, cores: 3,
      vms: """
          - {name: pinned, count: 3, vcpus: 1, memory: {size: 1 GiB}, workload: work, cpu: {pinned: [1]}}
          - {name: other, count: 2, vcpus: 1, memory: {size: 1 GiB}, workload: work, cpu: {pinned: [0, 2]}}
        """, workload: "batch: {work: 1000 s}")
    for fidelity in [Fidelity.exit, .fluid] {
      let result = try run(text, fidelity)
      for vm in result.vms.prefix(3) { #expect(abs(Double(vm.guest) * 1e-9 - 20.0 / 3) < 0.067, "\(scheduler)") }
      for vm in result.vms.suffix(2) { #expect(abs(Double(vm.guest) * 1e-9 - 20) < 1e-6, "\(scheduler)") }
    }
  }

  @Test("Two busy siblings do 1.25 times the work of one, with equal shares", arguments: SchedulerKind.allCases)
  func siblings(scheduler: SchedulerKind) throws {
    // Two cores of two threads, two VMs of two vCPUs, because core scheduling pairs vCPUs of one VM.
    for (threads, speed) in [(1, 1.0), (2, 0.625)] {
      let text = try scenario(
        scheduler, cores: 2, cpu: ", threads_per_core: 2, smt_throughput: 1.25",
        vms: "  - {name: vm, count: 2, vcpus: 2, memory: {size: 1 GiB}, workload: work}",
        workload: "batch: {work: 10 s, threads: \(threads)}")
      for fidelity in [Fidelity.exit, .fluid] {
        let result = try run(text, fidelity)
        let end = try #require(result.workloads[0].meanLatency)
        #expect(
          abs(end - 10 / Double(threads) / speed) < 1e-3, "\(scheduler), \(threads) threads at \(fidelity): \(end)")
      }
    }
  }

  @Test("Round robin tends to processor sharing as the slice shrinks")
  func processorSharing() throws {
    // One processor, many VMs with a request of their own now and then: hyperexponential service, where order matters.
    func latency(_ slice: String) throws -> Double {
      let text = try scenario(
        .roundRobin, cores: 1, host: ", scheduling: {slice: \(slice)}",
        vms: "  - {name: vm, count: 48, vcpus: 1, memory: {size: 1 GiB}, workload: work}",
        workload: """
          arrivals: {process: poisson, rate: 1.25/s},
              service: {distribution: hyperexponential, mean: 10 ms, cv: 2}
          """, duration: "300 s", warmup: "10 s")
      let means = try (1...4).map { replication in
        try #require(Support.exit(try Support.model(text), replication: replication).workloads[0].meanLatency)
      }
      return means.reduce(0, +) / 4
    }
    // At ρ = 0.6 processor sharing gives 25 ms whatever the distribution; first come, first served 47.5 ms. Requests that
    // meet others of their own VM wait within it, in turns, which is processor sharing again.
    let coarse = try latency("1 s")
    let middle = try latency("20 ms")
    let fine = try latency("2 ms")
    #expect(abs(fine - 25e-3) < 0.1 * 25e-3, "\(fine)")
    #expect(coarse > middle && middle > fine, "\(coarse) \(middle) \(fine)")
    #expect(coarse > 1.5 * fine)
  }

  @Test("Strict co-scheduling leaves processors idle that relaxed co-scheduling uses")
  func coscheduling() throws {
    // Two processors, a VM of two vCPUs and one of one, always busy and of equal weight. Strictly, the pair and the single
    // take turns of a slice, and beside the single a processor idles: a quarter of the host.
    for (scheduler, utilization) in [(SchedulerKind.strictCoscheduling, 0.75), (.relaxedCoscheduling, 1), (.fair, 1)] {
      let text = try scenario(
        scheduler, cores: 2,
        vms: """
            - {name: pair, vcpus: 2, memory: {size: 1 GiB}, workload: work}
            - {name: single, vcpus: 1, memory: {size: 1 GiB}, workload: work}
          """, workload: "batch: {work: 1000 s, threads: 2}")
      let value = try #require(try run(text).value(of: .utilization))
      #expect(abs(value - utilization) < 0.01, "\(scheduler): \(value)")
    }
  }

  @Test("Under core scheduling siblings never run two VMs")
  func coreScheduling() throws {
    // Four always-busy VMs of one vCPU on one core of two threads: one runs at a time, its sibling idles.
    let text = try scenario(
      .core, cores: 1, cpu: ", threads_per_core: 2",
      vms: "  - {name: vm, count: 4, vcpus: 1, memory: {size: 1 GiB}, workload: work}",
      workload: "batch: {work: 1000 s}")
    let result = try run(text)
    let guest = result.vms.reduce(0) { $0 + $1.guest }
    #expect(abs(guest - 20_000_000_000) < 1000)
    #expect(abs(result.hosts[0].idle - 20_000_000_000) < 1000)
  }

  @Test("Engines agree on requests with and without overcommit", arguments: SchedulerKind.allCases)
  func agreement(scheduler: SchedulerKind) throws {
    for (cores, rate) in [(4, 300.0), (4, 600), (4, 800), (2, 800)] {
      let text = try scenario(
        scheduler, cores: cores,
        vms: "  - {name: vm, count: 4, vcpus: 1, memory: {size: 1 GiB}, workload: work}",
        workload: "arrivals: {process: poisson, rate: \(rate)/s}, service: {distribution: exponential, mean: 1 ms}",
        duration: "30 s", warmup: "2 s")
      let exit = try run(text)
      let fluid = try run(text, .fluid)
      for metric in [SummaryMetric.throughput, .guestCPU, .utilization] {
        let value = try #require(exit.value(of: metric))
        let expected = try #require(fluid.value(of: metric))
        #expect(abs(value - expected) <= 0.02 * expected, "\(scheduler) \(cores) \(rate) \(metric.name)")
      }
      guard cores == 4 else { continue }
      let value = try #require(exit.value(of: .latencyMean))
      let expected = try #require(fluid.value(of: .latencyMean))
      #expect(abs(value - expected) <= 0.1 * expected, "\(scheduler) \(rate): \(value) against \(expected)")
    }
  }
}
