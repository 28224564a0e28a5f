import Testing

@testable import Calibration

struct SummaryTests {
  private func run(_ lines: [String]) -> ProbeRun {
    var run = ProbeRun()
    for line in [Line.machine] + lines { run.add(line: line) }
    return run
  }

  @Test func dropsPreemptedSamplesAndSlowPhases() throws {
    // 2 GHz and ten iterations: 20 cycles are a nanosecond of an iteration.
    let run = run(
      [Line.probe("p"), Line.counters("p")]
        + [200, 220, 240].map { Line.sample("p", cycles: $0, control: 1000) }
        + [Line.sample("p", cycles: 250, control: 1100), Line.sample("p", cycles: 900, control: 1101)]
        + [Line.sample("p", cycles: 5000, kept: false)])
    let summary = try #require(run.summaries().first)
    #expect(summary.times == [10, 11, 12, 12.5])
    #expect(summary.outside.first == 15)
    #expect(summary.droppedSlow == 1 && summary.droppedByRunner == 1 && summary.kept == 4)
    #expect(summary.quantile(0.5) == 11.5)
    #expect(summary.isUsable)
  }

  @Test func aProbeWhoseCountersDidNotMoveIsNotUsed() throws {
    for verdict in ["failed", nil] {
      let run = run(
        [Line.probe("p"), Line.sample("p", cycles: 20)] + (verdict.map { [Line.counters("p", verdict: $0)] } ?? []))
      let summary = try #require(run.summaries().first)
      #expect(!summary.isUsable, "\(verdict ?? "no counters")")
      #expect(summary.counterCheck == (verdict == nil ? .missing : .failed))
    }
    let host = run([Line.probe("h", group: "host"), Line.sample("h", cycles: 20)])
    #expect(host.summaries()[0].isUsable && host.summaries()[0].counterCheck == .none)
  }

  @Test func stabilityIsRelativeToTheControlProbe() {
    // The second process ran at two thirds of the speed, and so did its control: the quotient is the same.
    let steady = run(
      [Line.probe("p"), Line.counters("p")]
        + (0..<5).map { _ in Line.sample("p", process: 1, cycles: 200, control: 1000) }
        + (0..<5).map { _ in Line.sample("p", process: 2, cycles: 218, control: 1090) })
    #expect(steady.summaries()[0].isStable == true)
    let drifting = run(
      [Line.probe("p"), Line.counters("p")]
        + (0..<5).map { _ in Line.sample("p", process: 1, cycles: 200, control: 1000) }
        + (0..<5).map { _ in Line.sample("p", process: 2, cycles: 212, control: 1000) })
    #expect(drifting.summaries()[0].isStable == false)
    #expect(drifting.summaries().stableShare == 0)
    let single = run([Line.probe("p"), Line.counters("p"), Line.sample("p", cycles: 200)])
    #expect(single.summaries()[0].isStable == nil && single.summaries().stableShare == nil)
  }

  @Test func tellsWhyThereAreNoFigures() {
    let run = run([
      Line.probe("absent"), Line.probe("disturbed"), Line.sample("disturbed", cycles: 20, kept: false),
      Line.probe("impossible"), #"{"record":"skipped","probe":"impossible","reason":"no hypercalls"}"#,
    ])
    #expect(
      run.summaries().map(\.skipped) == [
        "no samples", "no sample was undisturbed (1 preempted, 0 in slow phases)", "no hypercalls",
      ])
  }

  @Test func latenciesOfSingleEventsAreTakenAsTheyAre() {
    let run = run([
      Line.probe("wake", group: "interrupt"), Line.counters("wake"),
      #"{"record":"latency","probe":"wake","process":1,"values_ns":[30,10,20]}"#,
      #"{"record":"latency","probe":"wake","process":2,"values_ns":[40,50]}"#,
    ])
    let summary = run.summaries()[0]
    #expect(summary.isLatency && summary.times == [10, 20, 30, 40, 50] && summary.processMedians == [20, 45])
  }

  @Test func histogramsHoldEveryTimeOnce() {
    let times = [10.0, 10.2, 10.4, 11, 40, 40.5]
    let bins = CalibrationTables.histogram(times)
    #expect(bins.reduce(0) { $0 + $1.count } == times.count)
    for bin in bins { #expect(times.count { $0 >= bin.from && $0 < bin.to } == bin.count && bin.count > 0) }
    #expect(CalibrationTables.histogram([]).isEmpty)
  }

  @Test func translationFactorsNeedBothSides() {
    let names = ["translation_integer_native", "translation_integer_tcg", "translation_memory_native"]
    var lines: [String] = []
    for (name, cycles) in zip(names, [100, 650, 100]) {
      lines += [Line.probe(name, group: "translation"), Line.sample(name, cycles: Int64(cycles))]
    }
    let factors = run(lines).summaries().translationFactors
    #expect(factors.map(\.name) == ["integer"])
    #expect(factors.map(\.factor) == [6.5])
  }

  @Test func comparesWithAnEarlierRun() throws {
    let csv = "probe,group,relative_to_control_ratio,skipped\np,port,0.2,\nq,port,,\"no, not here\"\n"
    let earlier = try EarlierRun(csv: Array(csv.utf8), path: "x.csv")
    let run = run([Line.probe("p"), Line.counters("p"), Line.sample("p", cycles: 2200)])
    let changes = earlier.changes(to: run.summaries())
    #expect(changes.count == 1 && abs(changes[0].relative - 0.1) < 1e-12)
    #expect(throws: EarlierRunError(path: "y.csv")) { try EarlierRun(csv: Array("a,b\n".utf8), path: "y.csv") }
  }
}
