import Model
import Quantities
import Virtualization

extension Expectation where Value == IdleStates.State {
  /// An idle state of a core.
  static var idleState: Expectation {
    Expectation("a mapping of name, exit_latency and target_residency") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "an idle state", known: ["name", "exit_latency", "target_residency"])
      else { return nil }
      let name = reader.required("name", in: fields, .label)
      let latency = reader.required("exit_latency", in: fields, .time)
      let residency = reader.required("target_residency", in: fields, .time)
      guard let name, let latency, let residency else { return nil }
      return IdleStates.State(
        name: name, exitLatency: Double(latency.nanoseconds), targetResidency: Double(residency.nanoseconds))
    }
  }
}

extension Expectation where Value == [IdleStates.State] {
  /// The idle states of a core, from the shallowest to the deepest.
  static var idleStateList: Expectation {
    Expectation("a list of idle states") { reader, node in
      let list = Expectation<[IdleStates.State]>.list(of: .idleState, "a list of at least one idle state", minimum: 1)
      guard let states = list.read(&reader, node) else { return nil }
      for (state, next) in zip(states, states.dropFirst())
      where next.targetResidency <= state.targetResidency || next.exitLatency < state.exitLatency {
        reader.error(
          at: node.location,
          "expected a longer target_residency, and no shorter exit_latency, from one state to the next; found "
            + "'\(next.name)' after '\(state.name)'")
        return nil
      }
      return states
    }
  }
}

extension Expectation where Value == HostGroup.Processor.IdleSetting {
  /// What a scenario says of the idle states of a host.
  static var idleSetting: Expectation {
    Expectation("profile, none, or a list of idle states") { reader, node in
      if case .text = node.content {
        let word = reader.read(node, .word("setting", among: ["profile", "none"]))
        return word.map { $0 == "none" ? .own([]) : .profile }
      }
      return reader.read(node, .idleStateList).map { .own($0) }
    }
  }
}

extension Expectation where Value == IdleStates {
  /// The idle states of a profile's processor, with their source.
  static func idleStates(_ catalogue: StepCatalogue) -> Expectation {
    Expectation("a mapping of states, included, kind and source") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "the idle states", known: ["states", "included", "kind", "source", "reason"])
      else { return nil }
      let states = reader.required("states", in: fields, .idleStateList)
      var included: [String: Double] = [:]
      for entry in fields["included"].flatMap({ reader.entries(of: $0) }) ?? [] {
        if catalogue[entry.key] == nil {
          reader.error(at: entry.keyLocation, Wording.unknown("step", entry.key, among: catalogue.steps.map(\.name)))
        }
        if let time = reader.read(entry.value, .time) { included[entry.key] = Double(time.nanoseconds) }
      }
      guard let provenance = reader.provenance(fields), let states else { return nil }
      return IdleStates(states: states, included: included, kind: provenance.kind, source: provenance.source)
    }
  }
}
