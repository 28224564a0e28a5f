import Foundation
import Testing

/// `vdcsim validate`.
@Suite struct ValidateTests {
  private static let case1 = """
    case: small
    title: "a small case"
    calibrated_on: "nothing"
    scenario:
      scenario: s
      duration: 10 s
      hosts:
        - name: node
          cpu: {cores: 1, frequency: 2.5 GHz}
          memory: {size: 8 GiB}
          design: kvm-shadow
          profile: cascade-lake-pvm-paper
      vms: [{name: v, vcpus: 1, memory: {size: 1 GiB}, workload: w}]
      workloads: {w: {program: {repeat: 1000, loop: {cpuid: 2}}}}
    runs:
      shadow:
      nested: {set: {workloads.w.program.loop: "{mprotect: 1}"}}
    quantities:
      - {name: twice, reference: 2, source: a, measure: {run: shadow, exits: [cpuid]}, tolerance: 1 %, why: exact}
      - {name: far, reference: 3, source: a, measure: {run: shadow, exits: [all]}, tolerance: 1 %, why: exact, miss: known}
      - {name: rare, count: 2, operations: 1000, source: b, row: r1, measure: {run: nested, exits: [invlpg]}, tolerance: poisson, why: few}
      - {name: input, reference: 0.54 us, source: c, measure: {difference: [{run: shadow, time: operation}, {run: nested, time: operation}]}, tolerance: 50 %, why: wide, role: calibrated}
      - {name: absent, reference: 1, source: d, measure: {run: nested, metric: throughput}, tolerance: 1 %, why: none, skip: no data}
      - {name: ratio, reference: 1, source: e, measure: {ratio: [{run: shadow, exits: [cpuid]}, {run: shadow, exits: [all]}]}, tolerance: 1 %, why: exact}

    """

  private func validate(_ text: String, _ arguments: String...) throws -> (outcome: Command.Outcome, csv: String) {
    try Command.withFolder { folder in
      let file = folder.appendingPathComponent("small.yaml")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let output = folder.appendingPathComponent("out")
      let outcome = try Command.run(["validate", file.path, "-o", output.path] + arguments)
      let csv = try? String(contentsOf: output.appendingPathComponent("validate.csv"), encoding: .utf8)
      return (outcome, csv ?? "")
    }
  }

  @Test func comparesAndCountsWhatIsPredicted() throws {
    let (outcome, csv) = try validate(Self.case1)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = csv.split(separator: "\n")
    #expect(
      lines[0]
        == "case,quantity,reference,reference_source,simulated,relative_error,tolerance,verdict,unit,role,"
        + "tolerance_reason,note")
    #expect(lines[1].hasPrefix("small,twice,2,a,2,0,1.0 %,within,"))
    #expect(lines[2].hasPrefix("small,far,3,a,2,") && lines[2].contains(",miss,") && lines[2].hasSuffix(",known"))
    // Two counts allow 0.24 to 7.2 events; the run makes a thousand.
    #expect(lines[3].contains(",b [r1],1,") && lines[3].contains("95 % Poisson interval,miss,"))
    #expect(lines[4].contains(",calibrated,"))
    #expect(lines[5].contains(",skipped,") && lines[5].hasSuffix(",no data"))
    #expect(lines[6].contains(",within,"))
    #expect(outcome.output.contains("2 of 4 predicted quantities within their tolerance; 50.0% with equal cases"))
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(outcome.output)")
  }

  @Test func strictMakesMissesAnError() throws {
    #expect(try validate(Self.case1, "--strict").outcome.status == 1)
  }

  @Test func theSameCaseGivesTheSameBytes() throws {
    #expect(try validate(Self.case1, "--jobs", "1").csv == validate(Self.case1, "--jobs", "2").csv)
  }

  @Test func faultsOfACaseAreToldInOneGo() throws {
    let faulty = Self.case1.replacingOccurrences(
      of: "tolerance: 1 %, why: exact}", with: "tolerance: some, why: exact}"
    )
    .replacingOccurrences(of: "run: nested, exits: [invlpg]", with: "run: nestde, exits: [invlgp]")
    .replacingOccurrences(of: "cores: 1,", with: "cores: none,")
    let (outcome, csv) = try validate(faulty)
    #expect(outcome.status == 65)
    #expect(csv.isEmpty)
    for message in [
      "error: expected a share such as 20 %, or poisson, found 'some'",
      "error: unknown run 'nestde' (did you mean 'nested'?)", "error: expected an integer, found 'none'",
    ] {
      #expect(outcome.errors.contains(message), "\(message) is not in \(outcome.errors)")
    }
  }

  @Test(arguments: [
    (["validate", "page-walk"], Int32(64), "unknown case 'page-walk' (did you mean 'page-walks'?)"),
    (["sweep", "lock-hodlers"], 64, "unknown experiment 'lock-hodlers' (did you mean 'lock-holders'?)"),
    (["validate", "no-such-case.yaml"], 66, "no-such-case.yaml: error: no such file or folder"),
  ])
  func unknownNamesHaveTheNearestOne(arguments: [String], status: Int32, message: String) throws {
    let outcome = try Command.run(arguments)
    #expect(outcome.status == status)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }

  private static let counted = Command.root.appendingPathComponent("../shared/data/exit-profiles/exit_profiles.csv")

  /// What the shipped cases must show: enough held-out quantities in enough cases, most of them within tolerances that were
  /// set before the first run, and a word on each miss.
  @Test func shippedCases() throws {
    try Command.withFolder { folder in
      let outcome = try Command.run("validate", "-o", folder.appendingPathComponent("out").path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
      let csv = try String(contentsOf: folder.appendingPathComponent("out/validate.csv"), encoding: .utf8)
      var cases: [String: (within: Double, all: Double)] = [:]
      for line in csv.split(separator: "\n").dropFirst() where line.contains(",predicted,") {
        guard !line.contains(",skipped,") else { continue }
        let name = String(line.split(separator: ",")[0])
        let isWithin = line.contains(",within,")
        cases[name, default: (0, 0)].all += 1
        cases[name, default: (0, 0)].within += isWithin ? 1 : 0
        #expect(isWithin || !line.hasSuffix(","), "the miss is not explained: \(line)")
      }
      #expect(cases.count >= 12)
      // The reference names the cases with misses, and no others.
      let reference = try String(
        contentsOf: Command.root.appendingPathComponent("scenarios/reference/cases-and-experiments.md"), encoding: .utf8
      )
      let table = try #require(reference.components(separatedBy: "| case | missed | why |").dropFirst().first)
      let lines = table.split(separator: "\n").prefix { $0.hasPrefix("|") }.compactMap {
        $0.split(separator: "|").first
      }
      let named = Set(lines.joined().split(separator: "`").map(String.init).filter { cases[$0] != nil })
      #expect(named == Set(cases.filter { $0.value.within < $0.value.all }.keys))
      #expect(cases.values.reduce(0) { $0 + $1.all } >= 60)
      let headline = cases.values.reduce(0) { $0 + $1.within / $1.all } / Double(cases.count)
      #expect(headline >= 0.8, "\(headline) of the quantities within, cases weighing the same")
      // README.md and the reference state the present figures.
      let (within, all) = cases.values.reduce((0.0, 0.0)) { ($0.0 + $1.within, $0.1 + $1.all) }
      let share = String(format: "%.1f %%", headline * 100)
      let figures = "\(Int(within)) of \(Int(all)) predicted quantities of \(cases.count) cases"
      let readme = try String(contentsOf: Command.root.appendingPathComponent("README.md"), encoding: .utf8)
      #expect(readme.contains(figures) && readme.contains(share), "\(figures), \(share)")
      #expect(reference.contains(share), "\(share)")
    }
  }

  /// Counts of the shipped case are those of the data set: workload, run, reason, and the sum of one repetition.
  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: counted.path), "the counts are not here"),
    arguments: [
      ("fork, 4 levels: #PF", "cpu_s_r1,fork,1,", ",EXCP_PF,"),
      ("fork, 4 levels: INVLPG", "cpu_s_r1,fork,1,", ",INVLPG,"),
      ("fork, 5 levels: #PF", "cpu_s_s1,fork,1,", ",EXCP_PF,"),
      ("fork with 8 MiB, 4 levels: #PF", "cpu_s_r1,fork_8MiB,1,", ",EXCP_PF,"),
      ("fork with 8 MiB, 5 levels: #PF", "cpu_s_s1,fork_8MiB,1,", ",EXCP_PF,"),
      ("64 MiB touched, 4 levels: #PF a mapping", "cpu_s_r1,mmap_touch64M,1,", ",EXCP_PF,"),
      ("64 MiB touched, 5 levels: #PF a mapping", "cpu_s_s1,mmap_touch64M,1,", ",EXCP_PF,"),
      ("mprotect of one page, 4 levels: INVLPG", "cpu_s_r1,mprotect_1page_x1000,1,", ",INVLPG,"),
      ("two process switches, 4 levels: CR3 writes", "cpu_s_r1,pipe_procs,1,", ",WRITE_CR3,"),
      ("two process switches, 5 levels: CR3 writes", "cpu_s_s1,pipe_procs,1,", ",WRITE_CR3,"),
      ("mprotect of one page, 5 levels: INVLPG", "cpu_s_s1,mprotect_1page_x1000,1,", ",INVLPG,"),
      ("fork, 4 levels: CR3 writes", "cpu_s_r1,fork,1,", ",WRITE_CR3,"),
      ("fork, 4 levels: CR3 reads", "cpu_s_r1,fork,1,", ",READ_CR3,"),
      ("fork, 5 levels: INVLPG", "cpu_s_s1,fork,1,", ",INVLPG,"),
      ("fork, 5 levels: CR3 writes", "cpu_s_s1,fork,1,", ",WRITE_CR3,"),
      ("fork with 8 MiB, 4 levels: CR3 writes", "cpu_s_r1,fork_8MiB,1,", ",WRITE_CR3,"),
    ]) func countsAreThoseOfTheDataSet(quantity: String, start: String, reason: String) throws
  {
    let table = try String(contentsOf: Self.counted, encoding: .utf8).split(whereSeparator: \.isNewline)
    let row = try #require(table.first { $0.hasPrefix(start) && $0.contains(reason) })
    let lines = try String(
      contentsOf: Command.root.appendingPathComponent("scenarios/cases/exits-of-memory-operations.yaml"),
      encoding: .utf8
    ).split(separator: "\n")
    let index = try #require(lines.firstIndex { $0 == "  - name: \"\(quantity)\"" })
    #expect(lines[index + 1] == "    count: \(try #require(row.split(separator: ",").last))")
  }
}
