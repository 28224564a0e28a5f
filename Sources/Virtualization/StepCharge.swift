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
  /// Expected cost of the step in one operation, all its `count` times together, in nanoseconds.
  public let mean: Double
  /// How single costs scatter.
  public let distribution: CostDistribution
  /// Measured, published or assumed.
  public let kind: CostKind

  /// Creates a charge; `stepMean` is the cost in nanoseconds of the step once.
  public init(
    step: String, place: Place, count: Int, exitsPerStep: Int, stepMean: Double, distribution: CostDistribution,
    kind: CostKind
  ) {
    self.step = step
    self.place = place
    self.count = count
    self.exits = exitsPerStep * count
    self.mean = stepMean * Double(count)
    self.distribution = distribution
    self.kind = kind
    fineMean = FineTime.units(nanoseconds: mean)
  }

  /// Expected cost of one operation in units of `FineTime`.
  public let fineMean: Int64

  /// Cost of `operations` operations in units of `FineTime`. Draws from the stream only when costs scatter.
  ///
  /// - Complexity: O(1): a sum of independent gamma costs is gamma again.
  public func sample(operations: Int64, using stream: inout RandomStream) -> Int64 {
    switch distribution {
    case .deterministic:
      return fineMean * operations
    case .gamma(let coefficientOfVariation):
      guard operations > 0, mean > 0 else { return 0 }
      let shapeOfOne = 1 / (coefficientOfVariation * coefficientOfVariation)
      let shape = shapeOfOne * Double(count) * Double(operations)
      let scale = mean / (shapeOfOne * Double(count))
      return FineTime.units(nanoseconds: stream.nextGamma(shape: shape, scale: scale))
    }
  }
}

/// What one guest operation costs under a design on a profile.
public struct OperationCost: Sendable, Hashable {
  /// Steps that virtualization adds and that stall the vCPU, in path order.
  public let synchronous: [StepCharge]
  /// Steps at asynchronous places, in path order.
  public let asynchronous: [StepCharge]
  /// Native steps that still happen: part of the guest's own work.
  public let native: [StepCharge]
  /// CPU time in nanoseconds of native steps that the path replaces.
  public let nativeReplaced: Double

  /// Creates a cost from the charges of a path.
  public init(
    synchronous: [StepCharge] = [], asynchronous: [StepCharge] = [], native: [StepCharge] = [],
    nativeReplaced: Double = 0
  ) {
    self.synchronous = synchronous
    self.asynchronous = asynchronous
    self.native = native
    self.nativeReplaced = nativeReplaced
    synchronousMean = synchronous.reduce(0) { $0 + $1.mean }
    asynchronousMean = asynchronous.reduce(0) { $0 + $1.mean }
    nativeMean = native.reduce(0) { $0 + $1.mean }
  }

  /// Expected stall of the vCPU in nanoseconds.
  public let synchronousMean: Double
  /// Expected CPU time at asynchronous places in nanoseconds.
  public let asynchronousMean: Double
  /// Expected CPU time of the native steps that still happen, in nanoseconds.
  public let nativeMean: Double
  /// What the operation costs the bare host, in nanoseconds.
  public var bareHostMean: Double { nativeMean + nativeReplaced }
  /// Exits of one operation.
  public var exits: Int { synchronous.reduce(0) { $0 + $1.exits } }
}
