import Documents
import Foundation
import Model
import Quantities
import Testing

/// Changes that the command line makes to a scenario.
@Suite struct DocumentEditTests {
  private func edited(_ edits: String...) throws -> Scenario {
    let edits = try edits.map { try #require(DocumentEdit($0)) }
    return try ScenarioReader.read(path: "\(shippedFolder)/compare-hypervisors.yaml", edits: edits).scenario
  }

  @Test func keyAndValue() {
    #expect(DocumentEdit("a.b=c=d") == DocumentEdit(key: "a.b", value: "c=d"))
    #expect(DocumentEdit("a=") == DocumentEdit(key: "a", value: ""))
    #expect(DocumentEdit("=c") == nil)
    #expect(DocumentEdit("a") == nil)
  }

  @Test func valuesAreReplacedAndAdded() throws {
    let scenario = try edited(
      "duration=2 s", "seed=5", "fidelity=fluid", "hosts.0.cpu.cores=4", "hosts.node.memory={size: 1 TiB}",
      "vms.web.count=2", "vms.0.host=node", "workloads.web-server.arrivals.rate=500/s")
    #expect(scenario.duration == .seconds(2))
    #expect(scenario.seed == 5)
    #expect(scenario.fidelity == .fluid)
    let host = try #require(scenario.hosts.first)
    #expect(host.cpu.cores == 4)
    #expect(host.memory.bytes == 1 << 40)
    #expect(scenario.vms.first?.count == 2)
    #expect(scenario.vms.first?.host == "node")
    guard case .requests(let requests)? = scenario.workloads.first?.shape else {
      Issue.record("expected requests")
      return
    }
    #expect(requests.arrivals == .poisson(rate: Rate(perSecond: 500)))
  }

  @Test func mappingsThatAreLeftOutAreAdded() throws {
    let scenario = try edited(
      "vms.web.cpu.cap=0.5", "vms.web.cpu.weight=3", "hosts.node.numa.nodes=2", "vms.web.guest=linux",
      "workloads.web-server.memory={working_set: 1 GiB, page_references: 1000/s, reuse_skew: 0}")
    #expect(scenario.vms.first?.share.cap == 0.5)
    #expect(scenario.vms.first?.fleet.weight == 3)
    #expect(scenario.hosts.first?.nodes?.count == 2)
    #expect(scenario.workloads.first?.memory?.regions.count == 1)
  }

  @Test func namedDesignsBecomeMappings() throws {
    let scenario = try edited("hosts.node.design.paging=shadow", "compare.designs.kvm-virtio.interrupts=emulated")
    #expect(scenario.hosts.first?.design.name == "kvm-virtio")
    #expect(scenario.hosts.first?.design.overrides == [.paging: "shadow"])
    #expect(scenario.comparison?.designs[2].overrides == [.interrupts: "emulated"])
    #expect(try edited("hosts.node.design=container").hosts.first?.design.name == "container")
    let twice = try edited("hosts.0.design.paging=shadow", "hosts.0.design.interrupts=emulated")
    #expect(twice.hosts.first?.design.overrides == [.paging: "shadow", .interrupts: "emulated"])
  }

  @Test func laterEditsWin() throws {
    #expect(try edited("seed=5", "seed=6").seed == 6)
    #expect(try edited("hosts.0.name=other", "hosts.other.count=2").hosts.first?.count == 2)
  }

  @Test func namesMayHoldDots() throws {
    let text = ScenarioText().text.replacingOccurrences(of: "- name: node", with: "- name: rack.1")
    let edit = try #require(DocumentEdit("hosts.rack.1.cpu.cores=7"))
    #expect(try read(text, edits: [edit]).scenario.hosts.first?.cpu.cores == 7)
  }

  @Test func anEditedAliasChangesOnePlaceOnly() throws {
    var text = ScenarioText()
    text.head.insert("x-memory: &memory {size: 2 GiB}", at: 0)
    text.host[1] = "memory: *memory"
    text.vm[1] = "memory: *memory"
    let edit = try #require(DocumentEdit("hosts.0.memory.size=3 GiB"))
    let scenario = try read(text.text, edits: [edit]).scenario
    #expect(scenario.hosts.first?.memory.bytes == 3 << 30)
    #expect(scenario.vms.first?.memory.bytes == 2 << 30)
  }

  @Test(arguments: [
    ("duration=2", "--set duration:1:1: error: expected a time with its unit (ns, us, ms, s, min, h, d), found '2'"),
    ("seed=", "--set seed:1:1: error: expected an integer from 0 to 9223372036854775807, found nothing"),
    ("durations=2 s", "--set durations:1:1: error: unknown key 'durations' in the scenario (did you mean 'duration'?)"),
    ("host.node.count=2", "--set host.node.count:1:1: error: unknown key 'host' (did you mean 'hosts'?)"),
    ("hosts.nod.count=2", "--set hosts.nod.count:1:1: error: unknown entry 'nod' (did you mean 'node'?)"),
    ("hosts.1.count=2", "--set hosts.1.count:1:1: error: unknown entry '1'; expected node or an index from 0 to 0"),
    (
      "hosts.node.cpu.core=2",
      "--set hosts.node.cpu.core:1:1: error: unknown key 'core' in a cpu (did you mean 'cores'?)"
    ),
    ("hosts.node.name.x=2", "--set hosts.node.name.x:1:1: error: 'node' has no keys, so that 'x' leads nowhere"),
    (
      "hosts.node.design.pagin=shadow",
      "--set hosts.node.design.pagin:1:1: error: unknown key 'pagin' in a design (did you mean 'paging'?)"
    ),
    (
      "seed=[1",
      "--set seed:2:1: error: did not find expected ',' or ']', while parsing a flow sequence that starts in line 1, column 1"
    ),
    ("seed=*a", "--set seed:1:1: error: undefined alias 'a'"),
    (
      "hosts.node.nuam.nodes=2",
      "--set hosts.node.nuam.nodes:1:1: error: unknown key 'nuam' in a host (did you mean 'numa'?)"
    ),
    ("hosts.node.cpus.cores=2", "--set hosts.node.cpus.cores:1:1: error: unknown key 'cpus' (did you mean 'cpu'?)"),
    (
      "workloads.other.arrivals.rate=1/s",
      "--set workloads.other.arrivals.rate:1:1: error: unknown key 'other'; expected web"
    ),
    ("hosts..count=1", "--set hosts..count:1:1: error: unknown entry ''; expected node or an index from 0 to 0"),
  ])
  func fault(edit: String, message: String) {
    #expect(faults(in: ScenarioText().text, edits: [edit]) == [message])
  }

  @Test func faultsOfAllEditsAreToldAtOnce() {
    #expect(faults(in: ScenarioText().text, edits: ["vmz.a.b=1", "hostz.a.b=1"]).count == 2)
  }
}
