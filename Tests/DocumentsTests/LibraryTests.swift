import Foundation
import Model
import Testing
import Virtualization

@testable import Documents

@Suite struct LibraryTests {
  @Test func theShippedDocumentsHaveNoFaults() throws {
    let library = try LibraryLoader.load(folder: shippedFolder)
    #expect(Set(["bare-metal", "container", "kvm-virtio", "kvm-shadow"]).isSubset(of: library.designs.keys))
    #expect(library.designs["kvm-shadow"]?.defaults[.paging] == "shadow")
    #expect(library.designs["kvm-shadow"]?.paths == library.designs["kvm-virtio"]?.paths)
    #expect(library.profiles["cascade-lake-pvm-paper"]?.costs["cpuid_exit"]?.mean == .nanoseconds(540))
    #expect(library.guests["linux"]?.tickRate == 250)
    #expect(library.catalogue["hypercall_exit"]?.parts == ["vm_exit", "hypercall_dispatch", "vm_entry"])
  }

  @Test func theShippedScenariosNameDocumentsOfTheLibrary() throws {
    let library = try LibraryLoader.load(folder: shippedFolder)
    let names = try FileManager.default.contentsOfDirectory(atPath: shippedFolder)
      .filter { $0.hasSuffix(".yaml") && $0 != "steps.yaml" }
    #expect(names.count >= 3)
    for name in names.sorted() {
      let (scenario, warnings) = try ScenarioReader.read(path: "\(shippedFolder)/\(name)")
      #expect(scenario.name + ".yaml" == name)
      #expect(warnings == [])
      for design in scenario.hosts.map(\.design) + (scenario.comparison?.designs ?? []) {
        #expect(library.designs[design.name] != nil)
      }
      for host in scenario.hosts { #expect(library.profiles[host.profile] != nil) }
      for vm in scenario.vms { #expect(library.guests[vm.guest] != nil) }
    }
  }

  @Test func faultsOfAllDocumentsAreToldAtOnce() throws {
    let found = try Fixture.faults([
      "steps.yaml": Fixture.steps.replacingOccurrences(of: "{meaning: in}", with: "{}"),
      "designs/bad.yaml": "design: [\n",
      "designs/hypervisor.yaml": Fixture.hypervisor.replacingOccurrences(of: "- round", with: "- x"),
      "profiles/machine.yaml": Fixture.profile.replacingOccurrences(of: "100 ns", with: "x"),
      "guests/other.yaml": Fixture.guest.replacingOccurrences(of: "guest: system", with: "guest: othr"),
    ])
    #expect(
      found == [
        "designs/bad.yaml:2:1: error: did not find expected node content, while parsing a flow node that starts in line 2, column 1",
        "designs/hypervisor.yaml:18:7: error: unknown step 'x'; expected leave, enter, round or work",
        "guests/other.yaml:1:8: error: guest 'othr' stands in a file of another name; expected 'other'",
        "profiles/machine.yaml:8:16: error: expected a cost with its unit (ns, us, ms, s, cycles), found 'x'",
        "steps.yaml:3:10: error: missing key 'meaning' in a step; expected text",
      ])
  }

  @Test func aLibraryNeedsItsSteps() throws {
    let folder = try TemporaryFolder()
    #expect(throws: DiagnosticError.missing(path: "\(folder.path)/steps.yaml")) {
      try LibraryLoader.load(folder: folder.path)
    }
    try folder.write("steps.yaml", "steps: {}\n")
    let library = try LibraryLoader.load(folder: folder.path)
    #expect(library.designs.isEmpty && library.profiles.isEmpty && library.guests.isEmpty)
  }

  @Test func aScenariosFolderAddsToTheLibrary() throws {
    let (main, own) = (try TemporaryFolder(), try TemporaryFolder())
    try Fixture.write(to: main)
    try own.write("designs/mine.yaml", "design: mine\nbase: hypervisor\ntitle: t\n")
    try own.write("designs/.hidden.yaml", "no document")
    try own.write("designs/notes.txt", "no document")
    let library = try LibraryLoader.load(folder: main.path, scenarioFolder: own.path)
    #expect(library.designs.keys.sorted() == ["bare-metal", "hypervisor", "mine"])
    // The same file by another path is no second document.
    #expect(try LibraryLoader.load(folder: main.path, scenarioFolder: "\(main.path)/.").designs.count == 2)
    try FileManager.default.createSymbolicLink(
      atPath: "\(own.path)/profiles", withDestinationPath: "\(main.path)/profiles")
    #expect(try LibraryLoader.load(folder: main.path, scenarioFolder: own.path).profiles.count == 1)

    try own.write("guests/system.yaml", Fixture.guest)
    #expect(
      own.faults { _ = try LibraryLoader.load(folder: main.path, scenarioFolder: own.path) } == [
        "guests/system.yaml:1:8: error: guest 'system' is already in \(main.path)/guests/system.yaml; "
          + "expected another name"
      ])
  }

  @Test func loadingIsDeterministic() throws {
    let first = try LibraryLoader.load(folder: shippedFolder)
    let second = try LibraryLoader.load(folder: shippedFolder)
    #expect(first.catalogue.steps == second.catalogue.steps)
    for (name, design) in first.designs {
      #expect(design.paths == second.designs[name]?.paths)
      #expect(design.allowed == second.designs[name]?.allowed)
    }
    for (name, profile) in first.profiles { #expect(profile.costs == second.profiles[name]?.costs) }
  }
}

@Suite struct LibraryLocationTests {
  private func locate(
    explicit: String? = nil, environment: String? = nil, executable: String? = nil, directory: String? = nil
  ) -> String {
    LibraryLoader.locate(
      explicit: explicit, environment: environment, executable: executable, currentDirectory: directory)
  }

  @Test func theUserDecides() {
    #expect(locate(explicit: "a", environment: "b", executable: "/c/d", directory: "/e") == "a")
    #expect(locate(environment: "b", executable: "/c/d", directory: "/e") == "b")
    #expect(locate(environment: "", executable: "/opt/none/bin/vdcsim") == "/opt/none/share/vdcsim/scenarios")
  }

  @Test func theNearestFolderAboveTheExecutableThenTheCurrentOne() throws {
    let folder = try TemporaryFolder()
    try folder.write("one/scenarios/steps.yaml", "steps: {}")
    try folder.write("two/scenarios/steps.yaml", "steps: {}")
    try folder.write("two/three/empty", "")
    let (one, two) = ("\(folder.path)/one", "\(folder.path)/two")
    #expect(locate(executable: "\(one)/.build/debug/vdcsim", directory: "\(two)/three") == "\(one)/scenarios")
    #expect(locate(executable: "/none/bin/vdcsim", directory: "\(two)/three") == "\(two)/scenarios")
    #expect(locate(executable: "/none/bin/vdcsim", directory: two) == "\(two)/scenarios")
    #expect(locate(executable: "/bin/vdcsim", directory: "/") == "/share/vdcsim/scenarios")
  }

  @Test func thisProcessHasAnExecutable() {
    #expect(LibraryLoader.locate(explicit: "x") == "x")
    #expect(LibraryLoader.locate().hasPrefix("/") || LibraryLoader.locate() == "scenarios")
  }
}
