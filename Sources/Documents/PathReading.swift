import Virtualization

/// What the items of a design's paths are read against.
struct PathContext {
  /// The steps that items may name.
  let catalogue: StepCatalogue
  /// The place of steps that name none.
  let defaultPlace: Place?
  /// Whether the design is the one whose paths `native` stands for.
  let isBareHost: Bool

  /// All steps by name.
  var stepNames: [String] { catalogue.steps.map(\.name) }
}

extension Expectation where Value == [GuestOperation: OperationPath] {
  /// The paths of a design.
  static func paths(_ context: PathContext) -> Expectation {
    Expectation("a mapping of operations and paths") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      var paths: [GuestOperation: OperationPath] = [:]
      for entry in entries {
        let items = reader.read(entry.value, .list(of: .pathItem(context), "a list of steps"))
        guard let operation = GuestOperation(name: entry.key) else {
          let known = GuestOperation.allCases.map(\.name)
          reader.error(at: entry.keyLocation, Wording.unknown("operation", entry.key, among: known))
          continue
        }
        paths[operation] = OperationPath(items: items ?? [])
      }
      return paths
    }
  }
}

extension Expectation where Value == OperationPath.Item {
  /// An item: a step's name, `native`, or a mapping of either with conditions.
  static func pathItem(_ context: PathContext) -> Expectation {
    Expectation("a step's name or a mapping with step") { reader, node in
      switch node.content {
      case .mapping: return reader.pathItem(mapping: node, context)
      case .text(let name) where name == "native":
        reader.checkNative(node.location, context)
        return OperationPath.Item(element: .native, location: node.location)
      default:
        guard let name = reader.read(node, .step(context)) else { return nil }
        guard let place = reader.defaultPlace(of: name, at: node.location, context) else { return nil }
        return OperationPath.Item(
          element: .step(name: name, place: place, count: 1), isAtUsualPlace: true, location: node.location)
      }
    }
  }
}

extension Expectation where Value == String {
  /// A step of the catalogue.
  static func step(_ context: PathContext) -> Expectation {
    Expectation("a step's name") { reader, node in
      guard let name = reader.read(node, .name) else { return nil }
      guard context.catalogue[name] != nil else {
        reader.error(at: node.location, Wording.unknown("step", name, among: context.stepNames))
        return nil
      }
      return name
    }
  }
}

extension Expectation where Value == [DesignAxis: String] {
  /// Values of axes that must all hold.
  static var conditions: Expectation {
    Expectation("a mapping of axes and values") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "a condition", known: DesignAxis.allCases.map(\.name))
      else { return nil }
      var conditions: [DesignAxis: String] = [:]
      for axis in DesignAxis.allCases {
        conditions[axis] = reader.optional(axis.name, in: fields, .value(of: axis))
      }
      return conditions
    }
  }
}

extension DocumentReader {
  fileprivate mutating func checkNative(_ location: SourceLocation, _ context: PathContext) {
    if context.isBareHost {
      error(at: location, "'native' stands for the paths of this design; expected a step")
    }
  }

  fileprivate mutating func defaultPlace(
    of step: String, at location: SourceLocation, _ context: PathContext
  ) -> Place? {
    if context.defaultPlace == nil {
      error(
        at: location,
        "step '\(step)' has no place; expected 'place' with the step or 'default_place' in the design")
    }
    return context.defaultPlace
  }

  fileprivate mutating func pathItem(mapping node: DocumentNode, _ context: PathContext) -> OperationPath.Item? {
    let isNative = node["native"] != nil
    let known = isNative ? ["native", "when", "target"] : ["step", "place", "count", "when", "target", "reflected"]
    guard let fields = fields(of: node, in: "an item of a path", known: known) else { return nil }
    let conditions = optional("when", in: fields, .conditions) ?? [:]
    let target = optional("target", in: fields, .target)
    let isReflected = isNative ? true : optional("reflected", in: fields, .flag) ?? true
    let element: OperationPath.Element
    if isNative {
      _ = required("native", in: fields, .word("value", among: ["true"]))
      checkNative(node.location, context)
      element = .native
    } else {
      let place = optional("place", in: fields, .place)
      let count = optional("count", in: fields, .integer(in: 1...1000))
      guard let name = required("step", in: fields, .step(context)) else { return nil }
      let isPlaceFaulty = place == nil && fields["place"] != nil
      guard !isPlaceFaulty, let place = place ?? defaultPlace(of: name, at: node.location, context) else { return nil }
      element = .step(name: name, place: place, count: count ?? 1)
    }
    return OperationPath.Item(
      element: element, conditions: conditions, target: target, isAtUsualPlace: !isNative && fields["place"] == nil,
      isReflected: isReflected, location: node.location)
  }
}

extension Expectation where Value == TargetState {
  /// The state of the vCPU that an operation meets.
  static var target: Expectation {
    let states: [(name: String, state: TargetState)] = [("running", .running), ("halted", .halted)]
    let word = Expectation<String>.word("target", among: states.map(\.name))
    return Expectation(word.text) { reader, node in
      reader.read(node, word).flatMap { name in states.first { $0.name == name }?.state }
    }
  }
}
