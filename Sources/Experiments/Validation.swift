import Model
import Statistics
import Tables
import Virtualization

/// The outcome of validation cases.
public struct Validation: Sendable {
  /// Whether a quantity lies within its tolerance.
  public enum Verdict: String, Sendable, Hashable { case within, miss, skipped }

  /// One compared quantity.
  public struct Row: Sendable {
    /// The case.
    public let caseName: String
    /// What was compared.
    public let quantity: ValidationCase.Quantity
    /// The simulated value; nil when it was not found.
    public let simulated: Double?
    /// The outcome.
    public let verdict: Verdict

    /// `(simulated − reference) / reference`; nil without a value or for a reference of zero.
    public var relativeError: Double? {
      guard let simulated, quantity.reference != 0 else { return nil }
      return (simulated - quantity.reference) / quantity.reference
    }
  }

  /// All rows, case by case.
  public let rows: [Row]

  /// The schema of `validate.csv`.
  public static let schema = TableSchema(
    name: "validate",
    columns: [
      Column(name: "case", type: .text, meaning: "validation case"),
      Column(name: "quantity", type: .text, meaning: "what is compared"),
      Column(name: "reference", type: .real, meaning: "measured or published value"),
      Column(name: "reference_source", type: .text, meaning: "where the reference comes from"),
      Column(name: "simulated", type: .real, meaning: "simulated value"),
      Column(name: "relative_error", type: .real, meaning: "(simulated - reference) / reference"),
      Column(name: "tolerance", type: .text, meaning: "how far the simulated value may lie from the reference"),
      Column(name: "verdict", type: .text, meaning: "within, miss or skipped"),
      Column(name: "unit", type: .text, meaning: "unit of both values"),
      Column(
        name: "role", type: .text,
        meaning:
          "predicted; or, not counted, calibrated (used to find prices), recalled (known from memory only) or shown "
          + "(depends on what is not simulated)"),
      Column(name: "tolerance_reason", type: .text, meaning: "why the tolerance is what it is"),
      Column(name: "note", type: .text, meaning: "why it is missed or skipped"),
    ])

  /// `validate.csv`.
  public var table: Table {
    var table = Table(schema: Self.schema)
    for row in rows {
      let quantity = row.quantity
      table.append([
        .text(row.caseName), .text(quantity.name), .real(quantity.reference), .text(quantity.source),
        row.simulated.map { .real($0) } ?? .empty, row.relativeError.map { .real($0) } ?? .empty,
        .text(Self.text(of: quantity.tolerance)), .text(row.verdict.rawValue), .text(quantity.unit),
        .text(quantity.role.rawValue), .text(quantity.reason), .text(quantity.skip ?? quantity.explanation),
      ])
    }
    return table
  }

  /// A tolerance as text.
  public static func text(of tolerance: ValidationCase.Tolerance) -> String {
    switch tolerance {
    case .relative(let share): "\((share * 1000).rounded() / 10) %"
    case .poisson: "95 % Poisson interval"
    }
  }

  /// Share of the predicted quantities that lie within their tolerance, every case weighing the same; nil when nothing
  /// was compared.
  public var headline: Double? {
    var cases: [String] = []
    for row in rows where !cases.contains(row.caseName) { cases.append(row.caseName) }
    let shares = cases.compactMap { name -> Double? in
      let counted = self.counted.filter { $0.caseName == name }
      return counted.isEmpty ? nil : Double(counted.count { $0.verdict == .within }) / Double(counted.count)
    }
    return shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
  }

  /// The rows that count: predicted and compared.
  public var counted: [Row] { rows.filter { $0.quantity.role == .predicted && $0.verdict != .skipped } }

  /// Runs the cases and compares.
  ///
  /// - Throws: `ModelFaults` with the faults of a case's scenario; `RunInterrupted` when cancelled.
  public static func run(
    _ cases: [ValidationCase], library: Library, runner: LocalRunner
  ) async throws -> Validation {
    // The runs of all cases share nothing: they go to the runner together.
    var places: [(caseIndex: Int, name: String)] = []
    var models: [SimulationModel] = []
    for (index, validation) in cases.enumerated() {
      let needed = Set(validation.quantities.filter { $0.skip == nil }.flatMap(\.measure.runs))
      for run in validation.runs where needed.contains(run.name) {
        places.append((index, run.name))
        models.append(try SimulationModel(scenario: run.scenario, library: library))
      }
    }
    var results = [[String: RunResult]](repeating: [:], count: cases.count)
    var walks = [[String: TranslationLoad]](repeating: [:], count: cases.count)
    for (index, place) in places.enumerated() {
      walks[place.caseIndex][place.name] = models[index].vms.first?.load.translation
    }
    for (place, result) in zip(places, try await runner.run(Experiment(models: models))) {
      results[place.caseIndex][place.name] = result
    }
    var rows: [Row] = []
    for (index, validation) in cases.enumerated() {
      let outcome = Outcome(results: results[index], walks: walks[index])
      for quantity in validation.quantities {
        let value = quantity.skip == nil ? outcome.value(of: quantity.measure) : nil
        rows.append(
          Row(
            caseName: validation.name, quantity: quantity, simulated: value,
            verdict: try verdict(of: value, for: quantity)))
      }
    }
    return Validation(rows: rows)
  }

  private static func verdict(of value: Double?, for quantity: ValidationCase.Quantity) throws -> Verdict {
    guard let value else { return .skipped }
    switch quantity.tolerance {
    case .relative(let share):
      return abs(value - quantity.reference) <= share * abs(quantity.reference) ? .within : .miss
    case .poisson(let events, let operations):
      let interval = try poissonInterval(events: events)
      return interval.contains(value * operations) ? .within : .miss
    }
  }

  /// The exact 95 % interval of a Poisson mean after so many events.
  ///
  /// [F. Garwood, Fiducial limits for the Poisson distribution, Biometrika 28, 1936]
  public static func poissonInterval(events: Double) throws -> ClosedRange<Double> {
    let low =
      events > 0 ? try ChiSquared.quantile(probability: 0.025, degreesOfFreedom: 2 * events) / 2 : 0
    return low...(try ChiSquared.quantile(probability: 0.975, degreesOfFreedom: 2 * events + 2) / 2)
  }
}
