import EventKernel
import Statistics
import Testing

@testable import Virtualization

struct TLBModelTests {
  @Test("A working set that fits never misses; without entries every reference misses")
  func bounds() {
    #expect(TLBModel.missRatio(pages: 1536, entries: 1536, skew: 0.8) == 0)
    #expect(TLBModel.missRatio(pages: 100, entries: 0, skew: 0.8) == 1)
  }

  @Test("Equal popularity: the miss ratio is one minus the share of pages that fit")
  func uniform() {
    // For p = 1/N Che's equations solve in closed form: N (1 − e^(−t/N)) = E, so that m = 1 − E/N.
    let ratio = TLBModel.missRatio(pages: 10_000, entries: 2500, skew: 0)
    #expect(abs(ratio - 0.75) < 1e-6)
  }

  @Test("Misses grow with the working set and shrink with skew and with larger pages")
  func monotone() {
    var last = 0.0
    for pages in stride(from: Int64(2000), through: 200_000, by: 22_000) {
      let ratio = TLBModel.missRatio(pages: pages, entries: 1536, skew: 0.8)
      #expect(ratio > last && ratio < 1)
      last = ratio
    }
    #expect(
      TLBModel.missRatio(pages: 50_000, entries: 1536, skew: 1.2)
        < TLBModel.missRatio(pages: 50_000, entries: 1536, skew: 0.4))
    let memory = MemoryReferences(workingSet: 1 << 30, referencesPerSecond: 1e6, reuseSkew: 0.8)
    let tlb = ProcessorTLB(entries: [4096: 1536, 2 << 20: 1536], kind: .assumed, source: "test")
    #expect(TLBModel.missesPerSecond(memory: memory, pageSize: 2 << 20, tlb: tlb) == 0)
    #expect(TLBModel.missesPerSecond(memory: memory, pageSize: 4096, tlb: tlb) > 1e5)
  }

  /// Misses of an exact simulation of independent references to a least-recently-used TLB, pages of two sizes sharing
  /// its entries: a doubly linked list of pages in the order of their last use.
  static func simulate(
    pages: [Int], shares: [Double], entries: Int, skew: Double, references: Int, flushEvery: Int = 0, seed: UInt64
  ) -> Double {
    var weights: [Double] = []
    var total = 0.0
    for (number, share) in zip(pages, shares) {
      let own = (1...number).map { PortableMath.pow(Double($0), -skew) }
      let sum = own.reduce(0, +)
      for weight in own {
        total += weight / sum * share
        weights.append(total)
      }
    }
    let count = weights.count
    var stream = RandomStream(seed: seed, replication: 1, entity: 0, purpose: 0)
    var next = [Int](repeating: -1, count: count + 1)
    var previous = next
    var isHeld = [Bool](repeating: false, count: count)
    // Index `count` is the head of the ring.
    next[count] = count
    previous[count] = count
    var held = 0
    var misses = 0
    let warmup = flushEvery > 0 ? 0 : references / 5
    func unlink(_ page: Int) {
      next[previous[page]] = next[page]
      previous[next[page]] = previous[page]
    }
    for time in 0..<references + warmup {
      if flushEvery > 0 && time % flushEvery == 0 {
        for page in 0..<count { isHeld[page] = false }
        next[count] = count
        previous[count] = count
        held = 0
      }
      let target = stream.nextUniform() * total
      var low = 0
      var high = count - 1
      while low < high {
        let middle = (low + high) / 2
        if weights[middle] < target { low = middle + 1 } else { high = middle }
      }
      if isHeld[low] {
        unlink(low)
      } else {
        if time >= warmup { misses += 1 }
        if held == entries {
          let oldest = previous[count]
          unlink(oldest)
          isHeld[oldest] = false
          held -= 1
        }
        isHeld[low] = true
        held += 1
      }
      next[low] = next[count]
      previous[low] = count
      previous[next[count]] = low
      next[count] = low
    }
    return Double(misses) / Double(references)
  }

  @Test(
    "Che's approximation against an exact least-recently-used TLB, within 2 %",
    arguments: [(4000, 256, 0.9), (4000, 256, 0.0), (20_000, 1536, 0.6), (20_000, 64, 1.2), (2000, 1536, 0.8)])
  func simulated(pages: Int, entries: Int, skew: Double) {
    // The approximation's error is known to be a few per mille at these sizes; the simulation's standard error is below
    // 0.6 % of the ratio, so that 2 % are more than three of them.
    let simulated = Self.simulate(
      pages: [pages], shares: [1], entries: entries, skew: skew, references: 150_000, seed: 5)
    let expected = TLBModel.missRatio(pages: Int64(pages), entries: entries, skew: skew)
    #expect(abs(simulated - expected) < 0.02 * expected, "\(simulated) against \(expected)")
  }

  @Test("Two page sizes that share entries, and flushes, against the exact simulation, within 3 %")
  func simulatedMixes() {
    let tlb = ProcessorTLB(
      entries: [4096: 512, 2 << 20: 512], shared: [4096, 2 << 20], kind: .assumed, source: "test")
    let populations = [
      TLBModel.Population(page: 4096, bytes: 4096 * 6000, share: 0.4, skew: 0.7),
      TLBModel.Population(page: 2 << 20, bytes: Double(2 << 20) * 1500, share: 0.6, skew: 0.7),
    ]
    let misses = TLBModel.misses(populations, tlb: tlb)
    let expected = misses.reduce(0) { $0 + $1.walk * $1.population.share }
    let simulated = Self.simulate(
      pages: [6000, 1500], shares: [0.4, 0.6], entries: 512, skew: 0.7, references: 150_000, seed: 6)
    #expect(abs(simulated - expected) < 0.03 * expected, "\(simulated) against \(expected)")

    // A flush drops all: the refill formula holds exactly for independent references while the TLB fills.
    for gap in [200, 2000, 20_000] {
      let one = TLBModel.Population(page: 4096, bytes: 4096 * 3000, share: 1, skew: 0.7)
      let flushed = TLBModel.misses([one], tlb: tlb, flushed: Double(gap))[0]
      let simulated = Self.simulate(
        pages: [3000], shares: [1], entries: 512, skew: 0.7, references: 200_000, flushEvery: gap, seed: 7)
      let expected = flushed.walk + flushed.perFlush
      #expect(abs(simulated - expected) < 0.03 * expected, "every \(gap): \(simulated) against \(expected)")
    }
  }
}
