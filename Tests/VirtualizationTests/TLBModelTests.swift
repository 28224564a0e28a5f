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

  @Test("Che's approximation against a simulated least-recently-used TLB, within 2 %")
  func simulated() {
    // The approximation's error is known to be a few per mille at these sizes; the simulation's standard error is below
    // 0.5 % of the ratio.
    let pages = 4000
    let entries = 256
    let skew = 0.9
    var weights: [Double] = []
    var total = 0.0
    for rank in 1...pages {
      total += PortableMath.pow(Double(rank), -skew)
      weights.append(total)
    }
    var stream = RandomStream(seed: 5, replication: 1, entity: 0, purpose: 0)
    var lastUse = [Int](repeating: -1, count: pages)
    var resident: [Int] = []
    var misses = 0
    var counted = 0
    for time in 0..<60_000 {
      let target = stream.nextUniform() * total
      var low = 0
      var high = pages - 1
      while low < high {
        let middle = (low + high) / 2
        if weights[middle] < target { low = middle + 1 } else { high = middle }
      }
      if time >= 5000 { counted += 1 }
      if lastUse[low] < 0 || !resident.contains(low) {
        if time >= 5000 { misses += 1 }
        if resident.count == entries {
          let oldest = resident.indices.min { lastUse[resident[$0]] < lastUse[resident[$1]] }!
          resident.swapAt(oldest, resident.count - 1)
          resident.removeLast()
        }
        resident.append(low)
      }
      lastUse[low] = time
    }
    let simulated = Double(misses) / Double(counted)
    let expected = TLBModel.missRatio(pages: Int64(pages), entries: entries, skew: skew)
    #expect(abs(simulated - expected) < 0.02 * expected, "\(simulated) against \(expected)")
  }
}
