import Datacenter
import Machine
import Model

/// Runs experiments on the cores of this machine.
///
/// Runs share nothing, and results come back in the order of the runs: the number of jobs changes the time, never the
/// bytes.
public struct LocalRunner: Sendable {
  /// Runs at a time.
  public let jobs: Int
  /// Asked now and then; when it says true the runs stop.
  public let isCancelled: @Sendable () -> Bool
  /// Told after each run how many of how many have ended.
  public let progress: @Sendable (_ done: Int, _ all: Int) -> Void

  /// Creates a runner with at least one job.
  public init(
    jobs: Int, isCancelled: @escaping @Sendable () -> Bool = { false },
    progress: @escaping @Sendable (_ done: Int, _ all: Int) -> Void = { _, _ in }
  ) {
    self.jobs = max(1, jobs)
    self.isCancelled = isCancelled
    self.progress = progress
  }

  /// Runs everything and returns the results in the order of the runs.
  ///
  /// - Throws: `RunInterrupted` of the engine when cancelled.
  public func run(_ experiment: Experiment) async throws -> [RunResult] {
    let runs = experiment.runs
    var results = [RunResult?](repeating: nil, count: runs.count)
    var done = 0
    try await withThrowingTaskGroup(of: (Int, RunResult).self) { group in
      var next = 0
      func submit() {
        guard next < runs.count else { return }
        let index = next
        let run = runs[index]
        let model = experiment.models[run.model]
        next += 1
        group.addTask { (index, try Self.run(model, replication: run.replication, isCancelled: isCancelled)) }
      }
      for _ in 0..<jobs { submit() }
      while let (index, result) = try await group.next() {
        results[index] = result
        done += 1
        progress(done, runs.count)
        submit()
      }
    }
    return results.compactMap(\.self)
  }

  /// Runs one replication with the engine of the model's fidelity.
  static func run(
    _ model: SimulationModel, replication: Int, isCancelled: () -> Bool
  ) throws -> RunResult {
    switch model.fidelity {
    case .exit: try ExitEngine.run(model: model, replication: replication, isCancelled: isCancelled)
    case .fluid where model.fleet != nil:
      try FleetEngine.run(model: model, replication: replication, isCancelled: isCancelled)
    case .fluid: FluidEngine.run(model: model, replication: replication)
    }
  }
}
