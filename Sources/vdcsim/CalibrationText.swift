import Calibration
import TextTable
import Virtualization

/// A calibration on standard output, at most 80 columns wide.
struct CalibrationText {
  let calibration: Calibration
  let catalogue: StepCatalogue

  /// What was measured on.
  var machine: String {
    let record = calibration.machine
    let kind = record.isGuest == true ? ", itself a guest" : ""
    let load = record.load.map { ", load \(SummaryText.decimal($0.one))" } ?? ""
    return Explanation.wrapped(
      "\(record.cpuModel ?? "unknown processor"), Linux \(record.kernel ?? "?"), backend \(record.backend) with "
        + "\(Calibration.paging(of: record)) paging\(kind)\(load)"
    ).joined(separator: "\n")
  }

  private struct Line {
    let cells: [String]
  }

  /// The table of probes, with remarks on those that have no figures.
  var probes: String {
    let lines = calibration.summaries.filter { $0.skipped == nil }.map { summary in
      Line(cells: [
        summary.probe, Self.time(summary.quantile(0.5)), Self.time(summary.quantile(0.1)),
        Self.time(summary.quantile(0.9)), "\(summary.kept)", "\(summary.droppedByRunner + summary.droppedSlow)",
        summary.counterCheck.rawValue, Self.remark(summary),
      ])
    }
    let titles = ["probe", "median", "p10", "p90", "kept", "dropped", "counters", ""]
    let table = TextTable<Line> { line in
      zip(titles, line.cells).enumerated().map { index, pair in
        Column(title: pair.0, value: pair.1, align: (1...5).contains(index) ? .right : .left)
      }
    }
    var text = table.string(for: lines, style: Style.simple) ?? ""
    for summary in calibration.summaries {
      guard let reason = summary.skipped else { continue }
      text += "\n" + Explanation.wrapped("\(summary.probe): skipped: \(reason)").joined(separator: "\n")
    }
    let factors = calibration.summaries.translationFactors
    if !factors.isEmpty {
      let words = factors.map { "\($0.name) \(SummaryText.decimal($0.factor, digits: 1))" }
      text +=
        "\n"
        + Explanation.wrapped(
          "binary translation (QEMU's TCG against native, by class of instructions): \(words.joined(separator: ", "))"
        ).joined(separator: "\n")
    }
    if let share = calibration.summaries.stableShare {
      text +=
        "\n"
        + Explanation.wrapped(
          "stable: \(SummaryText.decimal(share * 100, digits: 1))% of the probes agree within 5% between odd and even "
            + "processes, relative to the control probe \(calibration.plan.control); slow phases: "
            + "\(SummaryText.decimal(calibration.summaries.slowShare * 100, digits: 1))% of the samples dropped"
        ).joined(separator: "\n")
    }
    return text
  }

  /// The table of fitted steps.
  var steps: String {
    guard let fit = calibration.fit else { return "no probe could be used: the profile has no price of its own" }
    let priced = calibration.prices(catalogue: catalogue)
    let lines = priced.map { step, estimate in
      Line(cells: [
        step, Self.time(estimate.nanoseconds), Self.time(estimate.standardError), "\(estimate.probes.count)",
      ])
    }
    let titles = ["step", "cost", "error", "probes"]
    let table = TextTable<Line> { line in
      zip(titles, line.cells).enumerated().map { Column(title: $1.0, value: $1.1, align: $0 == 0 ? .left : .right) }
    }
    var text = table.string(for: lines, style: Style.simple) ?? ""
    for estimate in calibration.unpriced(catalogue: catalogue) {
      let what =
        Calibration.isKnown(estimate)
        ? "not told apart, inherited" : "standard error \(Self.time(estimate.standardError)): too uncertain, inherited"
      text +=
        "\n"
        + Explanation.wrapped(
          "\(estimate.column.name): \(Self.time(estimate.nanoseconds)), \(what)"
        ).joined(separator: "\n")
    }
    if !calibration.unmeasured.isEmpty {
      text +=
        "\n"
        + Explanation.wrapped(
          "inherited, because no probe measured it: \(calibration.unmeasured.joined(separator: ", "))"
        ).joined(separator: "\n")
    }
    let worst = fit.residuals.max { abs($0.relative) < abs($1.relative) }
    let residual = worst.map {
      "; greatest residual \(SummaryText.decimal($0.relative * 100, digits: 1))% (\($0.probe))"
    }
    text +=
      "\n"
      + Explanation.wrapped(
        "condition number \(SummaryText.decimal(fit.condition))\(residual ?? "")"
      ).joined(separator: "\n")
    return text
  }

  private static func remark(_ summary: ProbeSummary) -> String {
    if summary.counterCheck == .failed { return "FAILED" }
    if summary.isStable == false { return "unstable" }
    return summary.kept < ProbeSummary.fewestSamples ? "few" : ""
  }

  /// Programs as predicted and measured.
  static func verification(_ verification: Verification) -> String {
    let lines = verification.mixes.map { mix in
      Line(cells: [
        mix.name, mix.predicted.map(time) ?? "-", mix.measured.map(time) ?? "-",
        mix.relativeError.map { SummaryText.decimal($0 * 100, digits: 1) + "%" } ?? "-", "\(mix.times.count)",
        "\(mix.droppedByRunner + mix.droppedSlow)",
      ])
    }
    let titles = ["program", "predicted", "measured", "error", "kept", "dropped"]
    let table = TextTable<Line> { line in
      zip(titles, line.cells).enumerated().map { Column(title: $1.0, value: $1.1, align: $0 == 0 ? .left : .right) }
    }
    var text = table.string(for: lines, style: Style.simple) ?? ""
    for mix in verification.mixes {
      guard let reason = mix.skipped else { continue }
      text += "\n" + Explanation.wrapped("\(mix.name): skipped: \(reason)").joined(separator: "\n")
    }
    guard let median = verification.medianError, let worst = verification.worst, let error = worst.relativeError else {
      return text + "\nno program was measured"
    }
    func percent(_ value: Double) -> String { SummaryText.decimal(value * 100, digits: 1) + "%" }
    let summary =
      "absolute error: median \(percent(median)) (aim: below \(percent(Verification.aim.median))), worst "
      + "\(percent(abs(error))) in \(worst.name) (aim: below \(percent(Verification.aim.worst))); "
      + "\(percent(verification.slowShare)) of the runs fell into slow phases and were dropped"
    return text + "\n" + Explanation.wrapped(summary).joined(separator: "\n")
  }

  private static func time(_ nanoseconds: Double) -> String {
    if nanoseconds >= 1e6 { return "\(SummaryText.decimal(nanoseconds / 1e6)) ms" }
    return nanoseconds >= 1000
      ? "\(SummaryText.decimal(nanoseconds / 1000)) us" : "\(SummaryText.decimal(nanoseconds)) ns"
  }
}

extension EarlierRun {
  /// How the run differs from the earlier one, in words.
  func comparison(with summaries: [ProbeSummary]) -> String {
    let changes = changes(to: summaries)
    guard !changes.isEmpty else { return "no probe in common with the earlier run" }
    let agreeing = changes.count { abs($0.relative) <= ProbeSummary.stabilityLimit }
    var text =
      "\(agreeing) of \(changes.count) probes within 5% of the earlier run by the median relative to the control probe"
    let others = changes.filter { abs($0.relative) > ProbeSummary.stabilityLimit }
    if !others.isEmpty {
      text += "; not: "
      text += others.map { "\($0.probe) \(SummaryText.decimal($0.relative * 100, digits: 1))%" }.joined(separator: ", ")
    }
    return Explanation.wrapped(text).joined(separator: "\n")
  }
}
