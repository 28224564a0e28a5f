import Model
import Quantities
import Virtualization

extension Expectation where Value == HostNodes {
  /// Memory nodes of a host.
  static var hostNodes: Expectation {
    Expectation("a mapping of nodes and scheduling") { reader, node in
      guard let fields = reader.fields(of: node, in: "a numa", known: ["nodes", "scheduling"]) else { return nil }
      let count = reader.required("nodes", in: fields, .integer(in: 1...64))
      let scheduling = reader.optional(
        "scheduling", in: fields, Expectation<HostNodes.Scheduling>.choice("scheduling"))
      return count.map { HostNodes(count: $0, scheduling: scheduling ?? .aware) }
    }
  }
}

extension Expectation where Value == NodeOptions {
  /// Where a VM's memory lies.
  static var nodeOptions: Expectation {
    Expectation("a mapping of placement, strict, exposed and shared") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "a vm's numa", known: ["placement", "strict", "exposed", "shared"])
      else { return nil }
      var options = NodeOptions()
      options.placement =
        reader.optional("placement", in: fields, Expectation<NodeOptions.Placement>.choice("placement"))
        ?? options.placement
      options.isStrict = reader.optional("strict", in: fields, .flag) ?? options.isStrict
      options.isExposed = reader.optional("exposed", in: fields, .flag) ?? options.isExposed
      options.sharedShare = reader.optional("shared", in: fields, .share) ?? options.sharedShare
      return options
    }
  }
}

extension Expectation where Value == MemoryNodes {
  /// What memory of another node costs, with its source.
  static var memoryNodes: Expectation {
    Expectation("a mapping of local, remote, bandwidth, kind and source") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "the memory nodes", known: ["local", "remote", "bandwidth", "kind", "source", "reason"])
      else { return nil }
      let local = reader.required("local", in: fields, .cost)
      let remote = reader.required("remote", in: fields, .cost)
      let bandwidth = reader.required("bandwidth", in: fields, .bitRate)
      let provenance = reader.provenance(fields)
      guard let local, let remote, let bandwidth, let provenance else { return nil }
      let usual = Frequency(hertz: 1_000_000_000)
      if local.isCycles == remote.isCycles, remote.nanoseconds(at: usual) < local.nanoseconds(at: usual) {
        reader.error(at: node.location, "remote memory is faster than local memory; expected it to be no faster")
      }
      return MemoryNodes(
        local: local, remote: remote, bandwidth: bandwidth, kind: provenance.kind, source: provenance.source)
    }
  }
}

extension Cost {
  fileprivate var isCycles: Bool {
    if case .cycles = self { true } else { false }
  }
}
