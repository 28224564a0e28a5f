import Model
import Testing
import Virtualization

/// Shadow tables with locks of their own: the VM's lock is left for what all address spaces have in common.
struct ShadowLockGrainTests {
  private static func scenario(_ operations: String, vcpus: Int, duration: String = "400 ms") throws -> Scenario {
    try Support.oneVM(
      """
          batch: {work: 100 s, threads: \(vcpus)}
          per_cpu_second: {\(operations)}
      """, vcpus: vcpus, cores: 8, duration: duration, warmup: "50 ms", design: "kvm-pvm")
  }

  private static func model(_ scenario: Scenario, _ grain: ShadowLock.Grain) throws -> SimulationModel {
    try Support.model(scenario, design: "kvm-pvm", axes: [.shadowLock: grain.rawValue])
  }

  @Test("Address spaces whose tables stay do not meet", arguments: [2, 8])
  func independent(vcpus: Int) throws {
    for operations in ["page_fault: 50000", "page_table_update: 100000"] {
      let scenario = try Self.scenario(operations, vcpus: vcpus)
      #expect(try Self.model(scenario, .vm).vms[0].load.lock != nil)
      let model = try Self.model(scenario, .table)
      #expect(model.vms[0].load.lock == nil)
      for result in [try Support.exit(model), try Support.fluid(model)] {
        #expect(!result.exits.contains { $0.operation == .lockWait })
      }
    }
  }

  @Test("vCPUs that run one address space meet as at one lock", arguments: [2, 8])
  func shared(vcpus: Int) throws {
    let scenario = try Self.scenario(
      "mprotect: {rate: 5000, pages: 64, siblings: \(vcpus - 1)}", vcpus: vcpus)
    let one = try #require(try Self.model(scenario, .vm).vms[0].load.lock)
    let many = try #require(try Self.model(scenario, .table).vms[0].load.lock)
    #expect(one.share == 1 && abs(many.share - 1) < 1e-9)
    #expect(abs(many.hold / one.hold - 1) < 1e-9 && abs(many.flushes - one.flushes) < 1e-9)
    #expect(abs(many.transfer + many.outside - one.transfer) < 1e-9)
  }

  @Test("The VM's lock is taken for each table that is made or torn down")
  func takings() throws {
    let scenario = try Self.scenario("process_creation: {rate: 1000, program: dynamic}", vcpus: 8)
    let model = try Self.model(scenario, .table)
    let use = try #require(model.vms[0].load.lock)
    let guest = try #require(model.vms[0].guest.paging)
    let counts = PagingModel(paging: guest, mode: PagingMode(kind: .shadow)).counts(
      of: .fork(residentPages: 0), program: "dynamic")
    // What is made is torn down, in steady state.
    #expect(counts[.shadowPage] == counts[.zap] && counts[.zap] > 0)
    let takers =
      counts[.shadowFill] + counts[.emulatedStore] + counts[.tableUnprotect] + counts[.unprotection]
      + counts[.synchronization]
    #expect(abs(use.share - (counts[.shadowPage] + counts[.zap]) / takers) < 1e-9)
    let whole = try #require(try Self.model(scenario, .vm).vms[0].load.lock)
    // Flushes and lists are those of all operations, by taking.
    #expect(abs(use.flushes * use.share - whole.flushes) < 1e-9)
    #expect(use.outside > 0 && whole.outside == 0)
    #expect(abs(use.outside * use.share - (whole.transfer - use.transfer)) < 1e-6)
    #expect(use.wait * use.share < 0.5 * whole.wait, "\(use.wait * use.share) against \(whole.wait)")
  }

  @Test("Engines agree", arguments: [ShadowLock.Grain.table, .vm], [2, 8])
  func enginesAgree(grain: ShadowLock.Grain, vcpus: Int) throws {
    let scenario = try Self.scenario("process_creation: {rate: 1500, program: dynamic}", vcpus: vcpus)
    let model = try Self.model(scenario, grain)
    let exit = try Support.exit(model)
    let fluid = try Support.fluid(model)
    func time(_ operation: GuestOperation, _ result: RunResult) -> Double {
      result.exits.filter { $0.operation == operation }.reduce(0) { $0 + Double($1.nanoseconds) }
    }
    // As in other tests of the lock: 5 % for waits and kicks, 2 % for what is done.
    for operation in [GuestOperation.lockWait, .remoteFlush] {
      let (simulated, expected) = (time(operation, exit), time(operation, fluid))
      #expect(abs(simulated / expected - 1) < 0.05, "\(operation): \(simulated) against \(expected)")
    }
    #expect(abs(exit.workloads[0].throughput / fluid.workloads[0].throughput - 1) < 0.02)
  }
}
