import Documents
import Foundation
import Model
import Quantities
import Testing
import Virtualization

@Suite struct ProfileTests {
  @Test func everyKeyIsRead() throws {
    let profile = try #require(try Fixture.library().profiles["machine"])
    #expect(profile.title == "a machine")
    #expect(profile.backend == "vt-x")
    #expect(profile.frequency.hertz == 2_000_000_000)
    #expect(profile.processors == ["p1"])
    #expect(
      profile.tlb == ProcessorTLB(entries: [4096: 1536, 2 << 20: 32], kind: .published, source: "manual"))
    #expect(profile.bases.isEmpty)
    let work = try #require(profile.costs["work"])
    #expect(work.mean == .nanoseconds(100))
    #expect(work.distribution == .deterministic)
    #expect(work.kind == .assumed)
    #expect(work.source == "guess")
    #expect(work.range == 50...200)
    #expect(work.location.line == 8)
    let leave = try #require(profile.costs["leave"])
    #expect(leave.rows.map(\.id) == ["r1", "r0"])
    #expect(leave.rows.map(\.coefficient) == [0.5, -0.5])
    let enter = try #require(profile.costs["enter"])
    #expect(enter.mean == .cycles(200))
    #expect(enter.kind == .measured)
    #expect(enter.distribution == .gamma(coefficientOfVariation: 0.5))
  }

  @Test func basesAreNearestFirstAndEnterTheDigest() throws {
    let folder = try TemporaryFolder()
    let (middle, top) = (child("middle", of: "machine"), child("a-top", of: "middle"))
    try Fixture.write(to: folder, ["profiles/middle.yaml": middle, "profiles/a-top.yaml": top])
    let library = try LibraryLoader.load(folder: folder.path) { "<\($0.count)>" }
    let profile = try #require(library.profiles["a-top"])
    #expect(profile.bases.map(\.name) == ["middle", "machine"])
    let machine = Fixture.profile.utf8.count
    #expect(library.profiles["machine"]?.digest == "<\(machine)>")
    let middleDigest = "<\(middle.utf8.count + "<\(machine)>".utf8.count)>"
    #expect(library.profiles["middle"]?.digest == middleDigest)
    #expect(profile.digest == "<\(top.utf8.count + middleDigest.utf8.count)>")
    #expect(profile.effectiveTLB?.kind == .published)
    #expect(profile.price(of: "work", backends: [])?.profile == "machine")
  }

  @Test func aScaledBaseIsAnAssumptionWithAWiderRange() throws {
    let library = try Fixture.library()
    let folder = try TemporaryFolder()
    let text = """
      profile: slower
      title: t
      backend: vt-x
      base: machine
      scaling: {factor: 2, range: [1, 4], reason: an older machine}
      frequency: 1 GHz
      steps: {}

      """
    try folder.write("slower.yaml", text)
    let profile = try LibraryLoader.profile(path: "\(folder.path)/slower.yaml", library: library)
    let work = try #require(profile.price(of: "work", backends: ["vt-x"]))
    #expect(work.nanoseconds == 200 && work.cost.range == 50...800)
    #expect(work.cost.kind == .assumed && work.profile == "machine")
    #expect(work.cost.source == "scaled by 2.0 from machine, an older machine; there: guess")
    // A published or measured price is no such thing on another machine, and names no rows.
    let leave = try #require(profile.price(of: "leave", backends: ["vt-x"]))
    #expect(leave.cost.kind == .assumed && leave.cost.rows.isEmpty)
    let enter = try #require(profile.price(of: "enter", backends: ["none"]))
    #expect(enter.nanoseconds == 200 && enter.cost.kind == .assumed)

    for (scaling, message) in [
      ("{factor: 2, range: [3, 4], reason: r}", "expected a range [low, high] around the factor, the lower first"),
      ("{factor: 0, range: [0, 4], reason: r}", "expected a number above 0"),
    ] {
      try folder.write(
        "bad.yaml", text.replacingOccurrences(of: "{factor: 2, range: [1, 4], reason: an older machine}", with: scaling)
      )
      let error = #expect(throws: DiagnosticError.self) {
        try LibraryLoader.profile(path: "\(folder.path)/bad.yaml", library: library)
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains(message))
    }
    try folder.write("alone.yaml", text.replacingOccurrences(of: "base: machine\n", with: ""))
    #expect(throws: DiagnosticError.self) {
      try LibraryLoader.profile(path: "\(folder.path)/alone.yaml", library: library)
    }
  }

  @Test func aDesignPrefersItsBackendsInOrder() throws {
    let library = try Fixture.library()
    let folder = try TemporaryFolder()
    try folder.write(
      "own.yaml",
      """
      profile: own
      title: t
      backend: vt-x
      frequency: 1 GHz
      steps:
        work: {mean: 1 ns, kind: published, source: s}
        leave: {mean: 2 ns, kind: published, source: s}
      other_backends:
        xen:
          work: {mean: 7 ns, kind: published, source: s}

      """)
    let profile = try LibraryLoader.profile(path: "\(folder.path)/own.yaml", library: library)
    #expect(profile.price(of: "work", backends: ["xen", "vt-x"])?.nanoseconds == 7)
    #expect(profile.price(of: "work", backends: ["vt-x", "xen"])?.nanoseconds == 1)
    #expect(profile.price(of: "leave", backends: ["xen", "vt-x"])?.nanoseconds == 2)
    #expect(profile.price(of: "work", backends: ["amd-v"])?.nanoseconds == 1)
  }

  @Test func pricesForOtherBackendsAndFactsOfTheMeasurement() throws {
    let folder = try TemporaryFolder()
    let library = try Fixture.library()
    let text = """
      profile: own
      title: t
      backend: vt-x
      base: machine
      frequency: 1 GHz
      provenance:
        kernel: "6.18"
        mitigations: {meltdown: none}
      steps:
        work: {mean: 1 ns, kind: measured, source: s, range: [0.5 ns, 2 ns]}
      other_backends:
        pvm:
          work: {mean: 7 ns, kind: published, source: s}

      """
    try folder.write("own.yaml", text)
    let profile = try LibraryLoader.profile(path: "\(folder.path)/own.yaml", library: library) { "\($0.count)" }
    #expect(profile.provenance.map(\.name) == ["kernel", "mitigations.meltdown"])
    #expect(profile.provenance.map(\.text) == ["6.18", "none"])
    #expect(profile.price(of: "work", backends: ["vt-x"])?.nanoseconds == 1)
    #expect(profile.price(of: "work", backends: ["pvm"])?.nanoseconds == 7)
    #expect(
      profile.price(of: "work", backends: ["vt-x", "pvm"])?.nanoseconds == 1, "the design's first backend comes first")
    let other = profile.price(of: "work", backends: ["amd-v"])
    #expect(other?.nanoseconds == 100 && other?.profile == "machine" && other?.passedOver == "own")
    try folder.write("own.yaml", text.replacingOccurrences(of: "  pvm:", with: "  vt-x:"))
    #expect(
      folder.faults { _ = try LibraryLoader.profile(path: "\(folder.path)/own.yaml", library: library) } == [
        "own.yaml:12:3: error: 'vt-x' is the profile's own backend; expected another one"
      ])
    try folder.write("own.yaml", text.replacingOccurrences(of: "  pvm:", with: "  pmv:"))
    #expect(
      folder.faults { _ = try LibraryLoader.profile(path: "\(folder.path)/own.yaml", library: library) } == [
        "own.yaml:12:3: error: unknown backend 'pmv' (did you mean 'pvm'?)"
      ])
  }

  @Test func aProfileMayStandAnywhere() throws {
    let folder = try TemporaryFolder()
    let library = try Fixture.library()
    try folder.write("own.yaml", child("another-name", of: "machine"))
    let profile = try LibraryLoader.profile(path: "\(folder.path)/own.yaml", library: library) { "\($0.count)" }
    #expect(profile.name == "another-name")
    #expect(profile.bases.map(\.name) == ["machine"])
    try folder.write("own.yaml", child("own", of: "machin"))
    #expect(
      folder.faults { _ = try LibraryLoader.profile(path: "\(folder.path)/own.yaml", library: library) } == [
        "own.yaml:2:7: error: unknown base profile 'machin' (did you mean 'machine'?)"
      ])
    #expect(throws: DiagnosticError.missing(path: "nowhere.yaml")) {
      try LibraryLoader.profile(path: "nowhere.yaml", library: library)
    }
  }

  private func child(_ name: String, of base: String) -> String {
    """
    profile: \(name)
    base: \(base)
    title: t
    backend: none
    frequency: 1 GHz
    steps:
      enter: {mean: 1 ns, kind: measured, source: s}
    """
  }

  @Test(arguments: [
    (
      "backend: vt-x", "backend: vmx",
      "3:10: error: unknown backend 'vmx'; expected vt-x, amd-v, pvm, arm, xen, xen-arm, hyper-v, esxi or none"
    ),
    ("frequency: 2 GHz", "frequency: 0 GHz", "4:12: error: expected a frequency above 0, found '0 GHz'"),
    ("4 KiB: 1536", "8 KiB: 1536", "6:17: error: expected 4 KiB, 2 MiB or 1 GiB, found '8 KiB'"),
    ("4 KiB: 1536", "4 KiB: 0", "6:24: error: expected an integer from 1 to 1000000, found '0'"),
    (", source: manual", "", "6:6: error: missing key 'source' in the tlb; expected text"),
    ("  work:", "  works:", "8:3: error: unknown step 'works' (did you mean 'work'?)"),
    (
      "mean: 100 ns, ", "",
      "8:9: error: missing key 'mean' in the cost of 'work'; expected a cost such as 0.5 us or 1300 cycles"
    ),
    ("100 ns", "100", "8:16: error: expected a cost with its unit (ns, us, ms, s, cycles), found '100'"),
    ("100 ns", "201 ns", "8:16: error: the mean 201 ns lies outside its range from 50 ns to 400 cycles"),
    ("kind: assumed", "kind: guessed", "8:30: error: unknown kind 'guessed'; expected measured, published or assumed"),
    (", reason: guess", "", "8:9: error: missing key 'reason' in the cost of 'work'; expected text"),
    ("reason: guess", "reason: ''", "8:75: error: expected text, found ''"),
    (
      "reason: guess", "reason: x, source: y",
      "8:86: error: a cost of kind 'assumed' has no 'source'; expected 'reason'"
    ),
    (
      ", range: [50 ns, 400 cycles]", "",
      "8:9: error: missing key 'range' in the cost of 'work'; expected the range of an assumed mean"
    ),
    (
      "[50 ns, 400 cycles]", "[400 cycles, 50 ns]",
      "8:46: error: expected a range [low, high] of two costs, the lower first"
    ),
    ("[50 ns, 400 cycles]", "[50 ns]", "8:46: error: expected a range [low, high] of two costs, the lower first"),
    (
      "[50 ns, 400 cycles]", "[50 ns, a]",
      "8:54: error: expected a cost with its unit (ns, us, ms, s, cycles), found 'a'"
    ),
    (", source: paper", "", "9:10: error: missing key 'source' in the cost of 'leave'; expected text"),
    ("r1: 0.5", "r1: half", "9:68: error: expected a number, found 'half'"),
    (", source: harness", "", "10:10: error: missing key 'source' in the cost of 'enter'; expected text"),
    ("cv: 0.5", "cv: 0", "10:89: error: expected a number above 0, at most 1000, found '0'"),
    ("{gamma: {cv: 0.5}}", "normal", "10:76: error: unknown distribution 'normal'; expected deterministic"),
    (
      "{gamma: {cv: 0.5}}", "{normal: 1, gamma: {cv: 1}}",
      "10:77: error: unknown key 'normal' in a distribution; expected gamma"
    ),
    (
      "title: a machine", "titles: a machine\ntitle: b",
      "2:1: error: unknown key 'titles' in the profile (did you mean 'title'?)"
    ),
  ])
  func fault(old: String, new: String, message: String) throws {
    let changed = Fixture.profile.replacingOccurrences(of: old, with: new)
    #expect(changed != Fixture.profile)
    let found = try Fixture.faults(["profiles/machine.yaml": changed])
    #expect(found == ["profiles/machine.yaml:\(message)"])
  }

  @Test func circlesOfBases() throws {
    #expect(
      try Fixture.faults(["profiles/a.yaml": child("a", of: "b"), "profiles/b.yaml": child("b", of: "a")]) == [
        "profiles/a.yaml:2:7: error: profile 'a' is a base of itself",
        "profiles/b.yaml:2:7: error: profile 'b' is a base of itself",
      ])
  }

  @Test func deterministicCostsMayBeSaid() throws {
    let text = Fixture.profile.replacingOccurrences(of: "{gamma: {cv: 0.5}}", with: "deterministic")
    #expect(try Fixture.faults(["profiles/machine.yaml": text]) == [])
  }
}
