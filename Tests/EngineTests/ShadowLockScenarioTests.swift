import Model
import Testing
import Virtualization

/// Siblings under shadow paging: waits for the tables' lock and kicks.
struct ShadowLockScenarioTests {
  /// Seconds a second of vCPU time by VM.
  private func share(of operation: GuestOperation, _ result: RunResult) -> [String: Double] {
    var shares: [String: Double] = [:]
    for row in result.exits where row.operation == operation {
      let vm = result.vms[row.vm]
      shares[vm.name, default: 0] +=
        Double(row.nanoseconds) / Double(vm.vcpus) / Double(result.window.nanoseconds)
    }
    return shares
  }

  private static let short = ["duration=400 ms", "warmup=50 ms"]

  @Test func waitsGrowWithVCPUsUnderShadowPagingAlone() throws {
    let scenario = try Support.shipped("lock-contention", edits: Self.short)
    let shadow = try Support.exit(try Support.model(scenario, design: "kvm-shadow"))
    let nested = try Support.exit(try Support.model(scenario, design: "kvm-virtio"))
    for operation in [GuestOperation.lockWait, .remoteFlush] {
      let shares = share(of: operation, shadow)
      #expect(shares["one"] == nil)
      let grown = [shares["two"], shares["four"], shares["eight"]].map { $0 ?? 0 }
      #expect(grown[0] > 0 && grown[1] > grown[0], "\(operation) \(grown)")
      // Where most siblings wait for the lock few run their guest, and only those are kicked.
      #expect(operation == .lockWait ? grown[2] > grown[1] : grown[2] > 0, "\(operation) \(grown)")
      #expect(share(of: operation, nested).isEmpty)
    }
  }

  /// A batch whose threads all store into protected tables: takings without flushes.
  private static func stores(vcpus: Int, cores: Int, rate: Int, duration: String = "1 s") throws -> Scenario {
    try Support.oneVM(
      """
          batch: {work: 100 s, threads: \(vcpus)}
          per_cpu_second: {page_table_update: \(rate)}
      """, vcpus: vcpus, cores: cores, duration: duration, warmup: "100 ms", design: "kvm-shadow")
  }

  @Test("Waits are those of the finite-source queue M/D/1", arguments: [2, 4, 8])
  func closedForm(vcpus: Int) throws {
    let model = try Support.model(try Self.stores(vcpus: vcpus, cores: 8, rate: 300_000))
    let use = try #require(model.vms[0].load.lock)
    let result = try Support.exit(model)
    let stores = result.exits.filter { $0.operation == .emulatedStore && $0.exits > 0 }.reduce(0) { $0 + $1.count }
    let waits = result.exits.filter { $0.operation == .lockWait }
    let wait = Double(waits.reduce(0) { $0 + $1.nanoseconds }) / Double(stores)
    // What a cycle has besides hold and wait.
    let think = Double(vcpus) * Double(result.window.nanoseconds) / Double(stores) - use.hold - wait
    // All siblings have work, so that every hold includes a transfer of lines, which is booked as a wait.
    let expected = ShadowLock.solve(takers: vcpus, think: think, hold: use.hold + use.transfer)
    #expect(use.transfer > 0)
    // About 100,000 takings a vCPU: the sampling error is below 1 %; times round to nanoseconds.
    #expect(abs(wait / (expected.wait + use.transfer) - 1) < 0.03, "\(wait) against \(expected.wait)")
    let share = Double(waits.reduce(0) { $0 + $1.count }) / Double(stores)
    #expect(abs(share / (expected.waits + 1) - 1) < 0.03, "\(share) against \(expected.waits)")
  }

  @Test("Long lists of entries lengthen holds: by none, removals, or all", arguments: [2, 8])
  func reverseMappings(vcpus: Int) throws {
    let scenario = try Support.oneVM(
      """
          batch: {work: 100 s, threads: \(vcpus)}
          per_cpu_second: {exec: {rate: 100, program: dynamic}}
      """, vcpus: vcpus, cores: 8, design: "kvm-shadow")
    func use(_ value: String) throws -> ShadowLockUse {
      let model = try Support.model(scenario, design: "kvm-shadow", axes: [.reverseMappings: value])
      return try #require(model.vms[0].load.lock)
    }
    let head = try use("head_records")
    let long = try use("long_records")
    let short = try use("short_records")
    // Lists of two processes and their children fit into one or two records.
    #expect(head.transfer <= long.transfer && long.transfer <= short.transfer)
    #expect(head.hold == short.hold && head.flushes == short.flushes)
    if vcpus == 8 { #expect(head.transfer < long.transfer && short.transfer > head.transfer + 200) }
  }

  @Test("Engines agree for one to eight vCPUs", arguments: ["head_records", "short_records"])
  func enginesAgree(lists: String) throws {
    let model = try Support.model(
      try Support.shipped("lock-contention", edits: Self.short), design: "kvm-shadow", axes: [.reverseMappings: lists])
    let exit = try Support.exit(model)
    let fluid = try Support.fluid(model)
    for operation in [GuestOperation.lockWait, .remoteFlush] {
      let expected = share(of: operation, fluid)
      for (vm, value) in share(of: operation, exit) {
        #expect(abs(value / (expected[vm] ?? 0) - 1) < 0.05, "\(operation) of \(vm): \(value), \(expected[vm] ?? 0)")
      }
    }
    for (simulated, expected) in zip(exit.vms, fluid.vms) {
      let overhead = Double(simulated.stall) / Double(simulated.guest)
      #expect(abs(overhead / (Double(expected.stall) / Double(expected.guest)) - 1) < 0.02, "\(simulated.name)")
    }
    for (simulated, expected) in zip(exit.workloads, fluid.workloads) {
      #expect(abs(simulated.throughput / expected.throughput - 1) < 0.02, "\(simulated.name)")
    }
  }

  @Test("A holder without a core keeps the lock: on too few cores others wait for it")
  func holderPreemption() throws {
    func wait(cores: Int) throws -> Double {
      let text = try Support.scenario(
        """
        scenario: preempted
        duration: 1 s
        warmup: 100 ms
        hosts:
          - {name: node, cpu: {cores: \(cores), frequency: 2.5 GHz}, memory: {size: 64 GiB}, design: kvm-shadow, profile: cascade-lake-pvm-paper}
        vms:
          - {name: vm, count: 2, vcpus: 3, memory: {size: 1 GiB}, workload: work}
        workloads:
          work:
            batch: {work: 100 s, threads: 3}
            per_cpu_second: {page_table_update: 100000}
        """)
      let result = try Support.exit(try Support.model(text))
      let stores = result.exits.filter { $0.operation == .emulatedStore && $0.exits > 0 }.reduce(0) { $0 + $1.count }
      let waits = result.exits.filter { $0.operation == .lockWait }.reduce(0) { $0 + $1.nanoseconds }
      return Double(waits) / Double(stores)
    }
    let spacious = try wait(cores: 6)
    let tight = try wait(cores: 4)
    #expect(tight > 2 * spacious, "\(tight) ns a taking on four cores, \(spacious) ns on six")
  }

  @Test("Runs repeat to the last bit")
  func determinism() throws {
    let model = try Support.model(
      try Support.shipped("lock-contention", edits: ["duration=100 ms", "warmup=10 ms"]), design: "kvm-shadow")
    #expect(try Support.exit(model).exits == (try Support.exit(model)).exits)
  }
}
