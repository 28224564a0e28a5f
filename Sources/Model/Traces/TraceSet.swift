import Quantities

/// Demand of many VMs over time, immutable and shared: VMs hold an index, never a copy.
///
/// All of it lies in one block of memory, on the heap or mapped from a file. Accessors take constant time and allocate
/// nothing, but for names; the pointers they give are valid as long as the set is alive, so a loop keeps the set in a
/// variable outside and touches only pointers inside.
public final class TraceSet: @unchecked Sendable {
  // All stored properties are immutable, and so is the memory they point to.

  /// A VM of a trace.
  public struct Entity: Sendable, Hashable {
    /// Index of its first sample; its last is the one before the next VM's first.
    public internal(set) var firstSample: Int64
    /// Offset of its name among the bytes of all names.
    var nameOffset: Int64
    /// When it begins, in nanoseconds after the trace's origin.
    public internal(set) var start: Int64
    /// When it ends, in nanoseconds after the trace's origin; `TraceSet.forever` when the trace does not tell.
    public internal(set) var end: Int64
    /// vCPUs, which may be fractions of one; 0 when the trace does not tell.
    public internal(set) var vcpus: Double
    /// Speed of all its vCPUs in MHz, to which samples refer; 0 when the trace does not tell.
    public internal(set) var capacity: Double
    /// Bytes of memory; 0 when the trace does not tell.
    public internal(set) var memory: Int64
  }

  /// The end of what does not end.
  public static let forever = Int64.max

  /// What a block begins with.
  struct Header {
    var entityCount: Int64
    var sampleCount: Int64
    var nameBytes: Int64
    var tick: Int64
    var origin: Int64
    var hasLengths: Int64
  }

  /// How many VMs there are.
  public let count: Int
  /// How many samples all VMs have together.
  public let sampleCount: Int
  /// The time of which the length of every sample is a multiple.
  public let tick: TimeSpan
  /// When the trace begins, in milliseconds after 1970; 0 when it does not tell.
  public let origin: Int64
  /// VMs in order; one more than there are, which ends the last one's samples.
  public let entities: UnsafePointer<Entity>
  /// The length of samples where all have the same: one tick.
  public var interval: TimeSpan { tick }
  /// Samples of all VMs, in percent of their vCPUs. Whole percents are exact; a few traces exceed 100.
  public let samples: UnsafePointer<Float>
  /// How many ticks each sample holds; nil when it is one for all.
  public let lengths: UnsafePointer<UInt32>?
  /// The whole content, the same bytes wherever it was read from.
  public let block: UnsafeRawBufferPointer

  private let names: UnsafePointer<UInt8>
  private let release: @Sendable (UnsafeRawBufferPointer) -> Void

  /// Takes over a block of memory, aligned to 8 bytes.
  ///
  /// - Parameter release: frees the memory; called when the set ends, or before nil is returned.
  /// - Returns: nil when the bytes are no set of traces.
  /// - Complexity: O(VMs + samples of different length).
  public init?(block: UnsafeRawBufferPointer, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) {
    guard let layout = Layout(block: block) else {
      release(block)
      return nil
    }
    let base = block.baseAddress!
    self.block = block
    self.release = release
    count = Int(layout.header.entityCount)
    sampleCount = Int(layout.header.sampleCount)
    tick = TimeSpan(nanoseconds: layout.header.tick)
    origin = layout.header.origin
    entities = (base + layout.entities).assumingMemoryBound(to: Entity.self)
    samples = (base + layout.samples).assumingMemoryBound(to: Float.self)
    lengths = layout.header.hasLengths == 0 ? nil : (base + layout.lengths).assumingMemoryBound(to: UInt32.self)
    names = (base + layout.names).assumingMemoryBound(to: UInt8.self)
    guard layout.isConsistent(entities: entities, lengths: lengths) else { return nil }
  }

  deinit { release(block) }

  /// The name of a VM.
  public func name(of entity: Int) -> String { String(decoding: nameBytes(of: entity), as: UTF8.self) }

  /// The bytes of the name of a VM.
  public func nameBytes(of entity: Int) -> UnsafeBufferPointer<UInt8> {
    let start = Int(entities[entity].nameOffset)
    return UnsafeBufferPointer(start: names + start, count: Int(entities[entity + 1].nameOffset) - start)
  }

  /// The indices of a VM's samples.
  public func sampleRange(of entity: Int) -> Range<Int> {
    Int(entities[entity].firstSample)..<Int(entities[entity + 1].firstSample)
  }

  /// The samples of a VM, in percent of its vCPUs.
  public func samples(of entity: Int) -> UnsafeBufferPointer<Float> {
    let range = sampleRange(of: entity)
    return UnsafeBufferPointer(start: samples + range.lowerBound, count: range.count)
  }

  /// How long the samples of a VM last together.
  ///
  /// - Complexity: O(1) when all samples have the same length, else O(samples of the VM).
  public func sampledTime(of entity: Int) -> TimeSpan {
    let range = sampleRange(of: entity)
    guard let lengths else { return TimeSpan(nanoseconds: Int64(range.count) * tick.nanoseconds) }
    return TimeSpan(nanoseconds: range.reduce(Int64(0)) { $0 + Int64(lengths[$1]) } * tick.nanoseconds)
  }
}

extension TraceSet {
  /// Where the parts of a block lie: header, VMs, samples, lengths, names, each aligned to 8 bytes.
  struct Layout {
    let header: Header
    let entities: Int
    let samples: Int
    let lengths: Int
    let names: Int
    let size: Int

    /// The greatest number of VMs and of samples.
    static let greatestCount: Int64 = 1 << 40

    init?(header: Header) {
      guard (0...Self.greatestCount).contains(header.entityCount), header.tick > 0,
        (0...Self.greatestCount).contains(header.sampleCount), (0...Self.greatestCount).contains(header.nameBytes)
      else { return nil }
      self.header = header
      entities = Self.aligned(MemoryLayout<Header>.size)
      samples = entities + (Int(header.entityCount) + 1) * MemoryLayout<Entity>.stride
      lengths = Self.aligned(samples + Int(header.sampleCount) * 4)
      names = Self.aligned(lengths + (header.hasLengths == 0 ? 0 : Int(header.sampleCount) * 4))
      size = Self.aligned(names + Int(header.nameBytes))
    }

    init?(block: UnsafeRawBufferPointer) {
      guard let base = block.baseAddress, block.count >= MemoryLayout<Header>.size, Int(bitPattern: base) % 8 == 0,
        let layout = Layout(header: base.load(as: Header.self)), layout.size == block.count
      else { return nil }
      self = layout
    }

    /// Whether all ranges lie within their parts, and the samples of every VM end within the range of time.
    func isConsistent(entities: UnsafePointer<Entity>, lengths: UnsafePointer<UInt32>?) -> Bool {
      let count = Int(header.entityCount)
      guard entities[0].firstSample == 0, entities[0].nameOffset == 0,
        entities[count].firstSample == header.sampleCount, entities[count].nameOffset == header.nameBytes
      else { return false }
      for index in 0..<count {
        let entity = entities[index]
        let next = entities[index + 1]
        guard entity.firstSample <= next.firstSample, entity.nameOffset <= next.nameOffset,
          next.firstSample <= header.sampleCount, next.nameOffset <= header.nameBytes,
          entity.start >= 0, entity.end >= entity.start, entity.vcpus >= 0, entity.capacity >= 0, entity.memory >= 0
        else { return false }
        var ticks = next.firstSample - entity.firstSample
        if let lengths {
          ticks = (entity.firstSample..<next.firstSample).reduce(0) { $0 + Int64(lengths[Int($1)]) }
        }
        let (time, overflows) = ticks.multipliedReportingOverflow(by: header.tick)
        if overflows || entity.start.addingReportingOverflow(time).overflow { return false }
      }
      return true
    }

    private static func aligned(_ offset: Int) -> Int { (offset + 7) & ~7 }
  }
}
