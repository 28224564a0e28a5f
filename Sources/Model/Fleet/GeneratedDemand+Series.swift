import EventKernel
import Quantities

extension GeneratedDemand {
  /// The purpose of the random streams of generated demand; entity `i` draws series `i`.
  static let stream: UInt16 = 66

  /// Draws the series of one replication.
  ///
  /// - Complexity: O(series × samples); 4 bytes a sample.
  public func makeSeries(duration: TimeSpan, seed: UInt64, replication: Int) -> TraceSet {
    let step = interval.nanoseconds
    let samples = Int((duration.nanoseconds + step - 1) / step) + 1
    let day = TimeSpan.seconds(86_400).nanoseconds
    // The profile, worked out once for each sample.
    let factors = (0..<samples).map { sample -> Double in
      let position = Double((Int64(sample) * step) % day) / Double(day) * Double(profile.count)
      let below = Int(position)
      let fraction = position - Double(below)
      let next = profile[(below + 1) % profile.count]
      return profile[below % profile.count] * (1 - fraction) + next * fraction
    }
    let innovation = (1 - correlation * correlation).squareRoot()
    var values = [Float](repeating: 0, count: series * samples)
    values.withUnsafeMutableBufferPointer { buffer in
      for number in 0..<series {
        var stream = RandomStream(
          seed: seed, replication: UInt32(replication), entity: UInt32(number), purpose: Self.stream)
        let own = mean + spread * (2 * stream.nextUniform() - 1)
        var noise = stream.nextNormal()
        let base = number * samples
        for sample in 0..<samples {
          let share = own * factors[sample] + deviation * noise
          buffer[base + sample] = Float(100 * max(0, min(1, share)))
          noise = correlation * noise + innovation * stream.nextNormal()
        }
      }
    }
    return TraceSet(interval: interval, starts: (0...series).map { $0 * samples }, samples: values)
  }
}

extension DemandSource {
  /// The series themselves.
  public func resolved(duration: TimeSpan, seed: UInt64, replication: Int) -> TraceSet {
    switch self {
    case .series(let series): series
    case .generated(let demand): demand.makeSeries(duration: duration, seed: seed, replication: replication)
    }
  }
}
