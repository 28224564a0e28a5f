import Model
import Quantities
import Testing

@testable import Datacenter

/// Pre-copy against SimGrid, and slowed guests against closed forms.
struct PreCopyTests {
  private static let mebibyte = 1_048_576.0

  /// A migration as SimGrid 3.32 runs it on a link: hosts of one core, and a VM that is busy for a share `load` of it.
  ///
  /// SimGrid's TCP makes 115.4 of 125 MB/s effective. A VM dirties memory at the link's nominal speed, which SimGrid counts
  /// in MiB/s, times intensity and load. It goes on until what is left takes 30 ms.
  private func copy(megabytes: Double, intensity: Double, load: Double = 1, link: Double = 125) -> PreCopy {
    var policy = MigrationPolicy(mechanism: .preCopy)
    policy.countsDistinct = true
    policy.downtimeTarget = .milliseconds(30)
    policy.roundLimit = 1000
    let memory = megabytes * Self.mebibyte
    return PreCopy(
      memory: memory, bandwidth: link * 1e6 * 115.4 / 125, dirtyRate: link * Self.mebibyte * intensity * load,
      writable: memory, policy: policy)
  }

  /// A row of SimGrid's results.
  typealias Row = (megabytes: Double, intensity: Double, load: Double, link: Double, seconds: Double)

  // The target is 3 %: what rounds of whole pages and the start of transfers may differ by.
  @Test(
    "Within 3 % of SimGrid 3.32 at the same effective bandwidth: all sizes, intensities up to 75 %, loads and links",
    arguments: [
      (1740, 0, 1, 125, 15.8039), (1740, 0.1, 1, 125, 17.8270), (1740, 0.25, 1, 125, 22.0597),
      (1740, 0.5, 1, 125, 36.5475), (1740, 0.75, 1, 125, 106.4715), (1740, 0.5, 0.5, 125, 22.0597),
      (1740, 0.5, 1, 1250, 3.6556), (512, 0.1, 1, 125, 5.2506), (1024, 0.1, 1, 125, 10.4942),
      (4096, 0.1, 1, 125, 41.9634), (8192, 0.1, 1, 125, 83.9184), (512, 0.5, 1, 125, 10.7596),
      (1024, 0.5, 1, 125, 21.5100), (4096, 0.5, 1, 125, 86.0108), (8192, 0.5, 1, 125, 172.0118),
    ] as [Row])
  func simGrid(row: Row) {
    let result = copy(megabytes: row.megabytes, intensity: row.intensity, load: row.load, link: row.link).run()
    #expect(abs(result.duration - row.seconds) <= 0.03 * row.seconds, "\(result)")
    #expect(result.outcome == .completed && result.downtime <= 0.03)
  }

  @Test("Round by round as SimGrid's trace of 25 %: bytes within 1 %, the last within 3 %")
  func rounds() {
    let copy = copy(megabytes: 1740, intensity: 0.25)
    var progress = copy.start
    // Each round is the share 0.284 of the one before; five of them add up its error.
    let expected = [1_824_522_240.0, 517_776_585, 146_969_050, 41_747_174, 11_888_981, 3_416_297]
    for (index, bytes) in expected.enumerated() {
      #expect(abs(progress.left - bytes) <= (index == 5 ? 0.03 : 0.01) * bytes, "round \(index + 1)")
      #expect(copy.stops(&progress, bandwidth: copy.bandwidth) == (index == 5))
      let seconds = progress.left / copy.bandwidth
      progress.written = copy.dirtyRate * seconds
      copy.endRound(&progress, sent: progress.left, seconds: seconds)
    }
  }

  @Test("At 90 % rounds do not shrink: SimGrid goes on for 10,013 s, here the cap ends it, and the outcome says so")
  func capped() {
    var copy = copy(megabytes: 1740, intensity: 0.9)
    copy.policy.roundLimit = 30
    let result = copy.run()
    #expect(result.outcome == .capped && result.rounds == 31)
    // The guest dirties 118 MB/s, more than is sent, so that each round sends all of its memory.
    let round = copy.memory / copy.bandwidth
    #expect(abs(result.duration - 31 * round) < 1e-6 && abs(result.downtime - round) < 1e-9)
    #expect(result.bytes == 31 * copy.memory)
  }

  @Test("Auto-converge is a product of ratios that ends in a geometric series: closed form")
  func autoConverge() {
    var copy = copy(megabytes: 1024, intensity: 0)
    copy.policy.autoConverges = true
    copy.dirtyRate = 0.8 * copy.bandwidth
    // Of a round, 0.8 is dirtied while the guest is not slowed: above a half, and slowed by 20 % after two such rounds, by
    // 30 % after two more, by 40 % after two more; then 0.48 is below a half.
    let ratios = [0.8, 0.8, 0.64, 0.64, 0.56, 0.56]
    let first = copy.memory / copy.bandwidth
    var (duration, share) = (0.0, 1.0)
    for ratio in ratios {
      duration += share
      share *= ratio
    }
    // The least number of rounds after which the rest takes no longer than the target.
    var more = 0
    var power = 1.0
    while first * share * power > 0.03 { (more, power) = (more + 1, power * 0.48) }
    duration += share * (1 - power) / (1 - 0.48) + share * power
    let result = copy.run()
    #expect(result.outcome == .completed && abs(result.throttle - 0.4) < 1e-12)
    #expect(result.rounds == ratios.count + more + 1)
    #expect(abs(result.duration - first * duration) < 1e-9 * result.duration)
    #expect(abs(result.downtime - first * share * power) < 1e-9)
  }

  @Test("A guest is slowed by 99 % at most, and by no more than it takes")
  func throttleLimit() {
    var copy = copy(megabytes: 1024, intensity: 0)
    copy.policy.autoConverges = true
    // 0.4 of a round at 1 % of its speed, and all of its memory at a tenth of it.
    copy.dirtyRate = 40 * copy.bandwidth
    let slowed = copy.run()
    #expect(slowed.outcome == .completed && slowed.throttle == 0.99)
    // 18 full rounds until it is slowed by 99 %, one more, and then a series of 0.4.
    let first = copy.memory / copy.bandwidth
    let more = slowed.rounds - 19
    var (duration, power) = (19.0, 0.4)
    for _ in 0..<more { (duration, power) = (duration + power, power * 0.4) }
    #expect(abs(slowed.duration - first * duration) < 1e-9 * slowed.duration)
    // More than a round's worth even then.
    copy.dirtyRate = 200 * copy.bandwidth
    copy.policy.roundLimit = 30
    let stuck = copy.run()
    #expect(stuck.outcome == .capped && stuck.throttle == 0.99 && stuck.rounds == 31)
    copy.dirtyRate = 0.49 * copy.bandwidth
    #expect(copy.run().throttle == 0)
  }
}
