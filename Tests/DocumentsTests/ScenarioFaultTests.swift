import Documents
import Foundation
import Testing

/// Faults of scenarios outside workloads.
@Suite struct ScenarioFaultTests {
  @Test func allFaultsAtOnceInOrder() {
    let text = """
      scenario: bad
      duration: 10
      sed: 3
      failures: []
      hosts:
        - name: node
          cpu: {coers: 4, frequency: 2.5 GHz}
          memory: {size: 64 GiB, page: 8 KiB}
          design: kvm-virtio
          profile: paper
      vms:
        - name: web
          memory: 4 GiB
          workload: web
      workloads:
        web:
          arrivals: {process: poison, rate: 5/s}
          service: {distribution: lognormal, mean: 1 ms, cv: 0}
          per_request: {sycall: 1, block_read: 2}
      """
    #expect(
      faults(in: text).joined(separator: "\n") == """
        2:11: error: expected a time with its unit (ns, us, ms, s, min, h, d), found '10'
        3:1: error: unknown key 'sed' in the scenario (did you mean 'seed'?)
        4:1: error: 'failures' is not simulated by this version
        7:11: error: unknown key 'coers' in a cpu (did you mean 'cores'?)
        8:34: error: expected 4 KiB, 2 MiB or 1 GiB, found '8 KiB'
        12:5: error: missing key 'vcpus' in a vm; expected an integer from 1 to 1024
        13:13: error: expected a mapping, found '4 GiB'
        17:25: error: unknown process 'poison' (did you mean 'poisson'?)
        18:56: error: expected a number above 0, at most 1000, found '0'
        19:19: error: unknown operation 'sycall' (did you mean 'syscall'?)
        """)
  }

  @Test func missingKeys() {
    #expect(
      faults(in: "description: nothing else\n") == [
        "1:1: error: missing key 'duration' in the scenario; expected a time above 0",
        "1:1: error: missing key 'hosts' in the scenario; expected a list of at least one host",
        "1:1: error: missing key 'scenario' in the scenario; expected a name",
        "1:1: error: missing key 'vms' in the scenario; expected a list of at least one vm",
      ])
    #expect(
      faults(in: "scenario: s\nduration: 1 s\nhosts: []\nvms: []\nworkloads: {}\n") == [
        "3:8: error: expected a list of at least one host, found an empty list",
        "4:6: error: expected a list of at least one vm, found an empty list",
        "5:12: error: expected at least one workload, found an empty mapping",
      ])
  }

  @Test func wrongKindsOfNodes() {
    #expect(faults(in: "[a]\n") == ["1:1: error: expected a mapping, found a list"])
    #expect(faults(in: "---\n") == ["2:1: error: expected a mapping, found nothing"])
    #expect(
      faults(in: "scenario: [s]\nduration: {}\nhosts: {}\nvms: none\nworkloads:\n") == [
        "1:11: error: expected a name, found a list", "2:11: error: expected a time such as 10 s, found a mapping",
        "3:8: error: expected a list, found a mapping", "4:6: error: expected a list, found 'none'",
        "5:11: error: expected a mapping, found nothing",
      ])
  }

  @Test(arguments: [
    ("duration: 0 s", "2:11: error: expected a time above 0, found '0 s'"),
    ("duration: 1 s\nwarmup: 1 s", "3:9: error: expected a warmup shorter than the duration of 1 s, found 1 s"),
    ("duration: 1 s\nseed: -1", "3:7: error: expected an integer from 0 to 9223372036854775807, found '-1'"),
    ("duration: 1 s\nseed: 1.5", "3:7: error: expected an integer, found '1.5'"),
    ("duration: 1 s\nfidelity: exits", "3:11: error: unknown fidelity 'exits' (did you mean 'exit'?)"),
    ("duration: 1 s\nfidelity: high", "3:11: error: unknown fidelity 'high'; expected exit or fluid"),
    ("duration: 1 s\ninclude: a.yaml", "3:1: error: 'include' is not simulated by this version"),
    (
      "duration: 1 s\ncompare: {designs: []}",
      "3:20: error: expected a list of at least one design, found an empty list"
    ),
    ("duration: 1 s\ncompare: {designs: [a, b], baseline: c}", "3:38: error: unknown baseline 'c'; expected a or b"),
    ("duration: 1 s\ncompare: {designs: [a, {name: a}]}", "3:31: error: design 'a' is compared twice"),
    (
      "duration: 1 s\ncompare: {baseline: a}",
      "3:10: error: missing key 'designs' in a comparison; expected a list of at least one design"
    ),
  ])
  func head(lines: String, message: String) {
    #expect(faults(in: ScenarioText(head: ["scenario: s", lines]).text) == [message])
  }

  @Test(arguments: [
    ("cpu: {cores: 0, frequency: 1 GHz}", "5:16: error: expected an integer from 1 to 4096, found '0'"),
    ("cpu: {cores: lots, frequency: 1 GHz}", "5:16: error: expected an integer, found 'lots'"),
    ("cpu: {cores: 1, frequency: 0 Hz}", "5:30: error: expected a frequency above 0, found '0 Hz'"),
    ("cpu: {sockets: 65, cores: 1, frequency: 1 Hz}", "5:18: error: expected an integer from 1 to 64, found '65'"),
    (
      "cpu: {cores: 1, threads_per_core: 9, frequency: 1 Hz}",
      "5:37: error: expected an integer from 1 to 8, found '9'"
    ),
    ("cpu: {cores: 1}", "5:8: error: missing key 'frequency' in a cpu; expected a frequency above 0"),
  ])
  func processor(line: String, message: String) {
    var text = ScenarioText()
    text.host[0] = line
    #expect(faults(in: text.text) == [message])
  }

  @Test(arguments: [
    ("count: 0", "9:10: error: expected an integer from 1 to 100000, found '0'"),
    ("nics: [{name: a, bandwidth: 0 bit/s}]", "9:31: error: expected a bit rate above 0, found '0 bit/s'"),
    (
      "nics: [{name: a, bandwidth: 1 Gbit/s}, {name: a, bandwidth: 1 Gbit/s}]",
      "9:49: error: nic name 'a' is used twice; expected names of their own"
    ),
    ("disks: [{name: a}, {name: a}]", "9:29: error: disk name 'a' is used twice; expected names of their own"),
    ("disks: [a]", "9:11: error: expected a mapping, found 'a'"),
    ("power: []", "9:10: error: expected a name, found an empty list"),
  ])
  func host(line: String, message: String) {
    var text = ScenarioText()
    text.host.append(line)
    #expect(faults(in: text.text) == [message])
  }

  @Test(arguments: [
    ("{name: k, pagin: shadow}", "7:21: error: unknown key 'pagin' in a design (did you mean 'paging'?)"),
    ("{name: k, paging: shadows}", "7:29: error: unknown paging 'shadows' (did you mean 'shadow'?)"),
    ("{paging: shadow}", "7:11: error: missing key 'name' in a design; expected a name"),
    ("[k]", "7:11: error: expected a name, found a list"),
  ])
  func design(value: String, message: String) {
    var text = ScenarioText()
    text.host[2] = "design: \(value)"
    #expect(faults(in: text.text) == [message])
  }

  @Test(arguments: [
    ("vcpus: 1025", "11:10: error: expected an integer from 1 to 1024, found '1025'"),
    ("vcpus: 1\n  memroy: 1", "12:3: error: unknown key 'memroy' in a vm (did you mean 'memory'?)"),
    ("vcpus: 1\n  host: a/b", "12:9: error: expected a name of letters, digits, '-', '_', '.' and spaces, found 'a/b'"),
    (
      "vcpus: 1\n  guest: ''",
      "12:10: error: expected a name of 1 to 128 characters without control characters, found ''"
    ),
  ])
  func vm(line: String, message: String) {
    var text = ScenarioText()
    text.vm[0] = line
    #expect(faults(in: text.text) == [message])
  }

  @Test func namesAreUnique() {
    let second = "- {name: vm, vcpus: 1, memory: {size: 1 GiB}, workload: web}"
    let text = ScenarioText().text.replacingOccurrences(of: "workloads:", with: "\(second)\nworkloads:")
    #expect(faults(in: text) == ["14:10: error: vm name 'vm' is used twice; expected names of their own"])
  }

  @Test(arguments: [("vm-2", true), ("vm-3", false), ("vm-02", false), ("vm-0", false), ("vm-", false)])
  func membersOfGroupsCountAsNames(name: String, clashes: Bool) {
    var text = ScenarioText()
    text.vm.append("count: 2")
    let second = "- {name: \(name), vcpus: 1, memory: {size: 1 GiB}, workload: web}"
    let whole = text.text.replacingOccurrences(of: "workloads:", with: "\(second)\nworkloads:")
    #expect(
      faults(in: whole) == (clashes ? ["15:10: error: vm name 'vm-2' is also a member of group 'vm'"] : []))
  }
}
