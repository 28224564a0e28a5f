import Virtualization

/// What scenarios ask of designs that these can't do.
extension ModelAssembly {
  /// Faults a VM group whose guest the design cannot run, or that asks for what the design cannot do.
  mutating func checkCapabilities(of choice: DesignChoice, for group: VMGroup) {
    let capabilities = choice.design.capabilities
    if let guest = library.guests[group.guest] {
      let missing = capabilities.missing(in: guest)
      if !missing.isEmpty {
        let needed =
          missing.count == 1 ? "the interface \(missing[0])" : "the interfaces \(missing.joined(separator: ", "))"
        let able = library.guests.values.filter { capabilities.missing(in: $0).isEmpty }.map(\.name).sorted()
        fault(
          group.location,
          "design '\(choice.label)' cannot run guest '\(guest.name)', which lacks \(needed)\(reason(of: capabilities)); "
            + "expected guest \(able.joined(separator: " or "))")
      }
    }
    if group.dirtyLogging != nil && !capabilities.canMigrate {
      fault(
        group.location,
        "vm group '\(group.name)' is to be logged for migration, but design '\(choice.label)' cannot migrate VMs"
          + reason(of: capabilities))
    }
  }

  /// Faults policies that move VMs on hosts whose design cannot.
  mutating func checkMigration(_ policies: FleetPolicies) {
    guard policies.consolidation != nil else { return }
    var first = 0
    for group in scenario.hosts {
      guard first < hosts.count else { return }
      let choice = hosts[first].design.choice
      if !choice.design.capabilities.canMigrate {
        fault(
          group.location,
          "policy 'consolidation' moves VMs, but design '\(choice.label)' of host '\(group.name)' cannot migrate them"
            + "\(reason(of: choice.design.capabilities)); expected another design, or consolidation: none")
      }
      first += group.count
    }
  }

  func reason(of capabilities: DesignCapabilities) -> String {
    capabilities.reason.isEmpty ? "" : ": \(capabilities.reason)"
  }
}
