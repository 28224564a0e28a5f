import Model
import Statistics
import Virtualization

/// Guest programs as predicted and as measured.
public struct Verification: Sendable {
  /// A program.
  public struct Mix: Sendable {
    /// The name.
    public let name: String
    /// Run time in nanoseconds by the exit-level engine; nil when it was not predicted.
    public let predicted: Double?
    /// Measured run times in nanoseconds that count, ascending.
    public let times: [Double]
    /// Runs that the runner dropped.
    public let droppedByRunner: Int
    /// Runs dropped because the control probe was slow.
    public let droppedSlow: Int
    /// Median time of the control probe in the runs that count, in nanoseconds: how the machine was, against the time of
    /// the same probe in the calibration.
    public let control: Double?
    /// Why there is no figure; nil when there is one.
    public let skipped: String?

    /// The median of the measured times; nil without any.
    public var measured: Double? { times.isEmpty ? nil : Quantile.ofSorted(times, 0.5) }

    /// `(predicted − measured) / measured`, or nil without both.
    public var relativeError: Double? {
      predicted.flatMap { predicted in measured.map { (predicted - $0) / $0 } }
    }
  }

  /// The programs in order.
  public let mixes: [Mix]

  /// The aim for the median and the worst of the absolute errors.
  public static let aim = (median: 0.05, worst: 0.15)

  /// The median of the absolute relative errors; nil without any.
  public var medianError: Double? {
    let errors = mixes.compactMap(\.relativeError).map(abs).sorted()
    return errors.isEmpty ? nil : Quantile.ofSorted(errors, 0.5)
  }

  /// The greatest absolute relative error with its program; nil without any.
  public var worst: Mix? {
    mixes.filter { $0.relativeError != nil }.max { abs($0.relativeError ?? 0) < abs($1.relativeError ?? 0) }
  }

  /// Share of the undisturbed runs that fell into slow phases.
  public var slowShare: Double {
    let slow = mixes.reduce(0) { $0 + $1.droppedSlow }
    let all = mixes.reduce(slow) { $0 + $1.times.count }
    return all == 0 ? 0 : Double(slow) / Double(all)
  }

  /// A program before it is judged: what the runner said.
  public struct Measured: Sendable {
    /// The name.
    public let name: String
    /// The prediction in nanoseconds, if there is one.
    public let predicted: Double?
    /// The runner's records; nil when the program did not run.
    public let run: ProbeRun?
    /// Why it did not run.
    public let reason: String?

    /// Creates a program's record.
    public init(name: String, predicted: Double?, run: ProbeRun?, reason: String? = nil) {
      self.name = name
      self.predicted = predicted
      self.run = run
      self.reason = reason
    }
  }

  /// Judges programs; phases are slow by the least time of the control probe in all of them together.
  public init(_ programs: [Measured]) {
    let minimum = programs.compactMap { $0.run?.controlMinimum }.min()
    mixes = programs.map { program in
      var times: [Double] = []
      var controls: [Double] = []
      var refused = 0
      var slow = 0
      for sample in program.run?.programs ?? [] {
        guard sample.kept else {
          refused += 1
          continue
        }
        if program.run?.isSlow(controlCycles: sample.controlCycles, minimum: minimum) ?? false {
          slow += 1
          continue
        }
        if let control = sample.controlCycles, control > 0, let machine = program.run?.machine {
          controls.append(machine.nanoseconds(cycles: control))
        }
        let inside = sample.guestCycles.flatMap { cycles in
          program.run?.machine.map { $0.nanoseconds(cycles: Double(cycles)) }
        }
        if let time = inside ?? sample.outsideNanoseconds.map(Double.init) { times.append(time) }
      }
      let failed = program.run?.series.contains { $0.counterCheck == .failed } ?? false
      var reason = program.reason
      if failed { reason = reason ?? "KVM's counters did not move as expected" }
      if times.isEmpty { reason = reason ?? "no run was undisturbed (\(refused) preempted, \(slow) in slow phases)" }
      return Mix(
        name: program.name, predicted: program.predicted, times: failed ? [] : times.sorted(),
        droppedByRunner: refused, droppedSlow: slow,
        control: controls.isEmpty ? nil : Quantile.ofSorted(controls.sorted(), 0.5), skipped: reason)
    }
  }

  /// The runner's blocks for a program: the same description that the engine predicts.
  ///
  /// - Parameters:
  ///   - program: the program.
  ///   - plan: names the blocks.
  ///   - loopTime: nanoseconds of one turn of the computing block.
  /// - Returns: the blocks in a fixed order, or the operation for which the plan has none.
  public static func blocks(
    of program: ProgramWorkload, plan: CalibrationPlan, loopTime: Double
  ) -> Result<[String], MissingBlock> {
    var blocks: [String] = []
    let turns = Int64((Double(program.compute.nanoseconds) / loopTime).rounded())
    if turns > 0 { blocks.append("\(plan.computeBlock)*\(turns)") }
    for operation in GuestOperation.allCases {
      guard let count = program.operations[operation], count > 0 else { continue }
      guard let block = plan.blocks[operation] else { return .failure(MissingBlock(operation: operation)) }
      blocks.append("\(block)*\(count)")
    }
    return .success(blocks)
  }

  /// An operation that the runner cannot do on this machine.
  public struct MissingBlock: Error, Sendable, Hashable {
    /// The operation.
    public let operation: GuestOperation
  }
}
