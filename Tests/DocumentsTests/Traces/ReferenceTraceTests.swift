import Foundation
import Model
import Quantities
import Testing

@testable import Documents

/// Public traces against counts and sums that a separate program found in them.
///
/// The expectations come from a few lines of Python with its own modules `tarfile`, `lzma`, `gzip` and `csv`: `int` or
/// `float` of every field, added up in the order of the file.
@Suite(.enabled(if: ReferenceData.isPresent, Comment(rawValue: ReferenceData.comment))) struct ReferenceTraceTests {
  @Test(arguments: [
    ("20110303", 1052, 3_730_979), ("20110306", 898, 2_958_567), ("20110322", 1516, 4_044_554),
    ("20110420", 1033, 3_103_287),
  ])
  func planetLab(day: String, count: Int, sum: Int) throws {
    let set = try ReferenceData.load("planetlab/\(day).tar.xz")
    #expect(set.count == count && set.sampleCount == 288 * count && set.tick == .seconds(300) && set.lengths == nil)
    // Whole percents are exact, and so is their sum.
    #expect((0..<set.sampleCount).reduce(0.0) { $0 + Double(set.samples[$1]) } == Double(sum))
    #expect(set.allNames == set.allNames.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }

  @Test func bitbrains() throws {
    let set = try ReferenceData.load("bitbrains/gwa-t-12-vm.csv.xz")
    #expect(set.count == 1 && set.sampleCount == 8619 && set.origin == 1_376_314_846_000)
    let sum = (0..<set.sampleCount).reduce(0.0) { $0 + Double(set.samples[$1]) }
    // Samples are kept to 24 bits, so that the sum of 8,619 of them is good to 1e-7.
    #expect(abs(sum / 2412.433730158735 - 1) < 1e-7)
    #expect(set.entities[0].memory == 2 << 30 && set.entities[0].vcpus == 1)
    #expect(set.usualLength == .seconds(300))
    let gaps = set.sampleRange(of: 0).count { set.lengths?[$0] == 301 }
    #expect(gaps == 284)
  }

  /// MHz times seconds of all VMs.
  private func work(_ set: TraceSet) -> Double {
    (0..<set.count).reduce(0.0) { sum, entity in
      sum
        + set.sampleRange(of: entity).reduce(0.0) {
          $0 + Double(set.samples[$1]) / 100 * set.entities[entity].capacity * Double(set.lengths?[$1] ?? 1)
            * set.tick.seconds
        }
    }
  }

  @Test func openDCSmall() throws {
    let set = try ReferenceData.load("opendc-bitbrains-small")
    #expect(set.count == 50 && set.sampleCount == 276_979 && set.tick == .seconds(1))
    #expect(set.usualLength == .seconds(300) && set.origin == 1_376_314_546_000)
    #expect(abs(work(set) / 207_380_236_439.15967 - 1) < 1e-7)
    // Resampling keeps the work.
    let even = try #require(set.resampled(every: .seconds(300)))
    #expect(even.lengths == nil && abs(work(even) / 207_380_236_439.15967 - 1) < 1e-6)
  }

  @Test func workloadLogs() throws {
    // 188,041 jobs, of which 521 have a run time of 0; 18,239 with 173.
    let grid = try ReferenceData.load("swf/LCG.swf.gz")
    #expect(grid.count == 187_520 && grid.origin == 1_132_444_805_000)
    let seconds = (0..<grid.count).reduce(0.0) { $0 + grid.sampledTime(of: $1).seconds }
    #expect(seconds == 1_502_530_759)
    let nasa = try ReferenceData.load("swf/NASA-iPSC-1993-3.1-cln.swf.gz")
    #expect(nasa.count == 18_066 && nasa.origin == 749_458_803_000)
    #expect((0..<nasa.count).reduce(0.0) { $0 + nasa.sampledTime(of: $1).seconds } == 13_950_781)
  }
}
