import Model
import Testing
import Virtualization

/// Block requests that a driver cuts, and whose parts are under way together.
struct BlockPartTests {
  private static let read = "{block_read: {count: 1, size: 4 MiB}}"

  private static func loop(
    _ backend: IOAgreementTests.Backend, depth: Int, perRequest: String = read, seconds: Double = 40
  ) throws -> SimulationModel {
    try IOAgreementTests.model(
      backend, vcpus: 1, arrivals: "{process: closed, clients: \(depth), think: 0 s}", perRequest: perRequest,
      service: 40, seconds: seconds)
  }

  /// 4 MiB are 4 parts for the host's own driver (1,280 KiB at most), 5 for virtio (1,016 KiB of single pages), 7 for AHCI (672
  /// KiB) and 8 for IDE, which takes one at a time.
  @Test(
    "Parts of a request, and how many wait for each other",
    arguments: [
      ("bare-metal", "disk", 4, 1.0), ("kvm-virtio", "disk", 5, 1), ("kvm-emulated", "disk", 7, 1),
      ("kvm-emulated", "{name: disk, model: ide}", 8, 8), ("kvm-virtio", "{name: disk, ring: 1}", 5, 5),
    ])
  func parts(_ design: String, disk: String, parts: Int, stages: Double) throws {
    let backend = IOAgreementTests.Backend(name: design, design: design, disk: disk)
    let block = try Self.loop(backend, depth: 1).vms[0].load.block
    #expect(block.reads == Double(parts) && block.readStages == stages)
    #expect(block.readSize.bytes == Int64((4_194_304 / Double(parts)).rounded()))
  }

  /// The bus of the drive passes the bytes of one part after another, and the last has its own latency then; one after another,
  /// each part would wait for the latency of the one before.
  @Test(
    "A request takes the time of its bytes and the latency of one part, not of all", arguments: [Fidelity.exit, .fluid])
  func latency(fidelity: Fidelity) throws {
    let native = IOAgreementTests.Backend(name: "native", design: "bare-metal")
    func time(_ size: String) throws -> Double {
      let result = try Support.run(
        Self.loop(native, depth: 1, perRequest: "{block_read: {count: 1, size: \(size)}}"), fidelity)
      return try #require(result.workloads[0].meanLatency)
    }
    let whole = try time("4 MiB")
    let part = try time("1 MiB")
    let device = try #require(Self.loop(native, depth: 1).disks[0])
    let bytes = device.transfer(.init(bytes: 3 << 20)) * 1e-9
    let one = device.read.latency.mean * 1e-9
    // The last to be done is the one of largest latency among those whose bytes come late.
    #expect(whole > part + bytes - 0.02 * whole && whole < part + bytes + one, "\(whole) against \(part) + \(bytes)")
  }

  @Test("A disk of one channel, and a ring of one entry, take parts one after another, and nothing is lost")
  func sequential() throws {
    let one = IOAgreementTests.Backend(name: "IDE", design: "kvm-emulated", disk: "{name: disk, model: ide, ring: 1}")
    let result = try Support.exit(Self.loop(one, depth: 4))
    let exits = try DeviceTests.exits(result, [.mmio, .portIO, .nestedPageFault])
    #expect(abs(exits - 8 * 31) < 0.01 * 8 * 31, "\(exits)")
    #expect(result.workloads[0].throughput < 1 / (8 * 80e-6))
  }

  /// An IDE disk takes one part after another.
  static let backends = IOAgreementTests.backends.filter { $0.disk == "disk" }

  /// Where the fluid engine is further away than it should be: interrupts of a Xen guest that runs when a part comes back, one
  /// in forty of its exits.
  static let gaps: [String: (reason: String, tolerance: Double)] = ["Dom0, 4": ("interrupt/event_upcall", 0.1)]

  /// Tolerances are those of `IOAgreementTests`.
  @Test("Both engines agree on loops at depths of 1 and 4", arguments: backends, [1, 4])
  func depth(_ backend: IOAgreementTests.Backend, depth: Int) throws {
    for request in ["{block_read: {count: 1, size: 4 MiB}}", "{block_write: {count: 2, size: 3 MiB}, block_read: 1}"] {
      let model = try Self.loop(backend, depth: depth, perRequest: request)
      let found = try IOAgreementTests.differences(
        Support.exit(model), Support.fluid(model), gap: Self.gaps["\(backend.name), \(depth)"] ?? ("", 0))
      #expect(found.isEmpty, "\(request): \(found)")
    }
  }

  @Test("Both engines agree on open arrivals at two fifths of what the drive's bus passes", arguments: backends)
  func open(_ backend: IOAgreementTests.Backend) throws {
    func model(_ rate: Int) throws -> SimulationModel {
      try IOAgreementTests.model(
        backend, vcpus: 1, arrivals: "{process: poisson, rate: \(rate)/s}", perRequest: Self.read, seconds: 60)
    }
    // What came is what the fluid engine is asked for.
    let exit = try Support.exit(model(300))
    let fluid = try Support.fluid(model(Int(exit.workloads[0].throughput.rounded())))
    let found = try IOAgreementTests.differences(exit, fluid)
    #expect(found.isEmpty, "\(found)")
  }
}
