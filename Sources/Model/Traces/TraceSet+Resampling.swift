import Quantities

extension TraceSet {
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
  public func resampled(every interval: TimeSpan, limit: Int = 1 << 30) -> TraceSet? {
    precondition(interval > .zero, "samples take time")
    let step = interval.nanoseconds
    var total = 0
    for entity in 0..<count {
      total += Int((sampledTime(of: entity).nanoseconds + step - 1) / step)
      guard total <= limit else { return nil }
    }
    var builder = TraceSetBuilder(unit: interval)
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

extension TraceSet {
  /// Series of samples of equal length, without names: `starts` has one more entry than there are series, the last
  /// being the number of samples.
  ///
  /// - Complexity: O(samples).
  public convenience init(interval: TimeSpan, starts: [Int], samples: [Float]) {
    precondition(starts.first == 0 && starts.last == samples.count, "series fill the samples")
    precondition(interval > .zero, "samples are apart")
    let header = Header(
      entityCount: Int64(starts.count - 1), sampleCount: Int64(samples.count), nameBytes: 0,
      tick: interval.nanoseconds, origin: 0, hasLengths: 0)
    guard let layout = Layout(header: header) else { preconditionFailure("series are in bounds") }
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: layout.size, alignment: 8)
    block.initializeMemory(as: UInt8.self, repeating: 0)
    let base = block.baseAddress!
    base.storeBytes(of: header, as: Header.self)
    let entities = (base + layout.entities).assumingMemoryBound(to: Entity.self)
    for (index, start) in starts.enumerated() {
      entities[index] = Entity(
        firstSample: Int64(start), nameOffset: 0, start: 0, end: Self.forever, vcpus: 0, capacity: 0, memory: 0)
    }
    (base + layout.samples).withMemoryRebound(to: Float.self, capacity: samples.count) { target in
      samples.withUnsafeBufferPointer { source in
        if let first = source.baseAddress { target.update(from: first, count: source.count) }
      }
    }
    self.init(block: UnsafeRawBufferPointer(block)) { UnsafeRawBufferPointer($0).deallocate() }!
  }

  /// The demand as engines take it: every VM has at least one sample, and all samples have the same length.
  ///
  /// A VM without samples asks for nothing; where no VM has any, all ask for their whole vCPUs. After the last sample a
  /// VM that ends asks for nothing, one that the trace does not end goes on as before.
  ///
  /// - Parameter interval: the length of samples; nil for the usual one of the trace.
  /// - Returns: nil when it does not fit into memory. The set itself when it is in that form already.
  /// - Complexity: O(samples before and after).
  public func evened(every interval: TimeSpan? = nil) -> TraceSet? {
    let step = interval ?? usualLength
    let isEven = lengths == nil && tick == step
    let ends = (0..<count).contains { entities[$0].end != Self.forever || sampleRange(of: $0).isEmpty }
    if isEven && !ends { return self }
    guard let even = isEven ? self : resampled(every: step) else { return nil }
    guard ends else { return even }
    var builder = TraceSetBuilder(unit: step)
    builder.origin = origin
    let silence: Float = sampleCount == 0 ? 100 : 0
    for entity in 0..<count {
      let record = entities[entity]
      let number = builder.add(
        name: nameBytes(of: entity), start: record.start, end: record.end, vcpus: record.vcpus,
        capacity: record.capacity, memory: record.memory)
      builder.select(number)
      for sample in even.samples(of: entity) { builder.append(sample, units: 1) }
      if record.end != Self.forever || even.sampleRange(of: entity).isEmpty { builder.append(silence, units: 1) }
    }
    return builder.finish(order: .given)
  }
}
