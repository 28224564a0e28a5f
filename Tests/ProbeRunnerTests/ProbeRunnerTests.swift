import Foundation
import Testing

/// The probe runner as a child process.
private enum Runner {
  struct Outcome {
    let status: Int32
    let records: [[String: Any]]
    let errors: String
  }

  /// The executable beside the tests.
  static let executable = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appendingPathComponent("vdcsim-probe")

  /// Whether KVM can be used here; tests that need it say so and stop.
  static let hasKVM = access("/dev/kvm", R_OK | W_OK) == 0

  /// Runs the executable; `interruptAfter` sends SIGINT once that many lines have come.
  static func run(_ arguments: String..., interruptAfter lines: Int? = nil) throws -> Outcome {
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    let output = Pipe()
    let errors = FileManager.default.temporaryDirectory.appendingPathComponent("vdcsim-\(UUID().uuidString)")
    try Data().write(to: errors)
    defer { try? FileManager.default.removeItem(at: errors) }
    process.standardOutput = output
    process.standardError = try FileHandle(forWritingTo: errors)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    var data = Data()
    var isInterrupted = false
    while case let chunk = output.fileHandleForReading.availableData, !chunk.isEmpty {
      data += chunk
      if let lines, !isInterrupted, data.count(where: { $0 == 0x0a }) >= lines {
        isInterrupted = true
        kill(process.processIdentifier, SIGINT)
      }
    }
    process.waitUntilExit()
    let records = try data.split(separator: 0x0a).map { line in
      try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
    }
    return Outcome(
      status: process.terminationStatus, records: records, errors: try String(contentsOf: errors, encoding: .utf8))
  }
}

extension [String: Any] {
  fileprivate func text(_ key: String) -> String? { self[key] as? String }
}

@Suite(.timeLimit(.minutes(2))) struct ProbeRunnerTests {
  @Test func everyProbeIsListedWithWhatItNeedsAndExpects() throws {
    let outcome = try Runner.run("list")
    #expect(outcome.status == 0)
    let probes = outcome.records.filter { $0.text("record") == "probe" }
    let names = Set(probes.compactMap { $0.text("name") })
    #expect(names.count == probes.count)
    let wanted = [
      "entry", "cpuid", "msr_read", "msr_write", "hypercall", "halt_user", "exception_return", "port_write_user",
      "port_read_user", "port_write_bell", "mmio_write_user", "mmio_read_user", "mmio_write_bell",
      "mmio_write_coalesced", "cr3_write", "invlpg", "exception_pf", "remap_invlpg", "touch_cold",
      "touch_cold_populated", "touch_prefetch", "touch_huge", "dirty_protect", "irqfd_running", "irqfd_halted",
      "irqfd_halted_no_polling", "eoi", "ipi", "timer_program", "timer_lateness", "syscall", "process_switch",
      "thread_switch", "eventfd_signal", "wakeup_same_core", "wakeup_other_core", "minor_fault", "memory_l1",
      "memory_dram", "walk_4k", "walk_2m", "copy_bandwidth", "translation_integer_native", "translation_integer_tcg",
    ]
    #expect(Set(wanted).subtracting(names).isEmpty)
    for probe in probes {
      #expect(probe.text("requirement") != nil && probe.text("group") != nil && probe.text("meaning") != nil)
    }
    let kinds = Set(outcome.records.compactMap { $0.text("record") })
    #expect(kinds == ["probe", "block"])
  }

  @Test(arguments: [
    (["fly"], "unknown command 'fly'"),
    (["run", "--samples", "many"], "--samples: expected 1 to 100000, found 'many'"),
    (["run", "--probe", "cpu_id"], "unknown probe 'cpu_id'"),
    (["run", "--group", "nothing"], "unknown group 'nothing'"),
    (["run", "stray"], "unexpected argument 'stray'"),
    (["program", "--iterations", "1"], "needs --iterations and at least one block"),
  ]) func wrongArgumentsAreToldWithoutMeasuring(arguments: [String], message: String) throws {
    let process = Process()
    process.executableURL = Runner.executable
    process.arguments = arguments
    let errors = Pipe()
    let output = Pipe()
    process.standardError = errors
    process.standardOutput = output
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 64)
    #expect(text.contains(message))
    #expect(output.fileHandleForReading.readDataToEndOfFile().isEmpty)
  }

  @Test func withoutADeviceThereIsOneMessageWithTheRemedy() throws {
    let outcome = try Runner.run("run", "--device", "/nonexistent/kvm")
    #expect(outcome.status == 69)
    #expect(outcome.records.isEmpty)
    #expect(
      outcome.errors
        == "vdcsim-probe: error: can't use /nonexistent/kvm: No such file or directory; load the module of your "
        + "processor: modprobe kvm_intel or modprobe kvm_amd\n")
  }

  @Test func aFileThatIsNoDeviceIsRefused() throws {
    let outcome = try Runner.run("run", "--device", "/dev/null")
    #expect(outcome.status == 69)
    #expect(outcome.errors.contains("can't use /dev/null"))
  }

  @Test(.enabled(if: Runner.hasKVM, "no usable /dev/kvm")) func everyExitIsProvedByKVMsOwnCounters() throws {
    let outcome = try Runner.run("counts")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let counters = outcome.records.filter { $0.text("record") == "counters" }
    #expect(counters.count >= 25)
    for record in counters { #expect(record.text("verdict") == "passed", "\(record)") }
    for record in outcome.records where record.text("record") == "skipped" {
      #expect(record.text("reason")?.isEmpty == false)
    }
  }

  @Test(.enabled(if: Runner.hasKVM, "no usable /dev/kvm")) func samplesAreKeptOrDroppedWithAReason() throws {
    let outcome = try Runner.run(
      "run", "--probe", "port_write_bell", "--probe", "touch_cold", "--samples", "5", "--goal-us", "100")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let samples = outcome.records.filter { $0.text("record") == "sample" }
    let kept = samples.filter { $0["kept"] as? Bool == true }
    #expect(kept.count == 10)
    for sample in samples where sample["kept"] as? Bool == false { #expect(sample.text("reason") == "preempted") }
    #expect(outcome.records.first?.text("record") == "machine")
    #expect(outcome.records.last?.text("record") == "end")
  }

  @Test func loopsRunUnderTheTranslatorOrAreSkipped() throws {
    let outcome = try Runner.run("run", "--group", "translation", "--samples", "3", "--goal-us", "100")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for name in ["integer", "floating", "memory", "branches"] {
      let native = outcome.records.filter { $0.text("probe") == "translation_\(name)_native" }
      #expect(native.contains { $0["kept"] as? Bool == true })
      let translated = outcome.records.filter { $0.text("probe") == "translation_\(name)_tcg" }
      if let skipped = translated.first(where: { $0.text("record") == "skipped" }) {
        #expect(skipped.text("reason")?.isEmpty == false)
      } else {
        #expect(translated.count == 3)
        #expect(translated.allSatisfy { ($0["guest_cycles"] as? Int ?? 0) > 0 })
      }
    }
  }

  @Test(.enabled(if: Runner.hasKVM, "no usable /dev/kvm")) func aProgramMakesTheExitsOfItsBlocks() throws {
    let outcome = try Runner.run(
      "program", "--iterations", "10", "--samples", "3", "compute*100", "port_io*2", "doorbell*3", "first_touch*5",
      "shadow_refill*4", "tlb_miss*7")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.records.filter { $0.text("record") == "program" }.count >= 3)
    let counters = try #require(outcome.records.first { $0.text("record") == "counters" })
    let delta = try #require(counters["delta"] as? [String: Int])
    // Ten times 2 + 3 + 5 + 4, the end of the run, and at most a few interrupts of the host.
    let exits = try #require(delta["exits"])
    #expect((141...157).contains(exits))
    #expect(delta["pf_fixed"].map { $0 >= 90 } == true)
  }

  @Test(.enabled(if: Runner.hasKVM, "no usable /dev/kvm")) func moreTouchesThanPagesAreRefused() throws {
    let outcome = try Runner.run("program", "--iterations", "10000", "first_touch*8")
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("touch more pages than the guest has; expected at most 1024"))
  }

  @Test(.enabled(if: Runner.hasKVM, "no usable /dev/kvm")) func anInterruptEndsAllProcessesAndSaysSo() throws {
    let outcome = try Runner.run("run", "--processes", "50", interruptAfter: 20)
    #expect(outcome.status == 130)
    let end = try #require(outcome.records.last)
    #expect(end.text("record") == "end")
    #expect(end["interrupted"] as? Bool == true)
  }
}
