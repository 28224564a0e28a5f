import EventKernel
import Testing

@testable import Virtualization

/// Walks by page sizes and levels of either side: closed forms without walk caches, and walks that are simulated
/// reference by reference through least-recently-used walk caches, nested TLB and data caches.
struct WalkSimulationTests {
  static let sizes: [Int64] = [4096, 2 << 20, 1 << 30]
  static let pairs = sizes.flatMap { guest in sizes.map { (guest: guest, host: $0) } }

  private static func levels(_ number: Int, _ page: Int64) -> Int { number + 1 - WalkPortion.leafLevel(page) }

  @Test(
    "Cold walks by levels and page sizes: (g + 1)(h + 1) − 1 nested, g native, the longer table's shadow, g + h agile",
    arguments: [3, 4, 5], [3, 4, 5])
  func cold(guestLevels: Int, hostLevels: Int) {
    for kind in WalkHardware.CacheKind.allCases {
      let model = WalkModel(
        hardware: .cold(kind), frequency: WalkModelTests.frequency, guestLevels: guestLevels, hostLevels: hostLevels,
        dataLines: 1)
      for (guest, host) in Self.pairs {
        func count(_ mode: WalkMode) -> Double {
          model.walk([WalkModelTests.portion(mode, guest: guest, host: host)]).count
        }
        let own = Self.levels(guestLevels, guest)
        let other = Self.levels(hostLevels, host)
        let longer = max(guestLevels, hostLevels)
        #expect(count(.nested) == Double((own + 1) * (other + 1) - 1), "\(guest) on \(host)")
        #expect(count(.nested) == Double(PageWalk.coldBound(guestLevels: own, hostLevels: other)))
        // A shadow table maps the smaller pages; agile paging leaves it for the guest's leaf and the host's table.
        #expect(count(.single) == Double(Self.levels(longer, min(guest, host))))
        #expect(count(.switched) == Double(Self.levels(longer, guest) + other))
        #expect(count(.switched) <= count(.nested) && count(.single) <= count(.switched))
      }
    }
  }

  @Test("Native walks of 3, 4 and 5 levels with every page size, and designs on top of them", arguments: [3, 4, 5])
  func native(number: Int) throws {
    let profile = TranslationLoadTests.profile(walks: .cold(.combined))
    let memory = MemoryReferences(
      workingSet: 64 << 30, referencesPerSecond: 1e6, reuseSkew: 0.5, nestedLeafShare: 0.2)
    for (guest, host) in Self.pairs {
      func load(_ paging: String) throws -> TranslationLoad {
        let setting = TranslationLoad.Setting(
          guest: PageMix(page: guest), host: PageMix(page: host), paging: paging, guestLevels: number,
          hostLevels: number)
        return try #require(TranslationLoad(memory: memory, setting: setting, profile: profile))
      }
      let own = Double(Self.levels(number, guest))
      let other = Double(Self.levels(number, host))
      let smaller = max(own, other)
      #expect(try load("native").design.walk?.count == own)
      #expect(try load("nested").bareHost.walk?.count == own)
      #expect(try load("nested").design.walk?.count == (own + 1) * (other + 1) - 1)
      #expect(try load("shadow").design.walk?.count == smaller)
      let hybrid = try #require(try load("hybrid").design.walk?.count)
      #expect(abs(hybrid - (0.8 * smaller + 0.2 * (own + other))) < 1e-9, "\(guest) on \(host)")
      #expect(try load("hybrid").design.misses == load("nested").design.misses)
    }
  }

  /// Two dimensions of tables, walked entry by entry.
  private struct Machine {
    let hardware: WalkHardware
    let guest: Int64
    let host: Int64
    let bytes: Int
    let levels = 4
    var walkCaches: [Int: Held]
    var hostCaches: [Int: Held]
    var nestedTLB: Held
    var memory: [Held]
    var counts: [PageWalk.Dimension: Double] = [:]
    var nanoseconds = 0.0

    /// The most recently used of any items.
    struct Held {
      let room: Int
      private var lastUse: [Int: Int] = [:]
      private var order: [(item: Int, use: Int)] = []
      private var first = 0
      private var clock = 0

      init(room: Int) { self.room = room }

      mutating func use(_ item: Int) -> Bool {
        guard room > 0 else { return false }
        clock += 1
        let isHeld = lastUse[item] != nil
        lastUse[item] = clock
        order.append((item, clock))
        while lastUse.count > room {
          let oldest = order[first]
          first += 1
          if lastUse[oldest.item] == oldest.use { lastUse[oldest.item] = nil }
        }
        if first > 100_000 {
          order.removeFirst(first)
          first = 0
        }
        return isHeld
      }
    }

    init(hardware: WalkHardware, guest: Int64, host: Int64, bytes: Int) {
      self.hardware = hardware
      self.guest = guest
      self.host = host
      self.bytes = bytes
      walkCaches = hardware.entries.mapValues { Held(room: $0) }
      hostCaches = hardware.hostEntries.mapValues { Held(room: $0) }
      nestedTLB = Held(room: hardware.nestedEntries)
      memory = hardware.hierarchy.map { Held(room: Int($0.size) / 64) }
    }

    /// Bytes that an entry of a level maps.
    private func span(_ level: Int) -> Int { 4096 << (9 * (level - 1)) }

    /// Reads the line with an entry; spaces are tables, or data.
    mutating func read(_ dimension: PageWalk.Dimension?, space: Int, entry: Int, perLine: Int = 8) {
      var latency = hardware.memory
      let line = space << 40 | (entry / perLine)
      for index in memory.indices.reversed() where memory[index].use(line) {
        latency = hardware.hierarchy[index].latency
      }
      guard let dimension else { return }
      counts[dimension, default: 0] += 1
      nanoseconds += latency.nanoseconds(at: WalkModelTests.frequency)
    }

    /// Translates a guest-physical address; every space of tables has host tables of its own.
    private mutating func translate(_ address: Int, space: Int, _ dimension: PageWalk.Dimension) {
      guard !nestedTLB.use(space << 40 | address / Int(host)) else { return }
      let leaf = WalkPortion.leafLevel(host)
      read(dimension, space: 10 + 10 * space + leaf, entry: address / span(leaf))
      for level in (leaf + 1)..<(levels + 1) {
        let entry = space << 40 | address / span(level)
        if hostCaches[level]?.use(entry) == true { return }
        read(dimension, space: 10 + 10 * space + level, entry: address / span(level))
      }
    }

    mutating func walk(_ address: Int) {
      let leaf = WalkPortion.leafLevel(guest)
      // Levels whose entries are read: from the leaf up to the first walk cache that hits.
      var top = leaf
      while top < levels {
        let entry = address / span(top + 1)
        if walkCaches[top + 1]?.use(entry) == true { break }
        top += 1
      }
      for level in leaf...top {
        // Combined caches know where the table below a hit is in the host's memory; the root is always translated.
        let isKnown = hardware.kind == .combined && level == top && level < levels
        if !isKnown { translate(address / span(level) * 8, space: level, .hostOfTables) }
        read(.guest, space: level, entry: address / span(level))
      }
      translate(address, space: 0, .hostOfData)
    }
  }

  @Test(
    "Nested walks against simulated ones, by dimension and in time, with every pair of page sizes",
    arguments: WalkHardware.CacheKind.allCases)
  func simulated(kind: WalkHardware.CacheKind) throws {
    // The approximation treats the classes of references as independent and caches of two to four entries as large;
    // 5 % of a walk's references and time, and of a dimension's 0.1 references, were set before the comparison.
    let hardware = WalkHardware(
      kind: kind, entries: [2: 32, 3: 4, 4: 2], hostEntries: [2: 32, 3: 4, 4: 2], nestedEntries: 16, hit: .cycles(0),
      hierarchy: [
        WalkHardware.CacheLevel(name: "small", size: 64 << 10, latency: .cycles(4)),
        WalkHardware.CacheLevel(name: "large", size: 1 << 20, latency: .cycles(20)),
      ], memory: .cycles(200), provenance: .assumed, source: "test")
    let bytes = 64 << 30
    let walks = 40_000
    for (guest, host) in Self.pairs {
      var machine = Machine(hardware: hardware, guest: guest, host: host, bytes: bytes)
      var random = RandomStream(seed: 31, replication: 1, entity: 0, purpose: 0)
      for time in 0..<walks * 3 / 2 {
        if time == walks / 2 {
          machine.counts = [:]
          machine.nanoseconds = 0
        }
        let address = random.nextInteger(below: bytes)
        machine.walk(address)
        // The data that was asked for, and a further line.
        machine.read(nil, space: 0, entry: address, perLine: 64)
        machine.read(nil, space: 0, entry: random.nextInteger(below: bytes), perLine: 64)
      }
      let model = WalkModel(
        hardware: hardware, frequency: WalkModelTests.frequency, guestLevels: 4, hostLevels: 4, dataLines: 2)
      let walk = model.walk([
        WalkPortion(share: 1, bytes: Double(bytes), spread: 1, guestPage: guest, hostPage: host, mode: .nested)
      ])
      let all = machine.counts.values.reduce(0, +) / Double(walks)
      let time = machine.nanoseconds / Double(walks)
      #expect(abs(walk.count - all) < 0.05 * all, "\(guest) on \(host): \(walk.count) \(all)")
      #expect(abs(walk.nanoseconds - time) < 0.05 * time, "\(guest) on \(host): \(walk.nanoseconds) \(time)")
      for dimension in [PageWalk.Dimension.guest, .hostOfTables, .hostOfData] {
        let own = (machine.counts[dimension] ?? 0) / Double(walks)
        #expect(abs(walk.count(of: dimension) - own) < 0.1, "\(guest) on \(host) \(dimension): \(own)")
      }
    }
  }
}
