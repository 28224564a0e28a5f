import Virtualization

/// A scenario over a grid of values of its keys, as an experiment document states it.
public struct SweepPlan: Sendable {
  /// The name.
  public let name: String
  /// One line on what is to be seen.
  public let title: String
  /// The swept quantities in the order of their columns.
  public let axes: [Axis]
  /// The designs that all hosts run in turn; empty for the scenario's own.
  public let designs: [DesignReference]
  /// Replications of each run.
  public let replications: Int
  /// The metrics that are reported; empty for all that apply.
  public let metrics: [SummaryMetric]
  /// Operations whose steps and CPU time are reported too.
  public let operations: [GuestOperation]
  /// All points of the grid, the last axis varying fastest.
  public let points: [Point]

  /// A swept quantity.
  public struct Axis: Sendable, Hashable {
    /// The name of its column.
    public let name: String
    /// The keys of the scenario that take its values.
    public let keys: [String]
    /// The values, as they are written.
    public let values: [String]

    /// Creates an axis.
    public init(name: String, keys: [String], values: [String]) {
      self.name = name
      self.keys = keys
      self.values = values
    }
  }

  /// A point of the grid.
  public struct Point: Sendable {
    /// One value for each axis.
    public let values: [String]
    /// The scenario there.
    public let scenario: Scenario

    /// Creates a point.
    public init(values: [String], scenario: Scenario) {
      self.values = values
      self.scenario = scenario
    }
  }

  /// Creates a plan.
  public init(
    name: String, title: String, axes: [Axis], designs: [DesignReference], replications: Int,
    metrics: [SummaryMetric], operations: [GuestOperation], points: [Point]
  ) {
    self.name = name
    self.title = title
    self.axes = axes
    self.designs = designs
    self.replications = replications
    self.metrics = metrics
    self.operations = operations
    self.points = points
  }
}
