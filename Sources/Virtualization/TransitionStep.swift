/// A piece of a path with a cost of its own, as the step catalogue defines it.
public struct TransitionStep: Sendable, Hashable {
  /// The name used in YAML, CSV and text.
  public let name: String
  /// One sentence on what happens in the step.
  public let meaning: String
  /// How many VM exits the step stands for.
  public let exits: Int
  /// Why the guest exits in the step; nil for steps that are no exits.
  public let reason: ExitReason?
  /// The steps that a composite is made of; empty for an elementary step. A profile prices either the composite or
  /// every part.
  public let parts: [String]
  /// Whether the step is what an amount of native work takes more, so that its price is a ratio and the same on a slower
  /// machine.
  public let isRelative: Bool

  /// Creates a step of the catalogue.
  public init(
    name: String, meaning: String, exits: Int = 0, reason: ExitReason? = nil, parts: [String] = [],
    isRelative: Bool = false
  ) {
    self.isRelative = isRelative
    self.name = name
    self.meaning = meaning
    self.exits = exits
    self.reason = reason
    self.parts = parts
  }
}

/// All steps that designs may use, by name.
public struct StepCatalogue: Sendable {
  /// The steps in the order of their definition.
  public private(set) var steps: [TransitionStep] = []
  private var indices: [String: Int] = [:]

  /// An empty catalogue.
  public init() {}

  /// Adds a step; a later definition of the same name replaces the earlier one.
  public mutating func add(_ step: TransitionStep) {
    if let index = indices[step.name] {
      steps[index] = step
    } else {
      indices[step.name] = steps.count
      steps.append(step)
    }
  }

  /// The step of that name, or nil.
  public subscript(_ name: String) -> TransitionStep? { indices[name].map { steps[$0] } }
}
