import Model
import Testing
import Virtualization

/// A hypervisor in a VM of another one: composition of exits, multiplication by reason, agreement of the engines.
struct NestedVirtualizationTests {
  static func cost(_ operation: GuestOperation, _ axes: [DesignAxis: String] = [:], design: String = "kvm-on-kvm")
    throws
    -> OperationCost
  {
    let model = try Support.model(try Support.oneVM("    idle: true", design: design), design: design, axes: axes)
    return try #require(model.hosts[0].design.cost(of: operation))
  }

  @Test("Exits of L1 for one of L2: 13 and 31 with trapped accesses, 2 and 14 without; and the one of L2")
  func multiplication() throws {
    for (operation, trapped, direct) in [(GuestOperation.cpuid, 13, 2), (.portIO, 31, 14)] {
      #expect(try Self.cost(operation, [.nesting: "vmcs_trapped"]).exits == trapped + 1)
      #expect(try Self.cost(operation).exits == direct + 1)
    }
  }

  @Test("A nested exit is the round trip, the handler without the hardware's switches, and L1's own exits")
  func composition() throws {
    let single = try Self.cost(.portIO, design: "kvm-virtio").synchronousMean
    let nested = try Self.cost(.portIO)
    let library = try Support.library.get()
    let profile = try #require(library.profiles["cascade-lake-pvm-paper"])
    func price(_ step: String) throws -> Double {
      try #require(profile.price(of: step, backends: ["vt-x"])).nanoseconds
    }
    let expected =
      try price("nested_exit") + single - price("vm_exit") - price("vm_entry") + 12 * price("l1_exit")
    #expect(abs(nested.synchronousMean - expected) < 1e-6)
    let places = Dictionary(grouping: nested.synchronous, by: \.place).mapValues { $0.reduce(0) { $0 + $1.mean } }
    let handler = try single - price("vm_exit") - price("vm_entry")
    #expect(abs((places[.vmm] ?? 0) - handler) < 1e-6)
    #expect((places[.hypervisor] ?? 0) > 0)
  }

  @Test("What L0 ends by itself is not reflected; system calls and page-table work of L2 do not exit")
  func own() throws {
    let fill = try Self.cost(.hiddenFault)
    #expect(fill.exits == 1 && fill.synchronous.map(\.step) == ["ept_fill_exit"])
    #expect(try Self.cost(.syscall).exits == 0)
    #expect(try Self.cost(.pageFault).exits == 0)
    #expect(try Self.cost(.rootLoad).exits == 0)
    // The violation of L2, its reflection (2), the trapped store and the fill; without traps one less.
    #expect(try Self.cost(.firstTouch).exits == 5)
    #expect(try Self.cost(.firstTouch, [.nestedTables: "free"]).exits == 4)
  }

  @Test("Shadow tables on nested paging: every exit of shadow paging is reflected")
  func shadow() throws {
    let single = try Self.cost(.rootLoad, [.paging: "shadow"], design: "kvm-shadow")
    let nested = try Self.cost(.rootLoad, [.paging: "shadow"])
    #expect(single.exits == 1 && nested.exits == 3)
    #expect(nested.synchronousMean > single.synchronousMean + 6000)
  }

  @Test(
    "Engines agree within 2 %", arguments: ["one-vm", "compare-hypervisors", "fork-heavy"],
    [[:], [DesignAxis.nesting: "vmcs_trapped"], [.paging: "shadow"]])
  func agreement(scenario: String, axes: [DesignAxis: String]) throws {
    // Rates that a guest with exits of twenty microseconds can serve.
    var edits = ["duration=20 s"]
    if scenario == "fork-heavy" { edits.append("workloads.forks.arrivals.rate=100/s") }
    if scenario == "compare-hypervisors" { edits.append("workloads.web-server.arrivals.rate=800/s") }
    if axes[.paging] == "shadow", scenario == "fork-heavy" {
      edits = ["duration=400 s", "workloads.forks.arrivals.rate=60/s"]
    }
    let shipped = try Support.shipped(scenario, edits: edits)
    try MemoryTests.expectAgreement(shipped, axes: axes, design: "kvm-on-kvm", leastShare: 0.01)
  }
}
