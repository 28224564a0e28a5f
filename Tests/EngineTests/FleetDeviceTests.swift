import Documents
import EventKernel
import Model
import Quantities
import Testing
import Virtualization

@testable import Datacenter

/// Devices that a fleet's VMs share, and those that they have for themselves.
struct FleetDeviceTests {
  static func run(_ model: SimulationModel) throws -> RunResult {
    let result = try FleetEngine.run(model: model, replication: 1)
    try result.checkConservation()
    return result
  }

  static func text(
    _ design: String, hosts: Int = 1, bandwidth: String = "1 Gbit/s", vms: String, workloads: String,
    policies: String = "policies: {placement: first-fit}"
  ) -> String {
    """
    scenario: devices
    duration: 60 s
    hosts:
      - name: node
        count: \(hosts)
        cpu: {cores: 16, frequency: 2.5 GHz}
        memory: {size: 64 GiB}
        nics: [{name: eth0, bandwidth: \(bandwidth)}]
        disks: [{name: disk, model: generic-nvme}]
        design: \(design)
        profile: cascade-lake-pvm-paper
    vms:
    \(vms)
    workloads:
    \(workloads)
    \(policies)
    """
  }

  private static func sends(_ rate: Int, _ packets: Int = 10) -> String {
    "{arrivals: {process: poisson, rate: \(rate)/s}, service: {distribution: exponential, mean: 100 us}, "
      + "per_request: {net_tx: {count: \(packets), size: 1500 B}}}"
  }

  private static func vm(_ name: String, _ load: String, count: Int = 1, host: String = "") -> String {
    "  - {name: \(name), count: \(count), vcpus: 2, memory: {size: 1 GiB}, nic: eth0, disk: disk, workload: \(load)\(host)}"
  }

  /// The same VMs on one host that is no fleet: the engine is the same, and so are its fixed points.
  @Test("Mixes of VMs cost what they do beside each other", arguments: ["kvm-virtio", "xen-pvhvm", "kvm-emulated"])
  func mixes(design: String) throws {
    let reads =
      "{block_read: {count: 2, size: 4 KiB}, net_tx: {count: 2, size: 1500 B}, net_rx: {count: 1, size: 200 B}}"
    func text(_ policies: String) -> String {
      Self.text(
        design,
        vms: [Self.vm("open", "open", count: 3), Self.vm("closed", "closed", count: 2), Self.vm("idle", "quiet")]
          .joined(separator: "\n"),
        workloads: """
            open: {arrivals: {process: poisson, rate: 900/s}, service: {distribution: exponential, mean: 300 us}, per_request: \(reads)}
            closed: {arrivals: {process: closed, clients: 6, think: 1 ms}, service: {distribution: exponential, mean: 200 us}, per_request: \(reads)}
            quiet: {idle: true}
          """, policies: policies)
    }
    let fleet = try Self.run(
      try Support.model(Support.scenario(text("policies: {placement: first-fit}")), fidelity: .fluid))
    let fluid = try Support.fluid(try Support.model(Support.scenario(text("")), fidelity: .fluid))
    for metric in [SummaryMetric.throughput, .guestCPU, .virtualizationCPU, .utilization] {
      guard let other = fluid.value(of: metric) else { continue }
      let own = try #require(fleet.value(of: metric))
      #expect(abs(own - other) <= 1e-4 * other, "\(metric.name): \(own) against \(other)")
    }
    for (own, other) in zip(fleet.workloads, fluid.workloads) {
      #expect(abs(own.throughput - other.throughput) <= 1e-4 * other.throughput, "\(own.name)")
    }
    // Nobody is held back.
    #expect(fleet.fleet?.report.overallViolation == 0)
  }

  @Test("A wire gives no more than it has: max-min shares, less throughput, other hosts as before")
  func wire() throws {
    // Requests of 10 × 1,500 bytes on 1 Gbit/s: 8,333 a second fill the wire. Two VMs ask for 9,000, one for 1,000.
    let model = try Support.model(
      Support.scenario(
        Self.text(
          "kvm-virtio", hosts: 2,
          vms: [
            Self.vm("large", "large", count: 2, host: ", host: node-1"),
            Self.vm("small", "small", host: ", host: node-1"),
            Self.vm("other", "small", host: ", host: node-2"),
          ].joined(separator: "\n"),
          workloads: "  large: \(Self.sends(4500))\n  small: \(Self.sends(1000))")), fidelity: .fluid)
    let result = try Self.run(model)
    let report = try #require(result.fleet).report
    let time = Double(model.host(ofClass: 0, with: [0]).map { $0.wireTime(ofRequestBy: $0.vms[0]) } ?? 0) * 1e-9
    let all = 1 / time
    #expect(all > 8000 && all < 8400)
    let rates = report.vmCompleted.map { $0 / 60 }
    for vm in 0...1 { #expect(abs(rates[vm] - (all - 1000) / 2) < 1e-3 * all, "\(rates)") }
    for vm in 2...3 { #expect(abs(rates[vm] - 1000) < 1, "\(rates)") }
    #expect(abs(result.workloads[0].throughput - (all - 1000)) < 1e-3 * all)
    #expect((result.value(of: .unserved) ?? 0) > 0)
    // Less work costs less CPU.
    #expect(result.hosts[0].guest < 9 * result.hosts[1].guest)
  }

  @Test("A privileged domain's vCPUs and a disk give no more than they have")
  func domainAndDisk() throws {
    let design = "{name: xen-pvhvm, privileged_domain: {vcpus: 1}}"
    let model = try Support.model(
      Support.scenario(
        Self.text(
          design, vms: Self.vm("vm", "busy", count: 6),
          workloads:
            "  busy: {arrivals: {process: poisson, rate: 5000/s}, service: {distribution: exponential, mean: 100 us}, "
            + "per_request: {block_read: {count: 8, size: 4 KiB}}}")
      ), fidelity: .fluid)
    let result = try Self.run(model)
    let report = try #require(result.fleet).report
    let domain = report.hostVirtualization[Int(Place.privilegedDomain.rawValue)][0]
    #expect(domain <= 60 * (1 + 1e-9) && domain > 50, "\(domain)")
    #expect((result.value(of: .throughput) ?? .infinity) < 25_000)
    let reads =
      "{arrivals: {process: poisson, rate: 2000/s}, service: {distribution: exponential, mean: 100 us}, "
      + "per_request: {block_read: {count: 8, size: 128 KiB}}}"
    let disk = try Self.run(
      try Support.model(
        Support.scenario(
          Self.text("kvm-virtio", vms: Self.vm("vm", "reads", count: 6), workloads: "  reads: \(reads)")),
        fidelity: .fluid))
    let drive = try #require(disk.fleet?.model.hostClasses[0].disks[0])
    let bytes = try #require(disk.value(of: .throughput)) * 8 * 128 * 1024
    // As much as the bus carries; the six ask for 12.6 GB/s.
    let bandwidth = try #require(drive.bandwidth)
    #expect(abs(bytes - min(bandwidth, 96_000 * 131_072)) < 1e-3 * bandwidth, "\(bytes) of \(bandwidth)")
  }

  // MARK: Devices of VMs' own

  /// A library whose interface `two` has two virtual functions.
  private static func library() throws -> Library {
    var library = try Support.library.get()
    let interface = NetworkDevice(bandwidth: BitRate(bitsPerSecond: 10_000_000_000), functions: 2)
    library.devices["two"] = Device(name: "two", title: "an interface", kind: .network(interface))
    return library
  }

  private static func assigned(
    _ network: String, hosts: Int, vms: Int, rule: String
  ) throws -> RunResult {
    let text = Self.text(
      "{name: kvm-passthrough, network: \(network)}", hosts: hosts, bandwidth: "10 Gbit/s, model: two",
      vms: Self.vm("vm", "load", count: vms), workloads: "  load: {utilization: 0.1}",
      policies: "policies: {placement: \(rule)}")
    return try run(
      try SimulationModel(
        scenario: Support.scenario(text), library: library(), overrides: ModelOverrides(fidelity: .fluid)))
  }

  @Test(
    "Placement counts virtual functions and devices of VMs' own",
    arguments: [("sriov", 2), ("passthrough", 1)], PlacementPolicy.Rule.allCases)
  func functions(network: (axis: String, each: Int), rule: PlacementPolicy.Rule) throws {
    let hosts = 5
    let full = try Self.assigned(network.axis, hosts: hosts, vms: hosts * network.each, rule: rule.rawValue)
    for host in 0..<hosts { #expect(full.vms.count { $0.host == host } == network.each) }
    // One more finds no host.
    let error = #expect(throws: FleetError.self) {
      try Self.assigned(network.axis, hosts: hosts, vms: hosts * network.each + 1, rule: rule.rawValue)
    }
    #expect(
      error?.description.contains("a device or virtual function of its own") == true, "\(String(describing: error))")
    // With devices of the host there is room for all.
    let shared = try Self.assigned("vhost", hosts: hosts, vms: hosts * network.each + 1, rule: rule.rawValue)
    #expect(shared.vms.allSatisfy { $0.host >= 0 })
  }

  @Test("A device without functions cannot be divided")
  func undivided() throws {
    let scenario = try Support.scenario(
      Self.text(
        "{name: kvm-passthrough, disk: sriov}", vms: Self.vm("vm", "load"), workloads: "  load: {utilization: 0.1}"))
    let faults = Support.faults { _ = try Support.model(scenario, fidelity: .fluid) }
    #expect(
      faults == [
        "vm group 'vm' is to have virtual functions of disk 'disk' of hosts 'node', whose device has none; expected a device "
          + "with 'functions', or another disk of design 'kvm-passthrough'"
      ])
  }
}
