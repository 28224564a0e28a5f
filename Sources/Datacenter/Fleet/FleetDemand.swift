import EventKernel
import Model
import Quantities

/// Demand that VMs follow: side by side by sample, or, where VMs have life times, each at its own place in its series.
struct FleetDemand {
  let set: TraceSet
  /// Nil where VMs have life times.
  let matrix: DemandMatrix?
  var interval: Int64 { return self.set.interval.nanoseconds }

  init(_ set: TraceSet) {
    self.set = set
    let lives = (0..<set.count).contains { set.entities[$0].start > 0 || set.entities[$0].end != TraceSet.forever }
    matrix = lives ? nil : DemandMatrix(set)
  }
}

/// Demand of all series at each sample: a row for each sample, so that one moment of many VMs lies together.
final class DemandMatrix {
  let interval: Int64
  let width: Int
  let rows: Int
  private let values: UnsafeMutablePointer<Float>

  /// Lays out series; shorter ones are repeated up to the longest, but those that end hold their last sample.
  init(_ set: TraceSet) {
    interval = set.interval.nanoseconds
    width = set.count
    rows = max(1, (0..<set.count).map { set.sampleRange(of: $0).count }.max() ?? 1)
    values = .allocate(capacity: max(1, width * rows))
    for series in 0..<width {
      let samples = set.samples(of: series)
      let ends = set.entities[series].end != TraceSet.forever
      for row in 0..<rows {
        let sample = ends ? min(row, samples.count - 1) : row % max(1, samples.count)
        values[row * width + series] = samples.isEmpty ? 0 : samples[sample]
      }
    }
  }

  deinit { values.deallocate() }

  /// The samples that hold from `time` on; after the last row the first follows.
  func row(at time: Int64) -> UnsafePointer<Float> {
    UnsafePointer(values + Int(time / interval) % rows * width)
  }
}
