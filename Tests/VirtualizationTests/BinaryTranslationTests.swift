import EventKernel
import Statistics
import Testing

@testable import Virtualization

/// Software TLB and code caches of translators against closed forms and against the real structures, simulated.
struct BinaryTranslationTests {
  @Test("Equal popularity without flushes: the hit ratio of a direct-mapped table, s/n (1 − e^(−n/s))")
  func directMapped() {
    // Eight victims of 256 entries hardly matter when 4,096 pages compete.
    let misses = SoftwareTLB.misses(pages: 4096, skew: 0, interval: .infinity)
    #expect(misses.entries == 256)
    let hits = 256.0 / 4096 * (1 - PortableMath.exp(-16))
    #expect(abs(1 - misses.walk - misses.victim - hits) < 0.002)
  }

  @Test("Flushes after n references leave n/(n + pages) hits of an unlimited table")
  func flushes() {
    // Integral of e^(−t/N)/N e^(−t/I): I/(I + N), where places hardly compete.
    let rare = SoftwareTLB.misses(pages: 100, skew: 0, interval: 1e5)
    #expect(rare.entries == 128)
    #expect(abs(1 - rare.walk - rare.victim - 1.28 * (1 - PortableMath.exp(-1 / 1.28))) < 0.005)
    let few = SoftwareTLB.misses(pages: 100_000, skew: 0, interval: 1000)
    #expect(abs(few.walk - 100_000.0 / 101_000) < 0.003)
  }

  @Test("The table doubles above 70 % in use and is never smaller than 64 entries")
  func sizes() {
    #expect(SoftwareTLB.size(used: nil) == 256)
    #expect(SoftwareTLB.size(used: 3) == 64)
    // 1 − e^(−x) = 0.7 at x = 1.204: 77 pages fill 70 % of 64 places.
    #expect(SoftwareTLB.size(used: 76) == 64)
    #expect(SoftwareTLB.size(used: 80) == 128)
    #expect(SoftwareTLB.size(used: 1e9) == Double(1 << 22))
  }

  /// QEMU's structure itself: a table of places with a buffer of eight victims, flushed at random.
  static func simulate(pages: Int, skew: Double, interval: Double, size: Int, references: Int, seed: UInt64)
    -> (walk: Double, victim: Double)
  {
    var stream = RandomStream(seed: seed, replication: 1, entity: 1, purpose: 1)
    var bounds: [Double] = []
    var total = 0.0
    for rank in 1...pages {
      total += PortableMath.pow(Double(rank), -skew)
      bounds.append(total)
    }
    let place = (0..<pages).map { _ in Int(stream.nextUniform() * Double(size)) % size }
    var table = [Int](repeating: -1, count: size)
    var victims = [Int](repeating: -1, count: 8)
    var nextVictim = 0
    var walks = 0
    var found = 0
    var counted = 0
    for reference in 0..<references {
      if interval < .infinity, stream.nextUniform() < 1 / interval {
        table = [Int](repeating: -1, count: size)
        victims = [Int](repeating: -1, count: 8)
      }
      let aim = stream.nextUniform() * total
      var low = 0
      var high = pages - 1
      while low < high {
        let middle = (low + high) / 2
        if bounds[middle] < aim { low = middle + 1 } else { high = middle }
      }
      if reference >= references / 4 { counted += 1 }
      let held = table[place[low]]
      if held == low { continue }
      if let victim = victims.firstIndex(of: low) {
        victims[victim] = held
        table[place[low]] = low
        if reference >= references / 4 { found += 1 }
        continue
      }
      if held >= 0 {
        victims[nextVictim] = held
        nextVictim = (nextVictim + 1) % 8
      }
      table[place[low]] = low
      if reference >= references / 4 { walks += 1 }
    }
    return (Double(walks) / Double(counted), Double(found) / Double(counted))
  }

  @Test(
    "Misses of the simulated structure within a tenth, or one in a hundred references",
    arguments: [
      (pages: 2000, skew: 0.8, interval: 3000.0), (pages: 2000, skew: 0.0, interval: 20_000.0),
      (pages: 500, skew: 1.0, interval: 500.0), (pages: 20_000, skew: 0.6, interval: Double.infinity),
    ])
  func structure(pages: Int, skew: Double, interval: Double) {
    let model = SoftwareTLB.misses(pages: Int64(pages), skew: skew, interval: interval)
    // Means over placements of pages; the spread between seeds is below 2 %.
    let runs = (1...3).map {
      Self.simulate(
        pages: pages, skew: skew, interval: interval, size: Int(model.entries), references: 400_000, seed: UInt64($0))
    }
    let walk = runs.reduce(0) { $0 + $1.walk } / 3
    let victim = runs.reduce(0) { $0 + $1.victim } / 3
    #expect(abs(model.walk - walk) <= 0.1 * walk + 0.01, "walks \(model.walk), simulated \(walk)")
    #expect(
      abs(model.walk + model.victim - walk - victim) <= 0.1 * (walk + victim) + 0.01,
      "with victims \(model.walk + model.victim), simulated \(walk + victim)")
  }

  static func code(_ bytes: Double, warmUp: Double = 1e9) -> CodeDescription {
    CodeDescription(mix: InstructionMix([.integer: 1]), bytes: bytes, bytesPerInstruction: 4, warmUp: warmUp)
  }

  @Test("Code is translated once: n (1 − e^(−w/τ)) instructions after w, all of them in the end")
  func warmUp() throws {
    let code = try #require(
      CodeTranslation(.all, program: Self.code(4_000_000), kernel: Self.code(0), cache: nil))
    #expect(abs(code.translated(after: 1e9) - 1e6 * (1 - PortableMath.exp(-1))) < 1)
    #expect(abs(code.translated(after: 1e12) - 1e6) < 1)
    #expect(code.rate(from: 100e9, to: 200e9) < 1e-12)
    #expect(CodeTranslation(.none, program: Self.code(1), kernel: Self.code(1), cache: nil) == nil)
    let kernel = try #require(
      CodeTranslation(.kernel, program: Self.code(4_000_000), kernel: Self.code(400), cache: nil))
    #expect(abs(kernel.translated(after: 1e12) - 100) < 1e-6)
  }

  @Test("A cache with half the room is emptied each time it is full, at τ log 2")
  func cache() throws {
    let cache = TranslationCache(size: 500_000, bytesPerInstruction: 1, source: "test")
    let code = try #require(
      CodeTranslation(.all, program: Self.code(4_000_000), kernel: Self.code(0), cache: cache))
    let cycle = 1e9 * PortableMath.log(2)
    #expect(abs(code.translated(after: 10 * cycle) - 5e6) < 10)
    #expect(abs(code.rate(from: 0, to: 1000 * cycle) - 500_000 / cycle) < 1e-6 * 500_000 / cycle)
  }
}
