import Model
import Testing
import Virtualization

/// Devices and virtual functions that guests drive themselves.
struct AssignedDeviceTests {
  private static let reading = """
        arrivals: {process: closed, clients: 8, think: 0 s}
        service: {distribution: exponential, mean: 8 us}
        per_request: {block_read: {count: 1, size: 4 KiB}}
    """

  private static func scenario(
    nic: String = "generic-10g", disk: String = "generic-nvme", count: Int = 1, duration: String = "2 s",
    _ workload: String = reading
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: assigned
      duration: \(duration)
      warmup: 200 ms
      hosts:
        - name: node
          cpu: {cores: 16, frequency: 2.5 GHz}
          memory: {size: 256 GiB}
          nics: [{name: eth0, bandwidth: 10 Gbit/s, model: \(nic)}]
          disks: [{name: disk, model: \(disk)}]
          design: kvm-passthrough
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: \(count), vcpus: 1, memory: {size: 1 GiB}, nic: eth0, disk: disk, workload: work}
      workloads:
        work:
      \(workload)
      """)
  }

  private static func run(_ axes: [DesignAxis: String], design: String = "kvm-passthrough") throws -> RunResult {
    try Support.exit(try Support.model(try scenario(), design: design, axes: axes))
  }

  private static func faults(_ scenario: Scenario, _ axes: [DesignAxis: String]) -> [String] {
    Support.faults { _ = try Support.model(scenario, design: "kvm-passthrough", axes: axes) }
  }

  @Test("A drive of the guest's own is rung without exits and passes no backend; a virtio disk beside is rung as ever")
  func drive() throws {
    let bells: Set<ExitReason> = [.mmio, .portIO]
    let own = try Self.run([.disk: "passthrough"])
    #expect(try DeviceTests.exits(own, bells) == 0)
    #expect(!own.exits.contains { $0.place == .worker })
    let virtio = try Self.run([:])
    let usual = try Self.run([:], design: "kvm-virtio")
    #expect(try DeviceTests.exits(virtio, bells) > 0.1)
    #expect(try DeviceTests.exits(virtio, bells) == DeviceTests.exits(usual, bells))
    #expect(own.workloads[0].throughput > virtio.workloads[0].throughput)
    let bare = try Self.run([:], design: "bare-metal")
    #expect(own.workloads[0].throughput < bare.workloads[0].throughput)
    // What remains are wake-ups and halts of the vCPU.
    #expect(own.workloads[0].throughput > 0.6 * bare.workloads[0].throughput)
  }

  @Test("Both engines agree on an assigned drive", arguments: ["passthrough", "virtio"])
  func agreement(disk: String) throws {
    let model = try Support.model(try Self.scenario(), design: "kvm-passthrough", axes: [.disk: disk])
    let exit = try Support.exit(model).workloads[0].throughput
    let fluid = try Support.fluid(model).workloads[0].throughput
    #expect(abs(exit - fluid) < 0.02 * fluid, "\(exit) against \(fluid)")
  }

  @Test("Virtual functions share the drive: together they get what it has")
  func sharing() throws {
    let saturating = Self.reading.replacing("clients: 8", with: "clients: 128")
    let axes: [DesignAxis: String] = [.disk: "sriov"]
    func throughput(_ count: Int, duration: String = "2 s") throws -> Double {
      let scenario = try Self.scenario(
        disk: "generic-nvme-sriov", count: count, duration: duration, saturating)
      return try Support.exit(try Support.model(scenario, design: "kvm-passthrough", axes: axes)).workloads[0]
        .throughput
    }
    // One vCPU of 8 us a request does 125,000 a second at most (0.2 % sampling error); twelve of them ask for more than the drive's 800,000.
    let one = try throughput(1)
    #expect(one < 126_000, "\(one)")
    let all = try throughput(12, duration: "700 ms")
    #expect(all > 0.97 * 800_000 && all < 1.01 * 800_000, "\(all)")
  }

  @Test("Each function is moderated for itself; under vhost all VMs wait for the interface's interrupt")
  func moderation() throws {
    let receiving = """
          arrivals: {process: poisson, rate: 20000/s}
          service: {distribution: exponential, mean: 10 us}
          per_request: {net_rx: {count: 1, size: 100 B}}
      """
    func latency(_ network: String) throws -> (exit: Double, fluid: Double) {
      let model = try Support.model(
        try Self.scenario(count: 8, receiving), design: "kvm-passthrough", axes: [.network: network])
      return (
        try #require(try Support.exit(model).workloads[0].meanLatency),
        try #require(try Support.fluid(model).workloads[0].meanLatency)
      )
    }
    // Residual of an open interval of 20 us: r·20/(1 + r·20)·10 us, with r the batches a microsecond of one VM or all.
    func wait(_ rate: Double) -> Double { rate * 20 / (1 + rate * 20) * 10e-6 }
    let own = try latency("sriov")
    let shared = try latency("vhost")
    #expect(abs(own.exit - own.fluid) < 0.1 * own.fluid, "\(own)")
    // Waiting, and the way through the worker: 2 us, and up to 2 us of waking. Batches that wait together queue in the
    // guest as well, which the fluid engine leaves out.
    let difference = shared.exit - own.exit
    let expected = wait(0.16) - wait(0.02)
    #expect(difference > expected + 2e-6 && difference < expected + 8e-6, "\(difference) against \(expected)")
  }

  @Test("A whole device for two VMs, too many functions, a device without any")
  func faults() throws {
    #expect(Self.faults(try Self.scenario(count: 8), [:]) == [])
    #expect(
      Self.faults(try Self.scenario(count: 2), [.network: "passthrough"]) == [
        "vm 'vm-2' needs nic 'eth0' of host 'node' for itself, but another vm has it; expected a device for each, or "
          + "network: sriov"
      ])
    #expect(
      Self.faults(try Self.scenario(count: 2), [.disk: "passthrough"]) == [
        "vm 'vm-2' needs disk 'disk' of host 'node' for itself, but another vm has it; expected a device for each, or "
          + "disk: sriov"
      ])
    #expect(
      Self.faults(try Self.scenario(count: 64), [:]) == [
        "vm 'vm-64' is one too many for nic 'eth0' of host 'node', which has 63 virtual functions"
      ])
    #expect(
      Self.faults(try Self.scenario(nic: "generic-1g"), [:]) == [
        "vm 'vm' is to have a virtual function of nic 'eth0' of host 'node', whose device has none; expected a device "
          + "with 'functions', or another network of design 'kvm-passthrough'"
      ])
    #expect(
      Self.faults(try Self.scenario(), [.disk: "sriov"]) == [
        "vm 'vm' is to have a virtual function of disk 'disk' of host 'node', whose device has none; expected a device "
          + "with 'functions', or another disk of design 'kvm-passthrough'"
      ])
  }
}
