import Foundation
import Model
import Testing
import Virtualization

@testable import Datacenter

/// Block requests of VMs in a fleet: what their backends and drivers ask of the host.
struct FleetBlockTests {
  static func text(_ design: String, count: Int, policies: String, disk: String = "disk: disk, ") -> String {
    """
    scenario: blocks
    duration: 10 s
    fidelity: fluid
    hosts:
      - name: node
        cpu: {cores: 8, frequency: 2500 MHz}
        memory: {size: 64 GiB}
        disks: [{name: disk, model: generic-nvme}]
        design: \(design)
        profile: cascade-lake-pvm-paper
    vms:
      - {name: vm, count: \(count), vcpus: 1, memory: {size: 1 GiB}, \(disk)workload: work}
    workloads:
      work:
        arrivals: {process: poisson, rate: 4000/s}
        service: {distribution: exponential, mean: 40 us}
        per_request: {block_read: {count: 1, size: 4 KiB}}
    \(policies)
    """
  }

  /// The same VM alone, once in a fleet and once not: the expectations are those of one engine.
  @Test(
    "Backends' and drivers' CPU is host demand", arguments: ["kvm-virtio", "kvm-emulated", "xen-pvhvm", "bare-metal"])
  func demand(design: String) throws {
    let alone = try Support.fluid(
      try Support.model(Support.scenario(Self.text(design, count: 1, policies: "")), fidelity: .fluid))
    let fleet = try Support.model(
      Support.scenario(Self.text(design, count: 3, policies: "policies: {placement: first-fit}")), fidelity: .fluid)
    let result = try FleetEngine.run(model: fleet, replication: 1)
    try result.checkConservation()
    let virtualization = try #require(alone.value(of: .virtualizationCPU))
    let report = try #require(result.fleet).report
    let found = report.hostVirtualization.reduce(0) { $0 + $1[0] }
    #expect(
      abs(found - 3 * virtualization) < 0.001 * 3 * virtualization + 1e-9, "\(found) against 3 × \(virtualization)")
    let guest = try #require(alone.value(of: .guestCPU))
    #expect(abs(report.hostGuest[0] - 3 * guest) < 0.001 * 3 * guest)
    let backends = report.vmBackend.reduce(0, +)
    #expect(design == "bare-metal" ? backends == 0 : backends > 0)
  }

  @Test("A fleet's VM that reads blocks needs a disk")
  func fault() throws {
    let scenario = try Support.scenario(
      Self.text("kvm-virtio", count: 1, policies: "policies: {placement: first-fit}", disk: ""))
    #expect(throws: ModelFaults.self) { try Support.model(scenario, fidelity: .fluid) }
  }

  @Test("A VM that names one host of a group has its devices there, and an unknown interface is an error")
  func namedHost() throws {
    func fleet(_ vm: String) throws -> FleetModel {
      let text = Self.text("kvm-emulated", count: 1, policies: "policies: {placement: first-fit}")
        .replacingOccurrences(of: "name: node\n", with: "name: node\n    count: 2\n")
        .replacingOccurrences(of: "workload: work}", with: "workload: work, \(vm)}")
      return try #require(try Support.model(Support.scenario(text), fidelity: .fluid).fleet)
    }
    let named = try #require(try fleet("host: node-2").loads[0])
    let free = try #require(try fleet("cpu: {weight: 1}").loads[0])
    #expect(named.io.block != nil && named.io.block == free.io.block)
    #expect(named.perRequest == free.perRequest)
    #expect(throws: ModelFaults.self) { try fleet("nic: eth7") }
  }
}
