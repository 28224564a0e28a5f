import Statistics

/// What the samples of one probe amount to.
public struct ProbeSummary: Sendable {
  /// The probe.
  public let probe: String
  /// The probe's group.
  public let group: String
  /// Privilege level of the guest, or nothing for host primitives.
  public let mode: String
  /// What it does.
  public let meaning: String
  /// Times of one iteration in nanoseconds, ascending: between the guest's own time stamps, or around the batch where
  /// there are none; latencies of single events as they are.
  public let times: [Double]
  /// Times around the batch in nanoseconds per iteration, ascending; empty when not taken.
  public let outside: [Double]
  /// Median by process in nanoseconds, in the order of the processes.
  public let processMedians: [Double]
  /// Median of the quotients of time and control probe; nil without a control.
  public let relativeToControl: Double?
  /// That median over the first, third, ... and over the second, fourth, ... processes.
  public let halves: (Double, Double)?
  /// Samples that count.
  public var kept: Int { times.count }
  /// Samples dropped because of an involuntary context switch or another reason of the runner.
  public let droppedByRunner: Int
  /// Samples dropped because the control probe was slow.
  public let droppedSlow: Int
  /// Whether KVM's counters moved as expected.
  public let counterCheck: ProbeSeries.CounterCheck
  /// Whether the figures are latencies of single events.
  public let isLatency: Bool
  /// Why there are no figures; nil when there are.
  public let skipped: String?

  /// A probe is stable when its two halves differ by at most this share.
  public static let stabilityLimit = 0.05
  /// A probe needs so many samples to count.
  public static let fewestSamples = 61

  /// Whether both halves of the run agree; nil when there are no halves to compare.
  public var isStable: Bool? {
    halves.map { abs($0.0 - $0.1) <= Self.stabilityLimit * min($0.0, $0.1) }
  }

  /// Whether the figures may be used: they exist, and KVM's counters prove what was measured.
  public var isUsable: Bool {
    skipped == nil && !times.isEmpty && (counterCheck == .passed || counterCheck == .none)
  }

  /// A quantile of the times; the probe must have some.
  public func quantile(_ probability: Double) -> Double { Quantile.ofSorted(times, probability) }

  /// Sums up a probe.
  ///
  /// - Complexity: O(n log n)
  public init(_ series: ProbeSeries, in run: ProbeRun, controlMinimum: Double?) {
    probe = series.name
    group = series.description?.group ?? ""
    mode = series.description?.mode ?? ""
    meaning = series.description?.meaning ?? ""
    counterCheck = series.counterCheck
    func nanoseconds(_ cycles: Double) -> Double { run.machine?.nanoseconds(cycles: cycles) ?? cycles }
    var times: [Double] = []
    var outside: [Double] = []
    var byProcess: [Int: [Double]] = [:]
    var ratios: [(process: Int, value: Double)] = []
    var slow = 0
    var refused = 0
    for sample in series.samples where sample.iterations > 0 {
      guard sample.kept else {
        refused += 1
        continue
      }
      guard !run.isSlow(controlCycles: sample.controlCycles, minimum: controlMinimum) else {
        slow += 1
        continue
      }
      let iterations = Double(sample.iterations)
      let around =
        sample.outsideCycles.map { nanoseconds(Double($0)) } ?? sample.outsideNanoseconds.map(Double.init)
      if let around { outside.append(around / iterations) }
      guard let time = sample.guestCycles.map({ nanoseconds(Double($0)) }) ?? around else { continue }
      times.append(time / iterations)
      byProcess[sample.process, default: []].append(time / iterations)
      if let control = sample.controlCycles, control > 0 {
        ratios.append((sample.process, time / iterations / nanoseconds(control)))
      }
    }
    isLatency = times.isEmpty && !series.latencies.isEmpty
    if isLatency {
      for record in series.latencies {
        times += record.values.map(Double.init)
        byProcess[record.process, default: []] += record.values.map(Double.init)
      }
    }
    self.times = times.sorted()
    self.outside = outside.sorted()
    droppedByRunner = refused
    droppedSlow = slow
    let order = byProcess.keys.sorted()
    processMedians = order.map { Quantile.ofSorted((byProcess[$0] ?? []).sorted(), 0.5) }
    func median(_ values: [Double]) -> Double? { values.isEmpty ? nil : Quantile.ofSorted(values.sorted(), 0.5) }
    relativeToControl = median(ratios.map(\.value))
    let places = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    let first = median(ratios.filter { (places[$0.process] ?? 0) % 2 == 0 }.map(\.value))
    let second = median(ratios.filter { (places[$0.process] ?? 0) % 2 == 1 }.map(\.value))
    halves = first.flatMap { first in second.map { (first, $0) } }
    if let reason = series.skipped {
      skipped = reason
    } else if times.isEmpty {
      skipped =
        series.samples.isEmpty && series.latencies.isEmpty
        ? "no samples" : "no sample was undisturbed (\(refused) preempted, \(slow) in slow phases)"
    } else {
      skipped = nil
    }
  }
}

extension ProbeRun {
  /// The summaries of all probes in order.
  public func summaries() -> [ProbeSummary] {
    let minimum = controlMinimum
    return series.map { ProbeSummary($0, in: self, controlMinimum: minimum) }
  }
}

extension [ProbeSummary] {
  /// Share of the comparable probes whose two halves agree; nil when none can be compared.
  public var stableShare: Double? {
    let known = compactMap(\.isStable)
    return known.isEmpty ? nil : Double(known.count { $0 }) / Double(known.count)
  }

  /// Share of the samples dropped in slow phases.
  public var slowShare: Double {
    let all = reduce(0) { $0 + $1.kept + $1.droppedSlow + $1.droppedByRunner }
    return all == 0 ? 0 : Double(reduce(0) { $0 + $1.droppedSlow }) / Double(all)
  }
}
