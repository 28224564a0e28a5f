import EventKernel
import Quantities

/// A priced step of a compiled path: the one definition from which costs are both expected and sampled.
public struct StepCharge: Sendable, Hashable {
  /// The step's name.
  public let step: String
  /// Where its CPU time is spent.
  public let place: Place
  /// How many times the step happens in one operation.
  public let count: Int
  /// VM exits that one operation makes by this step.
  public let exits: Int
  /// Why the guest exits in the step; nil for steps that are no exits.
  public let reason: ExitReason?
  /// Expected cost of the step in one operation, all its `count` times together, in nanoseconds.
  public let mean: Double
  /// How single costs scatter.
  public let distribution: CostDistribution
  /// Measured, published or assumed.
  public let kind: CostKind
  /// Where the price comes from when it is not the profile's price of the step.
  public let origin: PriceOrigin?

  /// Creates a charge; `stepMean` is the cost in nanoseconds of the step once.
  public init(
    step: String, place: Place, count: Int, exitsPerStep: Int, reason: ExitReason? = nil, stepMean: Double,
    distribution: CostDistribution, kind: CostKind, origin: PriceOrigin? = nil
  ) {
    self.reason = reason
    self.step = step
    self.place = place
    self.count = count
    self.exits = exitsPerStep * count
    self.mean = stepMean * Double(count)
    self.distribution = distribution
    self.kind = kind
    self.origin = origin
    draw = CostDraw(mean: mean, count: count, distribution: distribution)
  }

  /// The law of the cost as plain numbers.
  public let draw: CostDraw
}

/// Where a price comes from that a model has found for one VM.
public struct PriceOrigin: Sendable, Hashable {
  /// The document that holds the model's data: a profile, or the scenario.
  public let document: String
  /// The model and the source of its data.
  public let source: String

  /// Creates an origin.
  public init(document: String, source: String) {
    self.document = document
    self.source = source
  }
}

/// The cost of one step in one operation as plain numbers, from which costs are drawn in bulk.
public struct CostDraw: Sendable, Hashable {
  /// Expected cost of one operation in units of `FineTime`.
  public let mean: Int64
  /// How many times the step happens in one operation.
  public let count: Int64
  /// Shape of the gamma distribution of one operation's cost; 0 for a cost that is always the mean.
  let shape: Double
  /// Its scale in nanoseconds.
  let scale: Double

  init(mean: Double, count: Int, distribution: CostDistribution) {
    self.mean = FineTime.units(nanoseconds: mean)
    self.count = Int64(count)
    switch distribution {
    case .gamma(let coefficientOfVariation) where mean > 0:
      shape = Double(count) / (coefficientOfVariation * coefficientOfVariation)
      scale = mean / shape
    default:
      shape = 0
      scale = 0
    }
  }

  /// Cost of `operations` operations in units of `FineTime`. Draws from the stream only when costs scatter.
  ///
  /// - Complexity: O(1): a sum of independent gamma costs is gamma again.
  public func sample(operations: Int64, using stream: inout RandomStream) -> Int64 {
    guard shape > 0, operations > 0 else { return mean * operations }
    return FineTime.units(nanoseconds: stream.nextGamma(shape: shape * Double(operations), scale: scale))
  }
}

/// What a step of a path is to the guest.
public enum StepRole: String, Sendable, Hashable {
  /// Work that the bare host does too.
  case native
  /// Added by virtualization, and the vCPU waits for it.
  case synchronous
  /// Added by virtualization at a place of its own.
  case asynchronous
  /// Added by virtualization; the vCPU waits for it without a core.
  case waiting
}

/// What one guest operation costs under a design on a profile.
public struct OperationCost: Sendable, Hashable {
  /// A charge with its role.
  public struct PathStep: Sendable, Hashable {
    /// The charge.
    public let charge: StepCharge
    /// What it is to the guest.
    public let role: StepRole

    /// Creates a step.
    public init(charge: StepCharge, role: StepRole) {
      self.charge = charge
      self.role = role
    }
  }

  /// All steps in path order.
  public let steps: [PathStep]
  /// Steps that virtualization adds and that stall the vCPU, in path order.
  public let synchronous: [StepCharge]
  /// Steps at asynchronous places, in path order.
  public let asynchronous: [StepCharge]
  /// Steps that the vCPU waits for without a core, in path order.
  public let waiting: [StepCharge]
  /// Native steps that still happen: part of the guest's own work.
  public let native: [StepCharge]
  /// CPU time in nanoseconds of native steps that the path replaces.
  public let nativeReplaced: Double

  /// Creates a cost from the steps of a path and the bare host's cost of the operation in nanoseconds.
  public init(steps: [PathStep], bareHost: Double) {
    self.steps = steps
    func charges(_ role: StepRole) -> [StepCharge] { steps.filter { $0.role == role }.map(\.charge) }
    func mean(_ charges: [StepCharge]) -> Double { charges.reduce(0) { $0 + $1.mean } }
    synchronous = charges(.synchronous)
    asynchronous = charges(.asynchronous)
    native = charges(.native)
    waiting = charges(.waiting)
    waitMean = mean(waiting)
    synchronousMean = mean(synchronous)
    asynchronousMean = mean(asynchronous)
    nativeMean = mean(native)
    nativeReplaced = max(0, bareHost - nativeMean)
  }

  /// Expected stall of the vCPU in nanoseconds.
  public let synchronousMean: Double
  /// Expected time that the vCPU waits without a core, in nanoseconds.
  public let waitMean: Double
  /// Expected CPU time at asynchronous places in nanoseconds.
  public let asynchronousMean: Double
  /// Expected CPU time of the native steps that still happen, in nanoseconds.
  public let nativeMean: Double
  /// What the operation costs the bare host, in nanoseconds.
  public var bareHostMean: Double { nativeMean + nativeReplaced }
  /// Exits of one operation.
  public var exits: Int { synchronous.reduce(0) { $0 + $1.exits } }
}
