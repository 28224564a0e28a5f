import Model
import Quantities

/// The exit-level engine: simulates every guest operation of a few hosts in full detail.
public enum ExitEngine {
  /// Runs one replication.
  ///
  /// The same model and replication give the same result to the last bit.
  ///
  /// - Parameters:
  ///   - model: what to simulate; its duration must not exceed `SimulationModel.longestAtExitFidelity`.
  ///   - replication: number of the replication, from 1; selects the random streams.
  ///   - isCancelled: asked now and then; when it says true the run ends with `RunInterrupted`.
  /// - Returns: exact accounts of the measured window.
  /// - Complexity: O(log pending events) per event; about as many events as requests times ten.
  public static func run(
    model: SimulationModel, replication: Int, isCancelled: () -> Bool = { false }
  ) throws -> RunResult {
    precondition(model.duration <= SimulationModel.longestAtExitFidelity, "the run is too long for its clock")
    var simulation = Simulation(model: model, replication: replication)
    try simulation.run(isCancelled: isCancelled)
    return simulation.makeResult()
  }
}
