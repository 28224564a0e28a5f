import Model
import Testing
import Virtualization

/// What runs beside the guests: how much it takes, from whom, and in which structure.
struct HostServiceTests {
  private func scenario(
    _ design: String, cores: Int = 4, background: String = "", vms: String = "", workload: String? = nil,
    duration: String = "20 s"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: test
      duration: \(duration)
      hosts:
        - name: node
          cpu: {cores: \(cores), frequency: 2.5 GHz}
          memory: {size: 64 GiB}
          nics: [{name: eth0, bandwidth: 25 Gbit/s}]
          design: \(design)
          profile: cascade-lake-pvm-paper
      \(background.isEmpty ? "" : "    background: \(background)")
      vms:
      \(vms.isEmpty ? "  - {name: vm, count: 2, vcpus: 1, memory: {size: 1 GiB}, workload: work}" : vms)
      workloads:
        work: {\(workload ?? "batch: {work: 1000 s}")}
      """)
  }

  private static let withServices =
    (try? Support.library.get().designs.values.filter { !$0.services.isEmpty }.map(\.name).sorted()) ?? []

  @Test("Every hypervisor has services, the bare host and the ideal none")
  func library() throws {
    let designs = try Support.library.get().designs
    for design in designs.values {
      #expect(design.services.isEmpty == ["bare-metal", "ideal"].contains(design.name), "\(design.name)")
      for service in design.services {
        #expect(service.home == (HostService.Home(structure: design.defaults[.structure]) ?? .host), "\(design.name)")
      }
    }
  }

  @Test("Services take their load, in both engines, and none when they are left out", arguments: withServices)
  func load(design: String) throws {
    let model = try Support.model(try scenario(design, duration: "60 s"))
    let works = model.hosts[0].works
    let expected = works.reduce(0) { $0 + $1.demand } * 60
    let exit = try Support.exit(model)
    let fluid = try Support.fluid(model)
    #expect(fluid.services.count == works.count && exit.services.count == works.count)
    #expect(abs(Double(fluid.hosts[0].services) * 1e-9 - expected) < 1e-6)
    // Poisson wake-ups of constant work: four standard deviations.
    let variance = works.reduce(0) { sum, work in
      sum + Double(work.threads) * (work.wakeups ?? 0) * 60 * (work.work * 1e-9) * (work.work * 1e-9)
    }
    #expect(abs(Double(exit.hosts[0].services) * 1e-9 - expected) < 4 * variance.squareRoot(), "\(exit.services)")
    for row in exit.services {
      let work = try #require(works.first { $0.name == row.name })
      #expect(row.threads == work.threads && row.home == work.home)
      #expect(abs(Double(row.nanoseconds) - Double(row.wakeups) * work.work) <= Double(row.threads) * work.work)
    }
    let again = try Support.exit(model)
    #expect(again.services == exit.services && again.hosts == exit.hosts)
    let without = try Support.exit(try Support.model(try scenario("{name: \(design), services: false}")))
    #expect(without.services.isEmpty && without.hosts[0].services == 0)
  }

  @Test(
    "A background load shares the host's processors by weight; in a privileged domain it has no more than its vCPUs")
  func background() throws {
    // Two cores, two always-busy VMs, four threads of weight 0.5 that never sleep.
    for fidelity in [Fidelity.exit, .fluid] {
      func run(_ design: String, cores: Int) throws -> (guests: Double, background: Double) {
        let text = try scenario(design, cores: cores, background: "{threads: 4, weight: 0.5}", duration: "60 s")
        let model = try Support.model(text, fidelity: fidelity)
        let result = try Support.run(model, fidelity)
        let vms = result.vms.reduce(0) { $0 + $1.guest + $1.stall }
        let load = result.services.first { $0.name == HostWork.background }?.nanoseconds ?? 0
        return (Double(vms) * 1e-9, Double(load) * 1e-9)
      }
      let hosted = try run("{name: vmware-workstation, services: false}", cores: 2)
      #expect(abs(hosted.guests - 60) < 0.6 && abs(hosted.background - 60) < 0.6, "\(fidelity): \(hosted)")
      // Dom0 of one vCPU and weight 1 gets a third; on three cores, one.
      let domain = "{name: xen-pvhvm, services: false, privileged_domain: {vcpus: 1}}"
      let crowded = try run(domain, cores: 2)
      #expect(abs(crowded.guests - 80) < 0.8 && abs(crowded.background - 40) < 0.4, "\(fidelity): \(crowded)")
      let spare = try run(domain, cores: 3)
      #expect(abs(spare.guests - 120) < 0.01 && abs(spare.background - 60) < 0.01, "\(fidelity): \(spare)")
      let light = try run(
        "{name: xen-pvhvm, services: false, privileged_domain: {vcpus: 1, weight: 0.5}}", cores: 2)
      #expect(abs(light.background - 24) < 0.24, "\(fidelity): \(light)")
    }
  }

  @Test("A load that sleeps takes its share")
  func partial() throws {
    for fidelity in [Fidelity.exit, .fluid] {
      for design in ["kvm-virtio", "xen-pvhvm"] {
        let text = try scenario(
          "{name: \(design), services: false}", background: "{threads: 2, share: 0.3, burst: 1 ms}", duration: "60 s")
        let model = try Support.model(text, fidelity: fidelity)
        let result = try Support.run(model, fidelity)
        // 36,000 bursts: four standard deviations are 2.1 %.
        #expect(abs(Double(result.hosts[0].services) * 1e-9 - 36) < 0.021 * 36, "\(design) at \(fidelity)")
      }
    }
  }

  @Test("A background load raises latency where the host is a system for processes, not under Type-1 hypervisors")
  func structures() throws {
    func latency(_ design: String, vcpus: Int? = nil, threads: Int) throws -> (Double, [String]) {
      let scenario = try Support.shipped(
        "type-1-and-type-2", edits: ["hosts.node.background.threads=\(threads)", "duration=6 s"])
      let location = SourceLocation(file: "test", line: 1, column: 1)
      var reference = DesignReference(name: design, location: location)
      reference.privilegedVCPUs = vcpus
      let model = try SimulationModel(
        scenario: scenario, library: Support.library.get(), overrides: ModelOverrides(design: reference))
      let result = try Support.exit(model)
      return (try #require(result.value(of: .latencyMean)), result.warnings)
    }
    for design in ["vmware-workstation", "virtualbox", "kvm-virtio"] {
      let alone = try latency(design, threads: 0).0
      let beside = try latency(design, threads: 4).0
      #expect(beside > 1.5 * alone, "\(design): \(alone) and \(beside)")
    }
    for design in ["xen-pvhvm", "xen-hvm", "hyperv-enlightened"] {
      let alone = try latency(design, vcpus: 1, threads: 0).0
      let beside = try latency(design, vcpus: 1, threads: 4).0
      #expect(abs(beside - alone) < 0.02 * alone, "\(design): \(alone) and \(beside)")
    }
    let alone = try latency("esxi-vmxnet3", threads: 0)
    let beside = try latency("esxi-vmxnet3", threads: 4)
    #expect(alone.0 == beside.0)
    #expect(
      beside.1.contains(
        "'background' of host 'node' is left out under design 'esxi-vmxnet3': its structure has no place for processes "
          + "beside the guests"))
  }

  @Test("Fleets say what they leave out")
  func fleets() throws {
    let scenario = try Support.scenario(
      """
      scenario: fleet
      duration: 1 h
      hosts:
        - name: a
          count: 2
          cpu: {cores: 4, frequency: 2 GHz, boost: [{cores: 4, frequency: 3 GHz}]}
          memory: {size: 16 GiB}
          background: {threads: 1}
          numa: {nodes: 2}
          design: kvm-virtio
          profile: cascade-lake-pvm-paper
      vms:
        - {name: v, count: 2, vcpus: 1, memory: {size: 1 GiB}, workload: w}
      workloads:
        w: {utilization: 0.3}
      policies: {placement: first-fit}
      """)
    let warnings = try Support.model(scenario, fidelity: .fluid).warnings
    for key in ["numa", "boost"] {
      #expect(warnings.contains("'\(key)' of host 'a' has no effect: fleets leave it out"), "\(warnings)")
    }
  }

  @Test("Keys that only fleets use are named where there is none, and a VM's nodes where its hosts have none")
  func onlyFleets() throws {
    func warnings(_ policies: String, _ vm: String, memory: String = "") throws -> [String] {
      let scenario = try Support.scenario(
        """
        scenario: keys
        duration: 1 s
        hosts:
          - name: a
            cpu: {cores: 4, frequency: 2 GHz}
            memory: {size: 16 GiB}
            cpu_allocation_ratio: 2
            design: kvm-virtio
            profile: cascade-lake-pvm-paper
        vms:
          - {name: v, vcpus: 1, memory: {size: 1 GiB\(memory)}, workload: idle, \(vm)}
        workloads:
          idle: {idle: true}
        \(policies)
        """)
      return try Support.model(scenario, fidelity: .fluid).warnings.filter { $0.contains("no effect") }
    }
    #expect(
      try warnings("", "affinity: x, numa: {shared: 0.5}") == [
        "'cpu_allocation_ratio' of host 'a' has no effect: only fleets use it",
        "'affinity' of vm group 'v' has no effect: only fleets use it",
        "'numa' of vm group 'v' has no effect: no host has nodes",
      ])
    #expect(
      try warnings("policies: {placement: first-fit}", "affinity: x, cpu: {pinned: [0]}") == [
        "'cpu: {pinned}' of vm group 'v' has no effect: fleets leave it out"
      ])
    #expect(
      try warnings("policies: {placement: first-fit}", "cpu: {cap: 2}", memory: ", image: {name: i, shared: 0.3}") == [
        "image 'i' of vm group 'v' has no effect: no host has memory: {merging}",
        "'cpu: {cap}' of vm group 'v' has no effect: it is more than its vCPUs",
      ])
  }

  @Test("Siblings that a VM does not have are remarked on", arguments: [(2, 1, false), (2, 2, true), (1, 1, true)])
  func siblings(vcpus: Int, siblings: Int, isTooMany: Bool) throws {
    let scenario = try Support.oneVM(
      """
          batch: {work: 1 s}
          per_cpu_second: {mprotect: {rate: 10, pages: 4, siblings: \(siblings)}}
      """, vcpus: vcpus)
    let warnings = try Support.model(scenario).warnings
    #expect(warnings.contains { $0.contains("'mprotect' of workload") } == isTooMany, "\(warnings)")
  }

  @Test("Working sets beyond the VM, and workers without queues, are remarked on", arguments: [true, false])
  func tooMuch(isTooMuch: Bool) throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 100/s}
          service: {distribution: exponential, mean: 1 ms}
          memory: {working_set: \(isTooMuch ? 2 : 1) GiB, page_references: 1000/s, reuse_skew: 0}
      """)
    let warnings = try Support.model(scenario).warnings
    #expect(warnings.contains { $0.contains("works on 2 GiB, more than the memory") } == isTooMuch, "\(warnings)")
    let threads = try DeviceTests.scenario(
      """
          arrivals: {process: poisson, rate: 100/s}
          service: {distribution: exponential, mean: 40 us}
          per_request: {net_tx: {count: 1, size: 100 B}}
      """, nic: "{name: eth0, workers: \(isTooMuch ? 3 : 1)}")
    let remarks = try Support.model(threads, design: "kvm-virtio").warnings
    #expect(remarks.contains { $0.contains("3 workers, of which 2 have no queue") } == isTooMuch, "\(remarks)")
  }

  @Test("Regular arrivals are remarked on at fluid fidelity", arguments: ["deterministic", "poisson"])
  func regularArrivals(process: String) throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: \(process), rate: 100/s}
          service: {distribution: exponential, mean: 1 ms}
      """)
    for fidelity in [Fidelity.exit, .fluid] {
      let warnings = try Support.model(scenario, fidelity: fidelity).warnings
      let isExpected = process == "deterministic" && fidelity == .fluid
      #expect(warnings.contains { $0.contains("come at equal intervals") } == isExpected, "\(warnings)")
    }
  }

  @Test("A bound of shadow pages is remarked on where there are none", arguments: ["kvm-virtio", "kvm-shadow"])
  func shadowPages(design: String) throws {
    let scenario = try Support.scenario(
      """
      scenario: bound
      duration: 1 s
      hosts:
        - name: a
          cpu: {cores: 2, frequency: 2.5 GHz}
          memory: {size: 8 GiB}
          design: \(design)
          profile: cascade-lake-pvm-paper
      vms:
        - {name: v, vcpus: 1, memory: {size: 1 GiB, shadow_pages: 64}, workload: idle}
      workloads:
        idle: {idle: true}
      """)
    let warnings = try Support.model(scenario).warnings
    #expect(warnings.contains { $0.contains("'shadow_pages'") } == (design == "kvm-virtio"), "\(warnings)")
  }
}
