import Quantities
import Testing

@Suite struct NearestNameTests {
  @Test(arguments: [
    ("coers", "cores"), ("vmz", "vms"), ("memroy", "memory"), ("Cores", "cores"),
    ("thread_per_core", "threads_per_core"), ("discription", "description"), ("core", "cores"),
    ("fidellity", "fidelity"), ("cores", "cores"),
  ])
  func near(name: String, expected: String) {
    let known = ["cores", "vms", "memory", "threads_per_core", "description", "fidelity"]
    #expect(NearestName.nearest(to: name, among: known) == expected)
  }

  @Test func far() {
    #expect(NearestName.nearest(to: "colour", among: ["cores", "memory"]) == nil)
    #expect(NearestName.nearest(to: "x", among: ["s", "h"]) == nil)
    #expect(NearestName.nearest(to: "", among: ["s"]) == nil)
    #expect(NearestName.nearest(to: "cores", among: [String]()) == nil)
    #expect(NearestName.nearest(to: String(repeating: "c", count: 100_000), among: ["cores"]) == nil)
  }

  @Test func ties() {
    #expect(NearestName.nearest(to: "bat", among: ["cat", "hat"]) == "cat")
    #expect(NearestName.nearest(to: "bat", among: ["hat", "cat"]) == "hat")
    #expect(NearestName.nearest(to: "KB", among: ["KiB", "kB"]) == "kB")
    #expect(NearestName.nearest(to: "mw", among: ["MW", "mW"]) == "mW")
    #expect(NearestName.nearest(to: "mb", among: ["kB", "MB"]) == "MB")
  }

  @Test func aSwapOfNeighboursIsOneEdit() {
    // Two replacements would be beyond the limit for names of five letters.
    #expect(NearestName.nearest(to: "pahse", among: ["phase"]) == "phase")
    #expect(NearestName.nearest(to: "phxyz", among: ["phase"]) == nil)
  }
}
