/// A choice of a policy as users name it, with what it means: what documents accept and `vdcsim list policies` prints.
public protocol PolicyChoice: CaseIterable, RawRepresentable, Sendable where RawValue == String {
  /// What the choice does, in a line or two.
  var meaning: String { get }
}

/// All choices of a fleet's policies, by the key that takes them.
public enum PolicyCatalogue {
  /// A key of `policies`, and its choices with their meanings in the order of their definition.
  public struct Entry: Sendable {
    /// The path of the key.
    public let key: String
    /// Names and meanings.
    public let choices: [(name: String, meaning: String)]

    init<Choice: PolicyChoice>(_ key: String, _ type: Choice.Type) {
      self.key = key
      choices = type.allCases.map { ($0.rawValue, $0.meaning) }
    }
  }

  /// Every key that takes a named choice.
  public static let entries = [
    Entry("set", FleetPolicies.Semantics.self),
    Entry("placement", PlacementPolicy.Rule.self),
    Entry("consolidation.overload", ConsolidationPolicy.Overload.self),
    Entry("consolidation.selection", ConsolidationPolicy.Selection.self),
    Entry("migration", MigrationPolicy.Mechanism.self),
  ]
}

extension FleetPolicies.Semantics: PolicyChoice {
  /// What the choice does.
  public var meaning: String {
    switch self {
    case .standard:
      "rates change when demand changes, energy is integrated exactly, virtualization costs what its design says"
    case .cloudSimCompatible: "the semantics of CloudSim 3.0.3's power package, its known defects included"
    }
  }
}

extension PlacementPolicy.Rule: PolicyChoice {
  /// What the choice does.
  public var meaning: String {
    switch self {
    case .firstFit: "the first host that can take the VM, in the order of the hosts"
    case .bestFit: "the host that is left with the least memory"
    case .worstFit: "the host that is left with the most memory"
    case .random: "any host that can take the VM, each with the same probability"
    case .roundRobin: "the next host after the last one taken"
    case .powerAware: "largest demand first, each VM where it adds the least power (Beloglazov & Buyya 2012)"
    case .filterAndWeigh: "filters, then the host with the most free memory and CPU by their weights (OpenStack Nova)"
    }
  }
}

extension ConsolidationPolicy.Overload: PolicyChoice {
  /// What the choice does.
  public var meaning: String {
    let usual = "\(ConsolidationPolicy.usualParameter(of: self))"
    return switch self {
    case .threshold: "overloaded above a fixed utilization, \(usual) unless stated"
    case .interquartileRange: "above 1 - s x interquartile range of the recent utilization, s = \(usual) unless stated"
    case .medianAbsoluteDeviation: "above 1 - s x median absolute deviation, s = \(usual) unless stated"
    case .localRegression:
      "when s x the utilization that local regression predicts for the end of the longest migration reaches 1, "
        + "s = \(usual) unless stated"
    case .robustLocalRegression: "the same with bisquare weights that disregard outliers"
    }
  }
}

extension ConsolidationPolicy.Selection: PolicyChoice {
  /// What the choice does.
  public var meaning: String {
    switch self {
    case .minimumMigrationTime: "the VM that migrates fastest: least memory"
    case .random: "any VM"
    case .maximumCorrelation: "the VM whose demand correlates most with that of the others on its host"
    case .minimumUtilization: "the VM with the least demand"
    }
  }
}

extension MigrationPolicy.Mechanism: PolicyChoice {
  /// What the choice does.
  public var meaning: String {
    switch self {
    case .fixedRate: "memory over a fixed share of the target's bandwidth, as CloudSim has it"
    case .preCopy: "rounds of copying while the VM runs, then stop and copy (Clark et al. 2005)"
    }
  }
}
