import Documents
import Model
import Testing
import Virtualization

/// Joining a scenario with its designs, profiles and guests, and placing its VMs.
struct AssemblyTests {
  private func fleet(_ vms: String, design: String = "kvm-virtio") throws -> Scenario {
    try Support.scenario(
      """
      scenario: fleet
      duration: 2 s
      hosts:
        - {name: small, cpu: {cores: 2, frequency: 2.5 GHz}, memory: {size: 8 GiB}, design: \(design),
           profile: cascade-lake-pvm-paper}
        - {name: large, count: 2, cpu: {cores: 8, frequency: 2.5 GHz}, memory: {size: 32 GiB}, design: container,
           profile: cascade-lake-pvm-paper}
      vms:
      \(vms)
      workloads:
        rest: {idle: true}
        packets:
          arrivals: {process: poisson, rate: 10/s}
          service: {distribution: exponential, mean: 1 ms}
          per_request: {net_tx: 1}
        tight:
          arrivals: {process: poisson, rate: 10/s}
          service: {distribution: exponential, mean: 10 us}
          per_request: {syscall: 1000}
      """)
  }

  private func faults(_ scenario: Scenario) throws -> [String] {
    let error = #expect(throws: ModelFaults.self) { try Support.model(scenario) }
    return (error?.faults ?? []).map { "\($0.location.line): \($0.message)" }
  }

  @Test("Each VM goes to the host with the most memory left; a named host keeps its own")
  func placement() throws {
    let scenario = try fleet(
      """
        - {name: a, count: 3, vcpus: 2, memory: {size: 12 GiB}, workload: rest}
        - {name: b, vcpus: 2, memory: {size: 4 GiB}, workload: rest, host: small}
      """)
    let model = try Support.model(scenario)
    #expect(model.hosts.map(\.name) == ["small", "large-1", "large-2"])
    #expect(model.vms.map(\.host) == [1, 2, 1, 0])
    #expect(model.designLabel == "mixed")
    let result = try Support.exit(model)
    #expect(result.hosts.map(\.design) == ["kvm-virtio", "container", "container"])
  }

  @Test("What does not fit is an error: memory, vCPUs, network interface")
  func capacity() throws {
    let found = try faults(
      try fleet(
        """
          - {name: a, vcpus: 9, memory: {size: 64 GiB}, workload: rest}
          - {name: b, vcpus: 1, memory: {size: 1 GiB}, workload: packets}
        """))
    #expect(found.count == 3)
    #expect(found[0].contains("needs 65540 MiB of memory, but no host has more than 32 GiB left"))
    #expect(found[1].contains("has 9 vCPUs, but host 'large-1' has only 8 cores"))
    #expect(found[2].contains("needs a nic"))
  }

  @Test("Operations that cost more than the service time that should include them are an error")
  func service() throws {
    let found = try faults(try fleet("  - {name: a, vcpus: 1, memory: {size: 1 GiB}, workload: tight}"))
    #expect(found.count == 1)
    #expect(found[0].contains("its operations alone cost the bare host"))
  }

  @Test("Unknown designs, guests and workloads are located, with the nearest name")
  func unknown() throws {
    let found = try faults(
      try fleet("  - {name: a, vcpus: 1, memory: {size: 1 GiB}, workload: rset, guest: linx}", design: "kvm-vritio"))
    #expect(
      found == [
        "4: unknown design 'kvm-vritio' (did you mean 'kvm-virtio'?)",
        "9: unknown workload 'rset' (did you mean 'rest'?)", "9: unknown guest 'linx' (did you mean 'linux'?)",
      ])
  }

  @Test("Names of devices and hosts are located where they stand")
  func unknownDevices() throws {
    let found = try faults(
      try fleet(
        """
          - name: a
            vcpus: 1
            memory: {size: 1 GiB}
            workload: packets
            host: large
            nic: eth0
          - {name: b, vcpus: 1, memory: {size: 1 GiB}, workload: rest, host: larg}
        """))
    #expect(found.contains("14: unknown nic 'eth0' of host 'large', which has none"), "\(found)")
    #expect(found.contains("15: unknown host 'larg' (did you mean 'large'?)"), "\(found)")
  }

  @Test("Large scenarios run on the fluid engine unless they say otherwise")
  func fidelity() throws {
    let scenario = try Support.shipped("one-vm", edits: ["hosts.node.count=9"])
    #expect(try SimulationModel(scenario: scenario, library: Support.library.get()).fidelity == .fluid)
    let small = try Support.shipped("one-vm")
    #expect(try SimulationModel(scenario: small, library: Support.library.get()).fidelity == .exit)
  }

  @Test("What the exit-level engine's clock cannot hold is an error that names the way out")
  func exitLimits() throws {
    let long = try Support.shipped("one-vm", edits: ["duration=5 h"])
    let error = #expect(throws: ModelFaults.self) { try Support.model(long, fidelity: .exit) }
    #expect(error?.faults.count == 1)
    #expect(error?.faults.first?.message.contains("runs at most 4 h") ?? false)
    _ = try Support.model(long, fidelity: .fluid)
  }

  @Test("A host with too few cores is passed over")
  func cores() throws {
    let scenario = try fleet("  - {name: a, count: 3, vcpus: 4, memory: {size: 1 GiB}, workload: rest}")
    #expect(try Support.model(scenario).vms.map(\.host) == [1, 2, 1])
  }
}
