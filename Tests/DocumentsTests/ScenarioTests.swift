import Documents
import Model
import Quantities
import Testing
import Virtualization

/// Scenarios without faults.
@Suite struct ScenarioTests {
  @Test func whatIsLeftOutHasADefault() throws {
    let (scenario, warnings) = try read(ScenarioText().text)
    #expect(warnings == [])
    #expect(scenario.name == "small")
    #expect(scenario.description == "")
    #expect(scenario.duration == .seconds(10))
    #expect(scenario.warmup == .zero)
    #expect(scenario.seed == 1)
    #expect(scenario.fidelity == nil)
    #expect(scenario.comparison == nil)
    let host = try #require(scenario.hosts.first)
    #expect(host.count == 1)
    #expect(host.cpu.sockets == 1)
    #expect(host.cpu.cores == 2)
    #expect(host.cpu.model == nil)
    #expect(host.page.bytes == 4096)
    #expect(host.nics.isEmpty && host.disks.isEmpty)
    let vm = try #require(scenario.vms.first)
    #expect(vm.count == 1)
    #expect(vm.page.bytes == 4096)
    #expect(vm.guest == "linux")
    #expect(vm.nic == nil && vm.disk == nil && vm.host == nil)
    guard case .requests(let requests)? = scenario.workloads.first?.shape else {
      Issue.record("expected requests")
      return
    }
    #expect(requests.discipline == .processorSharing)
    #expect(requests.perRequest == [:])
    #expect(requests.arrivals == .poisson(rate: Rate(perSecond: 5)))
    #expect(requests.service.mean == 1_000_000)
  }

  @Test func everyKeyIsRead() throws {
    let text = """
      scenario: full
      description: all keys
      x-note: [anything]
      duration: 1 min
      warmup: 5 s
      seed: 010
      fidelity: fluid
      compare:
        designs: [bare-metal, {name: kvm-virtio, paging: shadow, interrupts: emulated}, kvm-virtio]
        baseline: kvm-virtio
      hosts:
        - name: rack 1.a
          count: 4
          cpu: {model: m, sockets: 2, cores: 8, threads_per_core: 1, frequency: 2.5 GHz}
          memory: {size: 64 GiB, page: 2 MiB}
          nics: [{name: eth0, bandwidth: 25 Gbit/s, model: any}]
          disks: [{name: d0, model: any}]
          design: {name: kvm-virtio, guest_page_table_isolation: on}
          profile: paper
      vms:
        - {name: v, count: 3, vcpus: 2, memory: {size: 1 GiB, page: 1 GiB}, guest: windows, nic: eth0, disk: d0, workload: w, host: rack 1.a}
      workloads:
        w: {idle: true}
      """
    let scenario = try read(text).scenario
    #expect(scenario.description == "all keys")
    #expect(scenario.warmup == .seconds(5))
    #expect(scenario.seed == 10)
    #expect(scenario.fidelity == .fluid)
    let comparison = try #require(scenario.comparison)
    #expect(comparison.baseline == "kvm-virtio")
    #expect(comparison.designs.map(\.name) == ["bare-metal", "kvm-virtio", "kvm-virtio"])
    #expect(comparison.designs[1].overrides == [.paging: "shadow", .interrupts: "emulated"])
    #expect(comparison.designs[0].location == SourceLocation(file: "s.yaml", line: 9, column: 13))
    let host = try #require(scenario.hosts.first)
    #expect(host.name == "rack 1.a")
    #expect(host.count == 4)
    #expect(host.cpu.cores == 16)
    #expect(host.cpu.model == "m")
    #expect(host.page.bytes == 2 << 20)
    #expect(host.nics.map(\.name) == ["eth0"])
    #expect(host.nics.map(\.bandwidth.bitsPerSecond) == [25_000_000_000])
    #expect(host.disks.map(\.name) == ["d0"])
    #expect(host.design.overrides == [.guestPageTableIsolation: "on"])
    #expect(host.profileLocation == SourceLocation(file: "s.yaml", line: 19, column: 14))
    let vm = try #require(scenario.vms.first)
    #expect([vm.count, vm.vcpus] == [3, 2])
    #expect(vm.page.bytes == 1 << 30)
    #expect([vm.guest, vm.nic, vm.disk, vm.workload, vm.host] == ["windows", "eth0", "d0", "w", "rack 1.a"])
  }

  @Test func theFirstDesignIsTheBaseline() throws {
    var text = ScenarioText()
    text.head.append("compare: {designs: [kvm-virtio, bare-metal]}")
    #expect(try read(text.text).scenario.comparison?.baseline == "kvm-virtio")
  }

  @Test func unusedWorkloadsAreRemarkedUpon() throws {
    let (scenario, warnings) = try read(ScenarioText().text + "  spare: {idle: true}\n")
    #expect(scenario.workloads.map(\.name) == ["web", "spare"])
    #expect(warnings.map(\.description) == ["s.yaml:18:3: warning: workload 'spare' is not used by any vm"])
  }

  @Test func readingIsDeterministic() throws {
    let bad = ScenarioText(head: ["scenario: ''", "duration: 0 s", "warmup: x", "seed: -1", "power: 1"]).text
    let first = faults(in: bad)
    #expect(first.count == 5)
    for _ in 0..<20 { #expect(faults(in: bad) == first) }
    let path = "\(shippedFolder)/compare-hypervisors.yaml"
    let description = String(describing: try ScenarioReader.read(path: path).scenario.hosts)
    for _ in 0..<5 {
      #expect(String(describing: try ScenarioReader.read(path: path).scenario.hosts) == description)
    }
  }
}
