import Model
import Testing
import Virtualization

/// Interrupts of an emulated disk, each of which tells of all commands that are done.
struct SharedInterruptTests {
  static let ahci = IOAgreementTests.Backend(
    name: "AHCI", design: "{name: kvm-emulated}", disk: "{name: disk, model: ahci}", accesses: (0, 31.5))
  static let posted = IOAgreementTests.Backend(
    name: "AHCI, posted interrupts", design: "{name: kvm-emulated, interrupts: posted}",
    disk: "{name: disk, model: ahci}", accesses: (0, 31.5))

  private static func loop(_ backend: IOAgreementTests.Backend, depth: Int, service: Double = 20) throws
    -> SimulationModel
  {
    try IOAgreementTests.model(
      backend, vcpus: 1, arrivals: "{process: closed, clients: \(depth), think: 0 s}",
      perRequest: IOAgreementTests.block, service: service, seconds: service < 10 ? 4 : 1)
  }

  private static func accesses(_ depth: Int, service: Double = 20, _ fidelity: Fidelity) throws -> Double {
    let result = try Support.run(Self.loop(Self.ahci, depth: depth, service: service), fidelity)
    return try DeviceTests.exits(result, [.mmio, .portIO, .nestedPageFault])
  }

  /// Two writes issue a command, five accesses are an interrupt's: one of its own at depth 1, and at depth `n` one for `n`
  /// commands at best. A guest with work of its own issues its commands one after another, and so they come back.
  @Test("Register accesses of a command: 7 at depth 1, less the deeper and the quicker, and never below 2 + 5 / depth")
  func depths() throws {
    for fidelity in [Fidelity.exit, .fluid] {
      for depth in [1, 4, 16, 32] {
        let count = try Self.accesses(depth, fidelity)
        #expect(count > (2 + 5 / Double(depth)) * 0.999, "\(fidelity), depth \(depth): \(count)")
        // The window cuts a command at either end.
        #expect(depth == 1 ? abs(count - 7) <= 0.01 : count < 6.5, "\(fidelity), depth \(depth): \(count)")
        guard depth > 1 else { continue }
        let quick = try Self.accesses(depth, service: 4, fidelity)
        #expect(quick < count && quick > 2 + 5 / Double(depth), "\(fidelity), depth \(depth): \(quick)")
      }
    }
  }

  @Test("An IDE disk, whose requests have interrupts of their own, has the same accesses at any depth")
  func unshared() throws {
    let ide = IOAgreementTests.Backend(name: "IDE", design: "kvm-emulated", disk: "{name: disk, model: ide}")
    for depth in [1, 16] {
      let result = try Support.exit(Self.loop(ide, depth: depth))
      #expect(try abs(DeviceTests.exits(result, [.mmio, .portIO, .nestedPageFault]) - 26) < 0.1)
    }
  }

  /// A quick guest's commands come together for a while and apart for a while: in 4 s the standard error of its interrupts is
  /// 2 %, as in the fluid engine's sample.
  static let convoys = ("eoi/eoi_exit", 0.06)

  /// Tolerances are those of `IOAgreementTests`.
  @Test("Both engines agree on loops at depths of 1, 4, 16 and 32", arguments: [ahci, posted], [1, 4, 16, 32])
  func agreement(_ backend: IOAgreementTests.Backend, depth: Int) throws {
    for service in [4.0, 20] {
      let model = try Self.loop(backend, depth: depth, service: service)
      let found = try IOAgreementTests.differences(
        Support.exit(model), Support.fluid(model), gap: service < 10 && depth == 16 ? Self.convoys : ("", 0))
      #expect(found.isEmpty, "service of \(service) us: \(found)")
    }
  }

  @Test("Both engines agree on open arrivals at utilizations of 0.3, 0.6 and 0.8", arguments: [1, 4], [0.3, 0.6, 0.8])
  func utilization(vcpus: Int, utilization: Double) throws {
    let runs = try IOAgreementTests.open(
      Self.ahci, isBlock: true, vcpus: vcpus, utilization: utilization,
      requests: IOAgreementTests.requests(Self.ahci, utilization: utilization))
    let found = try IOAgreementTests.differences(runs.exit, runs.fluid)
    #expect(found.isEmpty, "\(found)")
  }
}
