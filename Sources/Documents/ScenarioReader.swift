import Model
import Quantities
import Virtualization

/// Reads scenarios.
public enum ScenarioReader {
  /// Top-level keys that this version reads.
  static let keys = [
    "scenario", "description", "duration", "warmup", "seed", "fidelity", "compare", "hosts", "vms", "workloads",
    "policies", "power", "traces",
  ]

  /// Top-level keys of the language that this version does not simulate.
  static let notSimulated = [
    "include", "network", "storage", "failures", "objectives", "outputs",
  ]

  /// Reads a scenario, validated in itself; names of designs, profiles and guests are looked up later.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - edits: changes that are made before reading, in order.
  /// - Returns: the scenario, and remarks that do not keep it from being run.
  /// - Throws: `DiagnosticError`, with every fault of the file at once.
  /// - Complexity: O(size of the file).
  public static func read(
    path: String, edits: [DocumentEdit] = []
  ) throws(DiagnosticError) -> (scenario: Scenario, warnings: [Diagnostic]) {
    try read(bytes: try FileAccess.read(path), file: path, edits: edits)
  }

  /// Reads a scenario from the bytes of its file, as `read(path:edits:)` does; `file` is the name that messages carry.
  public static func read(
    bytes: [UInt8], file: String, edits: [DocumentEdit] = []
  ) throws(DiagnosticError) -> (scenario: Scenario, warnings: [Diagnostic]) {
    var root = try DocumentParser.parse(bytes, file: file)
    try DocumentEdit.apply(edits, to: &root)
    return try read(root)
  }

  static func read(
    _ root: DocumentNode
  ) throws(DiagnosticError) -> (scenario: Scenario, warnings: [Diagnostic]) {
    var reader = DocumentReader()
    let scenario = read(root, &reader)
    let warnings = try reader.finish()
    guard let scenario else { preconditionFailure("a scenario without faults was not read") }
    return (scenario, warnings)
  }

  private static func read(_ root: DocumentNode, _ reader: inout DocumentReader) -> Scenario? {
    guard
      let fields = reader.fields(
        of: root, in: "the scenario", known: keys, notSimulated: notSimulated, ignoring: "x-")
    else { return nil }
    let name = reader.required("scenario", in: fields, .name)
    let description = reader.optional("description", in: fields, .prose) ?? ""
    let duration = reader.required("duration", in: fields, .positiveTime)
    let warmup = reader.optional("warmup", in: fields, Expectation<TimeSpan>.time.located)
    let seed = reader.optional("seed", in: fields, .integer(in: 0...Int64.max)).map { UInt64($0) }
    let fidelity = reader.optional("fidelity", in: fields, Expectation<Fidelity>.choice("fidelity"))
    let comparison = reader.optional("compare", in: fields, .comparison)
    let hosts = reader.required("hosts", in: fields, .list(of: .host, "a list of at least one host", minimum: 1))
    let vms = reader.required("vms", in: fields, .list(of: .vm, "a list of at least one vm", minimum: 1))
    // A scenario may do with workloads of the library.
    let workloads = fields["workloads"] == nil ? [] : reader.required("workloads", in: fields, .workloads)
    let policies = reader.optional("policies", in: fields, .policies)
    let powerCurves = reader.optional("power", in: fields, .powerCurves)
    let traces = reader.optional("traces", in: fields, .traces(in: root.location.file))
    if let duration, let warmup, warmup.value >= duration {
      reader.error(
        at: warmup.location, "expected a warmup shorter than the duration of \(duration), found \(warmup.value)")
    }
    checkNames(fields["hosts"], of: "host", &reader)
    checkNames(fields["vms"], of: "vm", &reader)
    guard let name, let duration, let hosts, let vms, let workloads else { return nil }
    let used = Set(vms.map(\.workload))
    // A vm with faults may be the one that uses it.
    for workload in workloads where vms.count == fields["vms"]?.count && !used.contains(workload.name) {
      reader.warn(at: workload.location, "workload \(Wording.quoted(workload.name)) is not used by any vm")
    }
    return Scenario(
      name: name, description: description, duration: duration, warmup: warmup?.value ?? Defaults.warmup,
      seed: seed ?? Defaults.seed, fidelity: fidelity, comparison: comparison, hosts: hosts, vms: vms,
      workloads: workloads, policies: policies, powerCurves: powerCurves ?? [], traces: traces ?? [],
      location: root.location)
  }

  /// Checks that the members of all groups of a list have names of their own: `web` with a count of 2 stands for
  /// `web-1` and `web-2`.
  private static func checkNames(_ list: DocumentNode?, of what: String, _ reader: inout DocumentReader) {
    guard case .list(let items)? = list?.content else { return }
    reader.checkNames(of: items, what)
    var counts: [String: Int64] = [:]
    for item in items {
      guard case .text(let name)? = item["name"]?.content, case .text(let count)? = item["count"]?.content,
        let count = try? Number.parseInteger(count), count > 1
      else { continue }
      counts[name] = count
    }
    for item in items {
      guard let node = item["name"], case .text(let name) = node.content, counts[name] == nil,
        let dash = name.lastIndex(of: "-"), let count = counts[String(name[..<dash])],
        let number = Int64(name[name.index(after: dash)...]), (1...count).contains(number),
        name.hasSuffix("-\(number)")
      else { continue }
      reader.error(
        at: node.location,
        "\(what) name \(Wording.quoted(name)) is also a member of group \(Wording.quoted(String(name[..<dash])))")
    }
  }
}

extension DocumentReader {
  /// Records names that more than one mapping of a list has under `name`.
  mutating func checkNames(of items: [DocumentNode], _ what: String) {
    var names: Set<String> = []
    for item in items {
      guard let node = item["name"], case .text(let name) = node.content else { continue }
      if !names.insert(name).inserted {
        error(at: node.location, "\(what) name \(Wording.quoted(name)) is used twice; expected names of their own")
      }
    }
  }
}

extension Expectation where Value == Scenario.Comparison {
  /// What `compare` holds.
  static var comparison: Expectation {
    Expectation("a mapping with designs") { reader, node in
      guard let fields = reader.fields(of: node, in: "a comparison", known: ["designs", "baseline"]) else { return nil }
      let designs = reader.required(
        "designs", in: fields,
        .list(of: .designReference(withProfile: true), "a list of at least one design", minimum: 1))
      let baseline = reader.optional("baseline", in: fields, Expectation<String>.name.located)
      guard let designs, let first = designs.first else { return nil }
      for (index, design) in designs.enumerated() {
        let isRepeated = designs[..<index].contains {
          $0.name == design.name && $0.overrides == design.overrides && $0.profile == design.profile
        }
        if isRepeated { reader.error(at: design.location, "design \(Wording.quoted(design.name)) is compared twice") }
      }
      if let baseline, !designs.contains(where: { $0.name == baseline.value }) {
        reader.error(
          at: baseline.location, Wording.unknown("baseline", baseline.value, among: designs.map(\.name)))
      }
      return Scenario.Comparison(designs: designs, baseline: baseline?.value ?? first.name)
    }
  }
}

extension Expectation where Value == DesignReference {
  /// A design by name, or a mapping of its name and the axes to override.
  static var designReference: Expectation { designReference(withProfile: false) }

  /// The same, where a comparison may price the design by a profile of its own.
  static func designReference(withProfile isCompared: Bool) -> Expectation {
    Expectation("a design's name, or a mapping of name and axes") { reader, node in
      guard case .mapping = node.content else {
        return reader.read(node, .name).map { DesignReference(name: $0, location: node.location) }
      }
      guard
        let fields = reader.fields(
          of: node, in: "a design",
          known: ["name", "privileged_domain", "services"] + (isCompared ? ["profile"] : [])
            + DesignAxis.allCases.map(\.name))
      else { return nil }
      let name = reader.required("name", in: fields, Expectation<String>.name.located)
      var overrides: [DesignAxis: String] = [:]
      for axis in DesignAxis.allCases {
        overrides[axis] = reader.optional(axis.name, in: fields, .value(of: axis))
      }
      var vcpus: Int?
      var weight: Double?
      if let domain = fields["privileged_domain"],
        let parts = reader.fields(of: domain, in: "a privileged domain", known: ["vcpus", "weight"])
      {
        vcpus = reader.optional("vcpus", in: parts, .integer(in: 1...4096))
        weight = reader.optional("weight", in: parts, .weight)
      }
      let services = reader.optional("services", in: fields, .flag)
      let profile = reader.optional("profile", in: fields, .name)
      return name.map {
        var reference = DesignReference(name: $0.value, overrides: overrides, location: $0.location)
        reference.profile = profile
        reference.privilegedVCPUs = vcpus
        reference.privilegedWeight = weight
        reference.hasServices = services
        return reference
      }
    }
  }
}

extension Expectation where Value == String {
  /// A value that the cost model knows for an axis.
  static func value(of axis: DesignAxis) -> Expectation { .word(axis.name, among: axis.knownValues) }
}
