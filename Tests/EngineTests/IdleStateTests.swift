import EventKernel
import Machine
import Model
import Testing
import Virtualization

/// Idle states of cores: the governor, its closed form, the events against both, and the engines against each other.
struct IdleStateTests {
  /// As of Sandy Bridge.
  static let states = IdleStates(
    states: [
      IdleStates.State(name: "C1", exitLatency: 2000, targetResidency: 2000),
      IdleStates.State(name: "C1E", exitLatency: 10_000, targetResidency: 20_000),
      IdleStates.State(name: "C3", exitLatency: 80_000, targetResidency: 211_000),
      IdleStates.State(name: "C6", exitLatency: 104_000, targetResidency: 345_000),
    ], kind: .assumed, source: "test")
  /// The same in a scenario.
  static let list: String = {
    let own = Self.states.states.map {
      "{name: \($0.name), exit_latency: \(Int($0.exitLatency)) ns, target_residency: \(Int($0.targetResidency)) ns}"
    }
    return "[\(own.joined(separator: ", "))]"
  }()

  static func scenario(
    _ arrivals: String, service: String, idle: String = list, design: String = "bare-metal", more: String = "",
    cpu: String = "cores: 4", vcpus: Int = 1, vms: Int = 1, share: String = "{}", seconds: Int = 10
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: test
      duration: \(seconds) s
      warmup: 500 ms
      hosts:
        - name: node
          cpu: {\(cpu), frequency: 2.5 GHz, idle_states: \(idle)}
          memory: {size: 64 GiB}
          nics: [{name: eth0, bandwidth: 100 Gbit/s}]
          design: \(design)
          profile: cascade-lake-pvm-paper
      vms:
        - name: vm
          count: \(vms)
          vcpus: \(vcpus)
          memory: {size: 1 GiB}
          cpu: \(share)
          nic: eth0
          guest: bare
          workload: work
      workloads:
        work:
          arrivals: \(arrivals)
          service: \(service)
          discipline: fcfs
          per_request: {\(more)}
      """)
  }

  // MARK: The governor

  @Test("The deepest state whose residency the prediction reaches; else the first")
  func choice() {
    let cases: [(Double, Int)] = [
      (0, 0), (1999, 0), (19_999, 0), (20_000, 1), (210_999, 1), (211_000, 2), (344_999, 2), (345_000, 3), (1e12, 3),
    ]
    for (predicted, state) in cases { #expect(Self.states.choice(predicted: predicted) == state, "\(predicted)") }
  }

  @Test("The expectation at its ends, of one state, and what prices hold already")
  func ends() {
    let (short, long) = (Self.states.expectation(idle: 100), Self.states.expectation(idle: 1e9))
    #expect(abs(short.mean - 2000) < 1e-6 && abs(short.secondMoment - 4e6) < 1e-2)
    #expect(abs(long.mean - 104_000) < 1 && abs(long.secondMoment / 104_000 - 104_000) < 1)
    #expect(abs(Self.states.expectation(idle: 1e9, included: 4000).mean - 100_000) < 1)
    #expect(Self.states.expectation(idle: 100, included: 4000).mean == 0)
  }

  /// 100,000 predictions: the standard error is below 0.4 % of a mean of latencies that lie within a factor of 52.
  @Test("The closed form is the mean over predictions", arguments: [12e3, 30e3, 150e3, 250e3, 400e3])
  func closedForm(mean: Double) {
    var stream = RandomStream(seed: 7, replication: 1, entity: 1, purpose: 1)
    var (sum, squares) = (0.0, 0.0)
    let count = 100_000
    for _ in 0..<count {
      var idle = 0.0
      for _ in 0..<IdleStates.intervals { idle += stream.nextExponential(mean: mean) }
      let latency = Self.states.states[Self.states.choice(predicted: idle / Double(IdleStates.intervals))].exitLatency
      sum += latency
      squares += latency * latency
    }
    let expected = Self.states.expectation(idle: mean)
    let deviation = (max(0, expected.secondMoment - expected.mean * expected.mean) / Double(count)).squareRoot()
    #expect(abs(sum / Double(count) - expected.mean) <= 4 * deviation)
    #expect(abs(squares / Double(count) / expected.secondMoment - 1) < 0.03)
  }

  // MARK: Events

  /// One request every `period`: idle times are alike, and so is the state.
  @Test(
    "At equal distances every wake-up leaves the same state",
    arguments: [(10, 2000), (100, 10_000), (400, 80_000), (1000, 104_000)])
  func equalDistances(period: Int, latency: Int) throws {
    let result = try Support.exit(
      Support.model(
        Self.scenario(
          "{process: deterministic, rate: \(1_000_000 / period)/s}",
          service: "{distribution: deterministic, mean: 5 us}", seconds: 1)))
    let mean = try #require(result.workloads[0].meanLatency)
    #expect(abs(mean * 1e9 - Double(5000 + latency)) < 1, "\(mean)")
  }

  /// M/D/1 with set-up: an arrival wakes the processor with probability (1 − ρ)/(1 + λL). 100,000 wake-ups and more, of
  /// which eight in a row share their predictions: 2 % is more than four standard errors.
  @Test("Wake-ups of Poisson arrivals wait as long as the closed form says", arguments: [20_000.0, 6000, 3500, 1000])
  func poisson(rate: Double) throws {
    let seconds = max(10, Int(100_000 / rate))
    let result = try Support.exit(
      Support.model(
        Self.scenario(
          "{process: poisson, rate: \(rate)/s}", service: "{distribution: deterministic, mean: 5 us}",
          seconds: seconds)))
    let latency = Self.states.expectation(idle: 1e9 / rate).mean
    let perNanosecond = rate * 1e-9
    let wakes = perNanosecond * (1 - perNanosecond * 5000) / (1 + perNanosecond * latency)
    let waited = Double(result.vms[0].steal) / (Double(seconds) - 0.5) * 1e-9
    #expect(abs(waited / (wakes * latency) - 1) < 0.02, "\(waited) \(wakes * latency)")
  }

  @Test("Without idle states nothing changes, and a profile's are its own")
  func absent() throws {
    let library = try Support.library.get()
    #expect(library.profiles["cascade-lake-pvm-paper"]?.idleStates == nil)
    let sandyBridge = try #require(library.profiles["xeon-e5-2014"]?.idleStates)
    #expect(sandyBridge.states == Self.states.states && sandyBridge.included == ["vcpu_wakeup": 2000])
    func run(_ idle: String) throws -> RunResult {
      try Support.exit(
        Support.model(
          Self.scenario(
            "{process: poisson, rate: 2000/s}", service: "{distribution: exponential, mean: 50 us}", idle: idle,
            design: "kvm-virtio", more: "net_rx: 1, net_tx: 1", seconds: 2)))
    }
    let (none, profile) = try (run("none"), run("profile"))
    #expect(none.exits.map(\.nanoseconds) == profile.exits.map(\.nanoseconds))
    #expect(none.vms.map(\.steal) == profile.vms.map(\.steal))
    let sleeping = try run(Self.list)
    #expect(!none.provenance.contains { $0.step.hasPrefix("idle_exit") })
    let exits = sleeping.provenance.filter { $0.step.hasPrefix("idle_exit") }
    #expect(exits.map(\.mean) == [2000, 10_000, 80_000, 104_000])
    #expect(sleeping.vms[0].steal > none.vms[0].steal)
    #expect(try #require(sleeping.workloads[0].meanLatency) > #require(none.workloads[0].meanLatency))
  }

  @Test("A core that polls for a wake-up does not sleep")
  func polling() throws {
    func latency(_ idle: String) throws -> Double {
      // Halts of some 80 us, well within the window.
      let scenario = try Self.scenario(
        "{process: deterministic, rate: 10000/s}", service: "{distribution: deterministic, mean: 15 us}", idle: idle,
        design: "{name: kvm-virtio, services: false}", seconds: 1)
      return try #require(Support.exit(Support.model(scenario)).workloads[0].meanLatency)
    }
    #expect(try latency(Self.list) == latency("none"))
  }

  /// Caps suspend threads, others preempt them, siblings share cores: none is lost, and all accounts close.
  @Test("Threads that wait for a core survive every scheduler", arguments: SchedulerKind.allCases)
  func schedulers(scheduler: SchedulerKind) throws {
    for (cpu, share) in [("cores: 2, threads_per_core: 2", "{}"), ("cores: 4", "{cap: 0.6, period: 10 ms}")] {
      let result = try Support.exit(
        Support.model(
          Self.scenario(
            "{process: poisson, rate: 1500/s}", service: "{distribution: exponential, mean: 150 us}",
            design: "{name: kvm-virtio, halt_polling: \"off\", scheduler: \(scheduler.rawValue)}",
            more: "net_rx: 1, net_tx: 1", cpu: cpu, vcpus: 2, vms: 3, share: share, seconds: 4)))
      // 15,750 arrivals: four standard deviations are 3.2 %.
      #expect(abs(result.workloads[0].throughput / 4500 - 1) < 0.035, "\(cpu): \(result.workloads[0].throughput)")
    }
  }

  // MARK: Both engines

  /// Arrivals, service, operations and design.
  static let loads: [(arrivals: String, service: String, more: String, design: String, vcpus: Int)] = [
    ("{process: poisson, rate: 1000/s}", "{distribution: exponential, mean: 100 us}", "", "bare-metal", 1),
    ("{process: poisson, rate: 8000/s}", "{distribution: exponential, mean: 75 us}", "", "bare-metal", 1),
    (
      "{process: poisson, rate: 3000/s}", "{distribution: exponential, mean: 100 us}", "",
      "{name: kvm-virtio, halt_polling: \"off\"}", 1
    ),
    (
      "{process: poisson, rate: 1500/s}", "{distribution: exponential, mean: 200 us}", "net_rx: 1, net_tx: 1",
      "{name: kvm-virtio, halt_polling: \"off\"}", 1
    ),
    (
      "{process: poisson, rate: 4000/s}", "{distribution: exponential, mean: 150 us}", "net_rx: 1, net_tx: 1",
      "{name: kvm-virtio, halt_polling: \"off\"}", 1
    ),
    ("{process: closed, clients: 4, think: 2 ms}", "{distribution: exponential, mean: 200 us}", "", "container", 1),
    (
      "{process: poisson, rate: 1500/s}", "{distribution: exponential, mean: 200 us}", "net_rx: 1, net_tx: 1",
      "xen-pvhvm", 1
    ),
    (
      "{process: poisson, rate: 8000/s}", "{distribution: exponential, mean: 200 us}", "net_rx: 1, net_tx: 1",
      "{name: kvm-virtio, halt_polling: \"off\"}", 4
    ),
    ("{process: poisson, rate: 9000/s}", "{distribution: exponential, mean: 100 us}", "", "bare-metal", 2),
    (
      "{process: poisson, rate: 3000/s}", "{distribution: exponential, mean: 200 us}", "net_rx: 1, net_tx: 1",
      "hyperv-enlightened", 2
    ),
    ("{process: poisson, rate: 5000/s}", "{distribution: exponential, mean: 100 us}", "", "kvm-virtio", 1),
  ]

  /// As all agreement of the engines: CPU time and throughput within 2 %, latency within 10 %.
  @Test("Both engines agree", arguments: loads.indices)
  func agreement(index: Int) throws {
    let load = Self.loads[index]
    let scenario = try Self.scenario(
      load.arrivals, service: load.service, design: load.design, more: load.more, cpu: "cores: 8", vcpus: load.vcpus,
      seconds: 30)
    let exit = try Support.exit(Support.model(scenario))
    let fluid = try Support.fluid(Support.model(scenario, fidelity: .fluid))
    func compare(_ what: String, _ bound: Double, _ value: (RunResult) -> Double) {
      let (found, expected) = (value(fluid), value(exit))
      #expect(abs(found / expected - 1) < bound, "\(what): \(found) for \(expected)")
    }
    compare("throughput", 0.02) { $0.workloads[0].throughput }
    compare("CPU time", 0.02) { Double($0.vms[0].guest + $0.vms[0].stall + $0.vms[0].backend) }
    compare("latency", 0.1) { $0.workloads[0].meanLatency ?? 0 }
  }
}
