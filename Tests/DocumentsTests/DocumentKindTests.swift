import Documents
import Foundation
import Testing

@Suite struct DocumentKindTests {
  private func check(_ text: String) throws -> [String] {
    let folder = try TemporaryFolder()
    try folder.write("d.yaml", text)
    let library = try Fixture.library()
    var lines: [String] = []
    let faults = folder.faults {
      let (kind, warnings) = try DocumentKind.check(path: "\(folder.path)/d.yaml", library: library)
      lines = ["\(kind)"] + warnings.map(\.message)
    }
    return faults + lines
  }

  @Test func theFirstKeyTellsTheKind() throws {
    #expect(try check(Fixture.steps) == ["steps"])
    #expect(try check(Fixture.hypervisor) == ["design"])
    #expect(try check("x-note: [a]\n" + Fixture.profile) == ["profile"])
    #expect(try check(Fixture.guest) == ["guest"])
    #expect(try check(ScenarioText().text) == ["scenario"])
    #expect(try check("design: child\nbase: hypervisor\ntitle: t\n") == ["design"])
    #expect(
      try check(ScenarioText().text + "  spare: {idle: true}\n")
        == ["scenario", "workload 'spare' is not used by any vm"])
  }

  @Test func otherDocumentsAreRefused() throws {
    #expect(
      try check("desing: a\n") == ["d.yaml:1:1: error: unknown kind of document 'desing' (did you mean 'design'?)"])
    #expect(
      try check("x-a: b\n") == [
        "d.yaml:1:1: error: expected a document that begins with scenario, design, profile, guest, workload, steps, case, calibration, power, experiment or device"
      ])
    #expect(try check("- a\n") == ["d.yaml:1:1: error: expected a mapping, found a list"])
    #expect(
      try check("design: a\nbase: hipervisor\ntitle: t\n")
        == ["d.yaml:2:7: error: unknown base design 'hipervisor' (did you mean 'hypervisor'?)"])
  }

  @Test func interruptsOfDisksSayWhatTheirAccessesDo() throws {
    func faults(_ interrupt: String, use: String = "block") throws -> [String] {
      try check("device: d\ntitle: t\nkind: frontend\nuse: \(use)\naccesses:\n  interrupt: \(interrupt)\n")
    }
    #expect(try faults("{mmio: 5, status: 1, clear: 3, completions: 4}") == ["device"])
    #expect(
      try faults("{mmio: 5, status: 1, clear: 3}")
        == ["d.yaml:6:14: error: missing key 'completions' in 'interrupt'; expected an integer from 1 to 5"])
    #expect(
      try faults("{mmio: 5, port_io: 1, status: 1, clear: 3, completions: 4}")
        == ["d.yaml:6:14: error: a disk's interrupt with 1 port_io and 5 mmio; expected accesses of one kind"])
    #expect(
      try faults("{mmio: 5, status: 4, clear: 3, completions: 4}")
        == [
          "d.yaml:6:14: error: accesses 4 (status), 3 (clear) and 4 (completions); expected them in this order"
        ])
    #expect(try faults("{mmio: 5, status: 1}", use: "network").count == 1)
  }

  @Test func faultsOfEachKindAreTold() throws {
    #expect(try check("steps: {a: {}}\n") == ["d.yaml:1:12: error: missing key 'meaning' in a step; expected text"])
    #expect(try check("guest: a\n").count == 4)
    #expect(try check("profile: a\n").count == 4)
    #expect(try check("design: a\n").count == 4)
    #expect(try check("scenario: a\n").count == 3)
  }
}
