import Documents
import Testing

/// Faults of what runs beside guests, of memory nodes and of boost curves, with their places.
struct ServiceAndNodeTests {
  private func faults(_ services: String, design: String = "hypervisor", more: [String: String] = [:]) throws
    -> [String]
  {
    let changed = Fixture.hypervisor.replacing("default_place:", with: "services:\n\(services)\ndefault_place:")
    return try Fixture.faults(more.merging(["designs/hypervisor.yaml": changed]) { $1 })
      .map { $0.replacing("designs/", with: "") }
  }

  private static func service(
    _ name: String = "a", home: String = "host", range: String = "[0.0001, 0.01]",
    kind: String = "kind: assumed, reason: r"
  ) -> String {
    "  - {name: \(name), runs_in: \(home), wakeups: 10/s, work: 100 us, \(kind), range: \(range)}"
  }

  @Test("A service runs where its structure has a place, within its range, under a name of its own")
  func services() throws {
    #expect(try faults(Self.service()) == [])
    #expect(
      try faults(Self.service(home: "privileged_domain")) == [
        "hypervisor.yaml:15:3: error: service 'a' runs in privileged_domain, but structure 'host_kernel' has host for it; "
          + "expected services that run in host"
      ])
    #expect(
      try faults(Self.service(range: "[0.01, 0.02]")) == [
        "hypervisor.yaml:15:5: error: service 'a' takes 0.001 of a processor; expected a load within its range"
      ])
    #expect(
      try faults(Self.service(range: "[0.02, 0.01]")) == [
        "hypervisor.yaml:15:92: error: expected two shares of a processor, the lower first, found a list"
      ])
    #expect(
      try faults(Self.service() + "\n" + Self.service()) == [
        "hypervisor.yaml:15:3: error: service name 'a' is used twice; expected names of their own"
      ])
    #expect(
      try faults(Self.service(kind: "kind: assumed")).contains { $0.contains("missing key 'reason' in a service") })
  }

  @Test("A design that inherits services needs a place for them")
  func inherited() throws {
    let child = "design: child\nbase: hypervisor\ntitle: t\naxes: {structure: privileged_domain}\n"
    #expect(
      try faults(Self.service(), more: ["designs/child.yaml": child]) == [
        "child.yaml:1:1: error: service 'a', which it inherits, runs in host, but structure 'privileged_domain' has "
          + "privileged_domain for it; expected services that run in privileged_domain"
      ])
    #expect(try faults(Self.service(), more: ["designs/child.yaml": child + "services: []\n"]) == [])
  }

  @Test("Hosts: boost curves that rise, nodes and backgrounds out of range")
  func hosts() throws {
    func messages(_ host: String) -> [String] {
      let text = """
        scenario: s
        duration: 1 s
        hosts:
          - {name: n, memory: {size: 1 GiB}, design: d, profile: p, \(host)}
        vms: [{name: v, vcpus: 1, memory: {size: 1 MiB}, workload: w}]
        workloads: {w: {idle: true}}
        """
      do {
        _ = try ScenarioReader.read(bytes: Array(text.utf8), file: "s")
        return []
      } catch {
        return "\(error)".split(separator: "\n").map(String.init)
      }
    }
    let cpu = "cpu: {cores: 4, frequency: 2 GHz"
    #expect(messages("\(cpu), boost: [{cores: 2, frequency: 3 GHz}, {cores: 4, frequency: 2.5 GHz}]}") == [])
    #expect(
      messages("\(cpu), boost: [{cores: 2, frequency: 3 GHz}, {cores: 4, frequency: 3.5 GHz}]}").contains {
        $0.contains("expected more active cores, and no higher frequency, from one entry to the next")
      })
    #expect(messages("\(cpu), boost: []}").contains { $0.contains("found an empty list") })
    #expect(messages("\(cpu)}, numa: {nodes: 0}").contains { $0.contains("expected an integer from 1 to 64") })
    #expect(messages("\(cpu)}, numa: {nodes: 2, scheduling: sighted}").contains { $0.contains("aware or blind") })
    #expect(
      messages("\(cpu)}, background: {threads: 1, share: 0}").contains { $0.contains("above 0 and at most 1") })
    #expect(messages("\(cpu)}, background: {threads: 1, share: 0.5, burst: 1 ms, weight: 2}") == [])
  }
}
