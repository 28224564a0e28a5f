import Model
import Testing
import Virtualization

/// Every shipped design on the mixed workload of `all-designs.yaml`.
struct AllDesignsTests {
  static let designs = (try? Support.library.get().designs.keys.sorted()) ?? []

  static func mixed(_ edits: [String] = []) throws -> Scenario { try Support.shipped("all-designs", edits: edits) }

  /// What the scenario's comparison says of a design: the profile of designs that do not run on x86.
  static func profile(of design: String) throws -> [String] {
    let chosen = try mixed().comparison?.designs.first { $0.name == design }
    return chosen?.profile.map { ["hosts.node.profile=\($0)"] } ?? []
  }

  @Test("The comparison has every design of the library")
  func comparison() throws {
    #expect(try Self.mixed().comparison?.designs.map(\.name).sorted() == Self.designs)
  }

  @Test("The library's designs are there")
  func library() { #expect(Self.designs.count >= 20) }

  /// The tolerance is that of the engines' design: 2 % of means, for exits those above 1 %; over two replications.
  @Test("Accounts close, runs repeat, and both engines agree", arguments: designs)
  func agreement(design: String) throws {
    let model = try Support.model(
      try Self.mixed(["duration=30 s"] + Self.profile(of: design)), design: design)
    // Both of the disk's directions are in the workload.
    #expect(model.vms.allSatisfy { $0.load.block.reads > 0 && $0.load.block.writes > 0 && $0.io.disk != nil })
    let runs = try (1...2).map { try Support.exit(model, replication: $0) }
    let again = try Support.exit(model, replication: 1)
    #expect(again.exits == runs[0].exits && again.vms == runs[0].vms && again.hosts == runs[0].hosts)
    if !["bare-metal", "ideal", "container"].contains(design) {
      #expect(runs[0].exits.contains { [.blockRead, .blockCompletion].contains($0.operation) && $0.count > 0 })
    }
    let fluid = try Support.fluid(model)
    for metric in EngineAgreementTests.metrics {
      let values = runs.compactMap { $0.value(of: metric) }
      guard let expected = fluid.value(of: metric), !values.isEmpty else { continue }
      let mean = values.reduce(0, +) / Double(values.count)
      let tolerance = metric == .latencyMean ? 0.1 : 0.02
      #expect(
        abs(mean - expected) <= tolerance * abs(expected) + 1e-12,
        "\(design): \(metric.name) is \(mean) at exit and \(expected) at fluid fidelity")
    }
    // Counts scatter with the arrivals, shares of all exits hardly do.
    let (simulated, expected) = (EngineAgreementTests.byReason(runs[0]), EngineAgreementTests.byReason(fluid))
    let (all, expectedAll) = (simulated.values.reduce(0, +), expected.values.reduce(0, +))
    for (reason, count) in simulated where count > 0.01 * all {
      let (share, other) = (count / all, expected[reason, default: 0] / expectedAll)
      #expect(abs(share - other) <= 0.02 * other + 0.002, "\(design): \(reason) \(share) of exits against \(other)")
    }
  }

  // MARK: Expected orderings

  /// CPU time that virtualization takes, on the vCPUs and elsewhere, per second of guest work.
  static func overhead(_ design: String, axes: [DesignAxis: String] = [:], edits: [String] = []) throws -> Double {
    let scenario = try mixed(edits + profile(of: design))
    let fluid = try Support.fluid(try Support.model(scenario, design: design, axes: axes))
    return try #require(fluid.value(of: .virtualizationOverhead))
  }

  /// Designs of one rank for the mixed workload; every one of a rank costs no more than any of the next.
  static let ranks = [
    ["bare-metal", "ideal"], ["container"],
    ["xen-pv", "xen-pvhvm", "kvm-virtio", "container-in-vm", "hyperv-enlightened", "esxi-vmxnet3"],
    ["kvm-emulated", "xen-hvm", "hyperv-unenlightened", "virtualbox"], ["qemu-tcg"],
  ]

  @Test(
    "Native, container, paravirtual or assisted with virtio, emulated, translated: in this order for the mixed workload"
  )
  func order() throws {
    let costs = try Self.ranks.map { try $0.map { (design: $0, overhead: try Self.overhead($0)) } }
    for (lower, upper) in zip(costs, costs.dropFirst()) {
      for less in lower {
        for more in upper {
          #expect(
            less.overhead <= more.overhead,
            "\(less.design) costs \(less.overhead), \(more.design) \(more.overhead)")
        }
      }
    }
    #expect(try Self.overhead("vmware-workstation-bt") <= Self.overhead("qemu-tcg"))
    #expect(try Self.overhead("vmware-workstation") >= Self.overhead("esxi-vmxnet3"))
    #expect(try Self.overhead("hyperv-enlightened") < Self.overhead("hyperv-unenlightened"))
    #expect(try Self.overhead("container-in-vm") > Self.overhead("kvm-virtio"))
    #expect(try Self.overhead("kvm-on-kvm") > Self.overhead("kvm-virtio"))
  }

  @Test("ESXi differs from KVM by its kernel: no host kernel, no process, other paths of packets and blocks")
  func hypervisorKernel() throws {
    func result(_ design: String) throws -> RunResult {
      try Support.fluid(try Support.model(try Self.mixed(), design: design))
    }
    let (esxi, kvm) = (try result("esxi-vmxnet3"), try result("kvm-virtio"))
    let places = Set(esxi.exits.filter { $0.nanoseconds > 0 }.map(\.place))
    #expect(places == [.guest, .hypervisor, .worker])
    let steps = Set(esxi.exits.map(\.step))
    #expect(steps.isSuperset(of: ["vmkernel_transmit", "vmkernel_receive", "vmkernel_block"]))
    #expect(steps.isDisjoint(with: ["backend_transmit", "backend_block"]))
    #expect(
      try #require(esxi.value(of: .virtualizationOverhead)) < #require(kvm.value(of: .virtualizationOverhead)))
  }

  @Test("In split mode every exit of KVM on ARM saves the machine's state, with VHE only the way to userspace does")
  func splitMode() throws {
    func cost(_ operation: GuestOperation, mode: String) throws -> OperationCost {
      let library = try Support.library.get()
      let compiled = try CompiledDesign(
        choice: DesignChoice(
          design: try #require(library.designs["kvm-arm"]), overrides: [.hypervisorMode: mode]),
        bareHost: try #require(library.designs["bare-metal"]), catalogue: library.catalogue,
        profile: try #require(library.profiles["x-gene"]))
      return try #require(compiled.cost(of: operation))
    }
    // 6,500 and 7,370 cycles at 2.4 GHz: the sums are those of Dall et al.
    #expect(abs(try cost(.hypercall, mode: "split").synchronousMean * 2.4 - 6500) < 1)
    #expect(abs(try cost(.interruptController, mode: "split").synchronousMean * 2.4 - 7370) < 1)
    #expect(abs(try cost(.ioLatencyOut, mode: "split").synchronousMean * 2.4 - 6024) < 1)
    for operation in [GuestOperation.hypercall, .mmio, .interruptController, .halt, .hostInterrupt] {
      let split = try cost(operation, mode: "split").synchronous.filter { $0.step == "vgic_registers_save" }
      #expect(split.count == 1, "\(operation)")
      let light = try cost(operation, mode: "vhe").synchronous.filter { $0.step == "vgic_registers_save" }
      #expect(light.count == (operation == .mmio ? 1 : 0), "\(operation)")
    }
  }

  /// CPU time per iteration of a loop, nanoseconds.
  static func loop(_ operations: String, _ design: String, axes: [DesignAxis: String] = [:]) throws -> Double {
    let scenario = try Support.oneVM(
      "    program: {repeat: 2000, loop: {\(operations)}}", duration: "60 s", warmup: "0 s", design: design)
    let result = try Support.exit(try Support.model(scenario, design: design, axes: axes))
    let time = result.vms.reduce(0) { $0 + $1.guest + $1.stall }
    return Double(time) / Double(result.vms.reduce(0) { $0 + $1.completed })
  }

  @Test("Xen PV beats shadow-paged HVM for processes; for system calls only where the guest isolates its tables")
  func paravirtualPaging() throws {
    let shadow: [DesignAxis: String] = [.paging: "shadow"]
    let isolated: [DesignAxis: String] = [.paging: "shadow", .guestPageTableIsolation: "on"]
    for operations in ["process_creation: 1", "mmap: {count: 1, pages: 512}", "page_fault: 4"] {
      #expect(
        try Self.loop(operations, "xen-pv") < Self.loop(operations, "xen-hvm", axes: shadow), "\(operations)")
    }
    let calls = try Self.loop("syscall: 10", "xen-pv")
    #expect(try calls > Self.loop("syscall: 10", "xen-hvm", axes: shadow))
    #expect(try calls < Self.loop("syscall: 10", "xen-hvm", axes: isolated))
  }

  @Test("VMXNET3 takes more CPU time per packet than DirectPath")
  func packets() throws {
    func perPacket(_ design: String) throws -> Double {
      let fluid = try Support.fluid(try Support.model(try Self.mixed(), design: design))
      let packets = 4 * Double(fluid.vms.reduce(0) { $0 + $1.completed })
      return try #require(fluid.value(of: .virtualizationCPU)) / packets
    }
    #expect(try perPacket("esxi-vmxnet3") > perPacket("esxi-directpath"))
    #expect(try perPacket("kvm-virtio") > perPacket("kvm-passthrough"))
  }

  @Test(
    "Shadow paging as an override", arguments: ["xen-hvm", "hyperv-enlightened", "esxi-vmxnet3", "vmware-workstation"])
  func override(design: String) throws {
    let nested = try Support.fluid(try Support.model(try Self.mixed(), design: design))
    let shadow = try Support.fluid(try Support.model(try Self.mixed(), design: design, axes: [.paging: "shadow"]))
    #expect(shadow.design == "\(design)[paging=shadow]")
    func steps(_ result: RunResult) -> Set<String> { Set(result.exits.map(\.step)) }
    #expect(steps(shadow).isSuperset(of: ["shadow_fill_exit", "cr3_exit", "invlpg_exit"]))
    #expect(steps(nested).isDisjoint(with: ["shadow_fill_exit", "cr3_exit", "invlpg_exit"]))
    #expect(steps(nested).contains("nested_walk") && !steps(shadow).contains("nested_walk"))
    // What is no matter of paging stays.
    func count(_ result: RunResult, _ operation: GuestOperation) -> Int64 {
      result.exits.filter { $0.operation == operation }.reduce(0) { $0 + $1.count }
    }
    for operation in [GuestOperation.cpuid, .timerProgram, .blockCompletion] {
      #expect(abs(count(shadow, operation) - count(nested, operation)) <= 1, "\(operation)")
    }
    // Page faults of the guest and its processes exit under shadow paging only; walks are shorter.
    func exits(_ result: RunResult, _ operation: GuestOperation) -> Int64 {
      result.exits.filter { $0.operation == operation }.reduce(0) { $0 + $1.exits }
    }
    #expect(exits(nested, .pageFault) == 0 && exits(shadow, .pageFault) > 0)
    #expect(exits(nested, .rootLoad) == 0 && exits(shadow, .rootLoad) > 0)
    let (cheap, dear) = (nested.value(of: .virtualizationOverhead), shadow.value(of: .virtualizationOverhead))
    #expect(try #require(dear) > #require(cheap))
  }

  @Test("A design of ARM priced by an x86 machine, and the reverse, are remarked on")
  func architectures() throws {
    func warnings(_ design: String, _ profile: String) throws -> [String] {
      try Support.model(try Self.mixed(["hosts.node.profile=\(profile)"]), design: design).warnings
        .filter { $0.contains("architecture") }
    }
    #expect(
      try warnings("kvm-arm", "cascade-lake-pvm-paper") == [
        "design 'kvm-arm' runs on ARM, but profile 'cascade-lake-pvm-paper' is of an x86 machine: its prices stand in for "
          + "those of another architecture"
      ])
    #expect(try warnings("kvm-virtio", "ampere-altra").count == 1)
    for design in ["kvm-arm", "bare-metal", "container"] {
      #expect(try warnings(design, "ampere-altra") == [], "\(design)")
    }
  }

  // MARK: What designs cannot do

  static func faults(_ edits: [String], design: String) -> [String] {
    do {
      _ = try Support.model(try mixed(edits), design: design)
      return []
    } catch let error as ModelFaults {
      return error.faults.map { "\($0.location.line > 0): \($0.message)" }
    } catch {
      return ["\(error)"]
    }
  }

  @Test("Guests that a design cannot run")
  func guests() {
    #expect(
      Self.faults(["vms.mixed.guest=windows"], design: "xen-pv") == [
        "true: design 'xen-pv' cannot run guest 'windows', which lacks the interface xen-pv: its kernel runs without "
          + "privileges; expected guest bare or linux"
      ])
    #expect(Self.faults(["vms.mixed.guest=unmodified"], design: "xen-pv").count == 1)
    #expect(Self.faults(["vms.mixed.guest=unmodified"], design: "kvm-virtio").count == 1)
    for design in ["kvm-emulated", "xen-hvm", "hyperv-unenlightened", "virtualbox", "bare-metal"] {
      #expect(Self.faults(["vms.mixed.guest=unmodified"], design: design) == [], "\(design)")
    }
    for design in ["kvm-virtio", "xen-pvhvm", "hyperv-enlightened", "esxi-vmxnet3"] {
      #expect(Self.faults(["vms.mixed.guest=windows"], design: design) == [], "\(design)")
    }
  }

  @Test("Pinned memory is not overcommitted, and passed-through devices do not migrate")
  func passthrough() {
    let swapping = ["hosts.node.memory.size=9 GiB", "hosts.node.memory.swap={latency: 100 us}"]
    #expect(Self.faults(swapping, design: "kvm-virtio") == [])
    let faults = Self.faults(swapping, design: "kvm-passthrough")
    #expect(faults.count == 1 && faults[0].contains("cannot overcommit memory: the device writes to pinned memory"))
    let logging = ["vms.mixed.dirty_logging={interval: 1 s, dirty_pages: 1000/s, writable_set: 64 MiB}"]
    #expect(Self.faults(logging, design: "kvm-virtio") == [])
    for (design, reason) in [
      ("bare-metal", "processes of a bare host"), ("container", "containers are processes of the host's kernel"),
      ("esxi-directpath", "the device writes to reserved memory"), ("vmware-workstation", "no live migration"),
    ] {
      let faults = Self.faults(logging, design: design)
      #expect(faults.count == 1 && faults[0].contains("true: ") && faults[0].contains(reason), "\(design): \(faults)")
    }
    #expect(Self.faults(swapping, design: "esxi-directpath").count == 1)
    let logged = Self.faults(logging, design: "kvm-passthrough")
    #expect(logged.count == 1 && logged[0].contains("cannot migrate VMs: the device writes to pinned memory"))
  }

  @Test("Fleets: policies that move VMs on hosts that cannot, and guests where they may be placed")
  func fleets() throws {
    func faults(_ design: String, guest: String, requires: String = "", consolidation: Bool) throws -> [String] {
      let policies =
        consolidation
        ? "policies: {set: cloudsim-compatible, consolidation: {overload: thr, threshold: 0.8, selection: mmt}}"
        : "policies: {placement: first-fit}"
      let scenario = try Support.scenario(
        """
        scenario: fleet
        duration: 1 h
        hosts:
          - {name: a, count: 2, cpu: {cores: 4, frequency: 2 GHz}, memory: {size: 16 GiB}, nics: [{name: e, bandwidth: 1 Gbit/s}], power: hp-ml110-g5, design: \(design), profile: cascade-lake-pvm-paper}
          - {name: b, count: 2, cpu: {cores: 4, frequency: 2 GHz}, memory: {size: 16 GiB}, nics: [{name: e, bandwidth: 1 Gbit/s}], power: hp-ml110-g5, design: kvm-emulated, profile: cascade-lake-pvm-paper}
        vms:
          - {name: v, count: 2, vcpus: 1, cpu: {speed: 1 GHz}, memory: {size: 1 GiB}, guest: \(guest)\(requires), workload: w}
        workloads:
          w: {utilization: 0.3}
        \(policies)
        """)
      return Support.faults { _ = try Support.model(scenario, fidelity: .fluid) }
    }
    let moving = try faults("kvm-passthrough", guest: "linux", consolidation: true)
    #expect(
      moving == [
        "policy 'consolidation' moves VMs, but design 'kvm-passthrough' of host 'a' cannot migrate them: the device writes "
          + "to pinned memory and has state of its own; expected another design, or consolidation: none"
      ])
    #expect(try faults("kvm-virtio", guest: "linux", consolidation: true) == [])
    #expect(try faults("ideal", guest: "linux", consolidation: true) == [])
    for design in ["bare-metal", "container", "esxi-directpath"] {
      let moving = try faults(design, guest: "linux", consolidation: true)
      #expect(moving.count == 1 && moving[0].contains("cannot migrate them"), "\(design): \(moving)")
    }
    #expect(try faults("xen-pv", guest: "windows", consolidation: false).count == 1)
    #expect(
      try faults(
        "xen-pv", guest: "windows", requires: ", requires: {hypervisors: [kvm-emulated]}", consolidation: false) == [])
  }
}
