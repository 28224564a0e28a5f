import Model
import Tables
import Virtualization

/// The outcome of a sweep: every replication of every design at every point of a grid.
public struct Sweep: Sendable {
  /// The plan.
  public let plan: SweepPlan
  /// The runs behind it.
  public let experiment: Experiment
  /// Results, point by point, within a point design by design.
  public private(set) var results: [RunResult] = []
  private let runsPerPoint: Int

  /// Assembles the models of all points.
  ///
  /// - Parameters:
  ///   - plan: the grid.
  ///   - library: where the scenarios' names are looked up.
  ///   - overrides: what the command line changes.
  ///   - replications: replications of each run, instead of the plan's.
  /// - Throws: `ModelFaults` with the faults of the first point that has any.
  public init(
    plan: SweepPlan, library: Library, overrides: ModelOverrides, replications: Int? = nil
  ) throws(ModelFaults) {
    let count = replications ?? plan.replications
    var models: [SimulationModel] = []
    for point in plan.points {
      models += try Experiment(
        scenario: point.scenario, library: library, designs: plan.designs, overrides: overrides, replications: count
      ).models
    }
    self.plan = plan
    experiment = Experiment(models: models, replications: count)
    runsPerPoint = max(1, plan.designs.count) * count
  }

  /// Runs everything.
  ///
  /// - Throws: `RunInterrupted` when cancelled.
  public mutating func run(with runner: LocalRunner) async throws { results = try await runner.run(experiment) }

  /// The schema of `sweep.csv`.
  public var schema: TableSchema {
    TableSchema(
      name: "sweep",
      columns: ResultTables.runColumns
        + plan.axes.map { Column(name: $0.name, type: .text, meaning: "value of \($0.keys.joined(separator: ", "))") }
        + [
          Column(name: "metric", type: .text, meaning: "what is reported; of operations their steps and CPU time"),
          Column(name: "value", type: .real, meaning: "its value"),
          Column(name: "unit", type: .text, meaning: "the value's unit"),
        ])
  }

  /// `sweep.csv`: one row per run and metric.
  public var table: Table {
    var table = Table(schema: schema)
    for (number, result) in results.enumerated() {
      let run: [CellValue] =
        [
          .text(result.scenario), .text(result.design), .text(result.profile), .integer(Int64(result.replication)),
        ] + plan.points[number / runsPerPoint].values.map { .text($0) }
      for row in result.summary where row.workload == "all" {
        guard plan.metrics.isEmpty || plan.metrics.contains(row.metric) else { continue }
        table.append(run + [.text(row.metric.name), .real(row.value), .text(row.unit)])
      }
      for operation in plan.operations {
        let rows = result.exits.filter { $0.operation == operation }
        let steps = rows.reduce(Int64(0)) { $0 + $1.count }
        let time = rows.reduce(Int128(0)) { $0 + Int128($1.nanoseconds) }
        table.append(run + [.text("\(operation.name)_steps"), .real(Double(steps)), .text("steps")])
        table.append(run + [.text("\(operation.name)_cpu"), .real(Double(time) * 1e-9), .text("seconds")])
      }
    }
    return table
  }

  /// Labels of the designs in the order of the runs.
  public var designs: [String] {
    var labels: [String] = []
    for model in experiment.models where !labels.contains(model.designLabel) { labels.append(model.designLabel) }
    return labels
  }

  /// The mean of a figure over the replications of a design at a point; nil where a run does not tell it.
  public func mean(at point: Int, design: String, _ figure: (RunResult) -> Double?) -> Double? {
    let own = results[point * runsPerPoint..<(point + 1) * runsPerPoint].filter { $0.design == design }
    let values = own.compactMap(figure)
    return values.count == own.count && !values.isEmpty ? values.reduce(0, +) / Double(values.count) : nil
  }
}
