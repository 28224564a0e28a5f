import Foundation
import Testing

/// Imports of what other tools recorded.
@Suite struct ImportTests {
  /// A report in the classic layout. Counts, shares and mean times are those of a published report (L. Yan, perf kvm stat
  /// example, 2022).
  private static let classic = """

    Analyze events for all VMs, all VCPUs:

                 VM-EXIT    Samples  Samples%     Time%    Min Time    Max Time         Avg time

               MSR_WRITE        520    60.05%     0.07%      0.58us    161.50us      2.62us ( +-   9.92% )
                     HLT        179    20.67%    99.85%      1.02us   4006.29us  10123.40us ( +-  10.20% )
      EXTERNAL_INTERRUPT         71     8.20%     0.07%      0.53us     81.31us     17.56us ( +-  12.10% )
           EPT_MISCONFIG         68     7.85%     0.03%      2.57us     28.16us      8.09us ( +-   6.47% )
                MSR_READ          3     0.35%     0.00%      1.17us      8.06us      4.42us ( +-  47.42% )

    Total Samples:841, Total events handled time:1815200.00us.

    """

  /// How often a step happened, by the row of an operation and step in `exits.csv`.
  private static func steps(_ key: String, in exits: String) throws -> Int {
    let row = try #require(exits.split(separator: "\n").first { $0.contains(",\(key),") })
    return try #require(Int(row.split(separator: ",")[9]))
  }

  private func importing(_ report: String, _ arguments: [String]) throws -> Command.Outcome {
    try Command.withFolder { folder in
      let file = folder.appendingPathComponent("report.txt")
      try report.write(to: file, atomically: true, encoding: .utf8)
      return try Command.run(["import"] + [arguments[0], file.path] + arguments.dropFirst())
    }
  }

  @Test func aReportBecomesAWorkloadOfGivenOperationsAndDerivedExits() throws {
    let outcome = try importing(Self.classic, ["perf-kvm-stat", "--seconds", "2"])
    #expect(outcome.status == 0)
    // 2 s less 520 × 2.62 us, 179 × 10123.4 us, 71 × 17.56 us, 68 × 8.09 us and 3 × 4.42 us.
    #expect(outcome.output.contains("batch: {work: 184.73886 ms, threads: 1}"))
    #expect(outcome.output.contains("  msr_write: 2814.78/s"))
    #expect(outcome.output.contains("  mmio: 368.087/s"))
    let parts = outcome.output.components(separatedBy: "derived_exits:")
    #expect(parts.count == 2 && parts[1].contains("  halt: 968.935/s") && parts[1].contains("external_interrupt"))
    #expect(!parts[0].contains("halt"))
  }

  @Test func theRecentLayoutAndTheNamesOfAMDAreRead() throws {
    let report = """
      # Event name   Samples   Sample%     Time (ns)     Time%   Max Time (ns)   Min Time (ns)   Mean Time (ns)
      # ..........
        npf              200    50.00%       400,000    40.00%            9000             800             2000
        io               100    25.00%       300,000    30.00%            9000             800             3000
        write_cr3        100    25.00%       300,000    30.00%            9000             800             3000
      """
    let outcome = try importing(report, ["perf-kvm-stat", "--seconds", "0.101"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("batch: {work: 100 ms, threads: 1}"))
    #expect(outcome.output.contains("  port_io: 1000/s"))
    #expect(outcome.output.contains("  nested_page_fault: 2000/s"))
    #expect(outcome.output.contains("  cr3_write: 1000/s"))
  }

  @Test func anImportedWorkloadStandsBesideAScenarioAndRuns() throws {
    try Command.withFolder { folder in
      let workloads = folder.appendingPathComponent("workloads")
      try FileManager.default.createDirectory(at: workloads, withIntermediateDirectories: true)
      let report = folder.appendingPathComponent("report.txt")
      try Self.classic.write(to: report, atomically: true, encoding: .utf8)
      let target = workloads.appendingPathComponent("observed.yaml").path
      let imported = try Command.run("import", "perf-kvm-stat", report.path, "--seconds", "2", "-o", target)
      #expect(imported.output == "workload 'observed': \(target)\n")
      #expect(try Command.run("check", target).output == "\(target): workload without faults\n")
      let scenario = folder.appendingPathComponent("s.yaml")
      try """
      scenario: s
      duration: 1 s
      hosts:
        - name: h
          cpu: {cores: 1, frequency: 2.5 GHz}
          memory: {size: 8 GiB}
          design: kvm-virtio
          profile: cascade-lake-pvm-paper
      vms: [{name: v, vcpus: 1, memory: {size: 1 GiB}, workload: observed}]
      """.write(to: scenario, atomically: true, encoding: .utf8)
      let run = try Command.run("run", scenario.path, "-o", folder.appendingPathComponent("out").path)
      #expect(run.status == 0, "\(run.errors)")
      let exits = try String(contentsOf: folder.appendingPathComponent("out/exits.csv"), encoding: .utf8)
      // 520 writes and 3 reads of MSRs in the CPU time that was observed; rates of six digits may lose the last one.
      #expect([519, 520].contains(try Self.steps("msr_write,msr_exit", in: exits)))
      #expect([2, 3].contains(try Self.steps("msr_read,msr_exit", in: exits)))
    }
  }

  @Test(arguments: [
    ("", "1:1: error: expected a report, found an empty file"),
    ("nothing\n", "1:1: error: expected a report of 'perf kvm stat report' with a line that begins with 'VM-EXIT' or "),
    ("VM-EXIT Samples\n", "1:1: error: expected at least one exit below the heading"),
    ("VM-EXIT Samples\n  HLT many\n", "2:3: error: expected the name of an exit and its number of samples, found "),
    ("VM-EXIT Samples\nHLT 1\nHLT 2\n", "3:1: error: exit 'HLT' is listed twice"),
    ("VM-EXIT Samples\nHLT 1 1% 1% 1us 1us 9000000.0us ( +- 1%)\n", "1:1: error: the report's exits took 9.0 s in all"),
  ]) func faultyReportsAreToldWithTheirPlace(report: String, message: String) throws {
    let outcome = try importing(report, ["perf-kvm-stat", "--seconds", "1"])
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains("report.txt:\(message)"), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }

  @Test func exitsThatNoTableKnowsAreNamed() throws {
    let outcome = try importing("VM-EXIT Samples\nHLT 1\nTELEPORT 7\n", ["perf-kvm-stat", "--seconds", "1"])
    #expect(outcome.status == 0)
    #expect(outcome.errors == "warning: exit 'TELEPORT' is not known and was not attributed\n")
    #expect(outcome.output.contains("# not attributed: TELEPORT, 7/s"))
  }

  // MARK: Tables of counts

  private static let counts = """
    workload,paging,vcpus,page_faults,forks,guest_seconds,exit_reason_code,exit_reason_name,exit_count
    build,shadow,1,400,10,2.0,0x4e,EXCP_PF,900
    build,shadow,1,400,10,2.0,0x72,CPUID,30
    build,shadow,1,400,10,2.0,,TOTAL,930
    build,nested,1,400,10,2.0,0x72,CPUID,30
    idle,nested,1,0,0,5.0,0x78,HLT,50

    """

  @Test func windowsAreAddedUpAndForksKeepTheirOwnFaults() throws {
    let outcome = try importing(Self.counts, ["exit-counts", "--where", "workload=build", "--where", "paging=shadow"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("batch: {work: 2 s, threads: 1}"))
    #expect(outcome.output.contains("  process_creation: 5/s"))
    #expect(outcome.output.contains("  cpuid: 15/s"))
    #expect(outcome.output.contains("  page_fault: 450/s  # follows from"))
    // Of 200 faults a second some belong to the five forks.
    let line = outcome.output.split(separator: "\n").first { $0.hasPrefix("  page_fault:") }
    let rate = line.flatMap { Double($0.dropFirst("  page_fault: ".count).dropLast(2)) }
    #expect(rate.map { $0 > 100 && $0 < 200 } == true)
  }

  @Test(arguments: [
    (["--where", "workload=build", "--where", "colour=red"], "1:1: error: unknown column 'colour'"),
    ([], "1:1: error: 2 workloads are left; choose one with --where workload=NAME: build, idle"),
    (["--where", "workload=none"], "1:1: error: no row has the chosen values; the workloads are: build, idle"),
  ]) func choicesThatSelectNothingOrTooMuch(arguments: [String], message: String) throws {
    let outcome = try importing(Self.counts, ["exit-counts"] + arguments)
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }

  @Test func allFaultsOfATableAreToldInOneGo() throws {
    let table = """
      workload,guest_seconds,exit_reason_name,exit_count
      a,1,CPUID
      a,1,"CPUID,2
      a,1,"CPUID"x,2
      """
    let outcome = try importing(table, ["exit-counts"])
    #expect(outcome.status == 65)
    let lines = outcome.errors.split(separator: "\n").map { $0.split(separator: "report.txt:").last ?? "" }
    #expect(
      lines == [
        "2:1: error: expected 4 cells as in the heading, found 3",
        "3:5: error: expected the end of a quoted cell on the same line",
        "4:12: error: expected a comma behind a quoted cell",
      ])
  }

  @Test func countsAreNumbers() throws {
    let table = "workload,guest_seconds,exit_reason_name,exit_count\na,1,CPUID,nan\na,-1,HLT,3\n"
    let outcome = try importing(table, ["exit-counts"])
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains("2:11: error: expected a number that is not negative in column 'exit_count'"))
    #expect(outcome.errors.contains("3:3: error: expected a number that is not negative in column 'guest_seconds'"))
  }

  // MARK: KVM's statistics

  private func tree(_ folder: URL, _ counters: [String: Int], vm: String = "4711-12") throws {
    let directory = folder.appendingPathComponent(vm)
    for vcpu in 0..<2 {
      try FileManager.default.createDirectory(
        at: directory.appendingPathComponent("vcpu\(vcpu)"), withIntermediateDirectories: true)
    }
    for (name, value) in counters {
      try "\(value)\n".write(to: directory.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
  }

  @Test func twoSnapshotsGiveRates() throws {
    try Command.withFolder { folder in
      let before = folder.appendingPathComponent("before")
      let after = folder.appendingPathComponent("after")
      try tree(before, ["exits": 1000, "io_exits": 100, "halt_exits": 50, "pf_fixed": 10, "hypercalls": 0])
      try tree(after, ["exits": 3000, "io_exits": 600, "halt_exits": 550, "pf_fixed": 510, "hypercalls": 100])
      let outcome = try Command.run(
        "import", "kvm-stats", "--before", before.path, "--after", after.path, "--seconds", "5")
      #expect(outcome.status == 0, "\(outcome.errors)")
      // Two vCPUs for 5 s; 2,000 exits, of which 500 + 500 + 500 + 100 are attributed.
      #expect(outcome.output.contains("batch: {work: 10 s, threads: 2}"))
      #expect(outcome.output.contains("  port_io: 50/s"))
      #expect(outcome.output.contains("  hypercall: 10/s"))
      #expect(outcome.output.contains("  nested_page_fault: 50/s"))
      #expect(outcome.output.contains("  other: 40/s"))
    }
  }

  @Test func severalVMsMustBeToldApart() throws {
    try Command.withFolder { folder in
      for vm in ["1-2", "3-4"] { try tree(folder, ["exits": 1], vm: vm) }
      let outcome = try Command.run(
        "import", "kvm-stats", "--before", folder.path, "--after", folder.path, "--seconds", "1")
      #expect(outcome.status == 65)
      #expect(outcome.errors == "error: 2 VMs are running; choose one with --vm: 1-2, 3-4\n")
    }
  }

  @Test func withoutStatisticsTheFolderIsNamed() throws {
    let outcome = try Command.run("import", "kvm-stats", "--folder", "/nonexistent/kvm", "--seconds", "1")
    #expect(outcome.status == 66)
    #expect(outcome.errors == "/nonexistent/kvm: error: no such file or folder\n")
  }
}
