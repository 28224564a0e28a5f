import Quantities

extension RecordedDemand {
  /// The most frequent length of a sample, the shorter of two.
  ///
  /// - Complexity: O(samples).
  public var usualLength: TimeSpan {
    guard let lengths else { return tick }
    var counts: [UInt32: Int] = [:]
    for index in 0..<sampleCount { counts[lengths[index], default: 0] += 1 }
    let usual = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }
    return TimeSpan(nanoseconds: tick.nanoseconds * Int64(max(1, usual?.key ?? 1)))
  }

  /// The same demand with samples of equal length: each is the time-weighted mean over its interval, so that the work
  /// asked for stays the same, the last interval of a VM being filled up with no demand.
  ///
  /// - Returns: nil when the samples would be more than `limit`, or the memory for them cannot be had.
  /// - Complexity: O(samples before and after).
  public func resampled(every interval: TimeSpan, limit: Int = 1 << 30) -> RecordedDemand? {
    precondition(interval > .zero, "samples take time")
    let step = interval.nanoseconds
    var total = 0
    for entity in 0..<count {
      total += Int((sampledTime(of: entity).nanoseconds + step - 1) / step)
      guard total <= limit else { return nil }
    }
    var builder = RecordedDemandBuilder(unit: interval)
    builder.origin = origin
    for entity in 0..<count {
      let record = entities[entity]
      let number = builder.add(
        name: nameBytes(of: entity), start: record.start, end: record.end, vcpus: record.vcpus,
        capacity: record.capacity, memory: record.memory)
      builder.select(number)
      var sum = 0.0
      var filled: Int64 = 0
      for index in sampleRange(of: entity) {
        var left = Int64(lengths?[index] ?? 1) * tick.nanoseconds
        let value = Double(samples[index])
        if filled > 0 {
          let part = min(left, step - filled)
          sum += value * Double(part)
          filled += part
          left -= part
          guard filled == step else { continue }
          builder.append(Float(sum / Double(step)), units: 1)
        }
        for _ in 0..<(left / step) { builder.append(samples[index], units: 1) }
        filled = left % step
        sum = value * Double(filled)
      }
      if filled > 0 { builder.append(Float(sum / Double(step)), units: 1) }
    }
    return builder.finish(order: .given)
  }
}
