import Documents
import Model
import Testing
import Virtualization

/// Idle states in scenarios and profiles.
@Suite struct IdleStateReadingTests {
  private func text(_ idle: String) -> String {
    var text = ScenarioText()
    text.host[0] = "cpu: {cores: 2, frequency: 2 GHz, idle_states: \(idle)}"
    return text.text
  }

  @Test func aHostHasItsProfilesOrItsOwnOrNone() throws {
    func setting(_ idle: String) throws -> [IdleStates.State]? {
      guard case .own(let states) = try read(text(idle)).scenario.hosts[0].cpu.idleStates else { return nil }
      return states
    }
    #expect(try setting("profile") == nil)
    #expect(try setting("none") == [])
    let own =
      "[{name: C1, exit_latency: 2 us, target_residency: 0 s}, "
      + "{name: C6, exit_latency: 133 us, target_residency: 600 us}]"
    #expect(
      try setting(own) == [
        IdleStates.State(name: "C1", exitLatency: 2000, targetResidency: 0),
        IdleStates.State(name: "C6", exitLatency: 133_000, targetResidency: 600_000),
      ])
  }

  @Test func faultsAreLocated() {
    #expect(faults(in: text("deep")) == ["5:50: error: unknown setting 'deep'; expected profile or none"])
    #expect(
      faults(in: text("[]")) == ["5:50: error: expected a list of at least one idle state, found an empty list"])
    #expect(
      faults(in: text("[{name: C1, exit_latency: 2 us}]")) == [
        "5:51: error: missing key 'target_residency' in an idle state; expected a time such as 10 s"
      ])
    let order =
      "[{name: C6, exit_latency: 9 us, target_residency: 9 us}, "
      + "{name: C1, exit_latency: 2 us, target_residency: 2 us}]"
    #expect(
      faults(in: text(order)) == [
        "5:50: error: expected a longer target_residency, and no shorter exit_latency, from one state to the next; "
          + "found 'C1' after 'C6'"
      ])
  }

  @Test func aProfileStatesThemWithTheirSource() throws {
    func faults(_ idle: String) throws -> [String] {
      let folder = try TemporaryFolder()
      try Fixture.write(to: folder, ["profiles/machine.yaml": Fixture.profile + "\nidle_states: \(idle)\n"])
      return folder.faults { _ = try LibraryLoader.load(folder: folder.path) { _ in "" } }.map {
        String($0.split(separator: " ", maxSplits: 1)[1])
      }
    }
    let states = "states: [{name: C1, exit_latency: 2 us, target_residency: 2 us}]"
    #expect(try faults("{\(states), kind: published, source: a table}").isEmpty)
    #expect(
      try faults("{\(states)}") == [
        "error: missing key 'kind' in the idle states; expected measured, published or assumed"
      ])
    #expect(
      try faults("{\(states), included: {wurk: 1 us}, kind: published, source: a table}") == [
        "error: unknown step 'wurk' (did you mean 'work'?)"
      ])
  }
}
