import Model
import Testing
import Virtualization

/// Every workload of the library on some designs of each kind.
struct WorkloadLibraryTests {
  static let workloads = (try? Support.library.get().workloads.keys.sorted()) ?? []

  static func scenario(_ workload: String) throws -> Scenario {
    try Support.scenario(
      """
      scenario: library
      duration: 2 s
      warmup: 200 ms
      hosts:
        - name: node
          cpu: {cores: 8, frequency: 2.5 GHz}
          memory: {size: 64 GiB}
          nics: [{name: eth0, bandwidth: 25 Gbit/s}]
          design: kvm-virtio
          profile: cascade-lake-pvm-paper
      vms:
        - {name: guest, vcpus: 2, memory: {size: 24 GiB}, nic: eth0, workload: \(workload)}
      """)
  }

  @Test("The workloads that users expect are there")
  func names() {
    let expected = [
      "idle-guest", "kernel-build", "web-server", "oltp-database", "key-value-store", "packet-forwarding",
      "file-server",
      "memory-bound-graph", "hpc-compute", "desktop",
    ]
    #expect(Set(expected).isSubset(of: Self.workloads))
  }

  @Test("Accounts close, and what virtualization takes is in the order of its means", arguments: workloads)
  func runs(workload: String) throws {
    let scenario = try Self.scenario(workload)
    _ = try Support.exit(try Support.model(scenario))
    var overheads: [String: Double] = [:]
    // The host's own clock is no matter of devices, and Xen's ticks less often than Linux's; a tick more moves guests' own ticks
    // by less than a millionth. Nor is polling for wake-ups, which takes what nobody else wants.
    var ticks: [String: Double] = [:]
    for design in ["bare-metal", "container", "kvm-virtio", "kvm-shadow", "xen-pv", "xen-hvm", "vmware-workstation"] {
      let fluid = try Support.fluid(try Support.model(scenario, design: design))
      overheads[design] = fluid.value(of: .virtualizationOverhead) ?? 0
      let time = fluid.exits.reduce(0) {
        $0 + ([.hostInterrupt, .haltPoll].contains($1.operation) ? $1.nanoseconds : 0)
      }
      ticks[design] = Double(time) / Double(fluid.vms.reduce(0) { $0 + $1.guest })
    }
    #expect(overheads["bare-metal"] == 0)
    #expect(overheads["container"]! <= overheads["kvm-virtio"]!)
    #expect(overheads["kvm-virtio"]! - ticks["kvm-virtio"]! <= overheads["xen-hvm"]! - ticks["xen-hvm"]! + 1e-6)
  }
}
