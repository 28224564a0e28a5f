import Documents
import EventKernel
import Model
import Testing
import Virtualization

@testable import Datacenter

/// What runs beside the guests of a fleet: services of designs and background loads.
struct FleetServiceTests {
  static func text(
    _ design: String, hosts: Int = 1, cores: Int = 4, vms: Int = 2, background: String = "",
    workload: String = "{utilization: 0.25}", policies: String = "policies: {placement: first-fit}",
    duration: String = "1 h"
  ) -> String {
    """
    scenario: services
    duration: \(duration)
    hosts:
      - name: node
        count: \(hosts)
        cpu: {cores: \(cores), frequency: 2 GHz}
        memory: {size: 16 GiB}
        nics: [{name: eth0, bandwidth: 1 Gbit/s}]
        power: linear
        design: \(design)
        profile: cascade-lake-pvm-paper
    \(background.isEmpty ? "" : "    background: \(background)")
    vms:
      - {name: vm, count: \(vms), vcpus: 2, memory: {size: 1 GiB}, workload: load}
    workloads:
      load: \(workload)
    \(policies)
    power:
      linear: {watts: [100 W, 200 W], sleep: {power: 10 W}, source: test}
    """
  }

  static func run(_ text: String) throws -> RunResult {
    let model = try Support.model(Support.scenario(text), fidelity: .fluid)
    let result = try FleetEngine.run(model: model, replication: 1)
    try result.checkConservation()
    return result
  }

  /// Seconds of a service on a host.
  static func seconds(_ result: RunResult, _ name: String, host: Int = 0) throws -> Double {
    Double(try #require(result.services.first { $0.name == name && $0.host == host }).nanoseconds) * 1e-9
  }

  @Test("Services of a host and of each VM, in accounts and power: closed form")
  func closedForm() throws {
    let result = try Self.run(Self.text("vmware-workstation", hosts: 2))
    // Both VMs are on the first host. 250/s of 80 us for an hour, and 60/s of 60 us for each VM.
    let (desktop, vmx) = (250 * 80e-6 * 3600, 60 * 60e-6 * 3600)
    for host in 0...1 { #expect(abs(try Self.seconds(result, "desktop", host: host) - desktop) < 1e-6) }
    #expect(abs(try Self.seconds(result, "vmx") - 2 * vmx) < 1e-6)
    #expect(try Self.seconds(result, "vmx", host: 1) == 0)
    #expect(result.services.map(\.threads) == [1, 2, 1, 0])
    #expect(result.services[0].wakeups == 250 * 3600 && result.services[1].wakeups == 2 * 60 * 3600)
    #expect(abs((result.value(of: .servicesCPU) ?? 0) - 2 * desktop - 2 * vmx) < 1e-5)
    // 100 W idle and 100 W more at full load, the guests and what they cost included.
    let report = try #require(result.fleet).report
    for host in 0...1 {
      let row = result.hosts[host]
      let busy = 1 - Double(row.idle) / Double(4 * result.window.nanoseconds)
      #expect(abs(report.hostEnergy[host] - (100 + 100 * busy) * 3600) < 1)
    }
    let plain = try Self.run(Self.text("{name: vmware-workstation, services: false}", hosts: 2))
    #expect(plain.services.isEmpty && plain.value(of: .servicesCPU) == nil)
    #expect(plain.hosts[0].guest == result.hosts[0].guest)
  }

  /// As the fluid engine has it for a host that is no fleet, where nobody is refused and where guests are. On a single host
  /// threads also wait for each other, after which they find more to do and halt less; fleets do not know that, which is
  /// 0.1 % of the guests' time here. The services' own times, and what they leave, are the same.
  @Test(
    "A background load takes its share by weight, as on single hosts",
    arguments: ["{name: kvm-virtio, halt_polling: \"off\"}", "xen-pvhvm"],
    ["{threads: 3}", "{threads: 8, weight: 0.5}", "{threads: 2, share: 0.3}"])
  func background(design: String, load: String) throws {
    let workload =
      "{arrivals: {process: poisson, rate: 1700/s}, service: {distribution: exponential, mean: 1 ms}, "
      + "per_request: {syscall: 50}}"
    func text(_ policies: String) -> String {
      Self.text(
        design, background: load, workload: workload, policies: policies, duration: "60 s")
    }
    let fleet = try Self.run(text("policies: {placement: first-fit}"))
    let fluid = try Support.fluid(try Support.model(Support.scenario(text("")), fidelity: .fluid))
    for row in fluid.services {
      let own = try Self.seconds(fleet, row.name)
      #expect(abs(own - Double(row.nanoseconds) * 1e-9) < 1e-3 * Double(row.nanoseconds) * 1e-9 + 1e-6, "\(row.name)")
    }
    for metric in [SummaryMetric.throughput, .guestCPU, .utilization, .servicesCPU] {
      let (own, other) = (try #require(fleet.value(of: metric)), try #require(fluid.value(of: metric)))
      #expect(abs(own - other) <= 5e-3 * other, "\(metric.name): \(own) against \(other)")
    }
  }

  @Test("Services of a sleeping host rest; those in a privileged domain have no more than its vCPUs")
  func bounds() throws {
    let sleeping = try Self.run(
      Self.text(
        "kvm-virtio", hosts: 2,
        policies: "policies: {placement: first-fit, consolidation: {overload: thr, threshold: 0.9}}"))
    #expect(abs(try Self.seconds(sleeping, "daemons") - 40 * 50e-6 * 3600) < 1e-6)
    #expect(try Self.seconds(sleeping, "daemons", host: 1) == 0)
    let domain = try Self.run(
      Self.text("{name: xen-pvhvm, privileged_domain: {vcpus: 2}}", vms: 1, background: "{threads: 6}"))
    let inside = domain.services.reduce(0) { $0 + ($1.home == .privilegedDomain ? $1.nanoseconds : 0) }
    #expect(abs(Double(inside) * 1e-9 - 2 * 3600) < 1e-3)
    // The guest has what it asks for.
    #expect(domain.vms[0].steal == 0)
  }
}
