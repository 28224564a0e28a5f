import Virtualization

extension DocumentReader {
  /// What a design can do: what its document states, and else what its base can.
  mutating func capabilities(_ node: DocumentNode?, base: DesignCapabilities?) -> DesignCapabilities {
    var result = base ?? DesignCapabilities()
    let known = ["guest_interfaces", "migration", "memory_overcommit", "reason"]
    guard let node, let fields = fields(of: node, in: "the capabilities", known: known) else { return result }
    result.guestInterfaces =
      optional("guest_interfaces", in: fields, .interfaces) ?? result.guestInterfaces
    result.canMigrate = optional("migration", in: fields, .flag) ?? result.canMigrate
    result.canOvercommitMemory = optional("memory_overcommit", in: fields, .flag) ?? result.canOvercommitMemory
    result.reason = required("reason", in: fields, .prose) ?? ""
    return result
  }
}

extension Expectation where Value == [String] {
  /// Names of paravirtual interfaces.
  static var interfaces: Expectation {
    .list(of: .word("interface", among: DesignCapabilities.knownInterfaces), "a list of paravirtual interfaces")
  }
}
