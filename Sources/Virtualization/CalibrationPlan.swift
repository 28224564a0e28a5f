/// What the probes of the harness contain on one kind of host: the design matrix from which step costs are fitted, and
/// the blocks that guest programs are built from.
///
/// It is data, read from a document; the harness knows no probe by name.
public struct CalibrationPlan: Sendable {
  /// The name.
  public let name: String
  /// One line on the kind of host.
  public let title: String
  /// Backends that the plan is for.
  public let backends: [String]
  /// Paging that the plan is for, `nested` or `shadow`; nil for any.
  public let paging: String?
  /// The design, with axis values, under which measured programs are predicted.
  public let design: String
  /// Axis values of that design.
  public let axes: [DesignAxis: String]
  /// The probe that is interleaved with all others and shows slow phases.
  public let control: String
  /// The step that is one turn of the block that computes: the unit in which programs compute.
  public let loop: String
  /// Rows of the matrix, in the order of the document.
  public let rows: [Row]
  /// Blocks of the runner's programs by guest operation.
  public let blocks: [GuestOperation: String]
  /// The runner's block that computes; one of it is one pass of the loop.
  public let computeBlock: String

  /// The steps that one iteration of a probe contains.
  public struct Row: Sendable, Hashable {
    /// The probe.
    public let probe: String
    /// How often each step is in it.
    public let steps: [String: Double]

    /// Creates a row.
    public init(probe: String, steps: [String: Double]) {
      self.probe = probe
      self.steps = steps
    }
  }

  /// Creates a plan.
  public init(
    name: String, title: String, backends: [String], paging: String?, design: String, axes: [DesignAxis: String],
    control: String, loop: String, rows: [Row], blocks: [GuestOperation: String], computeBlock: String
  ) {
    self.name = name
    self.title = title
    self.backends = backends
    self.paging = paging
    self.design = design
    self.axes = axes
    self.control = control
    self.loop = loop
    self.rows = rows
    self.blocks = blocks
    self.computeBlock = computeBlock
  }

  /// Whether the plan is for a host with that backend and paging.
  public func fits(backend: String, paging: String) -> Bool {
    backends.contains(backend) && (self.paging == nil || self.paging == paging)
  }
}
