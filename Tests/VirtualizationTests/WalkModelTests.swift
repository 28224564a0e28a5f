import Quantities
import Testing

@testable import Virtualization

struct WalkModelTests {
  static let frequency = Frequency(hertz: 1_000_000_000)

  static func portion(
    _ mode: WalkMode, bytes: Double = 64 * 1024 * 1024 * 1024, guest: Int64 = 4096, host: Int64 = 4096
  ) -> WalkPortion {
    WalkPortion(share: 1, bytes: bytes, spread: 1, guestPage: guest, hostPage: host, mode: mode)
  }

  static func hardware(
    _ kind: WalkHardware.CacheKind, entries: Int, hostEntries: Int, nested: Int,
    hierarchy: [WalkHardware.CacheLevel] = []
  ) -> WalkHardware {
    func all(_ number: Int) -> [Int: Int] { [2: number, 3: number, 4: number, 5: number] }
    return WalkHardware(
      kind: kind, entries: all(entries), hostEntries: all(hostEntries), nestedEntries: nested, hit: .cycles(0),
      hierarchy: hierarchy, memory: .cycles(1), provenance: .assumed, source: "test")
  }

  @Test(
    "Without walk caches a nested walk makes (g + 1)(h + 1) − 1 references, a native one g",
    arguments: [(4, 4, 24), (5, 5, 35), (3, 3, 15), (4, 5, 29), (5, 4, 29)], WalkHardware.CacheKind.allCases)
  func cold(levels: (guest: Int, host: Int, bound: Int), kind: WalkHardware.CacheKind) {
    let model = WalkModel(
      hardware: .cold(kind), frequency: Self.frequency, guestLevels: levels.guest, hostLevels: levels.host,
      dataLines: 1)
    let walk = model.walk([Self.portion(.nested)])
    #expect(walk.count == Double(levels.bound))
    #expect(PageWalk.coldBound(guestLevels: levels.guest, hostLevels: levels.host) == levels.bound)
    #expect(walk.nanoseconds == Double(levels.bound), "one cycle a reference")
    let native = WalkModel(
      hardware: .cold(kind), frequency: Self.frequency, guestLevels: levels.guest, hostLevels: levels.guest,
      dataLines: 1)
    #expect(native.walk([Self.portion(.single)]).count == Double(levels.guest))
  }

  @Test("Huge pages cut levels off: 15 references with 2 MiB on both sides, 19 with 2 MiB in the host alone")
  func coldHugePages() {
    let model = WalkModel(
      hardware: .cold(.separate), frequency: Self.frequency, guestLevels: 4, hostLevels: 4, dataLines: 1)
    #expect(model.walk([Self.portion(.nested, guest: 2 << 20, host: 2 << 20)]).count == 15)
    #expect(model.walk([Self.portion(.nested, guest: 4096, host: 2 << 20)]).count == 19)
    #expect(model.walk([Self.portion(.nested, guest: 1 << 30, host: 1 << 30)]).count == 8)
    #expect(model.walk([Self.portion(.single, guest: 2 << 20, host: 4096)]).count == 4, "shadow pages are the smaller")
  }

  @Test("With walk caches that hold everything a walk is 1 + H_data with combined caches")
  func warm() {
    let combined = WalkModel(
      hardware: Self.hardware(.combined, entries: 1_000_000, hostEntries: 1_000_000, nested: 0),
      frequency: Self.frequency, guestLevels: 4, hostLevels: 4, dataLines: 1)
    let walk = combined.walk([Self.portion(.nested)])
    #expect(walk.count(of: .guest) == 1)
    #expect(walk.count(of: .hostOfTables) == 0)
    #expect(walk.count(of: .hostOfData) == 1)
    // Separate caches know the guest's table by its guest address: it is translated once more.
    let separate = WalkModel(
      hardware: Self.hardware(.separate, entries: 1_000_000, hostEntries: 1_000_000, nested: 0),
      frequency: Self.frequency, guestLevels: 4, hostLevels: 4, dataLines: 1)
    #expect(separate.walk([Self.portion(.nested)]).count == 3)
    // A nested TLB that holds all translations takes the second dimension away.
    let nested = WalkModel(
      hardware: Self.hardware(.separate, entries: 1_000_000, hostEntries: 0, nested: 1 << 30),
      frequency: Self.frequency, guestLevels: 4, hostLevels: 4, dataLines: 1)
    #expect(nested.walk([Self.portion(.nested)]).count == 1)
  }

  @Test("A walk cache of E entries over N regions that are walked evenly misses 1 − E/N")
  func walkCache() {
    // 1 GiB has 512 regions of 2 MiB; 128 entries hold a quarter of them. Levels 3 and 4 have one entry each.
    let hardware = WalkHardware(
      kind: .combined, entries: [2: 128, 3: 4, 4: 4], hostEntries: [:], nestedEntries: 0, hit: .cycles(0),
      hierarchy: [], memory: .cycles(1), provenance: .assumed, source: "test")
    let model = WalkModel(
      hardware: hardware, frequency: Self.frequency, guestLevels: 4, hostLevels: 4, dataLines: 1)
    let walk = model.walk([Self.portion(.single, bytes: 1_073_741_824)])
    #expect(abs(walk.count - 1.75) < 1e-6)
  }

  @Test("References are served by the level that holds the entries")
  func hierarchy() {
    let hierarchy = [
      WalkHardware.CacheLevel(name: "small", size: 64 * 1024, latency: .cycles(10)),
      WalkHardware.CacheLevel(name: "large", size: 1 << 30, latency: .cycles(50)),
    ]
    let hardware = WalkHardware(
      kind: .combined, entries: [2: 1 << 20, 3: 1 << 20, 4: 1 << 20], hostEntries: [:], nestedEntries: 0,
      hit: .cycles(0), hierarchy: hierarchy, memory: .cycles(200), provenance: .assumed, source: "test")
    // Without data traffic: 256 MiB have 64 Ki leaf entries in 8192 lines, of which the small cache holds an eighth.
    let model = WalkModel(
      hardware: hardware, frequency: Self.frequency, guestLevels: 4, hostLevels: 4, dataLines: 1e-12)
    let walk = model.walk([Self.portion(.single, bytes: 268_435_456)])
    let expected = 10.0 / 8 + 50 * 7.0 / 8
    #expect(abs(walk.nanoseconds - expected) < 0.01)
    // With data the entries compete for lines and come from farther away.
    let loaded = WalkModel(
      hardware: hardware, frequency: Self.frequency, guestLevels: 4, hostLevels: 4, dataLines: 50)
    #expect(loaded.walk([Self.portion(.single, bytes: 268_435_456)]).nanoseconds > walk.nanoseconds)
  }

  @Test("Hybrid paging lies between shadow and nested walks")
  func hybrid() {
    let model = WalkModel(
      hardware: .cold(.combined), frequency: Self.frequency, guestLevels: 4, hostLevels: 4, dataLines: 1)
    #expect(model.walk([Self.portion(.switched)]).count == 8)
    var shadow = Self.portion(.single)
    var switched = Self.portion(.switched)
    shadow.share = 0.8
    switched.share = 0.2
    #expect(abs(model.walk([shadow, switched]).count - 4.8) < 1e-9, "the agile paging paper's mean")
  }
}

struct TranslationLoadTests {
  static let tlb = ProcessorTLB(
    entries: [4096: 1536, 2 << 20: 1536, 1 << 30: 16], firstLevel: [4096: 64, 2 << 20: 32], shared: [4096, 2 << 20],
    kind: .assumed, source: "test")

  static func profile(walks: WalkHardware?, tlb: ProcessorTLB = tlb) -> CostProfile {
    CostProfile(
      name: "test", title: "", backend: "none", frequency: WalkModelTests.frequency, tlb: tlb, walks: walks, costs: [:])
  }

  static func load(
    _ paging: String, guest: PageMix = PageMix(page: 4096), host: PageMix = PageMix(page: 4096),
    workingSet: Int64 = 8 << 30, isTagged: Bool = true, switches: Double = 0
  ) throws -> TranslationLoad {
    let memory = MemoryReferences(
      workingSet: workingSet, referencesPerSecond: 1e6, reuseSkew: 0.6, isTagged: isTagged)
    let setting = TranslationLoad.Setting(guest: guest, host: host, paging: paging, contextSwitches: switches)
    return try #require(
      TranslationLoad(memory: memory, setting: setting, profile: profile(walks: .cold(.combined))))
  }

  @Test("The TLB holds the smaller of both pages, and a huge page on one side alone saves levels only")
  func effectivePage() throws {
    let small = try Self.load("nested")
    let host = try Self.load("nested", host: PageMix(page: 2 << 20))
    let guest = try Self.load("nested", guest: PageMix(page: 2 << 20))
    let both = try Self.load("nested", guest: PageMix(page: 2 << 20), host: PageMix(page: 2 << 20))
    #expect(small.design.misses == host.design.misses && small.design.misses == guest.design.misses)
    #expect(both.design.misses < 0.9 * small.design.misses)
    #expect(guest.bareHost.misses == both.bareHost.misses, "the bare host has the guest's pages alone")
    #expect(small.design.walk?.count == 24 && host.design.walk?.count == 19 && both.design.walk?.count == 15)
    #expect(guest.bareHost.walk?.count == 3)
  }

  @Test("A share of huge pages lies between none and all, and both sizes compete for shared entries")
  func shares() throws {
    let misses = try [0.0, 0.25, 0.5, 0.75, 1].map { share in
      let mix = PageMix(page: 4096, hugeShare: share)
      return try Self.load("nested", guest: mix, host: mix, workingSet: 2 << 30).design.misses
    }
    #expect(misses == misses.sorted(by: >))
    #expect(misses[4] == 0, "1024 huge pages fit into 1536 entries")
    let apart = ProcessorTLB(entries: Self.tlb.entries, kind: .assumed, source: "test")
    let populations = [
      TLBModel.Population(page: 4096, bytes: 1e9, share: 0.5, skew: 0.6),
      TLBModel.Population(page: 2 << 20, bytes: 4e9, share: 0.5, skew: 0.6),
    ]
    let shared = TLBModel.misses(populations, tlb: Self.tlb)
    let own = TLBModel.misses(populations, tlb: apart)
    #expect(shared[0].walk > own[0].walk && shared[1].walk > own[1].walk)
    #expect((shared[0].firstLevel ?? 0) > shared[0].walk, "the first level is smaller")
  }

  @Test("Flushes add the refill of what was held; tags take them away")
  func flushes() throws {
    let tagged = try Self.load("native", workingSet: 4 << 20, switches: 1000)
    #expect(tagged.design.misses == 0, "1024 pages fit")
    let flushed = try Self.load("native", workingSet: 4 << 20, isTagged: false, switches: 1000)
    // 1000 references between two flushes touch fewer than 1000 pages anew each time, but most of them.
    #expect(flushed.design.misses > 300_000 && flushed.design.misses < 1_000_000)
    let rare = try Self.load("native", workingSet: 4 << 20, isTagged: false, switches: 1)
    // Between flushes all 1024 pages come back.
    #expect(abs(rare.design.misses - 1024) < 1)
  }

  @Test("Shadow walks have one dimension of the smaller pages")
  func shadow() throws {
    let shadow = try Self.load("shadow", guest: PageMix(page: 2 << 20))
    #expect(shadow.design.walk?.count == 4)
    #expect(shadow.bareHost.walk?.count == 3)
  }

  @Test("Two regions of one kind are one; a rate by work time is the same program under every page size")
  func regions() throws {
    let profile = Self.profile(walks: .cold(.combined))
    func load(_ memory: MemoryReferences, page: Int64) throws -> TranslationLoad {
      let mix = PageMix(page: page)
      return try #require(
        TranslationLoad(
          memory: memory, setting: TranslationLoad.Setting(guest: mix, host: mix, paging: "nested"), profile: profile))
    }
    let half = MemoryReferences.Region(bytes: 1 << 30, share: 1, reuseSkew: 0)
    let whole = MemoryReferences(workingSet: 2 << 30, referencesPerSecond: 1e6, reuseSkew: 0)
    let halves = MemoryReferences(regions: [half, half], referencesPerSecond: 1e6)
    let difference = try load(whole, page: 4096).design.misses / load(halves, page: 4096).design.misses - 1
    #expect(abs(difference) < 1e-9)

    let program = MemoryReferences(workingSet: 64 << 30, referencesPerSecond: 1e7, reuseSkew: 0, base: .workTime)
    for page in [Int64(4096), 2 << 20] {
      let side = try load(program, page: page)
      let walks = side.bareHost.misses * (side.bareHost.walk?.nanoseconds ?? 0) * 1e-9
      // What is left of a second beside its walks is work, at the stated rate.
      #expect(abs(side.references / (1 - walks) / 1e7 - 1) < 1e-9)
    }
  }

  @Test("A stated rate of misses is the same under every design and page, and its walks are those of the working set")
  func stated() throws {
    let profile = Self.profile(walks: .cold(.combined))
    for (base, bytes) in [
      (MemoryReferences.ReferenceBase.cpuTime, Int64(1) << 30), (.workTime, 1 << 30), (.cpuTime, 64 << 30),
    ] {
      let memory = MemoryReferences(workingSet: bytes, referencesPerSecond: 1e6, reuseSkew: 0.5, base: base)
      for (page, levels) in [(Int64(4096), 4.0), (2 << 20, 3), (1 << 30, 2)] {
        for paging in ["native", "nested", "shadow"] {
          let mix = PageMix(page: page)
          let setting = TranslationLoad.Setting(guest: mix, host: mix, paging: paging, statedMisses: 250_000)
          let load = try #require(TranslationLoad(memory: memory, setting: setting, profile: profile))
          #expect(load.bareHost.misses == 250_000 && load.design.misses == 250_000)
          let count = paging == "nested" ? (levels + 1) * (levels + 1) - 1 : levels
          #expect(load.design.walk?.count == count, "\(paging), pages of \(page)")
          if base == .cpuTime { #expect(load.references == 1e6) }
        }
      }
    }
  }

  @Test("Host walk caches that only walks to tables use leave walks to the data alone")
  func hostCaches() {
    func hardware(_ use: WalkHardware.HostCacheUse) -> WalkHardware {
      WalkHardware(
        kind: .separate, entries: [2: 32, 3: 4, 4: 4], hostEntries: [2: 32, 3: 4, 4: 4], hostCacheUse: use,
        nestedEntries: 0, hit: .cycles(1), hierarchy: [], memory: .cycles(100), provenance: .assumed, source: "test")
    }
    func walk(_ use: WalkHardware.HostCacheUse) -> PageWalk {
      WalkModel(
        hardware: hardware(use), frequency: WalkModelTests.frequency, guestLevels: 4, hostLevels: 4, dataLines: 1
      ).walk([
        WalkPortion(share: 1, bytes: 17_179_869_184, spread: 1, guestPage: 4096, hostPage: 4096, mode: .nested)
      ])
    }
    #expect(abs(walk(.tables).count(of: .hostOfData) - 4) < 1e-9)
    #expect(walk(.all).count(of: .hostOfData) < 3)
    #expect(walk(.tables).count(of: .hostOfTables) <= walk(.all).count(of: .hostOfTables) + 1e-9)
  }
}
