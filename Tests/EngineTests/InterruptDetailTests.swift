import Model
import Testing
import Virtualization

/// Interrupts to siblings, the task priority, interrupt windows, and flushes of preempted vCPUs.
struct InterruptDetailTests {
  private func exits(_ result: RunResult, _ reason: ExitReason) -> Double {
    Double(result.exits.reduce(0) { $0 + ($1.reason == reason ? $1.exits : 0) })
  }

  private func run(_ model: SimulationModel, _ fidelity: Fidelity) throws -> RunResult {
    try Support.run(model, fidelity)
  }

  @Test(
    "The sender of an IPI exits unless it is virtualized; the receiver where delivery is not posted",
    arguments: [Fidelity.exit, .fluid])
  func interrupts(fidelity: Fidelity) throws {
    let scenario = try Support.oneVM(
      "    program: {repeat: 1000000, loop: {ipi: 1}, compute: 10 us}", duration: "5 s", warmup: "0 s",
      design: "{name: kvm-virtio, services: false}")
    func perOperation(_ axes: [DesignAxis: String]) throws -> (sent: Double, received: Double) {
      let result = try run(
        try Support.model(scenario, design: "kvm-virtio", axes: axes, fidelity: fidelity), fidelity)
      let own = result.exits.filter { $0.operation == .ipi }
      func count(_ reason: ExitReason) -> Double { Double(own.reduce(0) { $0 + ($1.reason == reason ? $1.exits : 0) }) }
      let completed = Double(result.vms[0].completed)
      return (count(.msr) / completed, count(.externalInterrupt) / completed)
    }
    for (axes, sent, received) in [
      ([DesignAxis.interrupts: "emulated"], 1.0, 1.0), ([.interrupts: "accelerated"], 1, 1),
      ([.interrupts: "posted"], 1, 0), ([.interrupts: "posted", .ipis: "virtualized"], 0, 0),
    ] {
      let found = try perOperation(axes)
      #expect(abs(found.sent - sent) < 1e-3 && abs(found.received - received) < 1e-3, "\(axes): \(found)")
    }
  }

  @Test("Writes of the task priority exit only where the controller is emulated", arguments: [Fidelity.exit, .fluid])
  func priority(fidelity: Fidelity) throws {
    let scenario = try Support.oneVM(
      "    program: {repeat: 1000000, loop: {task_priority: 2}, compute: 10 us}", duration: "5 s", warmup: "0 s")
    for (design, kind, expected) in [
      ("kvm-virtio", "emulated", 2.0), ("kvm-virtio", "accelerated", 0), ("kvm-virtio", "posted", 0),
      ("xen-hvm", "emulated", 2), ("xen-hvm", "posted", 0),
    ] {
      let model = try Support.model(scenario, design: design, axes: [.interrupts: kind], fidelity: fidelity)
      let result = try run(model, fidelity)
      let each = exits(result, .apicAccess) / Double(result.vms[0].completed)
      #expect(abs(each - expected) < 1e-3, "\(design) \(kind): \(each)")
    }
    for design in try Support.library.get().designs.keys {
      _ = try Support.model(scenario, design: design)
    }
  }

  @Test("A share of the kicks meets a guest with interrupts off, in both engines")
  func windows() throws {
    let scenario = try Support.oneVM(
      """
          arrivals: {process: poisson, rate: 600/s}
          service: {distribution: exponential, mean: 1 ms}
          per_request: {net_rx: 1}
      """, duration: "41 s", design: "kvm-virtio")
    let share = try #require(try Support.library.get().guests["linux"]?.interruptsOff)
    for fidelity in [Fidelity.exit, .fluid] {
      func counts(_ kind: String) throws -> (kicks: Double, windows: Double) {
        let result = try run(
          try Support.model(scenario, design: "kvm-virtio", axes: [.interrupts: kind], fidelity: fidelity), fidelity)
        let kicks = result.exits.reduce(0) {
          $0 + ($1.step == "kick_exit" && $1.operation == .interrupt ? $1.count : 0)
        }
        return (Double(kicks), exits(result, .interruptWindow))
      }
      let emulated = try counts("emulated")
      #expect(abs(emulated.windows - share * emulated.kicks) <= 2, "\(fidelity): \(emulated)")
      #expect(try counts("posted").windows == 0)
    }
  }

  @Test("A flush by interrupts waits for preempted siblings, a paravirtual one does not")
  func flushes() throws {
    // Two vCPUs of a VM and three busy VMs on two processors; the VM flushes its sibling's translations.
    func run(_ flushes: String, burners: Int, cores: Int = 2) throws -> (waits: Int64, time: Double, throughput: Double)
    {
      let scenario = try Support.scenario(
        """
        scenario: test
        duration: 20 s
        hosts:
          - name: node
            cpu: {cores: \(cores), frequency: 2.5 GHz}
            memory: {size: 64 GiB}
            design: {name: kvm-virtio, services: false, flushes: \(flushes)}
            profile: cascade-lake-pvm-paper
        vms:
          - {name: server, vcpus: 2, memory: {size: 1 GiB}, workload: work}
          - {name: burner, count: \(burners), vcpus: 1, memory: {size: 1 GiB}, workload: burn}
        workloads:
          work:
            arrivals: {process: closed, clients: 8, think: 0 s}
            service: {distribution: exponential, mean: 1 ms}
            per_request: {mprotect: {count: 4, pages: 16, siblings: 1}}
          burn: {batch: {work: 1000 s}}
        """)
      let result = try Support.exit(try Support.model(scenario))
      let waits = result.exits.filter { $0.operation == .flushWait }
      return (
        waits.reduce(0) { $0 + $1.count }, Double(waits.reduce(0) { $0 + $1.nanoseconds }) * 1e-9,
        try #require(result.workloads.first { $0.name == "work" }?.throughput)
      )
    }
    let interrupt = try run("interrupt", burners: 3)
    let paravirtual = try run("paravirtual", burners: 3)
    #expect(interrupt.waits > 100 && interrupt.time > 1, "\(interrupt)")
    #expect(paravirtual.waits == 0 && paravirtual.time == 0)
    #expect(paravirtual.throughput > 1.1 * interrupt.throughput, "\(paravirtual) and \(interrupt)")
    // Where every vCPU has a processor there is nobody to wait for.
    let spacious = try run("interrupt", burners: 1, cores: 4)
    #expect(spacious.waits == 0 && spacious.time == 0, "\(spacious)")
  }
}
