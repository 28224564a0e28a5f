import Foundation
import Model
import Testing
import Virtualization

/// Rings, backends, disks and emulated devices.
struct DeviceTests {
  static func scenario(
    _ workload: String, vcpus: Int = 1, cores: Int = 4, nic: String = "eth0", disk: String = "disk", count: Int = 1,
    design: String = "kvm-virtio", duration: String = "4 s"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: devices
      duration: \(duration)
      warmup: 500 ms
      hosts:
        - name: node
          cpu: {cores: \(cores), frequency: 2.5 GHz}
          memory: {size: 64 GiB}
          nics: [{name: eth0, bandwidth: 100 Gbit/s}]
          disks: [{name: disk, model: generic-nvme}]
          design: \(design)
          profile: cascade-lake-pvm-paper
      vms:
        - {name: vm, count: \(count), vcpus: \(vcpus), memory: {size: 1 GiB}, nic: \(nic), disk: \(disk), workload: work}
      workloads:
        work:
      \(workload)
      """)
  }

  static func pingPong(clients: Int = 1, think: String = "50 us") -> String {
    """
        arrivals: {process: closed, clients: \(clients), think: \(think)}
        service: {distribution: deterministic, mean: 10 us}
        per_request: {net_rx: {count: 1, size: 100 B}, net_tx: {count: 1, size: 100 B}}
    """
  }

  static func disk(clients: Int, operation: String = "block_read") -> String {
    """
        arrivals: {process: closed, clients: \(clients), think: 0 s}
        service: {distribution: exponential, mean: 8 us}
        per_request: {\(operation): {count: 1, size: 4 KiB}}
    """
  }

  static func exits(_ result: RunResult, _ reasons: Set<ExitReason>) throws -> Double {
    let catalogue = try Support.library.get().catalogue
    let count = result.exits.reduce(Int64(0)) { sum, row in
      catalogue[row.step]?.reason.map { reasons.contains($0) } == true ? sum + row.exits : sum
    }
    return Double(count) / Double(result.vms.reduce(0) { $0 + $1.completed })
  }

  /// Counts of real Linux guests under `kvm_amd` with QEMU; the accesses of the device documents are read in the drivers.
  @Test(
    "Register accesses and bells of a round trip and a request, within the 25 % of the judged counts",
    arguments: [
      ("kvm-emulated", "eth0", "network", 7.07), ("kvm-virtio", "eth0", "network", 1.0),
      ("kvm-virtio", "eth0", "virtio_user", 1.0), ("kvm-emulated", "{name: disk, model: ide}", "disk", 26.0),
      ("kvm-emulated", "disk", "disk", 7.09), ("kvm-virtio", "disk", "disk", 1.0),
    ])
  func counts(design: String, device: String, kind: String, measured: Double) throws {
    let isDisk = kind == "disk"
    let scenario = try Self.scenario(
      isDisk ? Self.disk(clients: 1) : Self.pingPong(), nic: isDisk ? "eth0" : device, disk: isDisk ? device : "disk")
    let axes: [DesignAxis: String] = kind == "virtio_user" ? [.network: "virtio_user"] : [:]
    let result = try Support.exit(try Support.model(scenario, design: design, axes: axes))
    let count = try Self.exits(result, [.mmio, .portIO, .nestedPageFault])
    #expect(abs(count - measured) <= 0.25 * measured, "\(design), \(device): \(count) against \(measured)")
  }

  /// `p = (1 − ρ) e^(−λP) / (1 + λ T e^(−λP))`. One packet of 1.5 us; `T` = 1.2 us of the bell and 2 us of waking; 4 % are
  /// left for the bell's own occupation and the sampling error.
  @Test("Bells per packet with busy polling", arguments: [(5000.0, 50.0), (15_000, 50), (15_000, 0), (15_000, 200)])
  func polling(rate: Double, poll: Double) throws {
    let scenario = try Self.scenario(
      """
          arrivals: {process: poisson, rate: \(rate)/s}
          service: {distribution: exponential, mean: 40 us}
          per_request: {net_tx: {count: 1, size: 100 B}}
      """, vcpus: 2, nic: "{name: eth0, busy_poll: \(Int(poll)) us}", duration: "8 s")
    let result = try Support.exit(try Support.model(scenario))
    let bells = result.exits.filter { $0.step == "bell_exit" }.reduce(0) { $0 + $1.count }
    let simulated = Double(bells) / Double(result.vms[0].completed)
    let undisturbed: Double = exp(-rate * poll * 1e-6)
    let idle: Double = 1 - rate * 1.5e-6
    let expected: Double = idle * undisturbed / (1 + rate * 3.2e-6 * undisturbed)
    let tolerance: Double = 0.04 * expected + 0.003
    #expect(abs(simulated - expected) <= tolerance, "\(simulated) against \(expected)")
    let fluid = try Support.fluid(try Support.model(scenario))
    let other = fluid.exits.filter { $0.step == "bell_exit" }.reduce(0) { $0 + $1.count }
    let fluidBells = Double(other) / Double(fluid.vms[0].completed)
    #expect(abs(fluidBells - expected) <= tolerance, "fluid: \(fluidBells) against \(expected)")
  }

  @Test("Near saturation virtio takes at least ten times fewer exits per packet than an emulated interface")
  func saturation() throws {
    func perRequest(_ design: String) throws -> Double {
      let scenario = try Self.scenario(
        """
            arrivals: {process: poisson, rate: 100000/s}
            service: {distribution: exponential, mean: 10 us}
            per_request: {net_rx: {count: 1, size: 1500 B}, net_tx: {count: 1, size: 1500 B}}
        """, vcpus: 2, duration: "2 s")
      return try Self.exits(
        Support.exit(try Support.model(scenario, design: design)), [.mmio, .portIO, .externalInterrupt])
    }
    #expect(try perRequest("kvm-emulated") > 10 * perRequest("kvm-virtio"))
  }

  @Test("Passthrough: no exits for packets; interrupts cost exits unless they are posted")
  func passthrough() throws {
    func run(_ interrupts: String) throws -> Double {
      let scenario = try Self.scenario(
        """
            arrivals: {process: poisson, rate: 20000/s}
            service: {distribution: exponential, mean: 30 us}
            per_request: {net_rx: {count: 1, size: 100 B}, net_tx: {count: 1, size: 100 B}}
        """)
      let result = try Support.exit(
        try Support.model(scenario, design: "kvm-passthrough", axes: [.interrupts: interrupts]))
      #expect(try Self.exits(result, [.mmio, .portIO]) == 0)
      return Double(
        result.exits.filter { $0.operation == .interrupt || $0.operation == .eoi }.reduce(0) { $0 + $1.exits })
        / Double(result.vms[0].completed)
    }
    #expect(try run("posted") == 0)
    #expect(try run("emulated") > 0.5)
  }

  @Test("A ring of one entry stalls its producer, and nothing is lost")
  func fullRing() throws {
    func run(_ ring: Int) throws -> RunResult {
      try Support.exit(
        try Support.model(try Self.scenario(Self.disk(clients: 16), disk: "{name: disk, ring: \(ring)}")))
    }
    let one = try run(1)
    let many = try run(256)
    let depth = try Support.exit(try Support.model(try Self.scenario(Self.disk(clients: 1))))
    // One entry: a request at a time on the disk, though the next waits at the ring.
    #expect(one.workloads[0].throughput < 1.3 * depth.workloads[0].throughput)
    #expect(many.workloads[0].throughput > 5 * one.workloads[0].throughput)
  }

  /// Little's law for a closed population without thinking: every client is in the system, which loses none.
  @Test("Requests are conserved", arguments: ["bare-metal", "kvm-virtio", "kvm-emulated", "xen-pvhvm", "esxi-vmxnet3"])
  func conservation(design: String) throws {
    let model = try Support.model(
      try Self.scenario(Self.disk(clients: 16), vcpus: 2, duration: "1200 ms"), design: design)
    let result = try Support.exit(model)
    let inside = result.workloads[0].throughput * (result.workloads[0].meanLatency ?? 0)
    #expect(abs(inside - 16) < 0.05, "\(inside) clients")
    #expect(try Support.exit(model).exits == result.exits)
  }

  @Test("Dom0 starved by guests: throughput falls and latency grows as its weight shrinks; without a Dom0 they do not")
  func starvation() throws {
    func run(_ design: String) throws -> (throughput: Double, latency: Double) {
      let scenario = try Support.scenario(
        """
        scenario: starved
        duration: 3 s
        warmup: 500 ms
        hosts:
          - name: node
            cpu: {cores: 2, frequency: 2.5 GHz}
            memory: {size: 64 GiB}
            nics: [{name: eth0, bandwidth: 100 Gbit/s}]
            design: \(design)
            profile: cascade-lake-pvm-paper
        vms:
          - {name: server, vcpus: 1, memory: {size: 1 GiB}, nic: eth0, workload: work}
          - {name: burner, count: 4, vcpus: 1, memory: {size: 1 GiB}, workload: burn}
        workloads:
          work:
            arrivals: {process: closed, clients: 32, think: 100 us}
            service: {distribution: exponential, mean: 20 us}
            per_request: {net_rx: {count: 4, size: 1500 B}, net_tx: {count: 4, size: 1500 B}}
          burn: {batch: {work: 100 s}}
        """)
      let result = try Support.exit(try Support.model(scenario))
      let row = try #require(result.workloads.first { $0.name == "work" })
      return (row.throughput, row.meanLatency ?? 0)
    }
    func xen(_ weight: Double) throws -> (throughput: Double, latency: Double) {
      try run("{name: xen-pvhvm, privileged_domain: {vcpus: 1, weight: \(weight)}}")
    }
    let heavy = try xen(8)
    let light = try xen(0.1)
    #expect(light.throughput < 0.7 * heavy.throughput, "\(light) against \(heavy)")
    #expect(light.latency > 1.5 * heavy.latency)
    for design in ["esxi-vmxnet3", "kvm-virtio"] {
      let weights = try [8, 0.1].map { try run("{name: \(design), privileged_domain: {vcpus: 1, weight: \($0)}}") }
      #expect(weights[0].throughput == weights[1].throughput)
      #expect(weights[0].throughput > light.throughput)
    }
  }

  @Test("Settings without effect are remarked upon")
  func remarks() throws {
    func remarks(_ design: String) throws -> [String] {
      let scenario = try Self.scenario(
        """
            arrivals: {process: poisson, rate: 100/s}
            service: {distribution: exponential, mean: 40 us}
            per_request: {net_tx: {count: 1, size: 100 B}}
        """, nic: "{name: eth0, busy_poll: 50 us}")
      let location = SourceLocation(file: "test", line: 1, column: 1)
      var reference = DesignReference(name: design, location: location)
      reference.privilegedWeight = 2
      return try SimulationModel(
        scenario: scenario, library: Support.library.get(), overrides: ModelOverrides(design: reference)
      ).warnings.filter { $0.contains("has no effect") }
    }
    #expect(
      try remarks("kvm-virtio") == [
        "'privileged_domain' has no effect under design 'kvm-virtio', which has none"
      ])
    let assigned = try remarks("esxi-directpath")
    #expect(assigned.contains { $0.contains("'busy_poll' of the nic of vm group 'vm' has no effect") }, "\(assigned)")
    #expect(
      try remarks("xen-pvhvm") == [
        "'busy_poll' of vm group 'vm' has no effect under design 'xen-pvhvm': the privileged domain's vCPUs do not poll"
      ])
  }

  @Test("Faults: a disk without a model, blocks without a disk, a front end of the wrong kind")
  func faults() throws {
    func faults(_ edit: (String) -> String) -> [String] {
      Support.faults(.line) {
        let text = """
          scenario: faulty
          duration: 1 s
          hosts:
            - name: node
              cpu: {cores: 2, frequency: 2.5 GHz}
              memory: {size: 8 GiB}
              disks: [{name: disk, model: generic-nvme}]
              design: kvm-virtio
              profile: cascade-lake-pvm-paper
          vms:
            - {name: vm, vcpus: 1, memory: {size: 1 GiB}, disk: disk, workload: work}
          workloads:
            work:
              arrivals: {process: closed, clients: 1, think: 0 s}
              service: {distribution: deterministic, mean: 10 us}
              per_request: {block_read: 1}
          """
        _ = try Support.model(try Support.scenario(edit(text)))
      }
    }
    #expect(faults { $0 } == [])
    #expect(
      faults { $0.replacing(", model: generic-nvme", with: "") } == [
        "7: disk 'disk' needs a model: workload 'work' reads or writes blocks"
      ])
    #expect(
      faults { $0.replacing("generic-nvme", with: "generic-nvmee") } == [
        "7: unknown device 'generic-nvmee' (did you mean 'generic-nvme'?)"
      ])
    #expect(
      faults { $0.replacing(" disk: disk,", with: "") } == [
        "11: vm group 'vm' needs a disk: its workload 'work' reads or writes blocks"
      ])
    #expect(
      faults { $0.replacing("disk: disk,", with: "disk: {name: disk, model: virtio-net},") } == [
        "11: device 'virtio-net' is no front end for block"
      ])
  }
}
