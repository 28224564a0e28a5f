import Glibc
import Quantities

/// Collects a set of traces while it is read: VMs in any order, and their samples in runs.
public struct TraceSetBuilder: ~Copyable {
  /// In what order the VMs come.
  public enum Order: Sendable {
    /// As they were added.
    case given
    /// By the bytes of their names.
    case byName
  }

  /// Samples that follow each other and belong to one VM.
  private struct Run {
    let entity: Int
    let first: Int
    var count: Int
  }

  private var samples = GrowingBuffer<Float>()
  private var lengths = GrowingBuffer<UInt32>()
  private var entities: [TraceSet.Entity] = []
  private var names: [UInt8] = []
  private var runs: [Run] = []
  private let unit: TimeSpan
  /// When the trace begins, in milliseconds after 1970.
  public var origin: Int64 = 0

  /// Starts with nothing; lengths of samples are counted in units.
  public init(unit: TimeSpan) {
    precondition(unit > .zero, "samples take time")
    self.unit = unit
  }

  /// How many VMs there are.
  public var count: Int { entities.count }
  /// How many samples there are.
  public var sampleCount: Int { samples.count }

  /// Adds a VM without samples and gives its number.
  public mutating func add(
    name: UnsafeBufferPointer<UInt8>, start: Int64 = 0, end: Int64 = TraceSet.forever, vcpus: Double = 0,
    capacity: Double = 0, memory: Int64 = 0
  ) -> Int {
    entities.append(
      TraceSet.Entity(
        firstSample: 0, nameOffset: Int64(names.count), start: start, end: end, vcpus: vcpus, capacity: capacity,
        memory: memory))
    names.append(contentsOf: name)
    return entities.count - 1
  }

  /// A VM that was added.
  public subscript(_ entity: Int) -> TraceSet.Entity { entities[entity] }

  /// Changes when a VM begins and ends.
  public mutating func set(_ entity: Int, start: Int64, end: Int64) {
    entities[entity].start = start
    entities[entity].end = end
  }

  /// Changes what a VM is.
  public mutating func set(_ entity: Int, vcpus: Double, capacity: Double, memory: Int64) {
    entities[entity].vcpus = vcpus
    entities[entity].capacity = capacity
    entities[entity].memory = memory
  }

  /// Lets the following samples belong to a VM.
  public mutating func select(_ entity: Int) {
    runs.append(Run(entity: entity, first: samples.count, count: 0))
  }

  /// Appends a sample of the selected VM, in percent of its vCPUs, that lasts some units.
  @inline(__always)
  public mutating func append(_ sample: Float, units: UInt32) {
    samples.append(sample)
    lengths.append(units)
  }

  /// The set; nil when the memory for it cannot be had.
  ///
  /// - Complexity: O(samples + VMs), with sorting O(VMs log VMs) more.
  public consuming func finish(order: Order) -> TraceSet? {
    for index in runs.indices {
      runs[index].count = (index + 1 < runs.count ? runs[index + 1].first : samples.count) - runs[index].first
    }
    let divisor = commonDivisor()
    let isUniform = (0..<lengths.count).allSatisfy { lengths[$0] == divisor }
    let tick = TimeSpan(nanoseconds: unit.nanoseconds * Int64(divisor))
    let header = TraceSet.Header(
      entityCount: Int64(entities.count), sampleCount: Int64(samples.count), nameBytes: Int64(names.count),
      tick: tick.nanoseconds, origin: origin, hasLengths: isUniform ? 0 : 1)
    guard let layout = TraceSet.Layout(header: header), let base = calloc(1, layout.size) else { return nil }
    base.storeBytes(of: header, as: TraceSet.Header.self)
    let order = permutation(order)
    writeEntities(
      (base + layout.entities).assumingMemoryBound(to: TraceSet.Entity.self),
      names: (base + layout.names).assumingMemoryBound(to: UInt8.self), order: order)
    writeSamples(
      (base + layout.samples).assumingMemoryBound(to: Float.self),
      lengths: isUniform ? nil : (base + layout.lengths).assumingMemoryBound(to: UInt32.self), divisor: divisor,
      entities: (base + layout.entities).assumingMemoryBound(to: TraceSet.Entity.self), order: order)
    return TraceSet(block: UnsafeRawBufferPointer(start: base, count: layout.size)) {
      free(UnsafeMutableRawPointer(mutating: $0.baseAddress))
    }
  }

  /// The greatest number that divides all lengths; 1 without samples.
  private func commonDivisor() -> UInt32 {
    var divisor: UInt32 = 0
    for index in 0..<lengths.count where divisor != 1 && lengths[index] != divisor {
      var (larger, smaller) = (divisor, lengths[index])
      while smaller != 0 { (larger, smaller) = (smaller, larger % smaller) }
      divisor = larger
    }
    return max(1, divisor)
  }

  private func permutation(_ order: Order) -> [Int] {
    let given = Array(entities.indices)
    guard order == .byName else { return given }
    return names.withUnsafeBufferPointer { bytes in
      func range(_ entity: Int) -> Range<Int> {
        Int(entities[entity].nameOffset)..<nameEnd(of: entity)
      }
      return given.sorted { left, right in
        let (first, second) = (range(left), range(right))
        guard let base = bytes.baseAddress else { return left < right }
        let order = memcmp(base + first.lowerBound, base + second.lowerBound, min(first.count, second.count))
        return (order, first.count, left) < (0, second.count, right)
      }
    }
  }

  private func nameEnd(of entity: Int) -> Int {
    entity + 1 < entities.count ? Int(entities[entity + 1].nameOffset) : names.count
  }

  private func writeEntities(
    _ target: UnsafeMutablePointer<TraceSet.Entity>, names bytes: UnsafeMutablePointer<UInt8>, order: [Int]
  ) {
    var counts = [Int64](repeating: 0, count: entities.count)
    for run in runs { counts[run.entity] += Int64(run.count) }
    var firstSample: Int64 = 0
    var offset = 0
    for (position, entity) in order.enumerated() {
      var record = entities[entity]
      let name = Int(record.nameOffset)..<nameEnd(of: entity)
      record.firstSample = firstSample
      record.nameOffset = Int64(offset)
      target[position] = record
      names.withUnsafeBufferPointer { source in
        if let base = source.baseAddress { memcpy(bytes + offset, base + name.lowerBound, name.count) }
      }
      firstSample += counts[entity]
      offset += name.count
    }
    target[order.count] = TraceSet.Entity(
      firstSample: firstSample, nameOffset: Int64(offset), start: 0, end: 0, vcpus: 0, capacity: 0, memory: 0)
  }

  private func writeSamples(
    _ target: UnsafeMutablePointer<Float>, lengths targetLengths: UnsafeMutablePointer<UInt32>?, divisor: UInt32,
    entities: UnsafePointer<TraceSet.Entity>, order: [Int]
  ) {
    var next = [Int](repeating: 0, count: order.count)
    for (position, entity) in order.enumerated() { next[entity] = Int(entities[position].firstSample) }
    for run in runs where run.count > 0 {
      let start = next[run.entity]
      (target + start).update(from: samples.base + run.first, count: run.count)
      if let targetLengths {
        for index in 0..<run.count { targetLengths[start + index] = lengths[run.first + index] / divisor }
      }
      next[run.entity] += run.count
    }
  }
}

/// Memory that grows at its end.
struct GrowingBuffer<Element: BitwiseCopyable>: ~Copyable {
  private(set) var base = UnsafeMutablePointer<Element>.allocate(capacity: 1024)
  private(set) var count = 0
  private var capacity = 1024

  deinit { base.deallocate() }

  subscript(_ index: Int) -> Element { base[index] }

  @inline(__always)
  mutating func append(_ element: Element) {
    if count == capacity { grow() }
    base[count] = element
    count += 1
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: 2 * capacity)
    larger.update(from: base, count: count)
    base.deallocate()
    base = larger
    capacity *= 2
  }
}
