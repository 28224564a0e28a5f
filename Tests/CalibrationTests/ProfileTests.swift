import Documents
import Foundation
import Model
import Testing
import Virtualization

@testable import Calibration

struct CalibrationProfileTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("scenarios").path

  private let library: Library
  private let plans: [CalibrationPlan]

  init() throws {
    library = try LibraryLoader.load(folder: Self.folder)
    plans = try CalibrationReader.plans(folder: Self.folder, library: library)
  }

  private func software() throws -> CalibrationPlan {
    try #require(plans.first { $0.fits(backend: "pvm", paging: "shadow") })
  }

  /// A run whose probes take known times, in nanoseconds, over three processes.
  private func run(_ times: [String: Double]) -> ProbeRun {
    var run = ProbeRun()
    run.add(line: Line.machine)
    for (probe, time) in times.sorted(by: { $0.key < $1.key }) {
      run.add(line: Line.probe(probe))
      run.add(line: Line.counters(probe))
      for process in 1...3 {
        for index in 0..<61 {
          // 1000 iterations at 2 GHz.
          let cycles = Int64((time * 2000 * (1 + 0.0001 * Double(process + index % 3))).rounded())
          run.add(line: Line.sample(probe, process: process, cycles: cycles, iterations: 1000))
        }
      }
    }
    run.add(line: Line.end)
    return run
  }

  private let times = [
    "loop": 0.3, "port_write_user": 24_700, "port_read_user": 24_700, "mmio_write_bell": 2600, "exception_return": 5700,
    "exception_nop10": 11_700, "cr3_write": 6730, "touch_cold": 6200, "touch_cold_populated": 4200,
  ]

  @Test func everyBackendHasAPlan() {
    for backend in ["vt-x", "amd-v"] {
      for paging in ["nested", "shadow"] {
        #expect(plans.count { $0.fits(backend: backend, paging: paging) } == 1, "\(backend) \(paging)")
      }
    }
    #expect(plans.count { $0.fits(backend: "pvm", paging: "shadow") } == 1)
    #expect(!plans.contains { $0.fits(backend: "none", paging: "nested") })
  }

  /// Whatever a plan measures one by one is a step of the catalogue; a plan leaves nothing undetermined.
  @Test func plansDetermineAllTheirSteps() {
    for plan in plans {
      let matrix = DesignMatrix(plan.rows.map(\.steps))
      #expect(matrix.columns.allSatisfy { $0.step != nil }, "\(plan.name)")
      #expect(plan.rows.contains { $0.probe == plan.control })
    }
  }

  @Test func writesAProfileThatDocumentsRead() throws {
    let calibration = try Calibration(run: run(times), plan: software())
    let writer = ProfileWriter(name: "test", base: "cascade-lake-pvm-paper", catalogue: library.catalogue)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("profile-\(UUID().uuidString).yaml").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try writer.text(of: calibration).write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try DocumentKind.check(path: path, library: library).kind == .profile)
    let profile = try LibraryLoader.profile(path: path, library: library)
    #expect(profile.backend == "pvm" && profile.bases.map(\.name) == ["cascade-lake-pvm-paper"])
    #expect(profile.frequency.hertz == 2_000_000_000)
    for (step, cost) in [
      "pio_exit": 24_700.0, "bell_exit": 2600, "exception_delivery_exit": 5700, "emulated_instruction": 600,
      "cr3_exit": 1030, "shadow_fill_exit": 4200, "first_touch_fill": 2000,
    ] {
      let price = try #require(profile.costs[step], "\(step)")
      #expect(price.kind == .measured)
      #expect(price.source.contains("2026-01-02") && price.source.contains("Test \"CPU\""))
      let nanoseconds = price.mean.nanoseconds(at: profile.frequency)
      #expect(abs(nanoseconds / cost - 1) < 0.002, "\(step): \(nanoseconds)")
      #expect(price.range?.contains(nanoseconds) ?? false)
    }
    let facts = Dictionary(uniqueKeysWithValues: profile.provenance.map { ($0.name, $0.text) })
    #expect(facts["kernel"] == "6.18.0" && facts["mitigations.meltdown"] == "Not affected")
    #expect(facts["kvm_parameters.kvm.mmio_caching"] == "N" && facts["is_guest"] == "yes: the host is itself a guest")
    #expect(facts["load_after"] == "1.5" && facts["steal_ms"] == "12" && facts["samples_kept"] == "1647")
    #expect(profile.costs["cpuid_exit"] == nil, "nothing measured it")
    #expect(profile.price(of: "cpuid_exit", backends: ["pvm"])?.profile == "cascade-lake-pvm-paper")
  }

  @Test func aDesignOfAnotherBackendTakesTheBasesCostsAndIsWarned() throws {
    let calibration = try Calibration(run: run(times), plan: software())
    let writer = ProfileWriter(name: "test", base: "cascade-lake-pvm-paper", catalogue: library.catalogue)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("profile-\(UUID().uuidString).yaml").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try writer.text(of: calibration).write(toFile: path, atomically: true, encoding: .utf8)
    let profile = try LibraryLoader.profile(path: path, library: library)
    let bareHost = try #require(library.designs[Library.bareHostDesign])
    func compile(_ name: String) throws -> CompiledDesign {
      try CompiledDesign(
        choice: DesignChoice(design: try #require(library.designs[name])), bareHost: bareHost,
        catalogue: library.catalogue, profile: profile)
    }
    let virtio = try compile("kvm-virtio")
    #expect(virtio.cost(of: .portIO)?.synchronousMean == 3390)
    #expect(virtio.warnings.contains { $0.contains("'pio_exit'") && $0.contains("another backend") })
    let software = try compile("kvm-pvm")
    #expect(abs((software.cost(of: .portIO)?.synchronousMean ?? 0) - 24_700) < 50)
    #expect(software.cost(of: .cpuid)?.synchronousMean == 590, "PVM's own column of the paper, inherited")
    #expect(!software.warnings.contains { $0.contains("pio_exit") })
  }

  @Test func compositesThatTheCatalogueKnowsArePriced() throws {
    let rows = [
      CalibrationPlan.Row(probe: "port_write_user", steps: ["vm_exit": 1, "hypercall_dispatch": 1, "vm_entry": 1]),
      CalibrationPlan.Row(probe: "loop", steps: ["loop_iteration": 1]),
    ]
    let plan = CalibrationPlan(
      name: "t", title: "t", backends: ["pvm"], paging: nil, design: "kvm-pvm", axes: [:], control: "port_write_user",
      loop: "loop_iteration", rows: rows, blocks: [:], computeBlock: "compute")
    let calibration = try Calibration(run: run(times), plan: plan)
    #expect(
      calibration.prices(catalogue: library.catalogue).map(\.step).sorted() == ["hypercall_exit", "loop_iteration"])
    #expect(calibration.unpriced(catalogue: library.catalogue).isEmpty)
  }

  @Test func combinationsWithoutANameAreReportedAndNotPriced() throws {
    let rows = [CalibrationPlan.Row(probe: "touch_cold", steps: ["shadow_fill_exit": 1, "first_touch_fill": 1])]
    let plan = CalibrationPlan(
      name: "t", title: "t", backends: ["pvm"], paging: nil, design: "kvm-pvm", axes: [:], control: "port_write_user",
      loop: "loop_iteration", rows: rows, blocks: [:], computeBlock: "compute")
    let calibration = try Calibration(run: run(times), plan: plan)
    #expect(calibration.prices(catalogue: library.catalogue).isEmpty)
    #expect(
      calibration.unpriced(catalogue: library.catalogue).map(\.column.name) == ["first_touch_fill + shadow_fill_exit"])
    let text = ProfileWriter(name: "t", base: "cascade-lake-pvm-paper", catalogue: library.catalogue)
      .text(of: calibration)
    #expect(text.contains("x-composites:\n  \"first_touch_fill + shadow_fill_exit\": 6201."))
    #expect(text.contains("steps: {}"))
  }

  @Test func tablesHaveTheirColumns() throws {
    let tables = CalibrationTables.make(try Calibration(run: run(times), plan: software()))
    #expect(tables.map(\.schema.name) == ["probes", "quantiles", "histograms", "steps", "covariance", "residuals"])
    for table in tables { #expect(!table.rows.isEmpty, "\(table.schema.name)") }
    let header = String(decoding: tables[0].csv(), as: UTF8.self).prefix { !$0.isNewline }
    #expect(
      header
        == "probe,group,mode,median_ns,p10_ns,p90_ns,outside_median_ns,kept,dropped,dropped_preempted,dropped_slow,"
        + "counter_check,relative_to_control_ratio,halves_difference_ratio,stable,skipped")
  }
}

struct VerificationTests {
  private func run(_ samples: [(cycles: Int64, control: Int64, kept: Bool)]) -> ProbeRun {
    var run = ProbeRun()
    run.add(line: Line.machine)
    for sample in samples {
      run.add(
        line: #"{"record":"program","name":"program","process":1,"index":0,"iterations":10,"guest_cycles":"#
          + "\(sample.cycles),\"outside_ns\":1,\"kept\":\(sample.kept),\"control_cycles\":\(sample.control)}")
    }
    return run
  }

  @Test func comparesTheMedianOutsideSlowPhases() throws {
    let verification = Verification([
      Verification.Measured(
        name: "fast", predicted: 1100,
        run: run([(2000, 1000, true), (2100, 1050, true), (1900, 1000, true), (9000, 1200, true), (1, 1000, false)])),
      // Its own control is always slow by the standard of the other program.
      Verification.Measured(name: "slow", predicted: 1000, run: run([(2000, 1200, true)])),
      Verification.Measured(name: "absent", predicted: 5, run: nil, reason: "no block"),
      Verification.Measured(name: "below", predicted: 900, run: run([(2000, 1000, true)])),
    ])
    let mixes = verification.mixes
    #expect(mixes[0].measured == 1000 && abs((mixes[0].relativeError ?? 0) - 0.1) < 1e-12)
    #expect(mixes[0].droppedSlow == 1 && mixes[0].droppedByRunner == 1)
    #expect(mixes[1].measured == nil && mixes[1].skipped == "no run was undisturbed (0 preempted, 1 in slow phases)")
    #expect(mixes[2].skipped == "no block" && mixes[2].relativeError == nil)
    #expect(abs((mixes[3].relativeError ?? 0) + 0.1) < 1e-12)
    #expect(abs((verification.medianError ?? 0) - 0.1) < 1e-12)
    #expect(verification.slowShare == 2.0 / 6.0)
    let csv = String(decoding: CalibrationTables.make(verification).csv(), as: UTF8.self)
    #expect(csv.hasPrefix("mix,predicted_ns,measured_ns,relative_error,"))
    #expect(csv.contains("\nfast,1100,1000,0.1,"))
  }

  @Test func programsBecomeBlocksInAFixedOrder() throws {
    let plan = CalibrationPlan(
      name: "t", title: "t", backends: ["pvm"], paging: nil, design: "kvm-pvm", axes: [:], control: "c", loop: "l",
      rows: [], blocks: [.portIO: "out", .firstTouch: "cold"], computeBlock: "spin")
    let program = ProgramWorkload(iterations: 3, operations: [.firstTouch: 2, .portIO: 1], compute: .microseconds(10))
    #expect(
      try Verification.blocks(of: program, plan: plan, loopTime: 0.25).get() == ["spin*40000", "out*1", "cold*2"])
    let other = ProgramWorkload(iterations: 3, operations: [.cpuid: 1])
    #expect(
      Verification.blocks(of: other, plan: plan, loopTime: 1)
        == .failure(Verification.MissingBlock(operation: .cpuid)))
  }
}
