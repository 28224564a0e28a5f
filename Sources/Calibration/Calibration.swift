import Statistics
import Virtualization

/// A machine's probes, summed up and fitted.
public struct Calibration: Sendable {
  /// The machine.
  public let machine: MachineRecord
  /// The end of the run, if it came.
  public let end: EndRecord?
  /// The plan that says what the probes contain.
  public let plan: CalibrationPlan
  /// The probes in order.
  public let summaries: [ProbeSummary]
  /// The fitted steps; nil when no probe of the plan is usable.
  public let fit: StepFit?
  /// Steps of the plan that nothing measured, sorted.
  public let unmeasured: [String]

  /// The name of the backend's paging.
  public static func paging(of machine: MachineRecord) -> String { machine.nestedPaging == true ? "nested" : "shadow" }

  /// Fits the steps of a plan to a run.
  ///
  /// - Parameters:
  ///   - run: with the machine's record.
  ///   - plan: for the machine's backend.
  /// - Throws: `StatisticsError` when the numbers are none; `MissingMachine` without the machine's record.
  public init(run: ProbeRun, plan: CalibrationPlan) throws {
    guard let machine = run.machine else { throw MissingMachine() }
    self.machine = machine
    end = run.end
    self.plan = plan
    let summaries = run.summaries()
    self.summaries = summaries
    let byName = Dictionary(uniqueKeysWithValues: summaries.map { ($0.probe, $0) })
    let observations = plan.rows.compactMap { row -> StepFit.Observation? in
      guard let summary = byName[row.probe], summary.isUsable, !summary.processMedians.isEmpty else { return nil }
      return StepFit.Observation(probe: row.probe, steps: row.steps, times: summary.processMedians)
    }
    fit = observations.isEmpty ? nil : try StepFit(observations)
    let measured = Set(observations.flatMap { $0.steps.keys })
    unmeasured = Set(plan.rows.flatMap(\.steps.keys)).subtracting(measured).sorted()
  }

  /// A cost whose standard error exceeds this share of it is no price.
  public static let greatestRelativeError = 0.25

  /// Whether a cost is above its bound of zero and known well enough to be a price.
  public static func isKnown(_ estimate: StepFit.Estimate) -> Bool {
    estimate.nanoseconds > 0 && estimate.standardError <= greatestRelativeError * estimate.nanoseconds
  }

  /// The prices that the fit gives a profile: steps on their own, and composites that the catalogue knows, as far as they
  /// are known well enough.
  public func prices(catalogue: StepCatalogue) -> [(step: String, estimate: StepFit.Estimate)] {
    (fit?.estimates ?? []).compactMap { estimate in
      guard Self.isKnown(estimate) else { return nil }
      if let step = estimate.column.step { return (step, estimate) }
      return Self.composite(of: estimate.column, catalogue: catalogue).map { ($0, estimate) }
    }
  }

  /// Combinations that the rows determine and the catalogue has no name for, and costs that are not known well enough.
  public func unpriced(catalogue: StepCatalogue) -> [StepFit.Estimate] {
    let priced = Set(prices(catalogue: catalogue).map(\.estimate.column))
    return (fit?.estimates ?? []).filter { !priced.contains($0.column) }
  }

  /// The composite of the catalogue that is made of exactly a column's parts.
  private static func composite(of column: DesignMatrix.Column, catalogue: StepCatalogue) -> String? {
    guard column.parts.allSatisfy({ $0.factor == 1 }) else { return nil }
    let parts = column.parts.map(\.step).sorted()
    return catalogue.steps.first { !$0.parts.isEmpty && $0.parts.sorted() == parts }?.name
  }
}

/// The runner ended before it described the machine.
public struct MissingMachine: Error, CustomStringConvertible {
  /// Creates the error.
  public init() {}

  /// What to tell the user.
  public var description: String { "error: the probe runner did not describe the machine" }
}
