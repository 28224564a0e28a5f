import Model
import Quantities
import Virtualization

extension Expectation where Value == HostService {
  /// Work beside the guests that comes with a design.
  static var service: Expectation {
    Expectation("a service with name, runs_in, wakeups and work") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "a service",
          known: ["name", "runs_in", "per", "wakeups", "work", "weight", "kind", "source", "reason", "range"])
      else { return nil }
      let name = reader.required("name", in: fields, .label)
      let home = reader.required("runs_in", in: fields, Expectation<HostService.Home>.choice("place"))
      let multiplicity = reader.optional("per", in: fields, Expectation<HostService.Multiplicity>.choice("unit"))
      let wakeups = reader.required("wakeups", in: fields, .positiveRate)
      let work = reader.required("work", in: fields, .positiveTime)
      let weight = reader.optional("weight", in: fields, .weight)
      let kind = reader.required("kind", in: fields, Expectation<CostKind>.choice("kind"))
      let isAssumed = kind == .assumed
      let source = reader.required(isAssumed ? "reason" : "source", in: fields, .prose)
      let range = isAssumed ? reader.required("range", in: fields, .list(of: .share, "a list of two shares")) : nil
      if let range, range.count != 2 || range[0] > range[1], let node = fields["range"] {
        reader.error(at: node.location, "expected two shares of a processor, the lower first, found \(node.found)")
        return nil
      }
      guard let name, let home, let wakeups, let work, let kind, let source else { return nil }
      let service = HostService(
        name: name, home: home, multiplicity: multiplicity ?? .host, wakeups: wakeups.perSecond,
        work: Double(work.nanoseconds), weight: weight ?? 1, kind: kind, source: source,
        range: range.map { $0[0]...$0[1] })
      if let range = service.range, !range.contains(service.load) {
        reader.error(
          at: node.location,
          "service \(Wording.quoted(name)) takes \(service.load) of a processor; expected a load within its range")
      }
      return service
    }
  }
}

extension Expectation where Value == HostTick {
  /// A host's own clock.
  static var hostTick: Expectation {
    Expectation("a mapping of rate and source") { reader, node in
      guard let fields = reader.fields(of: node, in: "a host tick", known: ["rate", "source"]) else { return nil }
      let rate = reader.required("rate", in: fields, .rate)
      let source = reader.required("source", in: fields, .prose)
      guard let rate, let source else { return nil }
      return HostTick(rate: rate.perSecond, source: source)
    }
  }
}

extension Expectation where Value == HaltPolling {
  /// How a host polls for the wake-ups of halted vCPUs.
  static var haltPolling: Expectation {
    Expectation("a mapping of limit, start, growth, shrink and source") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "halt polling", known: ["limit", "start", "growth", "shrink", "source"])
      else { return nil }
      let limit = reader.required("limit", in: fields, .positiveTime)
      let start = reader.required("start", in: fields, .positiveTime)
      let growth = reader.required("growth", in: fields, .real("a number from 1 to 1000") { (1...1000).contains($0) })
      let shrink = reader.required(
        "shrink", in: fields, .real("0, or a number above 1 and at most 1000") { $0 == 0 || ($0 > 1 && $0 <= 1000) })
      let source = reader.required("source", in: fields, .prose)
      guard let limit, let start, let growth, let shrink, let source else { return nil }
      return HaltPolling(
        limit: Double(limit.nanoseconds), start: Double(start.nanoseconds), growth: growth, shrink: shrink,
        source: source)
    }
  }
}

extension Expectation where Value == HostGroup.Background {
  /// A load beside the guests.
  static var background: Expectation {
    Expectation("a mapping of threads, share, burst and weight") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "a background", known: ["threads", "share", "burst", "weight"])
      else { return nil }
      let threads = reader.required("threads", in: fields, .integer(in: 0...4096))
      let share = reader.optional(
        "share", in: fields, .real("a number above 0 and at most 1") { $0 > 0 && $0 <= 1 })
      let burst = reader.optional("burst", in: fields, .positiveTime)
      let weight = reader.optional("weight", in: fields, .weight)
      guard let threads else { return nil }
      var background = HostGroup.Background(threads: threads)
      if let share { background.share = share }
      if let burst { background.burst = burst }
      if let weight { background.weight = weight }
      return background
    }
  }
}

extension Expectation where Value == Double {
  /// A weight against other threads.
  static var weight: Expectation { .real("a number from 0.001 to 10000") { (0.001...10_000).contains($0) } }
}

extension DocumentReader {
  /// What a design runs beside its guests: what its document states, and else what its base runs. Each has to run where the
  /// structure has a place for it.
  mutating func services(_ fields: Fields, base: HypervisorDesign?, axes: AxisValues?) -> [HostService] {
    let stated = optional("services", in: fields, .list(of: .service, "a list of services"))
    let services = stated ?? base?.services ?? []
    guard let structure = axes?[.structure] else { return services }
    // A hypervisor's kernel has processes of its own, though no place for others.
    let home = HostService.Home(structure: structure) ?? .host
    for service in services where service.home != home {
      let origin = stated == nil ? ", which it inherits," : ""
      error(
        at: fields["services"]?.location ?? fields.location,
        "service \(Wording.quoted(service.name))\(origin) runs in \(service.home.rawValue), but structure '\(structure)' "
          + "has \(home.rawValue) for it; expected services that run in \(home.rawValue)")
    }
    var names: Set<String> = []
    for service in services where !names.insert(service.name).inserted {
      error(
        at: fields["services"]?.location ?? fields.location,
        "service name \(Wording.quoted(service.name)) is used twice; expected names of their own")
    }
    return services
  }
}
