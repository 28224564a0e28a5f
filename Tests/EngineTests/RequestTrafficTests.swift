import Model
import Testing
import Virtualization

/// What kernels make of packets, block requests and files on their way to the devices; quotas.
struct RequestTrafficTests {
  private static func model(
    _ operations: String, nic: String = "{name: eth0}", disk: String = "disk", design: String = "bare-metal",
    interface: String = "generic-10g", arrivals: String = "{process: poisson, rate: 1000/s}",
    service: String = "400 us",
    duration: String = "1100 ms", axes: [DesignAxis: String] = [:], vcpus: Int = 2
  ) throws -> SimulationModel {
    try Support.model(
      try Support.scenario(
        """
        scenario: traffic
        duration: \(duration)
        warmup: 100 ms
        hosts:
          - name: node
            cpu: {cores: 8, frequency: 2.5 GHz}
            memory: {size: 64 GiB}
            nics: [{name: eth0, bandwidth: 10 Gbit/s, model: \(interface)}]
            disks: [{name: disk, model: generic-nvme}]
            design: \(design)
            profile: cascade-lake-pvm-paper
        vms:
          - {name: vm, vcpus: \(vcpus), memory: {size: 1 GiB}, nic: \(nic), disk: \(disk), workload: work}
        workloads:
          work:
            arrivals: \(arrivals)
            service: {distribution: exponential, mean: \(service)}
            per_request: {\(operations)}
        """), design: design, axes: axes)
  }

  private static func traffic(_ operations: String, _ nic: String, interface: String = "generic-10g") throws
    -> RequestTraffic
  {
    try model(operations, nic: nic, interface: interface, service: "4 ms").vms[0].load.traffic
  }

  private static let megabyte = "net_tx: {count: 1, size: 1 MiB}"

  /// Frames of 1,500 bytes carry 1,448; 45 of them fit in 64 KiB.
  @Test("Segmentation: a megabyte is 17 packets for the driver, or 725 frames; the wire has the same frames")
  func segmentation() throws {
    let stated = try Self.traffic(Self.megabyte, "{name: eth0}")
    #expect(stated.sent == 1 && stated.sentBytes == 1_048_576)
    let cut = try Self.traffic(Self.megabyte, "{name: eth0, mtu: 1500 B}")
    #expect(cut.sent == 17)
    let frames = try Self.traffic(Self.megabyte, "{name: eth0, mtu: 1500 B, segmentation: false}")
    #expect(frames.sent == 725)
    #expect(frames.sentBytes == cut.sentBytes && cut.sentBytes == 1_048_576 + 725 * 90)
    let small = try Self.traffic("net_tx: {count: 3, size: 100 B}", "{name: eth0, mtu: 1500 B, segmentation: false}")
    #expect(small.sent == 3)
  }

  /// A frame of 1,500 bytes and 38 around it takes 1.23 us at 10 Gbit/s: 17 in an interval of 20 us. Without moderation a
  /// poll takes 64, of which 45 fit in a packet.
  @Test("Merging of received frames: by interrupt, by poll, by the length field, not at all; conserved")
  func merging() throws {
    let received = "net_rx: {count: 2, size: 1 MiB}"
    func traffic(_ nic: String, _ interface: String) throws -> RequestTraffic {
      let result = try Self.traffic(received, nic, interface: interface)
      // No byte is lost: packets hold what was received, to rounding.
      let bytes = Double(result.received) * Double(result.receivedSize.bytes)
      #expect(bytes >= 2 * 1_048_576 && bytes < 2.01 * 1_048_576)
      return result
    }
    let moderated = try traffic("{name: eth0, mtu: 1500 B}", "generic-10g")
    #expect(moderated.received == 2 * 43 && moderated.mergedFrames == 17)
    let polled = try traffic("{name: eth0, mtu: 1500 B}", "generic-25g")
    #expect(polled.received == 2 * 17 && polled.mergedFrames == 43)
    let large = try traffic("{name: eth0, mtu: 1500 B, receive_merging: lro}", "generic-25g")
    #expect(large.received == 2 * 17 && large.mergedFrames == 1)
    let none = try traffic("{name: eth0, mtu: 1500 B, receive_merging: none}", "generic-25g")
    #expect(none.received == 2 * 725)
    let jumbo = try traffic("{name: eth0, mtu: 9000 B}", "generic-25g")
    #expect(jumbo.received == 2 * 17)
  }

  @Test("Offloading saves CPU time, the more the better; under KVM the backend merges; both engines agree")
  func cost() throws {
    func busy(_ nic: String, _ design: String) throws -> (exit: Double, fluid: Double) {
      let operations = "net_rx: {count: 1, size: 64 KiB}, net_tx: {count: 1, size: 64 KiB}"
      let model = try Self.model(operations, nic: nic, design: design, interface: "generic-25g")
      let results = try (Support.exit(model), Support.fluid(model))
      func time(_ result: RunResult) -> Double {
        Double(result.hosts[0].virtualization.reduce(0, +)) / Double(result.vms[0].completed)
      }
      return (time(results.0), time(results.1))
    }
    let offloads = [
      "", ", receive_merging: lro", ", receive_merging: none", ", receive_merging: none, segmentation: false",
    ]
    let times = try offloads.map { try busy("{name: eth0, mtu: 1500 B\($0)}", "kvm-virtio") }
    for time in times { #expect(abs(time.exit - time.fluid) < 0.03 * time.fluid, "\(time)") }
    #expect(times[1].exit < times[0].exit && times[0].exit < times[2].exit && times[2].exit < times[3].exit)
    // A packet costs the worker 2 us when it is received, and a merged frame 0.15 us.
    #expect(abs(times[0].exit - times[1].exit - 46 * 150) < 1000, "\(times)")
  }

  /// Of `n` requests in a plug `1 + (n − 1)(1 − s)` remain; 320 of 4 KiB make the largest.
  @Test("Merging of block requests: within a plug of 32, up to 1,280 KiB; bytes are conserved")
  func blocks() throws {
    func load(_ operations: String) throws -> RequestTraffic {
      try Self.model(operations, service: "4 ms").vms[0].load.traffic
    }
    let none = try load("block_write: {count: 16, size: 4 KiB}")
    #expect(none.block.writes == 16 && none.mergedBlocks == 0)
    let all = try load("block_write: {count: 16, size: 4 KiB, sequential: 1}")
    #expect(all.block.writes == 1 && all.mergedBlocks == 15 && all.block.writeSize.bytes == 65_536)
    let half = try load("block_write: {count: 16, size: 4 KiB, sequential: 0.5}")
    #expect(abs(half.block.writes - 8.5) < 1e-9)
    #expect(abs(half.block.writes * Double(half.block.writeSize.bytes) - 65_536) < 16)
    let plugs = try load("block_read: {count: 100, size: 4 KiB, sequential: 1}")
    #expect(abs(plugs.block.reads - 4) < 1e-9)
    let large = try load("block_read: {count: 32, size: 256 KiB, sequential: 1}")
    // Five of 256 KiB make 1,280 KiB: 7 requests for 32.
    #expect(abs(large.block.reads - 7) < 1e-9)
  }

  @Test("Merged requests: fewer bells and completions; both engines agree", arguments: ["bare-metal", "kvm-virtio"])
  func mergedRequests(design: String) throws {
    func run(_ sequential: Double) throws -> (exit: RunResult, fluid: RunResult) {
      let model = try Self.model(
        "block_write: {count: 8, size: 16 KiB, sequential: \(sequential)}", design: design, service: "100 us")
      return (try Support.exit(model), try Support.fluid(model))
    }
    let single = try run(0)
    let merged = try run(0.9)
    for (exit, fluid) in [single, merged] {
      let latency = (try #require(exit.value(of: .latencyMean)), try #require(fluid.value(of: .latencyMean)))
      #expect(abs(latency.0 - latency.1) < 0.1 * latency.1, "\(latency)")
    }
    let latencies = (
      try #require(single.exit.value(of: .latencyMean)), try #require(merged.exit.value(of: .latencyMean))
    )
    #expect(latencies.1 < latencies.0)
    guard design == "kvm-virtio" else { return }
    func bells(_ result: RunResult) -> Double {
      Double(result.exits.filter { $0.step == "bell_exit" }.reduce(0) { $0 + $1.count })
        / Double(result.vms[0].completed)
    }
    // 8 requests make 1 + 7 · 0.1 of the device.
    #expect(abs(bells(merged.exit) / bells(single.exit) - 1.7 / 8) < 0.03)
  }

  @Test(
    "Quotas hold exactly: requests a second, bytes a second, bits a second",
    arguments: ["bare-metal", "container", "kvm-virtio"])
  func quotas(design: String) throws {
    let closed = "{process: closed, clients: 32, think: 0 s}"
    func throughput(_ operations: String, nic: String = "{name: eth0}", disk: String = "disk") throws -> [Double] {
      let model = try Self.model(
        operations, nic: nic, disk: disk, design: design, arrivals: closed, service: "10 us", duration: "2100 ms")
      return try [Support.exit(model), Support.fluid(model)].map { $0.workloads[0].throughput }
    }
    let read = "block_read: {count: 1, size: 16 KiB}"
    for value in try throughput(read, disk: "{name: disk, limit: 5000/s}") {
      #expect(abs(value - 5000) < 0.01 * 5000, "\(value)")
    }
    // 16 KiB a request: 6,103.5 of 100 MB a second.
    for value in try throughput(read, disk: "{name: disk, bandwidth: 800 Mbit/s}") {
      #expect(abs(value - 1e8 / 16_384) < 0.01 * 1e8 / 16_384, "\(value)")
    }
    // The tighter of two holds.
    for value in try throughput(read, disk: "{name: disk, limit: 3000/s, bandwidth: 800 Mbit/s}") {
      #expect(abs(value - 3000) < 0.01 * 3000, "\(value)")
    }
    for value in try throughput("net_tx: {count: 1, size: 1250 B}", nic: "{name: eth0, limit: 100 Mbit/s}") {
      #expect(abs(value - 10_000) < 0.01 * 10_000, "\(value)")
    }
  }

  @Test("Overlay: the first write to a file of a lower layer reads and writes it whole; volumes do not")
  func overlay() throws {
    let writing = "block_write: {count: 1, size: 4 KiB}, first_file_write: {count: 0.25, size: 10 MiB}"
    func model(_ axes: [DesignAxis: String], _ design: String = "container") throws -> SimulationModel {
      try Self.model(
        writing, design: design, arrivals: "{process: poisson, rate: 50/s}", service: "1 ms", duration: "10 s",
        axes: axes,
        vcpus: 4)
    }
    let plain = try model([:])
    #expect(plain.vms[0].load.block.count == 1)
    let overlay = try model([.fileSystem: "overlay"])
    let block = overlay.vms[0].load.block
    #expect(abs(block.reads - 2.5) < 1e-9 && abs(block.writes - 3.5) < 1e-9)
    #expect(abs(block.reads * Double(block.readSize.bytes) - 0.25 * 10_485_760) < 16)
    #expect(abs(block.writes * Double(block.writeSize.bytes) - 0.25 * 10_485_760 - 4096) < 16)
    let exit = try Support.exit(overlay)
    let fluid = try Support.fluid(overlay)
    let pages = exit.exits.filter { $0.step == "copy_up_page" }.reduce(0) { $0 + $1.count }
    #expect(abs(Double(pages) / Double(exit.vms[0].completed) - 640) < 1)
    let latencies = try [exit, fluid].map { try #require($0.value(of: .latencyMean)) }
    #expect(abs(latencies[0] - latencies[1]) < 0.1 * latencies[1], "\(latencies)")
    #expect(try latencies[0] > #require(Support.exit(plain).value(of: .latencyMean)))
    #expect(try model([.fileSystem: "overlay"], "container-in-vm").vms[0].load.block.reads > 0)
    #expect(try model([:], "kvm-virtio").vms[0].load.block.reads == 0)
  }

  @Test("Containers: address translation costs more than a bridge, a bridge more than the host's interface")
  func network() throws {
    func time(_ network: String) throws -> Double {
      let model = try Self.model(
        "net_rx: {count: 4, size: 1500 B}, net_tx: {count: 4, size: 1500 B}", design: "container",
        axes: [.network: network])
      return try #require(Support.exit(model).value(of: .virtualizationCPU))
    }
    let times = try [time("bridge"), time("bridge_only"), time("native")]
    #expect(times[0] > times[1] && times[1] > times[2], "\(times)")
  }
}
