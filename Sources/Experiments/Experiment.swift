import Model
import Virtualization

/// A set of independent runs: each design of a list, each replication.
public struct Experiment: Sendable {
  /// The models to run, one per design.
  public let models: [SimulationModel]
  /// Replications of each.
  public let replications: Int

  /// One run.
  struct Run: Sendable {
    let model: Int
    let replication: Int
  }

  /// Assembles the models of an experiment.
  ///
  /// - Parameters:
  ///   - designs: the designs that all hosts run in turn; empty for the scenario's own.
  ///   - overrides: what else the command line changes; its design is ignored where `designs` is not empty.
  /// - Throws: `ModelFaults` with the faults of all designs at once.
  public init(
    scenario: Scenario, library: Library, designs: [DesignReference], overrides: ModelOverrides, replications: Int
  ) throws(ModelFaults) {
    precondition(replications >= 1, "an experiment has at least one replication")
    var models: [SimulationModel] = []
    var faults: [ModelFault] = []
    for design in designs.isEmpty ? [overrides.design] : designs.map(Optional.some) {
      var choice = overrides
      choice.design = design
      do {
        models.append(try SimulationModel(scenario: scenario, library: library, overrides: choice))
      } catch {
        for fault in error.faults where !faults.contains(fault) { faults.append(fault) }
      }
    }
    guard faults.isEmpty else { throw ModelFaults(faults: faults) }
    self.models = models
    self.replications = replications
  }

  /// So many replications of each of some models.
  init(models: [SimulationModel], replications: Int = 1) {
    self.models = models
    self.replications = replications
  }

  /// All runs, replication by replication within each design.
  var runs: [Run] {
    models.indices.flatMap { model in (1...replications).map { Run(model: model, replication: $0) } }
  }

  /// How many runs there are.
  public var count: Int { models.count * replications }

  /// What they say.
  public var warnings: [String] { remarks.map(\.message) }

  /// Remarks of all models, each once.
  public var remarks: [ModelWarning] {
    var seen: [ModelWarning] = []
    for remark in models.flatMap(\.remarks) where !seen.contains(remark) { seen.append(remark) }
    return seen
  }
}
