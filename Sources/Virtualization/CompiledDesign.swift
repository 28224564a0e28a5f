import Quantities

/// A fault of a design or profile that shows only when the two meet.
public struct CostFault: Error, Sendable, Hashable {
  /// Where the faulty item stands.
  public let location: SourceLocation
  /// What is wrong and what was expected.
  public let message: String
}

/// A design choice with every path priced by a profile: all that an engine asks about cost.
public struct CompiledDesign: Sendable {
  /// The design and its axis values.
  public let choice: DesignChoice
  /// The profile that prices it.
  public let profile: CostProfile
  /// Remarks for the user, such as measured prices that were passed over.
  public let warnings: [String]
  private var costs: [OperationCost?]

  /// The cost of an operation that meets a vCPU in the given state; nil when the design has no path for it.
  public func cost(of operation: GuestOperation, target: TargetState = .running) -> OperationCost? {
    costs[Self.index(operation, target)]
  }

  /// The design with another cost of an operation, whatever state the vCPU is in.
  public func replacing(_ operation: GuestOperation, by cost: OperationCost) -> CompiledDesign {
    var other = self
    for target in TargetState.allCases { other.costs[Self.index(operation, target)] = cost }
    return other
  }

  /// The design with another cost of an operation in each state of the vCPU.
  func replacing(_ operation: GuestOperation, _ change: (OperationCost) -> OperationCost) -> CompiledDesign {
    var other = self
    for target in TargetState.allCases {
      let index = Self.index(operation, target)
      other.costs[index] = other.costs[index].map(change)
    }
    return other
  }

  /// The design with another operation's steps beyond native ones as the cost of an operation that the bare host does not
  /// know.
  public func replacing(_ operation: GuestOperation, asAddedBy other: GuestOperation) -> CompiledDesign {
    guard let cost = cost(of: other) else { return self }
    return replacing(operation, by: OperationCost(steps: cost.steps.filter { $0.role != .native }, bareHost: 0))
  }

  /// Whether packets pass a backend that runs apart from the vCPU.
  public var hasNetworkBackend: Bool {
    [GuestOperation.netTx, .netRx].contains { !(cost(of: $0)?.asynchronous.isEmpty ?? true) }
  }

  /// Prices every path of a design.
  ///
  /// - Parameters:
  ///   - choice: the design with its axis values.
  ///   - bareHost: the design of the bare host, whose paths `native` stands for.
  ///   - catalogue: all known steps.
  ///   - profile: the prices.
  /// - Throws: `CostFaults` with every step that nothing prices or defines.
  /// - Complexity: O(steps of the design).
  public init(
    choice: DesignChoice, bareHost: HypervisorDesign, catalogue: StepCatalogue, profile: CostProfile
  ) throws(CostFaults) {
    var compiler = PathCompiler(choice: choice, bareHost: bareHost, catalogue: catalogue, profile: profile)
    var costs = [OperationCost?](repeating: nil, count: GuestOperation.allCases.count * TargetState.allCases.count)
    for operation in GuestOperation.allCases {
      guard let path = choice.design.paths[operation] else { continue }
      for target in TargetState.allCases {
        costs[Self.index(operation, target)] = compiler.compile(path, of: operation, target: target)
      }
    }
    guard compiler.faults.isEmpty else { throw CostFaults(faults: compiler.faults) }
    self.choice = choice
    self.profile = profile
    self.costs = costs
    warnings = Self.architectureWarnings(of: choice.design, profile) + compiler.warnings
  }

  /// Backends of ARM machines; all others but `none` are of x86.
  private static let ofARM = ["arm", "xen-arm"]

  /// A remark where a design of one architecture is priced by a machine of another.
  private static func architectureWarnings(of design: HypervisorDesign, _ profile: CostProfile) -> [String] {
    guard profile.backend != "none" else { return [] }
    let runsOnARM = design.backends.contains { ofARM.contains($0) }
    let runsOnX86 = design.backends.contains { $0 != "none" && !ofARM.contains($0) }
    let isARM = ofARM.contains(profile.backend)
    guard isARM ? runsOnX86 && !runsOnARM : runsOnARM && !runsOnX86 else { return [] }
    return [
      "design '\(design.name)' runs on \(isARM ? "x86" : "ARM"), but profile '\(profile.name)' is of "
        + "\(isARM ? "an ARM" : "an x86") machine: its prices stand in for those of another architecture"
    ]
  }

  private static func index(_ operation: GuestOperation, _ target: TargetState) -> Int {
    Int(operation.rawValue) * TargetState.allCases.count + Int(target.rawValue)
  }
}

/// All faults of one compilation.
public struct CostFaults: Error, Sendable {
  /// The faults in path order.
  public let faults: [CostFault]
}

/// Resolves the items of paths to priced charges and collects faults.
struct PathCompiler {
  let choice: DesignChoice
  let bareHost: HypervisorDesign
  let catalogue: StepCatalogue
  let profile: CostProfile
  private(set) var faults: [CostFault] = []
  private(set) var warnings: [String] = []

  init(choice: DesignChoice, bareHost: HypervisorDesign, catalogue: StepCatalogue, profile: CostProfile) {
    self.choice = choice
    self.bareHost = bareHost
    self.catalogue = catalogue
    self.profile = profile
  }

  mutating func compile(_ path: OperationPath, of operation: GuestOperation, target: TargetState) -> OperationCost {
    var steps: [OperationCost.PathStep] = []
    for item in path.items where item.applies(under: choice.axes, to: target) {
      switch item.element {
      case .native:
        for native in bareHost.paths[operation]?.items ?? [] where native.applies(under: choice.axes, to: target) {
          steps += roled(native, isNative: isReference(native, target), operation: operation)
        }
      case .step:
        steps += roled(item, isNative: isBareHost && isReference(item, target), operation: operation)
      }
    }
    return OperationCost(steps: steps, bareHost: referenceMean(of: operation, target: target))
  }

  private mutating func roled(
    _ item: OperationPath.Item, isNative: Bool, operation: GuestOperation
  ) -> [OperationCost.PathStep] {
    let charges = reflected(charges(of: item, operation: operation), item: item, operation: operation)
    let more =
      switches(of: charges, item: item, operation: operation)
      + mitigations(of: charges, item: item, operation: operation)
    return (charges + more).map { charge in
      let role: StepRole = isNative ? .native : charge.place.isAsynchronous ? .asynchronous : .synchronous
      return OperationCost.PathStep(charge: charge, role: role)
    }
  }

  /// What every exit takes on top where the hypervisor's kernel runs below its own level (KVM on ARM without VHE): the
  /// machine's state is saved and loaded both ways.
  ///
  /// [C. Dall et al., ARM virtualization: performance and architectural implications, ISCA 2016]
  static let splitModeStep = "split_mode_switch"

  /// The switches of the machine's state at the exits among some charges.
  private mutating func switches(
    of charges: [StepCharge], item: OperationPath.Item, operation: GuestOperation
  ) -> [StepCharge] {
    guard choice.axes[.hypervisorMode] == "split" else { return [] }
    var result: [StepCharge] = []
    for charge in charges where charge.exits > 0 {
      result += price(Self.splitModeStep, place: charge.place, count: charge.exits, item: item, operation: operation)
    }
    return result
  }

  /// The step that every exit takes on top when the host mitigates attacks by speculation at exits.
  static let mitigationStep = "exit_mitigation"

  /// The mitigations of the exits among some charges.
  private mutating func mitigations(
    of charges: [StepCharge], item: OperationPath.Item, operation: GuestOperation
  ) -> [StepCharge] {
    guard choice.axes[.mitigations] == "on" else { return [] }
    var result: [StepCharge] = []
    for charge in charges where charge.exits > 0 {
      result += price(
        Self.mitigationStep, place: charge.place, count: charge.exits, item: item, operation: operation)
    }
    return result
  }

  /// The exits among some charges as a hypervisor in a VM handles them.
  private mutating func reflected(
    _ charges: [StepCharge], item: OperationPath.Item, operation: GuestOperation
  ) -> [StepCharge] {
    guard let nested = choice.design.nestedExits, choice.axes[.nesting] != "none", item.isReflected,
      case .step(let name, let place, _) = item.element, charges.contains(where: { $0.exits > 0 })
    else { return charges }
    let exits = charges.reduce(0) { $0 + $1.exits }
    let reason = catalogue[name]?.reason
    let traps = choice.axes[.nesting] == "vmcs_trapped"
    let counts = (
      accesses: traps ? nested.accesses.count(reason: reason, place: place) : 0,
      own: nested.own.count(reason: reason, place: place)
    )
    var result = price(
      NestedExits.roundTrip, place: .hypervisor, count: exits, item: item, operation: operation)
    let hardware = ["vm_exit", "vm_entry"].reduce(0) {
      $0 + (profile.price(of: $1, backends: choice.design.backends)?.nanoseconds ?? 0)
    }
    // The hypervisor's own work on the exit, without the switches of the hardware.
    result += charges.map { $0.handled(withoutSwitch: hardware) }
    if counts.accesses > 0 {
      result += price(
        NestedExits.access, place: .hypervisor, count: exits * counts.accesses, item: item, operation: operation)
    }
    if counts.own > 0 {
      result += price(NestedExits.own, place: .hypervisor, count: exits * counts.own, item: item, operation: operation)
    }
    return result
  }

  private var isBareHost: Bool { choice.design.name == bareHost.name }

  /// Native work is what the bare host does under its default axes; anything an axis adds (page-table isolation) counts
  /// as overhead, also on the bare host itself.
  private func isReference(_ item: OperationPath.Item, _ target: TargetState) -> Bool {
    item.applies(under: bareHost.defaults, to: target)
  }

  private mutating func referenceMean(of operation: GuestOperation, target: TargetState) -> Double {
    var mean = 0.0
    for item in bareHost.paths[operation]?.items ?? [] where isReference(item, target) {
      mean += charges(of: item, operation: operation).reduce(0) { $0 + $1.mean }
    }
    return mean
  }

  /// The priced charges of an item that is a step.
  private mutating func charges(of item: OperationPath.Item, operation: GuestOperation) -> [StepCharge] {
    guard case .step(let name, let place, let count) = item.element else { return [] }
    return price(name, place: place, count: count, item: item, operation: operation)
  }

  /// Prices a step, or the parts of a composite that has no price of its own.
  private mutating func price(
    _ name: String, place: Place, count: Int, item: OperationPath.Item, operation: GuestOperation, depth: Int = 0
  ) -> [StepCharge] {
    guard let step = catalogue[name] else {
      fault(item, "unknown step '\(name)' in the path of \(operation)\(hint(name)); expected a step of the catalogue")
      return []
    }
    if let price = profile.price(of: name, backends: choice.design.backends),
      !hasNearerParts(step, than: price.distance)
    {
      if let passedOver = price.passedOver {
        warn(
          "step '\(name)' of design '\(choice.design.name)': the measured price of profile '\(passedOver)' is for another "
            + "backend; the price of '\(price.profile)' is used")
      }
      return [
        StepCharge(
          step: name, place: place, count: count, exitsPerStep: step.exits, reason: step.reason,
          stepMean: price.nanoseconds, distribution: price.cost.distribution, kind: price.cost.kind)
      ]
    }
    guard !step.parts.isEmpty, depth < 8 else {
      let profiles = ([profile] + profile.bases).map { "'\($0.name)'" }.joined(separator: ", ")
      fault(
        item,
        "no profile prices step '\(name)', which design '\(choice.design.name)' needs for \(operation); "
          + "expected a price in \(profiles)")
      return []
    }
    return step.parts.flatMap {
      price($0, place: place, count: count, item: item, operation: operation, depth: depth + 1)
    }
  }

  /// Whether nearer profiles price all parts of a composite: they know the machine better than a base that prices it whole.
  private func hasNearerParts(_ step: TransitionStep, than distance: Int) -> Bool {
    distance > 0 && !step.parts.isEmpty && (partsDistance(of: step) ?? .max) < distance
  }

  private func partsDistance(of step: TransitionStep, depth: Int = 0) -> Int? {
    var farthest = 0
    for name in step.parts {
      guard depth < 8, let part = catalogue[name] else { return nil }
      let whole = profile.price(of: name, backends: choice.design.backends)?.distance
      let parts = part.parts.isEmpty ? nil : partsDistance(of: part, depth: depth + 1)
      guard let nearest = [whole, parts].compactMap({ $0 }).min() else { return nil }
      farthest = max(farthest, nearest)
    }
    return farthest
  }

  private func hint(_ name: String) -> String {
    NearestName.nearest(to: name, among: catalogue.steps.lazy.map(\.name)).map { " (did you mean '\($0)'?)" } ?? ""
  }

  private mutating func fault(_ item: OperationPath.Item, _ message: String) {
    let fault = CostFault(location: item.location, message: message)
    if !faults.contains(fault) { faults.append(fault) }
  }

  private mutating func warn(_ message: String) {
    if !warnings.contains(message) { warnings.append(message) }
  }
}
