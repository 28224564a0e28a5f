import Quantities

/// Demand over time, in percent of a VM's vCPUs, for many VMs to refer to.
public struct TraceSet: Sendable {
  /// Time between two samples; a sample holds until the next.
  public let interval: TimeSpan
  /// Index of the first sample of each series, and the end of the last.
  public let starts: [Int]
  /// Samples of all series in percent. Whole percents are exact.
  public let samples: [Float]

  /// How many series there are.
  public var count: Int { starts.count - 1 }

  /// Creates series; `starts` has one more entry than there are series.
  public init(interval: TimeSpan, starts: [Int], samples: [Float]) {
    precondition(starts.last == samples.count && starts.first == 0, "series fill the samples")
    precondition(interval > .zero, "samples are apart")
    self.interval = interval
    self.starts = starts
    self.samples = samples
  }

}
