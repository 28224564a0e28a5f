import Virtualization

/// A comparison of simulated with measured or published quantities.
public struct ValidationCase: Sendable {
  /// The name.
  public let name: String
  /// One line on what is compared.
  public let title: String
  /// What the prices and constants that matter here were calibrated on.
  public let calibration: String
  /// The runs by name, in the order of the document.
  public let runs: [Run]
  /// What is compared.
  public let quantities: [Quantity]

  /// A scenario under a name.
  public struct Run: Sendable {
    /// The name.
    public let name: String
    /// The scenario with the run's changes.
    public let scenario: Scenario

    /// Creates a run.
    public init(name: String, scenario: Scenario) {
      self.name = name
      self.scenario = scenario
    }
  }

  /// Something that runs tell.
  public indirect enum Measure: Sendable {
    /// A figure of the summary over all workloads, in its unit; seconds become nanoseconds.
    case metric(run: String, SummaryMetric)
    /// Exits for some reasons per completed request, iteration or batch; for all reasons that guests cause by themselves
    /// where none are named.
    case exits(run: String, reasons: [ExitReason])
    /// Exits for some reasons per second of the measured window and vCPU.
    case exitRate(run: String, reasons: [ExitReason])
    /// vCPU time per completed request, iteration or batch, in nanoseconds.
    case processorTime(run: String)
    /// Virtualization's time at some places as a share of the vCPUs' running time.
    case share(run: String, places: [Place])
    /// A figure of the page walks of the run's first VM.
    case walks(run: String, WalkFigure)
    /// A figure of the run's migrations: their mean.
    case migrations(run: String, MigrationFigure)
    /// The first measure over the second.
    case ratio(Measure, Measure)
    /// The first measure less the second.
    case difference(Measure, Measure)

    /// The runs that it needs.
    public var runs: [String] {
      switch self {
      case .metric(let run, _), .exits(let run, _), .exitRate(let run, _), .processorTime(let run), .share(let run, _),
        .walks(let run, _), .migrations(let run, _):
        [run]
      case .ratio(let first, let second), .difference(let first, let second): first.runs + second.runs
      }
    }
  }

  /// What may be told of migrations.
  public enum MigrationFigure: String, CaseIterable, Sendable, Hashable {
    /// Nanoseconds from the start until the VM runs on its target.
    case time
    /// Nanoseconds without a running VM.
    case downtime
    /// Megabytes sent.
    case sent
    /// Megabytes sent while the VM stood still.
    case lastRound = "last_round"
    /// Rounds of copying, the last among them.
    case rounds
  }

  /// What may be told of page walks.
  public enum WalkFigure: String, CaseIterable, Sendable, Hashable {
    /// Share of the vCPUs' time that goes into page walks.
    case fraction
    /// Mean time of a walk in nanoseconds.
    case time
    /// References of a walk.
    case references
    /// Share of a walk's time that goes into leaf entries of the host's tables for the data.
    case hostLeaf = "host_leaf"
    /// Share of page references that walk.
    case missRatio = "miss_ratio"
  }

  /// Whether a quantity was used to find prices or constants.
  public enum Role: String, CaseIterable, Sendable, Hashable {
    /// Neither an input nor an identity: it counts.
    case predicted
    /// Used for calibration: shown, but it does not count.
    case calibrated
    /// Its reference is known from memory only: shown, but it does not count.
    case recalled
    /// Depends on what is not simulated: shown beside the reference, not judged.
    case shown
  }

  /// How far the simulated value may lie from the reference.
  public enum Tolerance: Sendable, Hashable {
    /// A share of the reference.
    case relative(Double)
    /// An interval that a count of so many events allows with a confidence of 95 %, per so many operations.
    case poisson(events: Double, operations: Double)
  }

  /// One comparison.
  public struct Quantity: Sendable {
    /// The name.
    public let name: String
    /// The reference value; nanoseconds for times.
    public let reference: Double
    /// The unit of both values.
    public let unit: String
    /// Where the reference comes from.
    public let source: String
    /// How the simulated value is found.
    public let measure: Measure
    /// How far it may lie from the reference.
    public let tolerance: Tolerance
    /// Why the tolerance is what it is.
    public let reason: String
    /// Whether the quantity counts.
    public let role: Role
    /// Why it is missed, where that is known.
    public let explanation: String
    /// Why it is not compared, if it is not.
    public let skip: String?

    /// Creates a quantity.
    public init(
      name: String, reference: Double, unit: String, source: String, measure: Measure, tolerance: Tolerance,
      reason: String, role: Role, explanation: String, skip: String?
    ) {
      self.name = name
      self.reference = reference
      self.unit = unit
      self.source = source
      self.measure = measure
      self.tolerance = tolerance
      self.reason = reason
      self.role = role
      self.explanation = explanation
      self.skip = skip
    }
  }

  /// Creates a case.
  public init(name: String, title: String, calibration: String, runs: [Run], quantities: [Quantity]) {
    self.name = name
    self.title = title
    self.calibration = calibration
    self.runs = runs
    self.quantities = quantities
  }
}
