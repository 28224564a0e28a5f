import Model
import Testing
import Virtualization

/// Devices with several queues, and the threads that serve them; notification by flags.
struct MultiQueueTests {
  private static func sending(_ rate: Int) -> String {
    """
        arrivals: {process: poisson, rate: \(rate)/s}
        service: {distribution: exponential, mean: 20 us}
        per_request: {net_tx: {count: 1, size: 100 B}}
    """
  }

  private static let saturating = """
        arrivals: {process: closed, clients: 256, think: 0 s}
        service: {distribution: exponential, mean: 3 us}
        per_request: {net_tx: {count: 1, size: 100 B}}
    """

  private static func scenario(
    _ workload: String, nic: String = "eth0", disk: String = "disk", vcpus: Int = 8, design: String = "kvm-virtio",
    duration: String = "250 ms"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: queues
      duration: \(duration)
      warmup: 50 ms
      hosts:
        - name: node
          cpu: {cores: 32, frequency: 2.5 GHz}
          memory: {size: 64 GiB}
          nics: [{name: eth0, bandwidth: 100 Gbit/s, model: generic-10g}]
          disks: [{name: disk, model: generic-nvme}]
          design: \(design)
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, vcpus: \(vcpus), memory: {size: 1 GiB}, nic: \(nic), disk: \(disk), workload: work}
      workloads:
        work:
      \(workload)
      """)
  }

  private static func model(
    _ workload: String, nic: String = "eth0", disk: String = "disk", vcpus: Int = 8, design: String = "kvm-virtio",
    duration: String = "250 ms"
  ) throws -> SimulationModel {
    try Support.model(
      try scenario(workload, nic: nic, disk: disk, vcpus: vcpus, design: design, duration: duration))
  }

  private static func nic(_ queues: Int, workers: Int? = nil) -> String {
    "{name: eth0, queues: \(queues)\(workers.map { ", workers: \($0)" } ?? "")}"
  }

  private static func bells(_ result: RunResult) -> Double {
    Double(result.exits.filter { $0.step == "bell_exit" }.reduce(0) { $0 + $1.count })
      / Double(result.vms[0].completed)
  }

  /// A worker takes 1.5 us a packet: 667,000 a second.
  @Test("Throughput grows with the workers, not with the queues")
  func throughput() throws {
    func run(_ queues: Int, workers: Int? = nil) throws -> Double {
      try Support.exit(try Self.model(Self.saturating, nic: Self.nic(queues, workers: workers))).workloads[0].throughput
    }
    let worker = 1 / 1.5e-6
    #expect(abs(try run(1) - worker) < 0.01 * worker)
    #expect(abs(try run(4, workers: 1) - worker) < 0.01 * worker)
    // Flows are dealt at random: now and then one of the workers has nothing to do.
    let two = try run(2)
    #expect(two > 1.9 * worker && two < 2.001 * worker, "\(two / worker) workers")
  }

  /// Each queue is a ring of its own: `(1 − ρ/n) / (1 + λT/n)` with `T` = 1.2 us of the bell and 2 us of waking; 3 % for
  /// sampling and the bell's own occupation.
  @Test("Bells of several queues: those of one queue at its share of the load; both engines", arguments: [1, 2, 8])
  func bells(queues: Int) throws {
    let rate = 200_000.0 / Double(queues)
    let expected = (1 - rate * 1.5e-6) / (1 + rate * 3.2e-6)
    let model = try Self.model(Self.sending(200_000), nic: Self.nic(queues))
    let exit = Self.bells(try Support.exit(model))
    let fluid = Self.bells(try Support.fluid(model))
    #expect(abs(exit - expected) < 0.03 * expected + (queues == 1 ? 0.03 : 0), "\(exit) against \(expected)")
    #expect(abs(exit - fluid) < 0.05 * fluid, "\(exit) against \(fluid)")
  }

  @Test("Both engines agree: throughput, latency, utilization; open and closed, interface and disk")
  func agreement() throws {
    let closed = """
          arrivals: {process: closed, clients: 16, think: 100 us}
          service: {distribution: exponential, mean: 20 us}
          per_request: {net_rx: {count: 2, size: 1500 B}, net_tx: {count: 2, size: 1500 B}}
      """
    let models = try [
      Self.model(Self.sending(200_000), nic: Self.nic(4)),
      Self.model(Self.sending(200_000), nic: Self.nic(4, workers: 2)),
      Self.model(closed, nic: Self.nic(4)), Self.model(closed, nic: Self.nic(8, workers: 2)),
      Self.model(DeviceTests.disk(clients: 1), disk: "{name: disk, queues: 4}", duration: "600 ms"),
      Self.model(DeviceTests.disk(clients: 256), disk: "{name: disk, queues: 4}"),
    ]
    for (number, model) in models.enumerated() {
      let exit = try Support.exit(model)
      let fluid = try Support.fluid(model)
      for (metric, tolerance) in [(SummaryMetric.throughput, 0.05), (.latencyMean, 0.1), (.utilization, 0.05)] {
        let value = try #require(exit.value(of: metric))
        let expected = try #require(fluid.value(of: metric))
        #expect(abs(value - expected) < tolerance * expected, "\(number), \(metric.name): \(value) against \(expected)")
      }
    }
  }

  @Test("Nothing is lost between queues, and a queue's full ring stalls its own flows", arguments: [1, 3, 8])
  func conservation(queues: Int) throws {
    let model = try Self.model(
      DeviceTests.disk(clients: 16), disk: "{name: disk, queues: \(queues), ring: 2}", vcpus: 8)
    let result = try Support.exit(model)
    let inside = result.workloads[0].throughput * (result.workloads[0].meanLatency ?? 0)
    #expect(abs(inside - 16) < 0.05, "\(inside) clients")
    #expect(try Support.exit(model).exits == result.exits)
  }

  @Test("Assigned interfaces moderate each queue for itself")
  func moderation() throws {
    let receiving = """
          arrivals: {process: poisson, rate: 100000/s}
          service: {distribution: exponential, mean: 10 us}
          per_request: {net_rx: {count: 1, size: 100 B}}
      """
    func latency(_ queues: Int) throws -> Double {
      let model = try Self.model(receiving, nic: Self.nic(queues), design: "kvm-passthrough", duration: "500 ms")
      return try #require(try Support.exit(model).workloads[0].meanLatency)
    }
    // Residual of an open interval of 20 us: 6.7 us at 100,000 batches a second, 2 us at an eighth of them.
    let difference = try latency(1) - latency(8)
    let expected = 100e3 * 20e-6 / (1 + 100e3 * 20e-6) * 10e-6 - 12.5e3 * 20e-6 / (1 + 12.5e3 * 20e-6) * 10e-6
    // Batches that waited together queue in the guest as well.
    #expect(difference > expected && difference < expected + 5e-6, "\(difference) against \(expected)")
  }

  /// A flag is looked at by every packet that comes before the consumer has woken up: with `(1 − ρ)/(1 + λT)` wakings a
  /// packet and `λT` more bells for each, `1 − ρ` in all: one at low load, none at saturation.
  @Test(
    "Bells by flags: 1 − ρ, which is 1 + λT times those by event index", arguments: [1000.0, 50_000, 100_000, 200_000])
  func flags(rate: Double) throws {
    func run(_ notification: String) throws -> (exit: Double, fluid: Double) {
      let scenario = try Self.scenario(
        Self.sending(Int(rate)), nic: "{name: eth0, model: \(notification)}", vcpus: 16,
        duration: rate < 10_000 ? "4 s" : "600 ms")
      var library = try Support.library.get()
      library.devices["flagged"] = Device(
        name: "flagged", title: "flags", kind: .frontEnd(FrontEnd(use: .network, notification: .flags)))
      let model = try SimulationModel(scenario: scenario, library: library)
      return (Self.bells(try Support.exit(model)), Self.bells(try Support.fluid(model)))
    }
    let flags = try run("flagged")
    let index = try run("virtio-net")
    let expected = 1 - rate * 1.5e-6
    // A vCPU that rings sends nothing meanwhile: 5 %.
    #expect(abs(flags.exit - expected) < 0.05 * expected, "\(flags.exit) against \(expected)")
    #expect(abs(flags.fluid - expected) < 0.05 * expected, "fluid: \(flags.fluid) against \(expected)")
    let ratio = 1 + rate * 3.2e-6
    #expect(abs(flags.exit / index.exit - ratio) < 0.06 * ratio, "\(flags.exit / index.exit) against \(ratio)")
  }

  @Test("At saturation a flag asks for nothing")
  func saturation() throws {
    var library = try Support.library.get()
    library.devices["flagged"] = Device(
      name: "flagged", title: "flags", kind: .frontEnd(FrontEnd(use: .network, notification: .flags)))
    let scenario = try Self.scenario(Self.saturating, nic: "{name: eth0, model: flagged}")
    #expect(Self.bells(try Support.exit(try SimulationModel(scenario: scenario, library: library))) < 0.001)
  }

  @Test("Faults: more queues than vCPUs, than the device has")
  func faults() throws {
    func faults(_ nic: String, vcpus: Int = 8, design: String = "kvm-virtio") -> [String] {
      Support.faults(.line) { _ = try Self.model(Self.sending(100), nic: nic, vcpus: vcpus, design: design) }
    }
    #expect(faults(Self.nic(8)) == [])
    #expect(
      faults(Self.nic(8), vcpus: 4) == [
        "13: the nic of vm group 'vm' has 8 queues, but the VM only 4 vCPUs; expected at most one for each"
      ])
    #expect(
      faults(Self.nic(2), design: "kvm-emulated") == [
        "13: the nic of vm group 'vm' has 2 queues, but its device at most 1"
      ])
  }
}
