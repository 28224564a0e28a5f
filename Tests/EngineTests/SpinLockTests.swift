import Datacenter
import Machine
import Model
import Testing
import Virtualization

/// Spin locks of guests against closed forms, and what becomes of them when vCPUs share processors.
struct SpinLockTests {
  /// One VM whose threads do nothing but compute and take one lock.
  private func scenario(
    lock: String, vcpus: Int, threads: Int? = nil, cores: Int = 32, cpu: String = "", host: String = "",
    design: String = "{name: bare-metal}", guest: String = "bare", others: String = "", duration: String = "2 s"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: test
      duration: \(duration)
      hosts:
        - {name: node, cpu: {cores: \(cores), frequency: 2.5 GHz}, memory: {size: 64 GiB}\(host),
           design: \(design), profile: cascade-lake-pvm-paper}
      vms:
        - {name: vm, vcpus: \(vcpus), memory: {size: 1 GiB}, guest: \(guest), workload: work\(cpu)}
      \(others)
      workloads:
        work:
          batch: {work: 10000 s, threads: \(threads ?? vcpus)}
          locks: [\(lock)]
        hog: {batch: {work: 10000 s}}
      """)
  }

  private func run(_ scenario: Scenario, _ fidelity: Fidelity = .exit) throws -> RunResult {
    let model = try Support.model(scenario, fidelity: fidelity)
    return try Support.run(model, fidelity)
  }

  @Test("Constant holds make the finite-source M/D/1 queue, exponential ones M/M/1//N", arguments: [2, 4, 8, 16])
  func closedForms(vcpus: Int) throws {
    // 20,000 takings a second of CPU time of 5 us each: a tenth of the time, so that the lock saturates at ten vCPUs.
    let (hold, think) = (5e-6, 45e-6)
    for exponential in [false, true] {
      let law = exponential ? "{distribution: exponential, mean: 5 us}" : "5 us"
      let text = try scenario(lock: "{name: l, per_cpu_second: 20000/s, hold: \(law)}", vcpus: vcpus)
      let exit = try run(text)
      let fluid = try run(text, .fluid)
      var expected = 1.0
      if exponential {
        // The machine-repairman model: 1 − p0 of the lock's time is used, from which the takings follow.
        var (term, sum) = (1.0, 1.0)
        for number in 1...vcpus {
          term *= Double(vcpus - number + 1) * hold / think
          sum += term
        }
        expected = (1 - 1 / sum) / hold / (Double(vcpus) * 20_000)
      } else {
        let wait = ShadowLock.solve(takers: vcpus, think: think, hold: hold).wait
        expected = (hold + think) / (hold + think + wait)
      }
      let work = Double(vcpus) * 2 * expected
      for (result, tolerance) in [(exit, 0.015), (fluid, 1e-3)] {
        let done = result.workloads[0].throughput * 2
        // Takings of a chunk lie evenly in it, not as a Poisson process over chunks: 1.5 % at the knee.
        #expect(abs(done - work) < tolerance * work, "\(vcpus) \(exponential): \(done) against \(work)")
        let spin = Double(result.vms[0].spin) * 1e-9
        #expect(abs(spin - (Double(vcpus) * 2 - work)) < 0.02 * Double(vcpus) * 2, "\(vcpus) \(exponential): \(spin)")
      }
    }
  }

  @Test("Independent locks share the takings", arguments: [SpinLockKind.ticket, .testAndSet])
  func instances(kind: SpinLockKind) throws {
    let text = try scenario(
      lock: "{name: l, count: 4, kind: \(kind.rawValue), per_cpu_second: 40000/s, hold: 5 us}", vcpus: 8)
    let (exit, fluid) = (try run(text), try run(text, .fluid))
    let (done, expected) = (exit.workloads[0].throughput, fluid.workloads[0].throughput)
    #expect(abs(done - expected) < 0.02 * expected, "\(done) against \(expected)")
    #expect(exit.vms[0].spin > 0)
  }

  @Test(
    "Engines agree on requests that take locks, also on their spinning", arguments: [1, 4], ["off", "directed_yield"])
  func requests(vcpus: Int, response: String) throws {
    for load in [0.3, 0.6, 0.8] {
      let text = try Support.oneVM(
        """
            arrivals: {process: poisson, rate: \(Double(vcpus) * load * 1e4)/s}
            service: {distribution: erlang, stages: 8, mean: 100 us}
            locks: [{name: l, per_request: 2.5, hold: {distribution: exponential, mean: 2 us}}]
        """, vcpus: vcpus, duration: "10 s", design: "{name: kvm-virtio, pause_loop_exiting: \"\(response)\"}")
      let (exit, fluid) = (try run(text), try run(text, .fluid))
      for metric in [SummaryMetric.throughput, .guestCPU, .utilization, .latencyMean] {
        let value = try #require(exit.value(of: metric))
        let expected = try #require(fluid.value(of: metric))
        let tolerance = metric == .latencyMean ? 0.1 : 0.02
        #expect(
          abs(value - expected) < tolerance * expected, "\(vcpus) \(load) \(metric.name): \(value) \(expected)")
      }
      if vcpus == 1 {
        #expect(exit.vms[0].spin == 0)
        continue
      }
      let (spin, expected) = (Double(exit.vms[0].spin), Double(fluid.vms[0].spin))
      // Of each request, so that the number of those that came does not matter. Waiters exit when they have spun for 1.6 us:
      // that waits are exponential, and windows independent of them, is an approximation for which 5 % are allowed.
      let requests = exit.workloads[0].throughput / fluid.workloads[0].throughput
      let tolerance = response == "off" ? 0.02 : 0.05
      #expect(
        abs(spin / requests - expected) < tolerance * expected, "\(response) \(load): \(spin) against \(expected)")
      func pauses(_ result: RunResult) -> Double {
        Double(result.exits.filter { $0.operation == .pauseLoop }.reduce(0) { $0 + $1.exits })
      }
      #expect((pauses(fluid) > 0) == (response != "off"))
      // Waits come while few vCPUs halt, so that windows are larger then than they are at large: there are fewer exits.
      #expect(pauses(exit) / requests <= 1.1 * pauses(fluid), "\(pauses(exit)) \(pauses(fluid))")
      #expect(pauses(fluid) <= 1.6 * pauses(exit) / requests, "\(pauses(exit)) \(pauses(fluid))")
    }
  }

  @Test("Critical sections without exits keep their length under shadow paging")
  func sectionsWithoutExits() throws {
    func model(exits: Bool, _ fidelity: Fidelity) throws -> SimulationModel {
      let text = try Support.oneVM(
        """
            arrivals: {process: closed, clients: 4, think: 0 us}
            service: {distribution: deterministic, mean: 200 us}
            per_request: {page_fault: 40}
            locks: [{name: l, per_request: 20, hold: 2 us, exits: \(exits)}]
        """, vcpus: 4, cores: 4, duration: "1 s", warmup: "100 ms", design: "kvm-shadow")
      return try Support.model(text, fidelity: fidelity)
    }
    let dilated = try model(exits: true, .fluid).vms[0].load.guestLocks?.spinPerRequest ?? 0
    let plain = try model(exits: false, .fluid).vms[0].load.guestLocks?.spinPerRequest ?? 0
    #expect(plain > 0 && dilated > 2 * plain)
    let exit = try Support.exit(try model(exits: false, .exit)).workloads[0].throughput
    let fluid = try Support.fluid(try model(exits: false, .fluid)).workloads[0].throughput
    #expect(abs(exit / fluid - 1) < 0.03, "\(exit) against \(fluid)")
  }

  /// Two vCPUs on one processor that take one lock.
  private func preempted(_ kind: String, response: String = "off", design: String = "kvm-virtio") throws -> RunResult {
    try run(
      try scenario(
        lock: "{name: l, kind: \(kind), per_cpu_second: 1000/s, hold: 200 us}", vcpus: 2, cores: 2,
        cpu: ", cpu: {pinned: [0]}",
        design: "{name: \(design), scheduler: round_robin, pause_loop_exiting: \"\(response)\"}", duration: "20 s"))
  }

  @Test("Two vCPUs on one processor: a sibling that holds the lock or is next costs the rest of each slice")
  func holderPreemption() throws {
    // Work comes in chunks of 1 ms with a critical section of 0.2 ms each, evenly at random in it, so that 0.8 ms lie between
    // two on average and 1.6 ms at most. A ticket lock is passed to the sibling, which waits without a processor: every
    // slice of 3 ms is a critical section, the work up to the next one, and spinning, (3 − 0.2 − 0.8) / 3 of the time.
    let result = try preempted("ticket")
    let spin = Double(result.vms[0].spin) * 1e-9
    #expect(abs(spin - 20 * 2.0 / 3) < 0.02 * 20 * 2 / 3, "\(spin)")
    #expect(abs(result.vms[0].steal - 20_000_000_000) < 10)
    // A test-and-set lock goes to nobody who does not run. A slice ends in a critical section with probability 0.2, and then
    // the sibling's is lost but for the work before it wants the lock: with probability 0.2 none, because it was waiting
    // already, else the residual time between critical sections, 0.467 ms. One slice in six is such a one. Slices end and
    // sections come almost in step, 3 ms against 1 ms, which the reckoning takes as independent: 25 %.
    let unfair = Double(try preempted("test_and_set").vms[0].spin) * 1e-9
    let expected = 20.0 / 6 * (0.2 * 3 + 0.8 * 2.533) / 3
    #expect(abs(unfair - expected) < 0.25 * expected, "\(unfair)")
  }

  @Test("Pause-loop exits and directed yields end the spinning behind a preempted holder")
  func directedYield() throws {
    let without = try preempted("ticket")
    let with = try preempted("ticket", response: "directed_yield")
    #expect(Double(with.vms[0].spin) < 0.01 * Double(without.vms[0].spin), "\(with.vms[0].spin)")
    let exits = with.exits.filter { $0.operation == .pauseLoop }.reduce(0) { $0 + $1.exits }
    #expect(exits > 100)
    #expect(with.workloads[0].throughput > without.workloads[0].throughput)
    #expect(without.exits.allSatisfy { $0.operation != .pauseLoop })
    #expect(with.exits.contains { $0.reason == .pause })
  }

  @Test("Waiters of paravirtual locks halt after 2^15 passes and are kicked")
  func paravirtual() throws {
    let result = try preempted("paravirtual")
    func count(_ operation: GuestOperation) -> Int64 {
      result.exits.filter { $0.operation == operation }.map(\.count).max() ?? 0
    }
    #expect(count(.lockHalt) > 50)
    #expect(abs(count(.lockHalt) - count(.lockKick)) <= 1 && abs(count(.lockKick) - count(.lockWake)) <= 1)
    // Each spins 32,768 times 56 ns before: 1.835 ms, unless its slice ends first.
    #expect(Double(result.vms[0].spin) < 1.9e6 * Double(count(.lockHalt)) * 1.7)
    #expect(result.vms[0].halted > 0)
    // Without the call the guest takes unfair locks.
    let model = try Support.model(
      try scenario(
        lock: "{name: l, per_cpu_second: 1000/s, hold: 200 us}", vcpus: 2,
        design: "{name: kvm-virtio, paravirtual_locks: \"off\"}", guest: "linux"))
    #expect(model.vms[0].load.guestLocks?.entries[0].kind == .testAndSet)
  }

  @Test("A preempted waiter of a queued lock holds up those behind it, of an unfair one nobody")
  func waiterPreemption() throws {
    // Eight vCPUs on four processors want a lock for 40 % of their time: its queue is never empty.
    func throughput(_ kind: String) throws -> Double {
      try run(
        try scenario(
          lock: "{name: l, kind: \(kind), per_cpu_second: 8000/s, hold: 50 us}", vcpus: 8, cores: 8,
          cpu: ", cpu: {pinned: [0, 1, 2, 3]}",
          design: "{name: kvm-virtio, pause_loop_exiting: \"off\"}", duration: "10 s")
      ).workloads[0].throughput
    }
    let (queued, unfair) = (try throughput("queued"), try throughput("test_and_set"))
    #expect(unfair > 2 * queued, "\(unfair) against \(queued)")
  }

  @Test("Every kind under every response closes its accounts and repeats itself", arguments: SpinLockKind.allCases)
  func conservation(kind: SpinLockKind) throws {
    for response in ["off", "yield", "directed_yield"] {
      for scheduler in SchedulerKind.allCases {
        let text = try scenario(
          lock: """
            {name: a, kind: \(kind.rawValue), per_cpu_second: 5000/s, hold: {distribution: exponential, mean: 20 us}},
                       {name: b, kind: \(kind.rawValue), count: 2, per_cpu_second: 3000/s, hold: 10 us}
            """, vcpus: 4, threads: 6, cores: 4, cpu: ", cpu: {cap: 2.5, period: 10 ms}",
          design: "{name: kvm-virtio, scheduler: \(scheduler.rawValue), pause_loop_exiting: \"\(response)\"}",
          guest: "linux", others: "  - {name: hog, count: 4, vcpus: 1, memory: {size: 1 GiB}, workload: hog}",
          duration: "500 ms")
        let model = try Support.model(text)
        let (first, second) = (try Support.exit(model), try Support.exit(model))
        #expect(first.vms == second.vms && first.exits == second.exits)
        #expect(first.vms[0].spin > 0)
      }
    }
  }
}
