import Model
import Quantities
import Testing
import Virtualization

@testable import Documents

/// Workloads, their shapes and distributions.
@Suite struct WorkloadTests {
  private func workload(_ lines: String...) throws -> Workload {
    try #require(try read(ScenarioText(workload: lines).text).scenario.workloads.first)
  }

  @Test func requests() throws {
    let workload = try workload(
      "arrivals: {process: closed, clients: 10, think: 5 ms}",
      "service: {distribution: lognormal, mean: 150 us, cv: 1.2}",
      "discipline: fcfs", "per_request: {syscall: 30, page_fault: 0.5, net_rx: {count: 2, size: 400 B}, net_tx: 3}",
      "per_cpu_second: {tlb_miss: 1e6, msr_write: 30/min}",
      "memory: {working_set: 600 MiB, page_references: 2000000/s, reuse_skew: 0.8}", "objective: {latency_p999: 5 ms}")
    guard case .requests(let requests) = workload.shape else {
      Issue.record("expected requests")
      return
    }
    #expect(requests.arrivals == .closed(clients: 10, think: .milliseconds(5)))
    #expect("\(requests.service)" == "lognormal(mean: 150000.0, coefficientOfVariation: 1.2)")
    #expect(requests.discipline == .firstComeFirstServed)
    #expect(requests.perRequest == [.syscall: 30, .pageFault: 0.5, .netRx: 2, .netTx: 3])
    #expect(requests.perCPUSecond == [.tlbMiss: 1e6, .msrWrite: 0.5])
    #expect(requests.receivedPacket.bytes == 400)
    #expect(requests.sentPacket == Defaults.packet)
    #expect(
      workload.memory == MemoryReferences(workingSet: 600 << 20, referencesPerSecond: 2e6, reuseSkew: 0.8))
    #expect(workload.objective == LatencyObjective(quantile: 0.999, bound: .milliseconds(5)))
    #expect(workload.location == SourceLocation(file: "s.yaml", line: 15, column: 3))
  }

  @Test("What the processes of an operation touch is stated by area")
  func touches() throws {
    let workload = try workload(
      "arrivals: {process: closed, clients: 10, think: 5 ms}", "service: {distribution: exponential, mean: 1 ms}",
      "per_request: {process_creation: {count: 1, parent: {stack: 2}, child: {text: 5, data: 3}}, "
        + "exec: {count: 0.1, child: {stack: 1}, run: {heap: 9}}, copy_on_write: {count: 1, pages: 4}}")
    #expect(
      workload.extents[.processCreation]?.touches
        == ProcessTouches(
          parent: [.init(area: "stack", count: 2)],
          child: [.init(area: "text", count: 5), .init(area: "data", count: 3)]))
    #expect(
      workload.extents[.exec]?.touches
        == ProcessTouches(child: [.init(area: "stack", count: 1)], run: [.init(area: "heap", count: 9)]))
    #expect(workload.extents[.copyOnWrite]?.touches == nil)
  }

  @Test("Touches of nothing, of operations without a process and of a lent address space are faults")
  func faultyTouches() {
    func found(_ operation: String) -> [String] {
      var text = ScenarioText()
      text.workload = ["batch: {work: 20 s}", "per_cpu_second: {\(operation)}"]
      return faults(in: text.text)
    }
    let cases = [
      ("process_creation: {rate: 1/s, child: {stack: 0}}", "17:67: error: ", "found '0'"),
      ("process_creation: {rate: 1/s, run: {stack: 1}}", "17:52: error: unknown key 'run'", ""),
      ("mmap: {rate: 1/s, child: {stack: 1}}", "17:40: error: unknown key 'child'", ""),
      ("copy_on_write: {rate: 1/s, parent: 4}", "17:57: error: expected a mapping", "found '4'"),
      (
        "exec: {rate: 1/s, vfork: true, parent: {stack: 1}}", "17:61: error: the address space is lent",
        "expected no 'parent'"
      ),
    ]
    for (text, beginning, end) in cases {
      let found = found(text)
      #expect(found.count == 1 && found[0].hasPrefix(beginning) && found[0].hasSuffix(end), "\(text): \(found)")
    }
  }

  @Test("A memory of regions, whose shares are taken in proportion")
  func regions() throws {
    let memory = try #require(
      try workload(
        "batch: {work: 20 s}",
        "memory: {page_references: 5/s, references_per: work_time, regions: "
          + "[{size: 1 GiB, share: 3, reuse_skew: 0}, {size: 2 MiB, share: 1, reuse_skew: 1, lines: 4}]}"
      ).memory)
    #expect(memory.base == .workTime)
    #expect(memory.workingSet == (1 << 30) + (2 << 20))
    #expect(memory.regions.map(\.share) == [0.75, 0.25])
    #expect(memory.regions.map(\.lines) == [1, 4])
  }

  @Test("Regions beside a working set, and none with a share, are faults")
  func faultyRegions() {
    var text = ScenarioText()
    text.workload = [
      "batch: {work: 20 s}",
      "memory: {page_references: 5/s, working_set: 1 GiB, regions: [{size: 1 GiB, share: 0, reuse_skew: 0}]}",
    ]
    let found = faults(in: text.text)
    #expect(found.contains { $0.hasSuffix("a memory has 'regions' or 'working_set', not both") }, "\(found)")
    #expect(found.contains { $0.hasSuffix("expected a region with a share above 0") }, "\(found)")
  }

  @Test func batch() throws {
    guard case .batch(let batch) = try workload("batch: {work: 20 s, threads: 2}", "per_cpu_second: {cpuid: 5}").shape
    else {
      Issue.record("expected a batch")
      return
    }
    #expect(batch.work == .seconds(20))
    #expect(batch.threads == 2)
    #expect(batch.perCPUSecond == [.cpuid: 5])
  }

  @Test func program() throws {
    guard
      case .program(let program) =
        try workload("program: {repeat: 1000000, loop: {syscall: 1, cpuid: 2}, compute: 100 ns}").shape
    else {
      Issue.record("expected a program")
      return
    }
    #expect(program.iterations == 1_000_000)
    #expect(program.operations == [.syscall: 1, .cpuid: 2])
    #expect(program.compute == .nanoseconds(100))
  }

  @Test func idle() throws {
    #expect(try workload("idle: true").shape.name == "idle")
  }

  @Test(arguments: [
    ("deterministic, mean: 2 us", "deterministic(mean: 2000.0)"),
    ("exponential, mean: 2 us", "exponential(mean: 2000.0)"),
    ("erlang, mean: 2 us, stages: 3", "erlang(shape: 3, mean: 2000.0)"),
    ("gamma, mean: 2 us, cv: 0.5", "gamma(mean: 2000.0, coefficientOfVariation: 0.5)"),
    ("lognormal, mean: 2 us, cv: 1.5", "lognormal(mean: 2000.0, coefficientOfVariation: 1.5)"),
    ("hyperexponential, mean: 2 us, cv: 1.5", "hyperexponential(mean: 2000.0, coefficientOfVariation: 1.5)"),
    ("uniform, from: 1 us, to: 2 us", "uniform(lower: 1000.0, upper: 2000.0)"),
  ])
  func distribution(parameters: String, description: String) throws {
    let workload = try workload(
      "arrivals: {process: deterministic, rate: 5/s}", "service: {distribution: \(parameters)}")
    guard case .requests(let requests) = workload.shape else {
      Issue.record("expected requests")
      return
    }
    #expect("\(requests.service)" == description)
  }

  @Test(arguments: [
    (
      "uniform, from: 2 us, to: 1 us",
      "17:54: error: expected a time above 2 us, where the distribution begins; found 1 us"
    ),
    (
      "uniform, mean: 1 us, from: 1 us, to: 2 us",
      "17:38: error: unknown key 'mean' in a uniform service time; expected distribution, from or to"
    ),
    (
      "exponential, mean: 1 us, cv: 1",
      "17:54: error: unknown key 'cv' in an exponential service time; expected distribution or mean"
    ),
    ("exponential", "17:14: error: missing key 'mean' in an exponential service time; expected a time above 0"),
    ("exponential, mean: 0 us", "17:48: error: expected a time above 0, found '0 us'"),
    ("erlang, mean: 1 us, stages: 0", "17:57: error: expected an integer from 1 to 10000, found '0'"),
    ("gamma, mean: 1 us, cv: 0", "17:52: error: expected a number above 0, at most 1000, found '0'"),
    ("hyperexponential, mean: 1 us, cv: 1", "17:63: error: expected a number above 1, at most 1000, found '1'"),
    (
      "lognormal, mean: 1 us",
      "17:14: error: missing key 'cv' in a lognormal service time; expected a number above 0, at most 1000"
    ),
    ("gama, mean: 1 us", "17:29: error: unknown distribution 'gama' (did you mean 'gamma'?)"),
    (
      "[gamma], mean: 1 us",
      "17:29: error: expected deterministic, uniform, exponential, erlang, gamma, hyperexponential, lognormal, weibull, "
        + "pareto or normal, found a list"
    ),
  ])
  func distributionFault(parameters: String, message: String) {
    let text = ScenarioText(workload: [
      "arrivals: {process: poisson, rate: 5/s}", "service: {distribution: \(parameters)}",
    ])
    #expect(faults(in: text.text) == [message])
  }

  @Test(arguments: [
    ("{process: trace}", "16:25: error: 'trace' is not simulated by this version"),
    ("{process: mmpp, rate: 1/s}", "16:25: error: 'mmpp' is not simulated by this version"),
    ("{rate: 1/s}", "16:15: error: missing key 'process' in arrivals; expected poisson, deterministic or closed"),
    (
      "{process: poisson}",
      "16:15: error: missing key 'rate' in poisson arrivals; expected a rate above 0, at most 1000000000/s"
    ),
    ("{process: poisson, rate: 5}", "16:40: error: expected a rate with its unit (/s, /min, /h), found '5'"),
    ("{process: poisson, rate: 0/s}", "16:40: error: expected a rate above 0, at most 1000000000/s, found '0/s'"),
    ("{process: closed, clients: 0, think: 1 s}", "16:42: error: expected an integer from 1 to 1000000, found '0'"),
    (
      "{process: closed, clients: 1}",
      "16:15: error: missing key 'think' in closed arrivals; expected a time such as 10 s"
    ),
    ("poisson", "16:15: error: expected a mapping, found 'poisson'"),
  ])
  func arrivalFault(arrivals: String, message: String) {
    let text = ScenarioText(
      workload: ["arrivals: \(arrivals)", "service: {distribution: exponential, mean: 1 ms}"])
    #expect(faults(in: text.text) == [message])
  }

  @Test(arguments: [
    ("{}", "15:3: error: missing key in workload 'web'; expected one of arrivals, batch, program, utilization or idle"),
    (
      "{batch: {work: 1 s}, idle: true}",
      "15:3: error: workload 'web' has 'batch' and 'idle'; expected exactly one of arrivals, batch, program, utilization or idle"
    ),
    (
      "{utilization: []}",
      "16:19: error: expected trace, a number from 0 to 1, or a mapping of generated demand, found an empty list"
    ),
    ("{idle: yes}", "16:12: error: unknown value 'yes'; expected true"),
    ("{idle: true, memory: {}}", "16:18: error: unknown key 'memory' in an idle workload; expected idle"),
    ("[idle]", "16:5: error: expected a mapping, found a list"),
    (
      "{service: {distribution: exponential, mean: 1 s}}",
      "16:5: error: missing key 'arrivals' in a workload of requests; expected a mapping with process and rate"
    ),
    ("{batch: {work: 0 s}}", "16:20: error: expected a time above 0, found '0 s'"),
    ("{batch: {threads: 2}}", "16:13: error: missing key 'work' in a batch; expected a time above 0"),
    ("{batch: {work: 1 s, threads: 0}}", "16:34: error: expected an integer from 1 to 1024, found '0'"),
    (
      "{batch: {work: 1 s}, per_request: {}}",
      "15:3: error: workload 'web' has 'batch' and 'per_request'; expected exactly one of arrivals, batch, program, utilization or idle"
    ),
    (
      "{program: {loop: {syscall: 1}}}",
      "16:15: error: missing key 'repeat' in a program; expected an integer from 1 to 1000000000000"
    ),
    ("{program: {repeat: 0, compute: 1 s}}", "16:24: error: expected an integer from 1 to 1000000000000, found '0'"),
    (
      "{program: {repeat: 1}}", "16:15: error: expected a program with at least one operation or a compute time above 0"
    ),
    (
      "{program: {repeat: 1, loop: {}, compute: 0 s}}",
      "16:15: error: expected a program with at least one operation or a compute time above 0"
    ),
    (
      "{program: {repeat: 1, compute: 1 s}, memory: {}}",
      "16:42: error: unknown key 'memory' in a program workload; expected program or code"
    ),
  ])
  func shapeFault(workload: String, message: String) {
    #expect(faults(in: ScenarioText(workload: [workload]).text) == [message])
  }

  @Test func misspelledShapesAreHintedAt() {
    #expect(
      faults(in: ScenarioText(workload: ["bacth: {work: 1 s}"]).text) == [
        "15:3: error: missing key in workload 'web'; expected one of arrivals, batch, program, utilization or idle",
        "16:5: error: unknown key 'bacth' in a workload (did you mean 'batch'?)",
      ])
  }

  @Test(arguments: [
    ("discipline: ps", "18:17: error: unknown discipline 'ps'; expected processor_sharing or fcfs"),
    (
      "memory: {working_set: 0 B, page_references: 1/s, reuse_skew: 1}",
      "18:27: error: expected a size above 0, found '0 B'"
    ),
    (
      "memory: {working_set: 1 B, page_references: 1/s, reuse_skew: -1}",
      "18:66: error: expected a number from 0 to 10, found '-1'"
    ),
    (
      "memory: {working_set: 1 B, page_references: 1/s}",
      "18:13: error: missing key 'reuse_skew' in a memory; expected a number from 0 to 10"
    ),
    ("objective: {latency_p99: 0 s}", "18:30: error: expected a time above 0, found '0 s'"),
    (
      "objective: {latency_p98: 1 s}",
      "18:17: error: unknown key 'latency_p98' in an objective (did you mean 'latency_p90'?)"
    ),
    (
      "objective: {}",
      "18:16: error: expected exactly one of latency_p50, latency_p90, latency_p95, latency_p99 or latency_p999 in an objective"
    ),
    (
      "objective: {latency_p50: 1 s, latency_p99: 2 s}",
      "18:16: error: expected exactly one of latency_p50, latency_p90, latency_p95, latency_p99 or latency_p999 in an objective"
    ),
  ])
  func otherFault(line: String, message: String) {
    var text = ScenarioText()
    text.workload.append(line)
    #expect(faults(in: text.text) == [message])
  }
}
