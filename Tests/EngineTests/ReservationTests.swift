import Model
import Testing
import Virtualization

@testable import Datacenter

/// Reservations: weighted max-min sharing with floors, in closed form and in both engines.
struct ReservationTests {
  private func scenario(
    _ vms: String, cores: Int = 1, design: String = "{name: esxi-vmxnet3, services: false}", burners: Bool = true,
    duration: String = "30 s"
  ) throws -> Scenario {
    try Support.scenario(
      """
      scenario: test
      duration: \(duration)
      hosts:
        - {name: node, cpu: {cores: \(cores), frequency: 2 GHz}, memory: {size: 64 GiB}, design: \(design), profile: cascade-lake-pvm-paper}
      vms:
      \(vms)
      workloads:
        work: {batch: {work: 1000 s, threads: 2}}
        \(burners ? "" : "requests: {arrivals: {process: poisson, rate: 100/s}, service: {distribution: exponential, mean: 1 ms}}")
      """)
  }

  @Test("Shares with floors: as much as the weight gives, or the floor, or the demand")
  func closedForm() {
    func shares(_ demands: [Double], _ weights: [Double], _ floors: [Double], _ capacity: Double) -> [Double] {
      HostSharing.maxMin(demands: demands, weights: weights, floors: floors, capacity: capacity)
    }
    #expect(shares([1, 1], [1, 1], [0.7, 0], 1) == [0.7, 0.30000000000000004])
    #expect(shares([1, 1], [1, 1], [0.3, 0], 1) == [0.5, 0.5])
    // The floor of the second is reached only when the first keeps its own.
    let three = shares([1, 1, 1], [1, 4, 5], [0.5, 0.3, 0], 1)
    for (value, expected) in zip(three, [0.5, 0.3, 0.2]) { #expect(abs(value - expected) < 1e-12, "\(three)") }
    #expect(shares([0.2, 1], [1, 1], [0.7, 0], 1) == [0.2, 0.8])
    #expect(
      shares([1, 1, 1], [1, 1, 2], [], 2)
        == HostSharing.maxMin(
          demands: [1, 1, 1], weights: [1, 1, 2], floors: [0, 0, 0], capacity: 2))
  }

  @Test(
    "Always-busy VMs get their reservation, and the rest by weight", arguments: [Fidelity.exit, .fluid],
    ["esxi-vmxnet3", "hyperv-enlightened"])
  func shares(fidelity: Fidelity, design: String) throws {
    func check(_ vms: [(cpu: String, vcpus: Int)], cores: Int, _ expected: [Double]) throws {
      let text = vms.enumerated().map {
        "  - {name: v\($0.offset), vcpus: \($0.element.vcpus), memory: {size: 1 GiB}, workload: work, cpu: {\($0.element.cpu)}}"
      }.joined(separator: "\n")
      let model = try Support.model(
        try scenario(text, cores: cores, design: "{name: \(design), services: false}"), fidelity: fidelity)
      let result = try Support.run(model, fidelity)
      for (vm, share) in zip(result.vms, expected) {
        let value = Double(vm.guest + vm.stall) / 30e9
        #expect(abs(value - share) < 0.01 * share, "\(fidelity): \(vms) \(vm.name) has \(value), not \(share)")
      }
    }
    try check([("reservation: 1.4 GHz", 1), ("weight: 1", 1)], cores: 1, [0.7, 0.3])
    try check([("reservation: 600 MHz", 1), ("weight: 1", 1)], cores: 1, [0.5, 0.5])
    try check(
      [("reservation: 1 GHz", 1), ("weight: 4, reservation: 600 MHz", 1), ("weight: 5", 1)], cores: 1, [0.5, 0.3, 0.2])
    // Both vCPUs together; what is left is divided by threads.
    try check([("reservation: 3 GHz", 2), ("weight: 1", 2), ("weight: 1", 2)], cores: 2, [1.5, 0.25, 0.25])
    try check([("reservation: 3 GHz, cap: 1.6", 2), ("weight: 1", 2), ("weight: 1", 2)], cores: 2, [1.5, 0.25, 0.25])
  }

  /// Where a core's siblings run one VM only, the reserve is of hardware threads: two of them, of one core, at a time.
  @Test("Reserved siblings share a core")
  func siblings() throws {
    let text = """
      scenario: test
      duration: 10 s
      hosts:
        - {name: node, cpu: {cores: 1, threads_per_core: 2, frequency: 2 GHz}, memory: {size: 64 GiB}, design: {name: hyperv-enlightened, services: false}, profile: cascade-lake-pvm-paper}
      vms:
        - {name: reserved, vcpus: 2, memory: {size: 1 GiB}, workload: work, cpu: {reservation: 1.5 GHz}}
        - {name: other, count: 3, vcpus: 2, memory: {size: 1 GiB}, workload: work}
      workloads:
        work: {batch: {work: 1000 s, threads: 2}}
      """
    let result = try Support.exit(try Support.model(try Support.scenario(text)))
    let shares = result.vms.map { Double($0.guest + $0.stall) / 20e9 }
    // 0.75 of two threads each half of the period's length: their run time is what counts.
    #expect(abs(shares[0] - 0.375) < 0.01, "\(shares)")
    for share in shares.dropFirst() { #expect(abs(share - 0.625 / 3) < 0.01, "\(shares)") }
  }

  @Test(
    "A VM that sleeps and reserves what it needs does not wait behind busy ones",
    arguments: ["esxi-vmxnet3", "hyperv-enlightened"])
  func latency(design: String) throws {
    func run(_ cpu: String) throws -> Double {
      let text = try scenario(
        """
          - {name: burner, count: 3, vcpus: 1, memory: {size: 1 GiB}, workload: work}
          - {name: server, vcpus: 1, memory: {size: 1 GiB}, workload: requests, cpu: {weight: 0.05\(cpu)}}
        """, design: "{name: \(design), services: false}", burners: false)
      let result = try Support.exit(try Support.model(text))
      return try #require(result.workloads.first { $0.name == "requests" }?.meanLatency)
    }
    let without = try run("")
    let with = try run(", reservation: 1 GHz")
    // Half of the processor for a tenth of it in demand: no more than twice the time of a request on a processor of its own.
    #expect(with < 2.5e-3 && without > 10 * with, "\(without) and \(with)")
  }

  @Test("Reservations that cannot be kept, and schedulers that know none")
  func faults() {
    func messages(_ vms: String, _ design: String = "esxi-vmxnet3") -> [String] {
      Support.faults(.column) { _ = try Support.model(try scenario(vms, design: design)) }
    }
    let one = "  - {name: v, vcpus: 1, memory: {size: 1 GiB}, workload: work, cpu: {reservation: 1 GHz}}"
    #expect(messages(one) == [])
    #expect(
      messages(one, "kvm-virtio") == [
        "6:5: vm 'v' has a reservation, but scheduler 'fair' of design 'kvm-virtio' has none: control groups of Linux have "
          + "weights and caps alone; expected relaxed_coscheduling, core, or a fleet"
      ])
    for (design, reason) in [
      ("xen-pvhvm", "Xen's has weights and caps alone"),
      ("{name: esxi-vmxnet3, scheduler: strict_coscheduling}", "the minimum of ESX 2 is not simulated"),
      ("{name: kvm-virtio, scheduler: round_robin}", "all threads are alike"),
    ] {
      #expect(messages(one, design).count == 1 && messages(one, design)[0].contains("has none: \(reason); expected"))
    }
    #expect(
      messages(one.replacing("1 GHz", with: "2.5 GHz")) == [
        "6:5: vm 'v' reserves 2.5 GHz, but its vCPUs do no more than 2 GHz"
      ])
    #expect(
      messages(one.replacing("v,", with: "v, count: 3,")) == [
        "6:5: vm 'v-3' reserves 1 GHz, but host 'node' has less left beside the reservations of others"
      ])
    #expect(
      messages(one.replacing("1 GHz", with: "1 GHz, cap: 0.4")) == [
        "6:5: vm 'v' reserves more than its cap lets it have"
      ])
  }
}
