import Model
import Testing
import Virtualization

/// Closed populations that hardly leave the guest: its own threads, and packets that the vCPU's own exit sends.
///
/// Tolerances are those of the engines' agreement, 2 %; seeds are fixed.
struct ClosedPopulationTests {
  private static func model(
    _ design: String, vcpus: Int = 1, clients: Int, perRequest: String? = nil, service: String = "100 us",
    duration: String = "2100 ms"
  ) throws -> SimulationModel {
    let operations = perRequest.map { "\n    per_request: \($0)" } ?? ""
    return try Support.model(
      Support.oneVM(
        """
            arrivals: {process: closed, clients: \(clients), think: 0 s}
            service: {distribution: exponential, mean: \(service)}\(operations)
        """, vcpus: vcpus, cores: 8, duration: duration, warmup: "100 ms", design: design))
  }

  private static func count(_ operation: GuestOperation, of result: RunResult) -> Int64 {
    result.exits.filter { $0.operation == operation }.reduce(0) { $0 + $1.count }
  }

  @Test(
    "Threads that only compute are told of nothing and never halt",
    arguments: ["kvm-virtio", "kvm-emulated", "xen-pv", "hyperv-unenlightened", "vmware-workstation"],
    [[1, 1], [1, 8], [4, 2], [4, 4], [4, 8]])
  func computing(design: String, size: [Int]) throws {
    let (vcpus, clients) = (size[0], size[1])
    let model = try Self.model(design, vcpus: vcpus, clients: clients)
    let results = [try Support.exit(model), try Support.fluid(model)]
    for result in results {
      for operation in [GuestOperation.halt, .interrupt, .eoi, .interruptWindow, .haltPoll] {
        #expect(Self.count(operation, of: result) == 0, "\(operation)")
      }
      // As many as there are threads and vCPUs for them; 2 % for the service times that the seed drew, and for ticks.
      let expected = Double(min(vcpus, clients)) * 10_000
      #expect(abs(result.workloads[0].throughput - expected) < 0.02 * expected)
    }
  }

  @Test(
    "Packets that the vCPU's own exit sends",
    arguments: ["kvm-emulated", "xen-hvm", "hyperv-unenlightened", "virtualbox"], [1, 64, 200])
  func sending(design: String, clients: Int) throws {
    let model = try Self.model(design, clients: clients, perRequest: "{net_tx: {count: 1, size: 1500 B}}")
    let exit = try Support.exit(model)
    let fluid = try Support.fluid(model)
    for result in [exit, fluid] {
      #expect(result.vms[0].guest > 0 && result.vms[0].halted >= 0)
    }
    let simulated = exit.workloads[0].throughput
    let expected = fluid.workloads[0].throughput
    #expect(abs(simulated - expected) < 0.02 * simulated, "\(simulated) against \(expected)")
  }

  /// The backend of a nested guest is through long before its vCPU, whose bell and halt are reflected. How long a client is
  /// away varies in the fluid engine and not here: 5 % of throughput, where halting takes 6 % of a round.
  @Test("A client that is back before its vCPU is halted", arguments: ["20 us", "200 us"])
  func backBeforeTheHalt(service: String) throws {
    let model = try Self.model(
      "{name: kvm-on-kvm, nesting: vmcs_trapped}", clients: 1, perRequest: "{net_tx: {count: 1, size: 100 B}}",
      service: service)
    let simulated = try Support.exit(model).workloads[0].throughput
    let expected = try Support.fluid(model).workloads[0].throughput
    #expect(abs(simulated - expected) < 0.05 * simulated, "\(simulated) against \(expected)")
  }
}
