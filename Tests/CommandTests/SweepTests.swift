import Foundation
import Testing

/// `vdcsim sweep` and the experiments of the library.
@Suite struct SweepTests {
  private static let small = """
    experiment: small
    title: "a small grid"
    scenario:
      scenario: s
      duration: 2 s
      hosts:
        - name: node
          cpu: {cores: 2, frequency: 2.5 GHz}
          memory: {size: 8 GiB}
          design: kvm-virtio
          profile: cascade-lake-pvm-paper
      vms: [{name: v, vcpus: 1, memory: {size: 1 GiB}, workload: w}]
      workloads:
        w:
          arrivals: {process: poisson, rate: 100/s}
          service: {distribution: exponential, mean: 1 ms}
          per_request: {syscall: 10}
    designs: [bare-metal, kvm-virtio]
    replications: 2
    sweep:
      rate: {key: workloads.w.arrivals.rate, values: [100/s, 400/s]}
      calls: {key: workloads.w.per_request.syscall, values: [10, 20, 30]}
    metrics: [throughput, latency_mean]
    operations: [timer_interrupt]

    """

  private struct Row {
    let cells: [String: String]
    var value: Double { cells["value"].flatMap(Double.init) ?? .nan }
    subscript(_ column: String) -> String { cells[column] ?? "" }
  }

  private static func rows(_ csv: String) -> [Row] {
    let lines = csv.split(whereSeparator: \.isNewline).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    return lines.dropFirst().map { Row(cells: Dictionary(uniqueKeysWithValues: zip(lines[0], $0))) }
  }

  private func sweep(_ text: String, _ arguments: String...) throws -> (outcome: Command.Outcome, csv: String) {
    try Command.withFolder { folder in
      let file = folder.appendingPathComponent("small.yaml")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let output = folder.appendingPathComponent("out")
      let outcome = try Command.run(["sweep", file.path, "-o", output.path] + arguments)
      let csv = try? String(contentsOf: output.appendingPathComponent("sweep.csv"), encoding: .utf8)
      return (outcome, csv ?? "")
    }
  }

  /// The rows of an experiment of the library.
  private func shipped(_ name: String) throws -> [Row] {
    try Command.withFolder { folder in
      let output = folder.appendingPathComponent("out")
      let outcome = try Command.run(["sweep", name, "--quiet", "-o", output.path])
      #expect(outcome.status == 0, "\(outcome.errors)")
      return Self.rows(try String(contentsOf: output.appendingPathComponent("sweep.csv"), encoding: .utf8))
    }
  }

  @Test("A grid of 2 x 3 points, two designs and two replications; the same bytes with any number of jobs")
  func grid() throws {
    let (outcome, csv) = try sweep(Self.small, "--jobs", "1")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let header = csv.split(whereSeparator: \.isNewline).first ?? ""
    #expect(header == "scenario,design,profile,replication,rate,calls,metric,value,unit")
    let rows = Self.rows(csv)
    #expect(rows.count == 2 * 3 * 2 * 2 * 4)
    #expect(
      Set(rows.map { $0["metric"] }) == ["throughput", "latency_mean", "timer_interrupt_steps", "timer_interrupt_cpu"])
    #expect(rows[0]["rate"] == "100/s" && rows[0]["calls"] == "10" && rows[0]["replication"] == "1")
    #expect(rows.last?["rate"] == "400/s" && rows.last?["calls"] == "30" && rows.last?["replication"] == "2")
    func throughput(_ rate: String) -> Double {
      let own = rows.filter { $0["rate"] == rate && $0["metric"] == "throughput" }
      return own.reduce(0) { $0 + $1.value } / Double(own.count)
    }
    #expect(throughput("400/s") > 3 * throughput("100/s"))
    #expect(outcome.output.contains("small: a small grid"))
    #expect(try sweep(Self.small, "--jobs", "4").csv == csv)
  }

  @Test("Designs and values too long for the table have numbers in it, and stand below")
  func longTitles() throws {
    let long = Self.small.replacing(
      "[bare-metal, kvm-virtio]",
      with: "[{name: kvm-virtio, interrupts: emulated}, {name: kvm-virtio, interrupts: accelerated}]")
    let output = try sweep(long, "--jobs", "1").outcome.output
    #expect(output.contains("design [1]: kvm-virtio[interrupts=emulated]"), "\(output)")
    #expect(output.contains("design [2]: kvm-virtio[interrupts=accelerated]"))
    #expect(output.contains(/rate +calls +\[1\] +\[2\]/))
    #expect(try !sweep(Self.small, "--jobs", "1").outcome.output.contains("design [1]"))
  }

  @Test("--json prints the rows; check knows names that no document has")
  func jsonAndCheck() throws {
    let (outcome, csv) = try sweep(Self.small, "--json")
    let data = try #require(outcome.output.data(using: .utf8))
    let objects = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
    #expect(objects.count == Self.rows(csv).count)
    #expect(objects[0]["rate"] as? String == "100/s" && objects[0]["metric"] as? String == "throughput")
    try Command.withFolder { folder in
      let file = folder.appendingPathComponent("e.yaml")
      try Self.small.replacing("[bare-metal, kvm-virtio]", with: "[bare-metal, kvm-virtoi]")
        .write(to: file, atomically: true, encoding: .utf8)
      let checked = try Command.run("check", file.path)
      #expect(checked.status == 65)
      #expect(checked.errors.contains("unknown design 'kvm-virtoi' (did you mean 'kvm-virtio'?)"), "\(checked.errors)")
    }
  }

  @Test("A point is what a run of the edited scenario gives")
  func samePointAsRun() throws {
    try Command.withFolder { folder in
      let text = Self.small.replacing("scenario:\n  scenario: s", with: "scenario: s.yaml\nx-old:\n  scenario: s")
      let scenario = Self.small.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(3)
        .prefix { $0.hasPrefix("  ") }.map { $0.dropFirst(2) }.joined(separator: "\n")
      try text.write(to: folder.appendingPathComponent("e.yaml"), atomically: true, encoding: .utf8)
      try scenario.write(to: folder.appendingPathComponent("s.yaml"), atomically: true, encoding: .utf8)
      let swept = folder.appendingPathComponent("swept").path
      let run = folder.appendingPathComponent("run").path
      #expect(try Command.run("sweep", "e.yaml", "-o", swept, in: folder).status == 0)
      #expect(
        try Command.run(
          "run", "s.yaml", "-o", run, "--replications", "2", "--set", "workloads.w.arrivals.rate=400/s", "--set",
          "workloads.w.per_request.syscall=20", in: folder
        ).status == 0)
      let points = Self.rows(try String(contentsOfFile: "\(swept)/sweep.csv", encoding: .utf8)).filter {
        $0["design"] == "kvm-virtio" && $0["rate"] == "400/s" && $0["calls"] == "20"
      }
      let summary = Self.rows(try String(contentsOfFile: "\(run)/summary.csv", encoding: .utf8))
      for row in points where row["metric"] == "throughput" || row["metric"] == "latency_mean" {
        let match = summary.first { $0["metric"] == row["metric"] && $0["replication"] == row["replication"] }
        #expect(abs((match?.value ?? 0) / row.value - 1) < 1e-9)
      }
      #expect(points.count == 8)
    }
  }

  @Test(
    "Faults are told where they stand",
    arguments: [
      (
        "workloads.w.arrivals.rate, values", "workloads.w.arivals.rate, values",
        ":21:50: error: unknown key 'arivals' (did you mean 'arrivals'?)"
      ),
      ("values: [10, 20, 30]", "values: [10, 10]", ":22:62: error: value '10' stands twice"),
      ("values: [10, 20, 30]", "values: []", "expected a list of at least one value"),
      ("calls: {", "metric: {", ":22:3: error: 'metric' is a column of every run"),
      ("[100/s, 400/s]", "[100/s, many]", ":21:58: error: expected a rate with its unit"),
      ("scenario:\n", "scenario: other.yaml\nx-old:\n", "scenario 'other.yaml' cannot be read"),
      ("latency_mean", "latency_men", "unknown metric 'latency_men' (did you mean 'latency_mean'?)"),
    ])
  func faults(_ row: (old: String, new: String, message: String)) throws {
    let (outcome, csv) = try sweep(Self.small.replacing(row.old, with: row.new, maxReplacements: 1))
    #expect(outcome.status == 65)
    #expect(outcome.errors.contains(row.message), "\(outcome.errors)")
    #expect(csv.isEmpty)
  }

  @Test("Shadow paging wins with stable tables, loses with many processes, and the crossing moves with the page size")
  func crossover() throws {
    let rows = try shipped("crossover-paging").filter { $0["metric"] == "throughput" }
    /// Processes a second from which on nested paging does more work.
    func crossing(_ page: String) -> (first: Double, point: Double, last: Double) {
      let points = Dictionary(grouping: rows.filter { $0["page"] == page }, by: { Double($0["processes"]) ?? .nan })
      let gains = points.map { processes, rows in
        (
          processes,
          (rows.first { $0["design"] == "kvm-shadow" }?.value ?? 0)
            / (rows.first { $0["design"] == "kvm-virtio" }?.value ?? 1)
        )
      }.sorted { $0.0 < $1.0 }
      let falls = zip(gains, gains.dropFirst()).allSatisfy { $0.1 > $1.1 }
      #expect(falls, "\(gains)")
      return (gains.first?.1 ?? 0, gains.first { $0.1 < 1 }?.0 ?? .infinity, gains.last?.1 ?? 0)
    }
    let small = crossing("4 KiB")
    let huge = crossing("2 MiB")
    #expect(small.first > 1.05 && small.last < 1)
    #expect(huge.first > 1 && huge.last < 1)
    #expect(huge.point < small.point / 2, "\(huge.point) \(small.point)")
    let largest = crossing("1 GiB")
    #expect(largest.first > 1 && largest.last < 1)
    #expect(largest.point < huge.point / 2, "\(largest.point) \(huge.point)")
  }

  @Test("Xen PV costs less than emulated devices until many processes are created; packets put the crossing off")
  func paravirtualAndEmulated() throws {
    let rows = try shipped("paravirtual-and-emulated").filter { $0["metric"] == "virtualization_overhead" }
    func costs(_ design: String, packets: String) -> [(processes: Double, overhead: Double)] {
      rows.filter { $0["design"] == design && $0["packets"] == packets }
        .map { (Double($0["processes"]) ?? .nan, $0.value) }.sorted { $0.0 < $1.0 }
    }
    /// Processes of a request from which on the paravirtual guest costs more.
    let crossings = ["1", "2", "4", "8"].map { packets in
      let differences = zip(costs("xen-pv", packets: packets), costs("kvm-emulated", packets: packets))
        .map { (processes: $0.processes, more: $0.overhead - $1.overhead) }
      #expect(differences.first.map { $0.more < 0 } == true, "\(packets): \(differences)")
      let grows = zip(differences, differences.dropFirst()).allSatisfy { $0.more < $1.more }
      #expect(grows, "\(packets): \(differences)")
      return differences.first { $0.more > 0 }?.processes ?? .infinity
    }
    // A process in ten requests is 400 in a second of CPU time.
    #expect(crossings.allSatisfy { $0 >= 0.1 }, "\(crossings)")
    #expect(crossings[0] < .infinity, "\(crossings)")
    #expect(zip(crossings, crossings.dropFirst()).allSatisfy { $0 <= $1 }, "\(crossings)")
  }

  @Test("The wait of a vCPU for the shadow tables' lock grows with the vCPUs; there is none under nested paging")
  func lockWait() throws {
    let rows = try shipped("lock-wait").filter { $0["metric"] == "lock_wait_cpu" }
    #expect(rows.filter { $0["design"] == "kvm-virtio" }.allSatisfy { $0.value == 0 })
    for processes in ["500", "1000", "2000", "4000"] {
      let own = rows.filter { $0["design"] == "kvm-shadow" && $0["processes"] == processes }
      let waits = own.map { ($0.value) / (Double($0["vcpus"]) ?? 1) }
      #expect(waits.count == 6 && waits[0] == 0)
      #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 < $1 }, "\(waits)")
    }
  }
}
