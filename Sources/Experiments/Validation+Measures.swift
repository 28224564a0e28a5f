import Model
import Virtualization

/// What the runs of a case gave, asked for its measures.
struct Outcome {
  /// Results by run.
  let results: [String: RunResult]
  /// Misses and walks of each run's first VM, where they are modelled.
  let walks: [String: TranslationLoad]

  /// Reasons that follow from time and not from what a guest does.
  private static let ofTime: Set<ExitReason> = [
    .externalInterrupt, .interruptWindow, .preemptionTimer, .endOfInterrupt, .halt, .nonMaskableInterrupt,
  ]

  /// The value of a measure; nil where the runs do not tell it.
  func value(of measure: ValidationCase.Measure) -> Double? {
    switch measure {
    case .metric(let run, let metric):
      return results[run]?.value(of: metric).map { metric.unit == "seconds" ? $0 * 1e9 : $0 }
    case .processorTime(let run):
      guard let result = results[run], let completed = completed(result) else { return nil }
      return Double(result.vms.reduce(0) { $0 + $1.guest + $1.stall }) / completed
    case .exits(let run, let reasons):
      guard let result = results[run], let completed = completed(result) else { return nil }
      let exits = result.exits.reduce(Int64(0)) { sum, row in
        guard let reason = row.reason else { return sum }
        let counts = reasons.isEmpty ? !Self.ofTime.contains(reason) : reasons.contains(reason)
        return counts ? sum + row.exits : sum
      }
      return Double(exits) / completed
    case .exitRate(let run, let reasons):
      guard let result = results[run] else { return nil }
      let exits = result.exits.reduce(Int64(0)) { sum, row in
        row.reason.map { reasons.isEmpty || reasons.contains($0) } ?? false ? sum + row.exits : sum
      }
      return Double(exits) / result.window.seconds / Double(max(1, result.vms.reduce(0) { $0 + $1.vcpus }))
    case .share(let run, let places):
      guard let result = results[run] else { return nil }
      let spent = result.vms.reduce(0) { $0 + $1.guest + $1.stall }
      let there = result.exits.reduce(Int64(0)) { $0 + (places.contains($1.place) ? $1.nanoseconds : 0) }
      return spent > 0 ? Double(there) / Double(spent) : nil
    case .walks(let run, let figure):
      return results[run].flatMap { value(of: figure, run: run, result: $0) }
    case .migrations(let run, let figure):
      guard let all = results[run]?.fleet?.report.migrations else { return nil }
      let values = (0..<all.count).filter { all.ended[$0].isFinite }.map { index in
        switch figure {
        case .time: (all.ended[index] - all.started[index]) * 1e9
        case .downtime: all.downtime[index] * 1e9
        case .sent: all.bytes[index] * 1e-6
        case .lastRound: all.lastRound[index] * 1e-6
        case .rounds: Double(all.rounds[index])
        }
      }
      return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    case .ratio(let first, let second):
      guard let above = value(of: first), let below = value(of: second), below != 0 else { return nil }
      return above / below
    case .difference(let first, let second):
      guard let one = value(of: first), let other = value(of: second) else { return nil }
      return one - other
    }
  }

  private func value(of figure: ValidationCase.WalkFigure, run: String, result: RunResult) -> Double? {
    guard let translation = walks[run], let walk = translation.design.walk else { return nil }
    switch figure {
    case .time: return walk.nanoseconds
    case .references: return walk.count
    case .hostLeaf: return walk.hostLeafShare
    case .missRatio:
      return translation.references > 0 ? translation.design.misses / translation.references : nil
    case .fraction:
      // Misses are counted by CPU time on the bare host; a batch tells how much of it was done.
      guard let vm = result.vms.first, result.workloads[vm.workload].shape == "batch" else { return nil }
      let spent = Double(vm.guest + vm.stall) * 1e-9
      let done = result.workloads[vm.workload].throughput * result.window.seconds
      return spent > 0 ? translation.design.misses * walk.nanoseconds * 1e-9 * done / spent : nil
    }
  }

  private func completed(_ result: RunResult) -> Double? {
    let count = result.vms.reduce(0) { $0 + $1.completed }
    return count > 0 ? Double(count) : nil
  }
}
