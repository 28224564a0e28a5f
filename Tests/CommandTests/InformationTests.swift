import Foundation
import Testing

struct InformationTests {
  @Test("explain shows each step of a page fault with cost, place, kind and source")
  func explain() throws {
    let outcome = try Command.run("explain", "kvm-shadow", "page_fault")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for expected in [
      "reflected_fault_exit", "page_fault_handler", "shadow_fill_exit", "host_kernel", "guest", "assumed", "1.65 us",
      "0.00 ns elsewhere",
    ] {
      #expect(outcome.output.contains(expected), "\(expected) is not in \(outcome.output)")
    }
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    let published = try Command.run("explain", "kvm-virtio", "cpuid")
    #expect(published.output.contains("PVM, SOSP 2023, Table 1"))
  }

  @Test("explain shows the register accesses of emulated devices and when they are notified")
  func deviceAccesses() throws {
    /// In one line, as it is broken at 80 columns.
    func explain(_ arguments: String...) throws -> String {
      try Command.run(["explain"] + arguments).output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
    let received = try explain("kvm-emulated", "net_rx")
    #expect(received.contains("register accesses of device e1000, for each interrupt for received"))
    #expect(received.contains("5 mmio (22.50 us, 5 exits)"))
    let read = try explain("kvm-emulated", "block_read", "--device", "ide")
    #expect(read.contains("26 port_io (88.14 us, 26 exits)"))
    #expect(!read.contains("notified"))
    let virtio = try explain("kvm-virtio", "net_tx")
    #expect(virtio.contains("device virtio-net is notified once until"))
    let passed = try Command.run("explain", "kvm-passthrough", "net_tx", "--device", "e1000")
    #expect(passed.status == 64)
    #expect(passed.errors.contains("gives its guests a network device of the host"))
  }

  @Test("An axis can be overridden in explain")
  func axis() throws {
    let outcome = try Command.run(
      "explain", "kvm-shadow", "syscall", "--axis", "guest_page_table_isolation=on")
    #expect(outcome.output.contains("cr3_exit"))
  }

  static let designs =
    ((try? FileManager.default.contentsOfDirectory(
      atPath: Command.root.appendingPathComponent("scenarios/designs").path)) ?? []).map { String($0.dropLast(5)) }
    .sorted()

  @Test("explain shows every operation of every design", arguments: designs)
  func everyDesign(name: String) throws {
    let all = try Command.run(["explain", name])
    #expect(all.status == 0 && all.errors.isEmpty)
    // Lines may break anywhere.
    #expect(all.output.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains("Calibrated from:"))
    // Each operation of which the design knows a path has its steps, or costs nothing.
    let blocks = all.output.components(separatedBy: "\n\n").dropFirst()
    #expect(blocks.count >= 35)
    for block in blocks {
      #expect(block.contains("  step ") || block.contains("no steps: it costs nothing"), "\(block.prefix(80))")
      #expect(block.split(separator: "\n").allSatisfy { $0.count <= 80 })
    }
    for operation in ["syscall", "page_fault", "process_creation", "cpuid", "net_tx", "interrupt", "timer_interrupt"] {
      #expect(all.output.contains("\n\(operation): "), "\(operation)")
    }
  }

  @Test(
    "explain shows an operation by itself, also one without a path",
    arguments: ["hypercall", "block_read", "first_touch", "dirty_page", "memory_scan", "victim_hit"])
  func singleOperation(name: String) throws {
    let outcome = try Command.run("explain", "xen-hvm", name)
    #expect(outcome.status == 0 && outcome.output.contains("\n\(name): "), "\(outcome.errors)")
  }

  @Test(
    "list names what there is",
    arguments: [
      "designs", "profiles", "guests", "operations", "steps", "policies", "power", "workloads", "cases", "devices",
      "experiments",
    ])
  func list(subject: String) throws {
    let outcome = try Command.run("list", subject)
    #expect(outcome.status == 0)
    let expected = [
      "designs": "kvm-shadow", "profiles": "cascade-lake-pvm-paper", "guests": "linux", "operations": "page_fault",
      "steps": "vm_exit", "policies": "power-aware-best-fit-decreasing", "power": "hp-ml110-g4",
      "workloads": "kernel-build", "cases": "pvm-shell", "devices": "virtio-net",
      "experiments": "starved-dom0",
    ]
    #expect(outcome.output.contains(expected[subject]!))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }

  @Test("check accepts every shipped document")
  func check() throws {
    let scenarios = Command.root.appendingPathComponent("scenarios")
    let files = FileManager.default.enumerator(atPath: scenarios.path)!.compactMap { $0 as? String }
      .filter { $0.hasSuffix(".yaml") }.sorted().map { "scenarios/\($0)" }
    let outcome = try Command.run(["check"] + files)
    #expect(outcome.status == 0, "\(outcome.errors)")
  }

  @Test(
    "Every command has a help text that fits 80 columns",
    arguments: ["", "run", "compare", "check", "explain", "list", "calibrate"])
  func help(command: String) throws {
    let outcome = try Command.run([command, "--help"].filter { !$0.isEmpty }, environment: ["COLUMNS": "80"])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("USAGE: vdcsim"))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
  }
}
