import Model
import Testing
import Virtualization

/// Emulated disks at other sizes, directions and depths than those at which real guests were counted.
struct EmulatedDiskTests {
  private static func run(
    _ device: String, depth: Int, operation: String, size: String, vcpus: Int = 1,
    fidelity: Fidelity = .exit
  ) throws -> RunResult {
    let design = device == "virtio-blk" ? "kvm-virtio" : "kvm-emulated"
    let scenario = try DeviceTests.scenario(
      """
          arrivals: {process: closed, clients: \(depth), think: 0 s}
          service: {distribution: exponential, mean: 10 us}
          per_request: {\(operation): {count: 1, size: \(size)}}
      """, vcpus: vcpus, disk: "{name: disk, model: \(device)}", duration: "1500 ms")
    return try Support.run(Support.model(scenario, design: design, fidelity: fidelity), fidelity)
  }

  private static let registers: Set<ExitReason> = [.mmio, .portIO, .nestedPageFault]

  /// A task file is written once for up to 256 sectors, in two halves beyond. Requests are cut at 1,280 KiB, and where a
  /// driver's segments hold no more single pages: 512 KiB for IDE (128), 672 KiB for AHCI (168), 1,016 KiB for virtio (254), which is
  /// rung once for all parts.
  @Test(
    "Register accesses and bells at depth 1, derived from the drivers: any direction, any size",
    arguments: [
      ("ide", "4 KiB", 26.0), ("ide", "64 KiB", 26), ("ide", "128 KiB", 26), ("ide", "256 KiB", 31),
      ("ide", "512 KiB", 31), ("ide", "1 MiB", 62), ("ahci", "4 KiB", 7), ("ahci", "64 KiB", 7),
      ("ahci", "512 KiB", 7), ("ahci", "1 MiB", 14), ("virtio-blk", "4 KiB", 1), ("virtio-blk", "64 KiB", 1),
      ("virtio-blk", "1 MiB", 1),
    ], ["block_read", "block_write"])
  func sizes(_ expected: (device: String, size: String, count: Double), operation: String) throws {
    for fidelity in [Fidelity.exit, .fluid] {
      let result = try Self.run(
        expected.device, depth: 1, operation: operation, size: expected.size, fidelity: fidelity)
      let count = try DeviceTests.exits(result, Self.registers)
      // The window cuts a request at either end.
      #expect(abs(count - expected.count) <= 0.01 * expected.count, "\(fidelity): \(count)")
    }
  }

  @Test("Bytes and requests of cut requests are conserved: the same data in more requests")
  func cutting() throws {
    let model = try Support.model(
      DeviceTests.scenario(
        """
            arrivals: {process: closed, clients: 1, think: 0 s}
            service: {distribution: exponential, mean: 100 us}
            per_request: {block_read: {count: 2, size: 3 MiB}, block_write: {count: 1, size: 600 KiB}}
        """, disk: "{name: disk, model: ide}"), design: "kvm-emulated")
    let block = model.vms[0].load.block
    #expect(block.reads == 12 && block.readSize.bytes == 512 * 1024)
    #expect(block.writes == 2 && block.writeSize.bytes == 300 * 1024)
  }

  /// The drive's reads take 80 us; it would serve 128 at a time.
  @Test("With a ring of one, as IDE has it, one request is under way at a time, and nothing is lost")
  func ring() throws {
    let one = try Self.run("ide, ring: 1", depth: 64, operation: "block_read", size: "4 KiB", vcpus: 4)
    let all = try Self.run("ide", depth: 64, operation: "block_read", size: "4 KiB", vcpus: 4)
    #expect(one.workloads[0].throughput < 1 / 80e-6)
    #expect(one.workloads[0].throughput > 0.8 / 88e-6)
    #expect(all.workloads[0].throughput > 2 * one.workloads[0].throughput)
    for result in [one, all] { #expect(try abs(DeviceTests.exits(result, Self.registers) - 26) < 0.3) }
    let fluid = try Self.run(
      "ide, ring: 1", depth: 64, operation: "block_read", size: "4 KiB", vcpus: 4, fidelity: .fluid)
    #expect(abs(fluid.workloads[0].throughput - one.workloads[0].throughput) < 0.1 * one.workloads[0].throughput)
  }
}
