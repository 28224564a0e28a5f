import Quantities
import Testing

@testable import EventKernel

@Suite struct FineInstantTests {
  @Test func unitsAreThoseOfFineTime() {
    #expect(FineInstant.of(nanoseconds: 1) == Int128(FineTime.unitsPerNanosecond))
    #expect(FineInstant.of(nanoseconds: .min) == Int128(Int64.min) * 65_536)
  }

  @Test func instantsAreRoundedUpToNanoseconds() {
    #expect(FineInstant.ceiling(65_536) == 1)
    #expect(FineInstant.ceiling(65_537) == 2)
    #expect(FineInstant.ceiling(-65_537) == -1)
    #expect(FineInstant.ceiling(-1) == 0)
    #expect(FineInstant.ceiling(FineInstant.of(nanoseconds: .max)) == .max)
    #expect(FineInstant.ceiling(FineInstant.of(nanoseconds: .max) + 1) == .max)
  }

  @Test func noticesKeepTheExactInstant() {
    for instant in [-65_537, -1, 0, 1, 65_535, 65_536, 1 << 78] as [Int128] {
      let notice = StationNotice(.ended, job: 1, at: instant)
      #expect(notice.instant == instant)
    }
    #expect(MemoryLayout<StationNotice>.size == 16)
  }
}
