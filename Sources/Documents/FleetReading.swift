import Model
import Quantities
import Virtualization

/// Keys of a VM group that only fleets use.
enum FleetKeys {
  static let cpu = ["speed", "weight", "reservation", "limit", "cap", "period", "pinned"]
  static let vm = ["trace", "cpu", "bandwidth", "requires", "affinity", "anti_affinity"]
}

extension DocumentReader {
  /// What only fleets use of a VM group.
  mutating func fleetOptions(_ fields: Fields) -> FleetVMOptions {
    var options = FleetVMOptions()
    options.hasCount = fields["count"] != nil
    options.trace = optional("trace", in: fields, .traceSelection)
    options.bandwidth = optional("bandwidth", in: fields, .bitRate)
    options.affinity = optional("affinity", in: fields, .label)
    options.antiAffinity = optional("anti_affinity", in: fields, .label)
    if let node = fields["cpu"],
      let parts = self.fields(of: node, in: "a vm's cpu", known: FleetKeys.cpu)
    {
      options.speed = optional("speed", in: parts, .frequency)
      options.reservation = optional("reservation", in: parts, .frequency)
      options.limit = optional("limit", in: parts, .frequency)
      let weight = Expectation<Double>.real("a number from 0.001 to 1000000") { (0.001...1e6).contains($0) }
      if let value = optional("weight", in: parts, weight) { options.weight = value }
      if let reservation = options.reservation, let limit = options.limit, reservation.hertz > limit.hertz {
        error(at: node.location, "expected a reservation of at most the limit of \(limit), found \(reservation)")
      }
    }
    if let node = fields["requires"],
      let parts = self.fields(of: node, in: "requirements", known: ["capabilities", "hypervisors"])
    {
      let names = Expectation<[String]>.list(of: .name, "a list of names", minimum: 1)
      options.capabilities = optional("capabilities", in: parts, names) ?? []
      options.hypervisors = optional("hypervisors", in: parts, names) ?? []
    }
    return options
  }

  /// A workload that asks for a share of its vCPUs.
  mutating func utilization(_ node: DocumentNode, name: String, location: SourceLocation) -> Workload? {
    guard
      let fields = fields(
        of: node, in: "a workload of utilization", known: ["utilization", "per_cpu_second", "memory", "code"])
    else { return nil }
    let utilization = required("utilization", in: fields, .utilization)
    let perCPUSecond = optional("per_cpu_second", in: fields, .operationsPerCPUSecond)
    let memory = optional("memory", in: fields, .memoryReferences)
    let code = optional("code", in: fields, .programCode)
    guard let utilization else { return nil }
    // Work without end, of which the demand says how much is asked for.
    let work = BatchWorkload(work: TimeSpan(nanoseconds: .max), threads: 1024, perCPUSecond: perCPUSecond ?? [:])
    return Workload(
      name: name, shape: .batch(work), memory: memory, extents: memoryExtents(of: [fields["per_cpu_second"]]),
      code: code,
      utilization: utilization, location: location)
  }
}

extension Expectation where Value == TraceSelection {
  /// A trace by name, or a mapping of its name and a part.
  static var traceSelection: Expectation {
    Expectation("a trace's name, or a mapping of name, part and of") { reader, node in
      guard case .mapping = node.content else {
        return reader.read(node, .name).map { TraceSelection(name: $0, location: node.location) }
      }
      guard let fields = reader.fields(of: node, in: "a choice of a trace", known: ["name", "part", "of"]) else {
        return nil
      }
      let name = reader.required("name", in: fields, Expectation<String>.name)
      let parts = reader.optional("of", in: fields, Expectation<Int>.integer(in: 1...1_000_000)) ?? 1
      let part = reader.optional("part", in: fields, Expectation<Int>.integer(in: 1...max(1, parts))) ?? 1
      return name.map { TraceSelection(name: $0, part: part, parts: parts, location: node.location) }
    }
  }
}

extension Expectation where Value == UtilizationWorkload {
  /// `trace`, a share, or a mapping of generated demand.
  static var utilization: Expectation {
    Expectation("trace, a number from 0 to 1, or a mapping of generated demand") { reader, node in
      switch node.content {
      case .text("trace"): return UtilizationWorkload(demand: .trace)
      case .mapping:
        return reader.generatedDemand(node).map { UtilizationWorkload(demand: .generated($0)) }
      default:
        let share = Expectation<Double>.real("trace, a number from 0 to 1, or a mapping of generated demand") {
          (0...1).contains($0)
        }
        return reader.read(node, share).map { UtilizationWorkload(demand: .constant($0)) }
      }
    }
  }
}

extension DocumentReader {
  fileprivate mutating func generatedDemand(_ node: DocumentNode) -> GeneratedDemand? {
    guard
      let fields = fields(
        of: node, in: "generated demand",
        known: ["series", "interval", "mean", "spread", "deviation", "correlation", "profile"])
    else { return nil }
    let share = Expectation<Double>.real("a number from 0 to 1") { (0...1).contains($0) }
    var demand = GeneratedDemand()
    if let value = optional("series", in: fields, .integer(in: 1...1_000_000)) { demand.series = value }
    if let value = optional("interval", in: fields, .positiveTime) { demand.interval = value }
    if let value = required("mean", in: fields, share) { demand.mean = value }
    if let value = optional("spread", in: fields, share) { demand.spread = value }
    if let value = optional("deviation", in: fields, share) { demand.deviation = value }
    if let value = optional(
      "correlation", in: fields, .real("a number from 0 to 0.9999") { (0...0.9999).contains($0) })
    {
      demand.correlation = value
    }
    let factors = Expectation<[Double]>.list(
      of: .real("a number from 0 to 100") { (0...100).contains($0) }, "a list of at least one number", minimum: 1)
    if let value = optional("profile", in: fields, factors), !value.isEmpty { demand.profile = value }
    return demand
  }
}
