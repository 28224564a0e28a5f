import Model
import Quantities
import Virtualization

/// Reads hypervisor designs.
enum DesignReader {
  /// Backends that designs and profiles may name: what runs guests on a machine. `vt-x`, `amd-v` and `arm` are KVM on
  /// that hardware, `pvm` KVM in software; the others are hypervisors of their own.
  static let backends = ["vt-x", "amd-v", "pvm", "arm", "xen", "xen-arm", "hyper-v", "esxi", "none"]

  /// Reads a design.
  ///
  /// - Parameters:
  ///   - root: the document.
  ///   - base: the design that it inherits from, already read.
  ///   - catalogue: the steps that paths may name.
  ///   - reader: takes the faults.
  /// - Returns: the design, or nil after faults.
  static func read(
    _ root: DocumentNode, base: HypervisorDesign?, catalogue: StepCatalogue, _ reader: inout DocumentReader
  ) -> HypervisorDesign? {
    guard
      let fields = reader.fields(
        of: root, in: "the design",
        known: [
          "design", "base", "title", "description", "backends", "axes", "memory", "translation_cache", "capabilities",
          "nested_exits", "balloon", "services", "host_tick", "halt_poll", "transmit_batch", "reverse_mappings",
          "default_place", "paths",
        ],
        ignoring: "x-")
    else { return nil }
    let name = reader.required("design", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    let description = reader.optional("description", in: fields, .prose) ?? base?.description ?? ""
    let backendList = Expectation<[String]>.list(
      of: .word("backend", among: backends), "a list of at least one backend", minimum: 1)
    let backends =
      base == nil || fields["backends"] != nil
      ? reader.required("backends", in: fields, backendList) : base?.backends
    let axes = readAxes(fields, base: base, &reader)
    let memory = reader.optional("memory", in: fields, .memoryOverhead) ?? base?.memory
    let cache = reader.optional("translation_cache", in: fields, .translationCache) ?? base?.translationCache
    let nested = reader.optional("nested_exits", in: fields, .nestedExits)
    let balloon = reader.optional("balloon", in: fields, .balloonDriver) ?? base?.balloon
    let transmitBatch = reader.optional("transmit_batch", in: fields, .transmitBatch) ?? base?.transmitBatch
    let tick = reader.optional("host_tick", in: fields, .hostTick) ?? base?.hostTick
    let polling = reader.optional("halt_poll", in: fields, .haltPolling) ?? base?.haltPolling
    let isBareHost = name == Library.bareHostDesign
    // After a fault any place will do, so that the fault is told only once.
    let place = fields["default_place"].map { reader.read($0, .place) ?? .guest } ?? (isBareHost ? .guest : nil)
    var paths = base?.paths ?? [:]
    if let place { paths = paths.mapValues { OperationPath(items: $0.items.map { $0.moved(to: place) }) } }
    if fields["paths"] != nil || base == nil {
      let expectation = Expectation.paths(
        PathContext(catalogue: catalogue, defaultPlace: place, isBareHost: isBareHost))
      for (operation, path) in reader.required("paths", in: fields, expectation) ?? [:] { paths[operation] = path }
    }
    let capabilities = reader.capabilities(fields["capabilities"], base: base?.capabilities)
    let services = reader.services(fields, base: base, axes: axes?.defaults)
    if polling == nil, fields["halt_poll"] == nil, let values = axes?.allowed[.haltPolling], values.contains("on") {
      reader.error(
        at: root.location,
        "axis 'halt_polling' may be 'on', but nothing says how the host polls; expected the key 'halt_poll'")
    }
    let mappings = readReverseMappings(fields, base: base, values: axes?.allowed[.reverseMappings] ?? [], &reader)
    guard let name, let title, let backends, let axes else { return nil }
    var design = HypervisorDesign(
      name: name, title: title, description: description, backends: backends, defaults: axes.defaults,
      allowed: axes.allowed, paths: paths, memory: memory ?? HypervisorDesign.MemoryOverhead(),
      translationCache: cache)
    design.capabilities = capabilities
    design.services = services
    if let tick { design.hostTick = tick }
    design.haltPolling = polling
    if let balloon { design.balloon = balloon }
    design.transmitBatch = transmitBatch
    design.reverseMappings = mappings
    design.nestedExits = nested ?? base?.nestedExits
    return design
  }

  /// How shadow entries are listed for each value that the axis may have.
  private static func readReverseMappings(
    _ fields: Fields, base: HypervisorDesign?, values: [String], _ reader: inout DocumentReader
  ) -> [String: ReverseMappings] {
    let node = fields["reverse_mappings"]
    let stated = reader.optional("reverse_mappings", in: fields, .reverseMappings)
    // After a fault nothing more is said of it.
    guard node == nil || stated != nil else { return [:] }
    let mappings = stated ?? base?.reverseMappings ?? [:]
    for value in values where value != "none" && mappings[value] == nil {
      reader.error(
        at: node?.location ?? fields.location,
        "axis 'reverse_mappings' may be '\(value)', but nothing describes it; expected it in the mapping "
          + "'reverse_mappings'")
    }
    return mappings
  }

  private static func readAxes(
    _ fields: Fields, base: HypervisorDesign?, _ reader: inout DocumentReader
  ) -> (defaults: AxisValues, allowed: [DesignAxis: [String]])? {
    var defaults = base?.defaults ?? AxisValues()
    var allowed = base?.allowed ?? [:]
    guard let node = fields["axes"] else {
      guard base == nil else { return (defaults, allowed) }
      reader.error(at: fields.location, "missing key 'axes' in the design; expected a mapping of axes and values")
      return nil
    }
    guard let axes = reader.fields(of: node, in: "the axes", known: DesignAxis.allCases.map(\.name)) else { return nil }
    for axis in DesignAxis.allCases {
      guard axes[axis.name] != nil || base == nil else { continue }
      if axes[axis.name] == nil, let usual = axis.usualValue {
        defaults[axis] = usual
        allowed[axis] = axis.isFree ? axis.knownValues : [usual]
        continue
      }
      guard let values = reader.required(axis.name, in: axes, .axis(axis)) else { continue }
      defaults[axis] = values.defaultValue
      allowed[axis] = axis.isFree ? axis.knownValues : values.allowed
    }
    return (defaults, allowed)
  }
}

/// The default and the allowed values of an axis.
struct AxisChoice {
  let defaultValue: String
  let allowed: [String]
}

extension Expectation where Value == AxisChoice {
  /// One fixed value, or a default with the values that may replace it.
  static func axis(_ axis: DesignAxis) -> Expectation {
    let value = Expectation<String>.value(of: axis)
    return Expectation("\(value.text), or a mapping of default and allowed") { reader, node in
      guard case .mapping = node.content else {
        return reader.read(node, value).map { AxisChoice(defaultValue: $0, allowed: [$0]) }
      }
      guard
        let fields = reader.fields(of: node, in: "axis '\(axis)'", known: ["default", "allowed"])
      else { return nil }
      let chosen = reader.required("default", in: fields, value.located)
      let allowed = reader.required("allowed", in: fields, .list(of: value, "a list of values", minimum: 1))
      guard let chosen, let allowed else { return nil }
      if !allowed.isEmpty && !allowed.contains(chosen.value) {
        reader.error(
          at: chosen.location,
          "the default '\(chosen.value)' of axis '\(axis)' is not allowed; expected \(Wording.alternatives(allowed))")
      }
      return AxisChoice(defaultValue: chosen.value, allowed: allowed)
    }
  }
}

extension Expectation where Value == Place {
  /// A place by name.
  static var place: Expectation {
    let word = Expectation<String>.word("place", among: Place.allCases.map(\.name))
    return Expectation(word.text) { reader, node in reader.read(node, word).flatMap(Place.init(name:)) }
  }
}

extension Expectation where Value == HypervisorDesign.MemoryOverhead {
  /// Memory that a design keeps from guests.
  static var memoryOverhead: Expectation {
    Expectation("a mapping of per_host, per_vm and reason") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "the memory", known: ["per_host", "per_vm", "reason"])
      else { return nil }
      let perHost = reader.optional("per_host", in: fields, .size)
      let perVM = reader.optional("per_vm", in: fields, .size)
      let reason = reader.required("reason", in: fields, .prose)
      return HypervisorDesign.MemoryOverhead(
        perHost: perHost?.bytes ?? 0, perVM: perVM?.bytes ?? 0, reason: reason ?? "")
    }
  }
}

extension Expectation where Value == BalloonDriver {
  static var balloonDriver: Expectation {
    Expectation("a mapping of batch and source") { reader, node in
      guard let fields = reader.fields(of: node, in: "the balloon", known: ["batch", "source"]) else { return nil }
      let batch = reader.required("batch", in: fields, .integer(in: 1...1_000_000))
      let source = reader.required("source", in: fields, .prose)
      guard let batch, let source else { return nil }
      return BalloonDriver(batch: batch, source: source)
    }
  }
}

extension Expectation where Value == TransmitBatch {
  static var transmitBatch: Expectation {
    Expectation("a mapping of packets, when and source") { reader, node in
      guard let fields = reader.fields(of: node, in: "the transmit batch", known: ["packets", "when", "source"])
      else { return nil }
      let packets = reader.required("packets", in: fields, .integer(in: 1...65_536))
      let conditions = reader.optional("when", in: fields, .conditions) ?? [:]
      let source = reader.required("source", in: fields, .prose)
      guard let packets, let source else { return nil }
      return TransmitBatch(packets: packets, conditions: conditions, source: source)
    }
  }
}
