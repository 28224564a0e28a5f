import Model
import Quantities
import Virtualization

extension Expectation where Value == FleetPolicies {
  /// What `policies` holds.
  static var policies: Expectation {
    Expectation("a mapping of policies") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "policies",
          known: [
            "set", "hosts", "placement", "consolidation", "migration", "power_aware", "end_idle_vms", "corrections",
          ])
      else { return nil }
      var policies = FleetPolicies()
      if let set = reader.optional("set", in: fields, Expectation<FleetPolicies.Semantics>.choice("policy set")) {
        policies.semantics = set
      }
      let isCompatible = policies.semantics == .cloudSimCompatible
      policies.alternatesHosts = isCompatible
      if let order = reader.optional("hosts", in: fields, .word("order of hosts", among: ["grouped", "alternating"])) {
        policies.alternatesHosts = order == "alternating"
      }
      if let value = reader.optional("placement", in: fields, .placement) { policies.placement = value }
      if let value = reader.optional("consolidation", in: fields, .consolidation) {
        policies.consolidation = value.policy
      }
      if let value = reader.optional("migration", in: fields, .migration) { policies.migration = value }
      if let value = reader.optional("power_aware", in: fields, .truth) { policies.isPowerAware = value }
      if let value = reader.optional("end_idle_vms", in: fields, .truth) { policies.endsIdleVMs = value }
      let corrections = Expectation<[CompatibleCorrection]>.list(
        of: Expectation<CompatibleCorrection>.choice("correction"), "a list of corrections")
      if let value = reader.optional("corrections", in: fields, corrections) { policies.corrections = Set(value) }
      for key in ["end_idle_vms", "corrections"] {
        if !isCompatible, let node = fields[key] {
          reader.error(at: node.location, "'\(key)' belongs to the policy set cloudsim-compatible")
        }
      }
      if isCompatible {
        reader.checkCompatible(policies, at: fields)
      } else {
        reader.checkDefault(policies, at: fields)
      }
      return policies
    }
  }
}

extension DocumentReader {
  /// What the default set does not simulate yet: asked for, it must not be passed over in silence.
  fileprivate mutating func checkDefault(_ policies: FleetPolicies, at fields: Fields) {
    if let node = fields["power_aware"] {
      error(
        at: node.location,
        "'power_aware' is not simulated under the default policies by this version; expected it with set: "
          + "cloudsim-compatible")
    }
    if policies.consolidation == nil, let node = fields["migration"] {
      error(
        at: node.location, "'migration' says how VMs are moved; expected 'consolidation' beside it, which moves them")
    }
  }

  /// What CloudSim does not have, its compatible set does not have either.
  fileprivate mutating func checkCompatible(_ policies: FleetPolicies, at fields: Fields) {
    if ![.firstFit, .powerAware].contains(policies.placement.rule), let node = fields["placement"] {
      error(
        at: node.location,
        "the policy set cloudsim-compatible places VMs by first-fit or power-aware-best-fit-decreasing, found "
          + "'\(policies.placement.rule.rawValue)'")
    }
    for key in ["cpu_allocation_ratio", "memory_allocation_ratio", "weights"] {
      if let node = fields["placement"]?[key] {
        error(at: node.location, "'\(key)' has no meaning in the policy set cloudsim-compatible")
      }
    }
    if let node = fields["consolidation"]?["sleep"] {
      error(at: node.location, "'sleep' is not simulated by this version: CloudSim's empty hosts draw nothing")
    }
    if policies.migration.mechanism != .fixedRate, let node = fields["migration"] {
      error(
        at: node.location,
        "the policy set cloudsim-compatible moves VMs at a fixed rate, found '\(policies.migration.mechanism.rawValue)'"
      )
    }
  }
}

extension Expectation where Value == Bool {
  /// `true` or `false`.
  static var truth: Expectation {
    let word = Expectation<String>.word("value", among: ["true", "false"])
    return Expectation(word.text) { reader, node in word.read(&reader, node).map { $0 == "true" } }
  }
}

extension Expectation where Value == Double {
  /// How often each MHz of a host may be promised.
  static var processorRatio: Expectation { .real("a number from 0.01 to 1000") { (0.01...1000).contains($0) } }
  /// How often each byte of a host may be promised: beyond 20 less than a twentieth would be resident.
  static var memoryRatio: Expectation { .real("a number from 0.01 to 20") { (0.01...20).contains($0) } }
}

extension Expectation where Value == PlacementPolicy {
  /// A rule, or a mapping of a rule and ratios.
  static var placement: Expectation {
    Expectation("a rule of placement, or a mapping with rule") { reader, node in
      let rule = Expectation<PlacementPolicy.Rule>.choice("rule of placement")
      var policy = PlacementPolicy()
      guard case .mapping = node.content else {
        guard let value = reader.read(node, rule) else { return nil }
        policy.rule = value
        return policy
      }
      guard
        let fields = reader.fields(
          of: node, in: "a placement", known: ["rule", "cpu_allocation_ratio", "memory_allocation_ratio", "weights"])
      else { return nil }
      if let value = reader.required("rule", in: fields, rule) { policy.rule = value }
      if let value = reader.optional("cpu_allocation_ratio", in: fields, .processorRatio) {
        policy.cpuAllocationRatio = value
      }
      if let value = reader.optional("memory_allocation_ratio", in: fields, .memoryRatio) {
        policy.memoryAllocationRatio = value
      }
      if let weights = fields["weights"],
        let parts = reader.fields(of: weights, in: "weights", known: ["memory", "cpu"])
      {
        let weight = Expectation<Double>.real("a number from -1000 to 1000") { (-1000...1000).contains($0) }
        if let value = reader.optional("memory", in: parts, weight) { policy.memoryWeight = value }
        if let value = reader.optional("cpu", in: parts, weight) { policy.cpuWeight = value }
      }
      return policy
    }
  }
}

/// `consolidation`, which may be `none`.
struct ConsolidationField {
  let policy: ConsolidationPolicy?
}

extension Expectation where Value == ConsolidationField {
  /// `none`, or a mapping.
  static var consolidation: Expectation {
    Expectation("none, or a mapping with overload") { reader, node in
      if case .text(let text) = node.content, text == "none" { return ConsolidationField(policy: nil) }
      guard
        let fields = reader.fields(
          of: node, in: "a consolidation",
          known: ["overload", "threshold", "safety", "selection", "interval", "evacuate", "sleep"])
      else { return nil }
      var policy = ConsolidationPolicy()
      let overload = reader.required(
        "overload", in: fields, Expectation<ConsolidationPolicy.Overload>.choice("overload detector"))
      policy.overload = overload ?? .threshold
      policy.parameter = ConsolidationPolicy.usualParameter(of: policy.overload)
      let threshold = reader.optional(
        "threshold", in: fields, .real("a number above 0 and up to 1") { $0 > 0 && $0 <= 1 })
      let safety = reader.optional(
        "safety", in: fields, .real("a number above 0 and up to 100") { $0 > 0 && $0 <= 100 })
      if overload == .threshold, let threshold { policy.parameter = threshold }
      if overload != .threshold, let safety { policy.parameter = safety }
      if overload == .threshold, let node = fields["safety"] {
        reader.error(at: node.location, "overload detector 'thr' has a 'threshold', no 'safety'")
      } else if overload != nil, overload != .threshold, let node = fields["threshold"] {
        reader.error(
          at: node.location, "overload detector '\(policy.overload.rawValue)' has a 'safety', no 'threshold'")
      }
      if let value = reader.optional(
        "selection", in: fields, Expectation<ConsolidationPolicy.Selection>.choice("selection of VMs"))
      {
        policy.selection = value
      }
      if let value = reader.optional("interval", in: fields, .positiveTime) {
        policy.interval = value
        if value < .seconds(1), let node = fields["interval"] {
          reader.error(at: node.location, "expected an interval of at least 1 s, found \(value)")
        }
      }
      if let value = reader.optional("evacuate", in: fields, .truth) { policy.evacuates = value }
      if let value = reader.optional("sleep", in: fields, .truth) { policy.sleeps = value }
      return ConsolidationField(policy: policy)
    }
  }
}

extension Expectation where Value == MigrationPolicy {
  /// A mechanism, or a mapping of it.
  static var migration: Expectation {
    Expectation("a mechanism of migration, or a mapping with mechanism") { reader, node in
      let mechanism = Expectation<MigrationPolicy.Mechanism>.choice("mechanism of migration")
      guard case .mapping = node.content else {
        return reader.read(node, mechanism).map { MigrationPolicy(mechanism: $0) }
      }
      guard
        let fields = reader.fields(
          of: node, in: "a migration",
          known: [
            "mechanism", "bandwidth_share", "bandwidth_limit", "downtime_target", "round_limit", "auto_converge",
            "dirty_rate", "distinct_writes", "writable_share", "hot_share", "adaptive", "switchover_time",
          ])
      else { return nil }
      guard let chosen = reader.required("mechanism", in: fields, mechanism) else { return nil }
      var policy = MigrationPolicy(mechanism: chosen)
      let share = Expectation<Double>.real("a number above 0 and up to 1") { $0 > 0 && $0 <= 1 }
      if let value = reader.optional("bandwidth_share", in: fields, share) { policy.bandwidthShare = value }
      if let value = reader.optional("bandwidth_limit", in: fields, .bitRate) {
        policy.bandwidthLimit = Double(value.bitsPerSecond) / 8
      }
      if let value = reader.optional("downtime_target", in: fields, .positiveTime) { policy.downtimeTarget = value }
      if let value = reader.optional("round_limit", in: fields, .integer(in: 1...1_000_000)) {
        policy.roundLimit = value
      }
      if let value = reader.optional("auto_converge", in: fields, .truth) { policy.autoConverges = value }
      if let value = reader.optional("dirty_rate", in: fields, .rate) {
        policy.dirtyRate = value.perSecond * BasePage.size
      }
      if let value = reader.optional("distinct_writes", in: fields, .truth) { policy.countsDistinct = value }
      if let value = reader.optional("writable_share", in: fields, share) { policy.writableShare = value }
      if let value = reader.optional("hot_share", in: fields, share) { policy.hotShare = value }
      if let node = fields["adaptive"],
        let rates = reader.fields(of: node, in: "an adaptive bandwidth", known: ["minimum", "increment", "maximum"])
      {
        let values = ["minimum", "increment", "maximum"].map { reader.required($0, in: rates, .bitRate) }
        let bytes = values.compactMap { $0.map { Double($0.bitsPerSecond) / 8 } }
        if bytes.count == 3 {
          policy.adaptation = .init(minimum: bytes[0], increment: bytes[1], maximum: bytes[2])
        }
        for key in ["downtime_target", "auto_converge"] {
          if let other = fields[key] {
            reader.error(
              at: other.location, "'\(key)' has no meaning beside 'adaptive', which ends the rounds by its maximum")
          }
        }
      }
      if let value = reader.optional("switchover_time", in: fields, .time) { policy.switchoverTime = value }
      if chosen == .fixedRate {
        for key in [
          "downtime_target", "round_limit", "auto_converge", "dirty_rate", "distinct_writes", "writable_share",
          "hot_share",
          "adaptive", "switchover_time",
        ] {
          if let node = fields[key] { reader.error(at: node.location, "'\(key)' belongs to the mechanism pre-copy") }
        }
      }
      return policy
    }
  }
}
