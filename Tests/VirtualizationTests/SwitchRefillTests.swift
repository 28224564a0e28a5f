import EventKernel
import Quantities
import Statistics
import Testing

@testable import Virtualization

struct SwitchRefillTests {
  static let clock = Frequency(hertz: 2_400_000_000)

  private func refill(
    processes: Int, pages: Int64, size: Int64 = 512 << 10, ways: Int = 8,
    footprint: SwitchFootprint = SwitchFootprint(), entries: Int = 64, isTagged: Bool = false
  ) -> SwitchRefill {
    SwitchRefill(
      data: SwitchedData(processes: processes, bytes: pages << 12), footprint: footprint,
      cache: PhysicalCache(
        size: size, ways: ways, line: 128, fill: .nanoseconds(70), walk: .cycles(48), kind: .assumed, source: "test"),
      translationEntries: entries, isTagged: isTagged, frequency: Self.clock)
  }

  @Test("Closed forms: a direct-mapped cache, and one of a single colour")
  func closedForms() {
    // Direct-mapped, 16 colours: a page stays if none of the others has its colour.
    let direct = refill(processes: 4, pages: 5, size: 64 << 10, ways: 1)
    #expect(abs(direct.missRatio - (1 - PortableMath.pow(15.0 / 16, 19))) < 1e-12)
    // One colour of eight ways: all or nothing.
    #expect(refill(processes: 2, pages: 4, size: 32 << 10).missRatio == 0)
    #expect(refill(processes: 3, pages: 3, size: 32 << 10).missRatio == 1)
    // Scattered lines alone, 2 a set: one page is lost when eight of them or more meet in its set.
    let alone = refill(processes: 2, pages: 0, footprint: SwitchFootprint(process: 0, shared: 512 * 2 * 128))
    #expect(alone.missRatio == 0 && alone.nanoseconds == 0)
  }

  @Test("Time is that of the lost lines and translations")
  func time() {
    let found = refill(processes: 16, pages: 4)
    #expect(abs(found.lines - 128 * found.missRatio) < 1e-9)
    #expect(found.translations == 4)
    #expect(abs(found.nanoseconds - (found.lines * 70 + 4 * 20)) < 1e-9)
    #expect(refill(processes: 16, pages: 100).translations == 64)
    // Tags keep what all processes need, where there are entries for it.
    #expect(refill(processes: 16, pages: 4, isTagged: true).translations == 0)
    #expect(refill(processes: 17, pages: 4, isTagged: true).translations == 4)
  }

  @Test("More processes, more data and more scattered lines lose more; ways keep more")
  func monotone() {
    var last = 0.0
    for processes in [2, 4, 8, 16, 32] {
      let ratio = refill(processes: processes, pages: 8).missRatio
      #expect(ratio >= last)
      last = ratio
    }
    #expect(last > 0.99)
    let plain = refill(processes: 8, pages: 8).missRatio
    #expect(refill(processes: 8, pages: 8, footprint: SwitchFootprint(process: 8192, shared: 65_536)).missRatio > plain)
    #expect(refill(processes: 8, pages: 8, ways: 16).missRatio < plain)
  }

  @Test(
    "The expectation is that of a simulated cache over placements of pages", arguments: [(8, 16), (16, 4), (4, 16)])
  func simulated(processes: Int, pages: Int) {
    // Least recently used lines of each set, pages and scattered lines placed at random, three rounds of all processes,
    // the last of which counts; 400 placements. A line of a page represents all: they meet the same pages, and
    // scattered lines set by set. Within four standard errors.
    let (ways, colours, scatteredPerSet) = (8, 16, 1.0)
    var stream = RandomStream(seed: 7, replication: 1, entity: 0, purpose: 0)
    var tally = Tally()
    for _ in 0..<400 {
      var colour: [Int] = []
      for _ in 0..<processes * pages { colour.append(Int(stream.nextUniform() * Double(colours))) }
      // Lines of other kinds in the set that is looked at in each colour, by the process after whose data they come.
      var scattered = [[Int]](repeating: [], count: processes)
      for set in 0..<colours {
        for _ in 0..<Int(stream.nextPoisson(mean: scatteredPerSet)) {
          scattered[Int(stream.nextUniform() * Double(processes))].append(set)
        }
      }
      var sets = [[Int]](repeating: [], count: colours)
      var lost = 0
      func use(_ line: Int, in set: Int) -> Bool {
        let position = sets[set].firstIndex(of: line)
        if let position { sets[set].remove(at: position) }
        sets[set].append(line)
        if sets[set].count > ways { sets[set].removeFirst() }
        return position != nil
      }
      for round in 0..<3 {
        var other = 1_000_000
        for process in 0..<processes {
          for page in process * pages..<(process + 1) * pages where !use(page, in: colour[page]) && round == 2 {
            lost += 1
          }
          for set in scattered[process] {
            _ = use(other + set * 100, in: set)
            other += 10_000
          }
        }
      }
      tally.add(Double(lost) / Double(processes * pages))
    }
    let lines = Int64((scatteredPerSet * 512).rounded())
    let expected = refill(
      processes: processes, pages: Int64(pages), footprint: SwitchFootprint(process: 0, shared: lines * 128)
    ).missRatio
    let error = tally.variance.squareRoot() / 20
    #expect(abs(tally.mean - expected) < 4 * error, "\(tally.mean) ± \(error), expected \(expected)")
  }
}
