import Model
import Statistics
import Tables

/// Designs held against a baseline by paired differences of replications under common random numbers.
public struct Comparison: Sendable {
  /// One metric of one design against the baseline.
  public struct Row: Sendable {
    /// The design's label.
    public let design: String
    /// The metric.
    public let metric: SummaryMetric
    /// Mean of the baseline and of the design.
    public let baseline: Double
    /// Mean of the design.
    public let mean: Double
    /// Interval of the mean difference; nil with one replication.
    public let difference: Interval?
    /// `higher`, `lower`, `no difference shown`, `one replication`, or `inconclusive` where assumed prices within their
    /// ranges turn the sign.
    public let verdict: String
    /// What the difference is expected to be between the ends of the assumed prices' ranges; nil where there is no
    /// expectation.
    public let range: ClosedRange<Double>?
  }

  /// The rows by design and metric.
  public let rows: [Row]
  /// Confidence of all intervals together (Bonferroni).
  public let confidence: Double

  /// The metrics that designs are compared by.
  public static let metrics: [SummaryMetric] = [
    .throughput, .latencyMean, .latencyP50, .latencyP99, .virtualizationOverhead, .exitsPerRequest, .utilization,
  ]

  /// Compares results, the first design of which (or the one labelled `baseline`) is the baseline.
  ///
  /// With `m` comparisons each interval has level `1 − (1 − confidence)/m`, so that all hold together with the given
  /// confidence.
  ///
  /// - Parameter ranges: by design, what the ranges of assumed prices leave open.
  public init(
    results: [RunResult], baseline: String?, ranges: [String: AssumedRanges] = [:], confidence: Double = 0.95
  ) throws {
    self.confidence = confidence
    var designs: [String] = []
    for result in results where !designs.contains(result.design) { designs.append(result.design) }
    guard let reference = baseline ?? designs.first, designs.contains(reference) else {
      rows = []
      return
    }
    let others = designs.filter { $0 != reference }
    let comparisons = max(1, others.count * Self.metrics.count)
    let level = 1 - (1 - confidence) / Double(comparisons)
    var rows: [Row] = []
    for design in others {
      for metric in Self.metrics {
        let own = results.filter { $0.design == design }.compactMap { $0.value(of: metric) }
        let base = results.filter { $0.design == reference }.compactMap { $0.value(of: metric) }
        guard !own.isEmpty, own.count == base.count else { continue }
        let interval = own.count > 1 ? try pairedInterval(of: own, minus: base, confidence: level).interval : nil
        let shown =
          interval.map { $0.lower > 0 ? "higher" : $0.upper < 0 ? "lower" : "no difference shown" }
          ?? "one replication"
        let isOpen = ranges[design]?.leavesOpen(metric) ?? false
        let verdict = isOpen && shown != "no difference shown" ? "inconclusive" : shown
        rows.append(
          Row(
            design: design, metric: metric, baseline: base.reduce(0, +) / Double(base.count),
            mean: own.reduce(0, +) / Double(own.count), difference: interval, verdict: verdict,
            range: ranges[design]?.differences[metric]))
      }
    }
    self.rows = rows
  }

  /// `comparison.csv`.
  public static let schema = TableSchema(
    name: "comparison",
    columns: [
      Column(name: "scenario", type: .text, meaning: "name of the scenario"),
      Column(name: "design", type: .text, meaning: "hypervisor design"),
      Column(name: "baseline", type: .text, meaning: "design that it is held against"),
      Column(name: "metric", type: .text, meaning: "what is compared"),
      Column(name: "unit", type: .text, meaning: "unit of the values"),
      Column(name: "baseline_mean", type: .real, meaning: "mean of the baseline over replications"),
      Column(name: "design_mean", type: .real, meaning: "mean of the design over replications"),
      Column(name: "difference_lower", type: .real, meaning: "lower end of the mean difference's interval"),
      Column(name: "difference_upper", type: .real, meaning: "upper end of the mean difference's interval"),
      Column(name: "confidence", type: .real, unit: "ratio", meaning: "confidence of all intervals together"),
      Column(
        name: "verdict", type: .text,
        meaning: "higher or lower where the interval excludes zero, inconclusive where assumed prices turn the sign"),
      Column(
        name: "assumed_lower", type: .real,
        meaning: "expected difference with the assumed prices of the steps that differ at one end of their ranges"),
      Column(name: "assumed_upper", type: .real, meaning: "the same at the other end"),
    ])

  /// The comparison as a table.
  public func table(scenario: String, baseline: String) -> Table {
    var table = Table(schema: Self.schema)
    for row in rows {
      table.append([
        .text(scenario), .text(row.design), .text(baseline), .text(row.metric.name), .text(row.metric.unit),
        .real(row.baseline), .real(row.mean), row.difference.map { .real($0.lower) } ?? .empty,
        row.difference.map { .real($0.upper) } ?? .empty, .real(confidence), .text(row.verdict),
        row.range.map { .real($0.lowerBound) } ?? .empty, row.range.map { .real($0.upperBound) } ?? .empty,
      ])
    }
    return table
  }
}
