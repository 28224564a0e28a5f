import Machine
import Model
import Statistics
import Testing
import Virtualization

/// Halt polling against its Markov chain, and both engines against each other.
struct HaltPollingTests {
  /// As Linux on x86 does it.
  static let linux = HaltPolling(limit: 200_000, start: 10_000, growth: 2, shrink: 0, source: "test")

  @Test("KVM's designs poll as Linux does, on ARM for longer; nobody else polls")
  func designs() throws {
    let library = try Support.library.get()
    for (name, design) in library.designs {
      let polls = design.defaults[.haltPolling] == "on"
      #expect(polls == (name.hasPrefix("kvm") || name == "container-in-vm"), "\(name)")
      guard polls, let polling = design.haltPolling else { continue }
      #expect(polling.limit == (name == "kvm-arm" ? 500_000 : 200_000), "\(name)")
      #expect((polling.start, polling.growth, polling.shrink) == (10_000, 2, 0), "\(name)")
    }
  }

  @Test("The window grows by doubling within the limit and falls to nothing beyond it, or shrinks down to its start")
  func windows() {
    var polling = Self.linux
    var window = 0.0
    for expected in [10e3, 20e3, 40e3, 80e3, 160e3, 200e3, 200e3] {
      window = polling.window(after: window, idle: 199_999 < window ? window : 199_999)
      #expect(window == expected)
    }
    #expect(polling.window(after: 40e3, idle: 30e3) == 40e3)
    #expect(polling.window(after: 40e3, idle: 200_001) == 0)
    #expect(polling.window(after: 0, idle: 1e9) == 0)
    polling.shrink = 2
    for expected in [100e3, 50e3, 25e3, 12.5e3, 0] {
      window = polling.window(after: window, idle: 1e9)
      #expect(window == expected)
    }
  }

  @Test("The chain at its ends: short halts are all met, long ones never polled for")
  func limits() {
    let short = Self.linux.expectation(idle: 1000)
    #expect(short.success > 0.999_999 && abs(short.time - 1000) < 1)
    let long = Self.linux.expectation(idle: 1e9)
    #expect(long.success < 1e-6 && long.time < 10)
  }

  /// The chain that falls to nothing, as a sum: from each window either up or to nothing.
  @Test("The chain in closed form", arguments: [20e3, 60e3, 150e3, 400e3])
  func closedForm(mean: Double) {
    func beyond(_ time: Double) -> Double { PortableMath.exp(-time / mean) }
    let windows = [0, 10e3, 20e3, 40e3, 80e3, 160e3, 200e3]
    var weights = [1.0]
    for (lower, upper) in zip(windows, windows.dropFirst()) {
      let leaves = upper < 200e3 ? beyond(upper) : beyond(200e3)
      weights.append(weights[weights.count - 1] * (beyond(lower) - beyond(200e3)) / leaves)
    }
    let success = zip(windows, weights).reduce(0) { $0 + $1.1 * (1 - beyond($1.0)) } / weights.reduce(0, +)
    #expect(abs(Self.linux.expectation(idle: mean).success - success) < 1e-9)
  }

  /// What guests are woken for: their vCPUs, arrivals, service and operations; and how long they run, for 30,000 requests,
  /// of which the number that comes scatters by 0.6 %.
  static let guests: [(vcpus: Int, arrivals: String, service: String, more: String, seconds: Int)] = [
    (1, "{process: poisson, rate: 500/s}", "{distribution: exponential, mean: 50 us}", "", 60),
    (1, "{process: poisson, rate: 2000/s}", "{distribution: exponential, mean: 50 us}", "", 15),
    (1, "{process: poisson, rate: 10000/s}", "{distribution: exponential, mean: 50 us}", "", 4),
    (2, "{process: poisson, rate: 8000/s}", "{distribution: exponential, mean: 50 us}", "", 5),
    (4, "{process: poisson, rate: 20000/s}", "{distribution: gamma, mean: 100 us, cv: 0.7}", "", 2),
    (4, "{process: poisson, rate: 1500/s}", "{distribution: exponential, mean: 1 ms}", "", 20),
    (1, "{process: closed, clients: 1, think: 60 us}", "{distribution: deterministic, mean: 12 us}", "", 3),
    (1, "{process: closed, clients: 4, think: 500 us}", "{distribution: exponential, mean: 50 us}", "", 5),
    (2, "{process: closed, clients: 8, think: 1 ms}", "{distribution: exponential, mean: 100 us}", "", 5),
    (1, "{process: poisson, rate: 600/s}", "{distribution: exponential, mean: 300 us}", "block_read: 2", 50),
    (
      2, "{process: poisson, rate: 600/s}", "{distribution: exponential, mean: 900 us}",
      "block_read: 2, block_write: 1", 50
    ),
    (2, "{process: closed, clients: 6, think: 2 ms}", "{distribution: exponential, mean: 300 us}", "block_read: 3", 17),
  ]

  static func text(_ guest: (vcpus: Int, arrivals: String, service: String, more: String, seconds: Int)) -> String {
    """
    scenario: test
    duration: \(guest.seconds * 1000 + 100) ms
    warmup: 100 ms
    hosts:
      - name: node
        cpu: {cores: 16, frequency: 2.5 GHz}
        memory: {size: 64 GiB}
        disks: [{name: disk, model: generic-nvme}]
        design: kvm-virtio
        profile: cascade-lake-pvm-paper
    vms:
      - {name: vm, vcpus: \(guest.vcpus), memory: {size: 1 GiB}, disk: disk, workload: work}
    workloads:
      work:
        arrivals: \(guest.arrivals)
        service: \(guest.service)
        per_request: {syscall: 1\(guest.more.isEmpty ? "" : ", " + guest.more)}
    """
  }

  /// 2 % of CPU time, that of virtualization by request, as the engines must agree; of the polling itself 5 %.
  @Test("Both engines agree", arguments: guests.indices)
  func agreement(index: Int) throws {
    let guest = Self.guests[index]
    let scenario = try Support.scenario(Self.text(guest))
    let exit = try Support.exit(try Support.model(scenario))
    let fluid = try Support.fluid(try Support.model(scenario, fidelity: .fluid))
    func polled(_ result: RunResult) -> Double {
      Double(result.exits.filter { $0.operation == .haltPoll }.reduce(0) { $0 + $1.nanoseconds })
    }
    let (time, expectedTime) = (polled(exit) * 1e-9, polled(fluid) * 1e-9)
    #expect(
      abs(time - expectedTime) < 0.05 * expectedTime,
      "\(guest): polled for \(time) s at exit and \(expectedTime) at fluid fidelity")
    func each(_ result: RunResult) throws -> Double {
      try #require(result.value(of: .virtualizationCPU)) / #require(result.value(of: .throughput))
    }
    let (cost, expectedCost) = (try each(exit), try each(fluid))
    #expect(abs(cost - expectedCost) < 0.02 * expectedCost, "\(guest): virtualization \(cost) \(expectedCost)")
    for metric in [SummaryMetric.throughput, .utilization] {
      let (value, expected) = (try #require(exit.value(of: metric)), try #require(fluid.value(of: metric)))
      #expect(abs(value - expected) < 0.02 * expected, "\(guest): \(metric.name) \(value) \(expected)")
    }
    let (latency, expected) = (try #require(exit.value(of: .latencyMean)), try #require(fluid.value(of: .latencyMean)))
    #expect(abs(latency - expected) < 0.1 * expected, "\(guest): \(latency) \(expected)")
  }

  @Test("A wake-up in time still ends its interrupt where that exits")
  func interruptsEnd() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: closed, clients: 1, think: 20 us}
          service: {distribution: deterministic, mean: 20 us}
      """, duration: "2 s", design: "{name: kvm-virtio, interrupts: emulated}")
    let result = try Support.exit(try Support.model(scenario))
    func count(_ operation: GuestOperation, _ step: String) -> Int64 {
      result.exits.filter { $0.operation == operation && $0.step == step }.reduce(0) { $0 + $1.count }
    }
    let requests = result.vms.reduce(0) { $0 + $1.completed }
    #expect(requests > 10_000 && abs(count(.eoi, "eoi_exit") - requests) <= requests / 100)
    #expect(count(.interrupt, "vcpu_wakeup") < requests / 100)
  }

  @Test("Nobody polls while a thread waits, and polling costs waiting threads nothing")
  func contention() throws {
    let scenario = try Support.scenario(
      """
      scenario: test
      duration: 4 s
      hosts:
        - {name: node, cpu: {cores: 1, frequency: 2.5 GHz}, memory: {size: 16 GiB},
           design: kvm-virtio, profile: cascade-lake-pvm-paper}
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
