import Model
import Testing
import Virtualization

/// Translated guests in both engines.
struct BinaryTranslationEngineTests {
  static let designs = ["qemu-tcg", "vmware-workstation-bt"]

  static let mixed = """
    batch: {work: 100 s}
        per_cpu_second: {syscall: 20000/s, context_switch: 2000/s, page_fault: 1000/s, cpuid: 10/s, process_creation: 20/s}
    """

  @Test(
    "Engines agree within 2 %", arguments: designs, ["batch", "requests", "idle", "fork-heavy", "compare-hypervisors"])
  func agreement(design: String, kind: String) throws {
    switch kind {
    case "batch":
      try MemoryTests.expectAgreement(
        try MemoryTests.scenario(design: design, workload: Self.mixed), design: design)
    case "requests":
      let scenario = try Support.oneVM(
        """
            arrivals: {process: poisson, rate: 200/s}
            service: {distribution: exponential, mean: 300 us}
            per_request: {syscall: 30, page_fault: 2, context_switch: 2}
        """, duration: "400 s", design: design)
      try MemoryTests.expectAgreement(scenario, design: design)
    case "idle":
      try MemoryTests.expectAgreement(
        try Support.oneVM("    idle: true", duration: "14000 s", design: design), design: design)
    default:
      // Rates that a guest several times slower can serve.
      let edits =
        kind == "fork-heavy"
        ? ["workloads.forks.arrivals.rate=60/s", "duration=200 s"]
        : ["workloads.web-server.arrivals.rate=300/s", "duration=60 s"]
      try MemoryTests.expectAgreement(try Support.shipped(kind, edits: edits), design: design, leastShare: 0.001)
    }
  }

  static func pure(_ code: String, design: String = "qemu-tcg") throws -> Scenario {
    try Support.oneVM(
      """
          batch: {work: 100 s}
          code: {\(code)}
      """, duration: "50 s", warmup: "40 s", design: design)
  }

  @Test("Pure integer code runs at the factor of its class; what is translated is booked at the translator's process")
  func factor() throws {
    let model = try Support.model(try Self.pure("mix: {integer: 1}, size: 0 MiB"), design: "qemu-tcg")
    let result = try Support.exit(model)
    // The work is expanded by 1 + 3 us a microsecond; ticks take a thousandth.
    let rate = try #require(result.value(of: .throughput))
    #expect(abs(rate - 0.25) < 0.003)
    let added = result.exits.filter { $0.step == "translated_integer" && $0.operation == .integerWork }
    #expect(added.count == 1)
    #expect(added.allSatisfy { $0.place == .vmm })
    #expect(result.exits.allSatisfy { $0.exits == 0 || $0.operation != .integerWork })
    // A microsecond of work is one operation.
    #expect(abs(Double(added[0].count) - 0.25e6 * 10) < 0.01e6 * 10)
  }

  @Test("A translated kernel leaves user code alone: compute runs at full speed, its own kernel share does not")
  func userCodeDirect() throws {
    let user = try Support.exit(
      Support.model(try Self.pure("mix: {integer: 0.5, calls: 0.5}"), design: "vmware-workstation-bt"))
    #expect(try #require(user.value(of: .throughput)) > 0.985)
    let kernel = try Support.exit(
      Support.model(
        try Self.pure("mix: {integer: 0.5, calls: 0.5}, kernel_share: 1"), design: "vmware-workstation-bt"))
    // The mix of the kernel is the guest document's: 8 % calls at 6.5 us, the rest at 0.04 us a microsecond.
    let expected = 1 / (1 + 0.08 * 6.5 + 0.92 * 0.04)
    #expect(abs(try #require(kernel.value(of: .throughput)) - expected) < 0.015)
  }

  @Test("Code is translated while it is cold: a warm-up leaves most of it out, and the engines agree on both windows")
  func coldCode() throws {
    func translated(_ warmup: String) throws -> (Double, Double) {
      let scenario = try Support.oneVM(
        """
            batch: {work: 100 s}
            code: {mix: {integer: 1}, size: 4 MiB, warm_up: 1 s}
        """, duration: "40 s", warmup: warmup, design: "qemu-tcg")
      let model = try Support.model(scenario, design: "qemu-tcg")
      func count(_ result: RunResult) -> Double {
        result.exits.reduce(0) { $0 + ($1.step == "translate_code" ? Double($1.count) : 0) }
      }
      return (count(try Support.exit(model)), count(try Support.fluid(model)))
    }
    let all = try translated("0 s")
    // A million instructions of the program and half a million of the kernel, in about ten seconds of work.
    #expect(abs(all.0 - 1_572_864) < 0.01 * 1_572_864)
    #expect(abs(all.0 - all.1) < 0.02 * all.0)
    let warm = try translated("20 s")
    #expect(warm.0 < 0.02 * all.0)
    // The fluid engine takes the work done to grow evenly, though it goes slower while code is cold.
    #expect(abs(warm.0 - warm.1) < 0.005 * all.0)
  }

  @Test("Software paging makes no exit and no nested walk; misses grow with the rate of switches")
  func softwarePaging() throws {
    func run(_ switches: Int) throws -> RunResult {
      let workload = "batch: {work: 100 s}\n    per_cpu_second: {context_switch: \(switches)/s}"
      return try Support.exit(
        Support.model(try MemoryTests.scenario(design: "qemu-tcg", workload: workload), design: "qemu-tcg"))
    }
    func perSecond(_ result: RunResult, _ step: String) throws -> Double {
      let count = result.exits.reduce(0) { $0 + ($1.step == step ? Double($1.count) : 0) }
      return count / (try #require(result.value(of: .throughput)))
    }
    let few = try run(10)
    let many = try run(5000)
    #expect(few.exits.allSatisfy { !$0.step.contains("nested_walk") && !$0.step.contains("violation") })
    #expect(try perSecond(many, "software_fill") > 1.2 * perSecond(few, "software_fill"))
  }

  @Test("Native, hardware-assisted, translated kernel and translated everything: in this order for a mixed workload")
  func order() throws {
    let scenario = try MemoryTests.scenario(workload: Self.mixed)
    let rates = try ["bare-metal", "kvm-virtio", "vmware-workstation-bt", "qemu-tcg"].map { design in
      try #require(try Support.fluid(Support.model(scenario, design: design)).value(of: .throughput))
    }
    #expect(rates == rates.sorted(by: >))
    #expect(rates[0] / rates[3] > 4 && rates[0] / rates[3] < 20)
  }
}
