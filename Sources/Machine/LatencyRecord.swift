import Histogram
import Model

/// Latencies of one workload: exact count and sum, quantiles to three significant digits.
struct LatencyRecord {
  private(set) var count: Int64 = 0
  private var sum: Int128 = 0
  private var late: Int64 = 0
  private let bound: Int64
  private var histogram: Histogram<UInt64>

  /// Latencies above an hour are counted as an hour in the quantiles; the mean stays exact.
  private static let longest: UInt64 = 3_600_000_000_000

  init(objective: LatencyObjective?) {
    bound = objective?.bound.nanoseconds ?? .max
    histogram = Histogram(
      lowestDiscernibleValue: 1, highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)
    hasObjective = objective != nil
  }

  private let hasObjective: Bool

  /// Adds a latency in nanoseconds. O(1).
  mutating func record(_ latency: Int64) {
    count += 1
    sum += Int128(latency)
    if latency > bound { late += 1 }
    histogram.record(min(UInt64(max(0, latency)), Self.longest))
  }

  /// Mean in seconds; nil without any latency.
  var mean: Double? { count > 0 ? Double(sum) / Double(count) * 1e-9 : nil }

  /// Share of latencies above the objective's bound; nil without an objective or any latency.
  var violation: Double? { hasObjective && count > 0 ? Double(late) / Double(count) : nil }

  /// The quantiles that reports show.
  var quantiles: [RunResult.LatencyQuantile] {
    guard count > 0 else { return [] }
    return RunResult.reportedQuantiles.map {
      RunResult.LatencyQuantile(
        probability: $0, seconds: Double(histogram.valueAtPercentile($0 * 100)) * 1e-9)
    }
  }
}
