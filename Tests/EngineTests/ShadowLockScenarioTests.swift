import Model
import Testing
import Virtualization

/// Siblings under shadow paging: waits for the tables' lock and kicks, from the shipped scenario.
struct ShadowLockScenarioTests {
  /// Seconds a second of vCPU time by VM.
  private func share(of operation: GuestOperation, _ result: RunResult) -> [String: Double] {
    var shares: [String: Double] = [:]
    for row in result.exits where row.operation == operation {
      let vm = result.vms[row.vm]
      shares[vm.name, default: 0] +=
        Double(row.nanoseconds) / Double(vm.vcpus) / Double(result.window.nanoseconds)
    }
    return shares
  }

  @Test func waitsGrowWithVCPUsUnderShadowPagingAlone() throws {
    let scenario = try Support.shipped("lock-contention")
    let shadow = try Support.exit(try Support.model(scenario, design: "kvm-shadow"))
    let nested = try Support.exit(try Support.model(scenario, design: "kvm-virtio"))
    for operation in [GuestOperation.lockWait, .remoteFlush] {
      let shares = share(of: operation, shadow)
      #expect(shares["one"] == nil)
      let grown = [shares["two"], shares["four"], shares["eight"]].map { $0 ?? 0 }
      #expect(grown[0] > 0 && grown[1] > grown[0] && grown[2] > grown[1], "\(operation) \(grown)")
      #expect(share(of: operation, nested).isEmpty)
    }
  }

  @Test func enginesAgreeOnWaits() throws {
    let model = try Support.model(try Support.shipped("lock-contention"), design: "kvm-shadow")
    let exit = share(of: .lockWait, try Support.exit(model))
    let fluid = share(of: .lockWait, try Support.fluid(model))
    for (vm, value) in exit { #expect(abs(value / (fluid[vm] ?? 0) - 1) < 0.02, "\(vm)") }
  }
}
