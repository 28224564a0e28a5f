import Quantities

/// How the prices of one machine are taken over for another, for which no figures exist.
public struct CostScaling: Sendable, Hashable {
  /// What every price is multiplied by.
  public let factor: Double
  /// The range in which the factor lies.
  public let range: ClosedRange<Double>
  /// Why these figures.
  public let reason: String

  /// Creates a scaling; `range` holds `factor`, and all are above zero.
  public init(factor: Double, range: ClosedRange<Double>, reason: String) {
    self.factor = factor
    self.range = range
    self.reason = reason
  }

  /// The price on the other machine: an assumption, whose range joins that of the factor and that of the price.
  func apply(to cost: StepCost, of profile: CostProfile) -> StepCost {
    let mean = cost.mean.nanoseconds(at: profile.frequency)
    let own = cost.range ?? mean...mean
    return StepCost(
      mean: .nanoseconds(mean * factor), distribution: cost.distribution, kind: .assumed,
      source: "scaled by \(factor) from \(profile.name), \(reason); there: \(cost.source)",
      range: own.lowerBound * range.lowerBound...own.upperBound * range.upperBound, location: cost.location)
  }
}
