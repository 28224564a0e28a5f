import Statistics
import Tables

/// The CSV tables of a calibration; the only place that knows their columns.
public enum CalibrationTables {
  private static let probe = Column(name: "probe", type: .text, meaning: "probe")

  /// `probes.csv`: one row per probe.
  public static let probes = TableSchema(
    name: "probes",
    columns: [
      probe,
      Column(name: "group", type: .text, meaning: "group of the probe"),
      Column(name: "mode", type: .text, meaning: "privilege level that the guest ran at"),
      Column(name: "median_ns", type: .real, unit: "ns", meaning: "median time of one iteration, slow phases left out"),
      Column(name: "p10_ns", type: .real, unit: "ns", meaning: "10 % quantile"),
      Column(name: "p90_ns", type: .real, unit: "ns", meaning: "90 % quantile"),
      Column(name: "outside_median_ns", type: .real, unit: "ns", meaning: "median time taken around the guest"),
      Column(name: "kept", type: .integer, unit: "samples", meaning: "samples that count"),
      Column(name: "dropped", type: .integer, unit: "samples", meaning: "samples that were dropped"),
      Column(
        name: "dropped_preempted", type: .integer, unit: "samples",
        meaning: "of these with an involuntary context switch or another fault that the runner saw"),
      Column(
        name: "dropped_slow", type: .integer, unit: "samples",
        meaning: "of these while the control probe took more than 1.1 times its minimum"),
      Column(name: "counter_check", type: .text, meaning: "passed, failed, missing, or none for host primitives"),
      Column(
        name: "relative_to_control_ratio", type: .real, unit: "ratio",
        meaning: "median quotient of the time and the interleaved control probe's"),
      Column(
        name: "halves_difference_ratio", type: .real, unit: "ratio",
        meaning: "relative difference of that quotient between the odd and the even processes"),
      Column(name: "stable", type: .text, meaning: "yes when that difference is at most 0.05"),
      Column(name: "skipped", type: .text, meaning: "why there are no figures"),
    ])

  /// `quantiles.csv`: quantiles of every probe, inside and outside the guest.
  public static let quantiles = TableSchema(
    name: "quantiles",
    columns: [
      probe,
      Column(name: "side", type: .text, meaning: "inside (the guest's time stamps), outside (the host's) or event"),
      Column(name: "quantile", type: .real, unit: "ratio", meaning: "probability of the quantile"),
      Column(name: "time_ns", type: .real, unit: "ns", meaning: "time of one iteration or event at that quantile"),
    ])

  /// `histograms.csv`: how often times fall into bins whose bounds grow by 5 %.
  public static let histograms = TableSchema(
    name: "histograms",
    columns: [
      probe,
      Column(name: "side", type: .text, meaning: "as in quantiles.csv"),
      Column(name: "from_ns", type: .real, unit: "ns", meaning: "lower bound of the bin, inclusive"),
      Column(name: "to_ns", type: .real, unit: "ns", meaning: "upper bound of the bin, exclusive"),
      Column(name: "count", type: .integer, unit: "samples", meaning: "samples in the bin"),
    ])

  /// `steps.csv`: the fitted steps and composites.
  public static let steps = TableSchema(
    name: "steps",
    columns: [
      Column(name: "step", type: .text, meaning: "step, or steps that the probes determine only together"),
      Column(name: "mean_ns", type: .real, unit: "ns", meaning: "fitted cost"),
      Column(name: "standard_error_ns", type: .real, unit: "ns", meaning: "bootstrap over processes"),
      Column(name: "low_ns", type: .real, unit: "ns", meaning: "2.5 % quantile of the bootstrap"),
      Column(name: "high_ns", type: .real, unit: "ns", meaning: "97.5 % quantile of the bootstrap"),
      Column(name: "is_composite", type: .text, meaning: "yes when the parts cannot be told apart"),
      Column(name: "probes", type: .text, meaning: "probes that contain it"),
    ])

  /// `covariance.csv`: covariance of the fitted costs, every pair once.
  public static let covariance = TableSchema(
    name: "covariance",
    columns: [
      Column(name: "step", type: .text, meaning: "step or composite"),
      Column(name: "other_step", type: .text, meaning: "step or composite"),
      Column(name: "covariance_ns2", type: .real, unit: "ns²", meaning: "covariance by bootstrap over processes"),
    ])

  /// `residuals.csv`: every probe of the fit against the sum of its steps.
  public static let residuals = TableSchema(
    name: "residuals",
    columns: [
      probe,
      Column(name: "measured_ns", type: .real, unit: "ns", meaning: "median over processes"),
      Column(name: "fitted_ns", type: .real, unit: "ns", meaning: "sum of the fitted steps"),
      Column(name: "relative_residual", type: .real, unit: "ratio", meaning: "(fitted - measured) / measured"),
    ])

  /// `verify.csv`: predictions against measurements.
  public static let verify = TableSchema(
    name: "verify",
    columns: [
      Column(name: "mix", type: .text, meaning: "guest program"),
      Column(name: "predicted_ns", type: .real, unit: "ns", meaning: "run time by the exit-level engine"),
      Column(name: "measured_ns", type: .real, unit: "ns", meaning: "median run time, slow phases left out"),
      Column(name: "relative_error", type: .real, unit: "ratio", meaning: "(predicted - measured) / measured"),
      Column(name: "measured_p10_ns", type: .real, unit: "ns", meaning: "10 % quantile of the run time"),
      Column(name: "measured_p90_ns", type: .real, unit: "ns", meaning: "90 % quantile of the run time"),
      Column(name: "kept", type: .integer, unit: "samples", meaning: "runs that count"),
      Column(name: "dropped_preempted", type: .integer, unit: "samples", meaning: "runs with an involuntary switch"),
      Column(name: "dropped_slow", type: .integer, unit: "samples", meaning: "runs in slow phases"),
      Column(name: "skipped", type: .text, meaning: "why there is no figure"),
      Column(
        name: "control_median_ns", type: .real, unit: "ns",
        meaning: "median time of the interleaved control probe in the runs that count"),
    ])

  /// All tables.
  public static let schemas = [probes, quantiles, histograms, steps, covariance, residuals, verify]

  /// The probabilities whose quantiles are written.
  public static let reportedQuantiles = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1]

  /// Makes the tables of a calibration.
  public static func make(_ calibration: Calibration) -> [Table] {
    var tables = [probes, quantiles, histograms].map { Table(schema: $0) }
    for summary in calibration.summaries {
      tables[0].append(row(summary))
      let sides =
        summary.isLatency
        ? [("event", summary.times)] : [("inside", summary.times), ("outside", summary.outside)]
      for (side, times) in sides where !times.isEmpty {
        for probability in reportedQuantiles {
          let time = Quantile.ofSorted(times, probability)
          tables[1].append([.text(summary.probe), .text(side), .real(probability), .real(time)])
        }
        for bin in histogram(times) {
          tables[2].append(
            [.text(summary.probe), .text(side), .real(bin.from), .real(bin.to), .integer(Int64(bin.count))])
        }
      }
    }
    guard let fit = calibration.fit else { return tables }
    var fitted = [steps, covariance, residuals].map { Table(schema: $0) }
    for estimate in fit.estimates {
      fitted[0].append([
        .text(estimate.column.name), .real(estimate.nanoseconds), .real(estimate.standardError),
        .real(estimate.interval.lowerBound), .real(estimate.interval.upperBound),
        .text(estimate.column.step == nil ? "yes" : "no"), .text(estimate.probes.joined(separator: " ")),
      ])
    }
    for row in fit.estimates.indices {
      for column in row..<fit.estimates.count {
        fitted[1].append([
          .text(fit.estimates[row].column.name), .text(fit.estimates[column].column.name),
          .real(fit.covariance[row][column]),
        ])
      }
    }
    for residual in fit.residuals {
      fitted[2].append([
        .text(residual.probe), .real(residual.measured), .real(residual.fitted), .real(residual.relative),
      ])
    }
    return tables + fitted
  }

  private static func row(_ summary: ProbeSummary) -> [CellValue] {
    func quantile(_ probability: Double) -> CellValue {
      summary.times.isEmpty ? .empty : .real(summary.quantile(probability))
    }
    let difference = summary.halves.map { abs($0.0 - $0.1) / min($0.0, $0.1) }
    return [
      .text(summary.probe), .text(summary.group), .text(summary.mode), quantile(0.5), quantile(0.1), quantile(0.9),
      summary.outside.isEmpty ? .empty : .real(Quantile.ofSorted(summary.outside, 0.5)),
      .integer(Int64(summary.kept)), .integer(Int64(summary.droppedByRunner + summary.droppedSlow)),
      .integer(Int64(summary.droppedByRunner)), .integer(Int64(summary.droppedSlow)),
      .text(summary.counterCheck.rawValue), summary.relativeToControl.map { .real($0) } ?? .empty,
      difference.map { .real($0) } ?? .empty, .text(summary.isStable.map { $0 ? "yes" : "no" } ?? ""),
      .text(summary.skipped ?? ""),
    ]
  }

  /// A bin of a histogram.
  struct Bin: Equatable {
    let from: Double
    let to: Double
    var count: Int
  }

  /// Counts ascending positive times in bins whose bounds grow by 5 % from the least; empty bins are left out.
  static func histogram(_ times: [Double]) -> [Bin] {
    guard let first = times.first(where: { $0 > 0 }) else { return [] }
    var bins: [Bin] = []
    var bin = Bin(from: first, to: first * 1.05, count: 0)
    for time in times where time > 0 {
      while time >= bin.to {
        if bin.count > 0 { bins.append(bin) }
        bin = Bin(from: bin.to, to: bin.to * 1.05, count: 0)
      }
      bin.count += 1
    }
    return bins + [bin]
  }

  /// Makes `verify.csv`.
  public static func make(_ verification: Verification) -> Table {
    var table = Table(schema: verify)
    for mix in verification.mixes {
      func quantile(_ probability: Double) -> CellValue {
        mix.times.isEmpty ? .empty : .real(Quantile.ofSorted(mix.times, probability))
      }
      table.append([
        .text(mix.name), mix.predicted.map { .real($0) } ?? .empty, quantile(0.5),
        mix.relativeError.map { .real($0) } ?? .empty, quantile(0.1), quantile(0.9),
        .integer(Int64(mix.times.count)), .integer(Int64(mix.droppedByRunner)), .integer(Int64(mix.droppedSlow)),
        .text(mix.skipped ?? ""), mix.control.map { .real($0) } ?? .empty,
      ])
    }
    return table
  }
}
