import Model
import Testing
import Virtualization

/// The two engines face each other on packets and block requests, through every kind of backend.
///
/// Tolerances are those of the engines' design: 2 % for throughput, CPU time and exits by reason above 1 % of all, 10 % for
/// mean latency; of the host's polling alone 5 %, or 1 % of all CPU time. Seeds are fixed. Where requests come by themselves,
/// the fluid engine is asked for the rate and the service time that the seed drew, so that short runs suffice; where the host
/// polls for wake-ups, whose windows depend on rare events, runs are longer.
struct IOAgreementTests {
  struct Backend: Sendable, CustomTestStringConvertible {
    let name: String
    let design: String
    var disk = "disk"
    /// What follows the name of its interface.
    var nic = ""
    /// Register accesses and interrupts of a request with packets, and with a block, in microseconds.
    var accesses = (packets: 0.0, block: 0.0)
    var testDescription: String { name }
  }

  static let backends: [Backend] = [
    Backend(name: "main loop of the VMM", design: "{name: kvm-virtio, network: virtio_user, disk: virtio_user}"),
    Backend(name: "vhost and I/O thread", design: "kvm-virtio"),
    Backend(name: "Dom0", design: "xen-pvhvm"),
    Backend(name: "VSP", design: "hyperv-enlightened"),
    Backend(name: "VMkernel", design: "esxi-vmxnet3"),
    Backend(name: "emulated e1000 and AHCI", design: "kvm-emulated", accesses: (27, 31.5)),
    Backend(name: "emulated IDE", design: "kvm-emulated", disk: "{name: disk, model: ide}", accesses: (27, 88)),
    Backend(name: "passthrough", design: "kvm-passthrough"),
    Backend(
      name: "passthrough, emulated interrupts", design: "{name: kvm-passthrough, interrupts: emulated}",
      accesses: (1.9, 3.7)),
  ]

  /// Where the VM runs: with how many others like it, on how many processors, by which scheduler.
  struct Place {
    var vms = 1
    var cores = 8
    var scheduler: String?
    var queues = 1
  }

  static func model(
    _ backend: Backend, vcpus: Int, arrivals: String, perRequest: String, service: Double = 40,
    seconds: Double, place: Place = Place()
  ) throws -> SimulationModel {
    var design = backend.design.hasPrefix("{") ? backend.design : "{name: \(backend.design)}"
    if let scheduler = place.scheduler { design = design.dropLast() + ", scheduler: \(scheduler)}" }
    let queues = place.queues > 1 ? ", queues: \(place.queues)" : ""
    let disk = backend.disk.hasPrefix("{") ? backend.disk : "{name: \(backend.disk)\(queues)}"
    return try Support.model(
      Support.scenario(
        """
        scenario: agreement
        duration: \(Int(seconds * 1000) + 100) ms
        warmup: 100 ms
        hosts:
          - name: node
            cpu: {cores: \(place.cores), frequency: 2.5 GHz}
            memory: {size: 64 GiB}
            nics: [{name: eth0, bandwidth: 100 Gbit/s}]
            disks: [{name: disk, model: generic-nvme}]
            design: \(design)
            profile: cascade-lake-pvm-paper
        vms:
          - {name: vm, count: \(place.vms), vcpus: \(vcpus), memory: {size: 1 GiB}, nic: {name: eth0\(queues)\(backend.nic)}, disk: \(disk), workload: work}
        workloads:
          work:
            arrivals: \(arrivals)
            service: {distribution: exponential, mean: \(Int((service * 1000).rounded())) ns}
            per_request: \(perRequest)
        """))
  }

  static let packets = "{net_rx: {count: 1, size: 100 B}, net_tx: {count: 1, size: 100 B}}"
  static let block = "{block_read: {count: 1, size: 4 KiB}}"

  /// Compares means; the differences that are too large, in words.
  static func differences(
    _ exit: RunResult, _ fluid: RunResult, gap: (reason: String, tolerance: Double) = ("", 0)
  ) throws -> [String] {
    var found: [String] = []
    func compare(_ name: String, _ first: Double, _ second: Double, _ tolerance: Double) {
      if abs(first - second) > tolerance * second { found.append("\(name): \(first) against \(second)") }
    }
    let simulated = exit.workloads[0].throughput
    let expected = fluid.workloads[0].throughput
    compare("throughput", simulated, expected, 0.02)
    compare("latency", exit.workloads[0].meanLatency ?? 0, fluid.workloads[0].meanLatency ?? 0, 0.1)
    let done = simulated * exit.window.seconds
    let wanted = expected * fluid.window.seconds
    // For each request, so that the number of those that came does not matter.
    for metric in [SummaryMetric.guestCPU, .virtualizationCPU] {
      let first = try #require(exit.value(of: metric))
      let second = try #require(fluid.value(of: metric))
      compare(metric.name, first / done, second / wanted, 0.02)
    }
    func polling(_ result: RunResult) -> Double {
      result.exits.reduce(0) { $0 + ($1.operation == .haltPoll ? Double($1.nanoseconds) * 1e-9 : 0) }
    }
    func busy(_ result: RunResult) throws -> Double {
      try #require(result.value(of: .guestCPU)) + #require(result.value(of: .virtualizationCPU))
    }
    // Neither hides behind the other.
    func other(_ result: RunResult) throws -> Double {
      try #require(result.value(of: .virtualizationCPU)) - polling(result)
    }
    compare("virtualization_cpu without polling", try other(exit) / done, try other(fluid) / wanted, 0.02)
    compare("all CPU time", try busy(exit) / done, try busy(fluid) / wanted, 0.02)
    let polled = polling(fluid) / wanted
    let allowed = max(0.05 * polled, 0.01 * (try busy(fluid)) / wanted)
    if abs(polling(exit) / done - polled) > allowed {
      found.append("polling: \(polling(exit) / done) against \(polled)")
    }
    let counts = EngineAgreementTests.byReason(exit)
    let others = EngineAgreementTests.byReason(fluid)
    let all = counts.values.reduce(0, +)
    for (reason, count) in counts.sorted(by: { $0.key < $1.key }) where count > 0.01 * all {
      let other = others[reason] ?? 0
      compare(reason, count / done, other / wanted, reason == gap.reason ? gap.tolerance : 0.02)
    }
    return found
  }

  /// A run at exit fidelity of VMs whose vCPUs are to be busy for a share of their time, and the expectation for the requests
  /// that came and the service times that the seed drew.
  static func open(
    _ backend: Backend, isBlock: Bool, vcpus: Int = 1, utilization: Double, requests: Double, place: Place = Place()
  ) throws -> (exit: RunResult, fluid: RunResult) {
    let native = 40 + (isBlock ? 3 + backend.accesses.block : 3.5 + backend.accesses.packets)
    let rate = utilization * Double(vcpus) / native * 1e6
    let vms = Double(place.vms)
    func model(_ rate: Double, _ service: Double) throws -> SimulationModel {
      try Self.model(
        backend, vcpus: vcpus, arrivals: "{process: poisson, rate: \(Int((rate / vms).rounded()))/s}",
        perRequest: isBlock ? Self.block : Self.packets, service: service, seconds: requests / rate, place: place)
    }
    let exit = try Support.exit(try model(rate * vms, 40))
    let drawn = exit.workloads[0].throughput
    let nominal = try Support.fluid(try model(drawn, 40))
    let more = try #require(exit.value(of: .guestCPU)) - #require(nominal.value(of: .guestCPU))
    let service = 40 + more / exit.window.seconds / drawn * 1e6
    return (exit, try Support.fluid(try model(drawn, service)))
  }

  /// Requests of a run: the rarer halts are, the longer it takes until their polling has its mean.
  static func requests(_ backend: Backend, utilization: Double) -> Double {
    guard backend.design.contains("kvm") else { return utilization > 0.7 ? 100_000 : 30_000 }
    return utilization > 0.7 ? 400_000 : utilization > 0.5 ? 150_000 : 60_000
  }

  @Test("Open arrivals at utilizations of 0.3, 0.6 and 0.8", arguments: backends, [0.3, 0.6, 0.8])
  func utilization(_ backend: Backend, utilization: Double) throws {
    for isBlock in [false, true] where isBlock || backend.disk == "disk" {
      let runs = try Self.open(
        backend, isBlock: isBlock, utilization: utilization,
        requests: Self.requests(backend, utilization: utilization))
      let found = try Self.differences(runs.exit, runs.fluid)
      #expect(found.isEmpty, "\(isBlock ? "blocks" : "packets"): \(found)")
    }
  }

  @Test("A guest that cannot keep up still rings backends that can", arguments: backends)
  func saturatedGuest(_ backend: Backend) throws {
    // Twice what a guest without bells and interrupts would send. The tolerance is that of a saturated guest's bells, which
    // Poisson hand-overs describe (2.5 % below), doubled because its throughput follows from their time.
    let model = try Self.model(
      backend, vcpus: 1, arrivals: "{process: poisson, rate: 300000/s}",
      perRequest: "{net_tx: {count: 1, size: 100 B}}", service: 4, seconds: 0.5)
    let simulated = try Support.exit(model).workloads[0].throughput
    let expected = try Support.fluid(model).workloads[0].throughput
    #expect(abs(simulated - expected) < 0.05 * simulated, "\(simulated) against \(expected)")
  }

  @Test(
    "A guest that cannot keep up is interrupted for its packets", arguments: ["xen-hvm", "hyperv-unenlightened"])
  func saturatedReceiver(_ design: String) throws {
    // A fifth more than a guest could serve that spends half of its time on register accesses. The tolerance is that above.
    let model = try Self.model(
      Backend(name: design, design: design), vcpus: 1, arrivals: "{process: poisson, rate: 10000/s}",
      perRequest: Self.packets, service: 60, seconds: 2)
    let exit = try Support.exit(model)
    let fluid = try Support.fluid(model)
    let simulated = exit.workloads[0].throughput
    let expected = fluid.workloads[0].throughput
    #expect(abs(simulated - expected) < 0.05 * simulated, "\(simulated) against \(expected)")
    func accesses(_ result: RunResult) -> Double {
      Double(result.exits.filter { $0.operation == .deviceMemory }.reduce(0) { $0 + $1.count }) / result.window.seconds
    }
    let (counted, told) = (accesses(exit), accesses(fluid))
    #expect(abs(counted - told) < 0.05 * counted, "\(counted) against \(told)")
  }

  /// A vCPU that always has work varies less than one that halts, so that shorter runs do for the larger depths; the rare
  /// wake-ups of a single client that polling misses take longer ones.
  @Test("A loop at depths of 1, 4, 16 and 64", arguments: backends, [1, 4, 16, 64])
  func depth(_ backend: Backend, depth: Int) throws {
    for isBlock in [false, true] where isBlock || backend.disk == "disk" {
      let model = try Self.model(
        backend, vcpus: 1, arrivals: "{process: closed, clients: \(depth), think: \(isBlock ? "0 s" : "50 us")}",
        perRequest: isBlock ? Self.block : Self.packets, service: 20,
        seconds: depth > 4 ? 0.4 : depth == 1 && !isBlock ? 6 : 1)
      let found = try Self.differences(Support.exit(model), Support.fluid(model))
      #expect(found.isEmpty, "\(isBlock ? "blocks" : "packets"): \(found)")
    }
  }
}
