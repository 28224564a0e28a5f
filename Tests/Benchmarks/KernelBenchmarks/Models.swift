import EventKernel
import Glibc
import ReferenceQueues

/// One side of a contest: a model that can be run on and on.
protocol Side: AnyObject {
  /// Runs so many more events (customers of the M/M/1 queue). Returns a digest of all times so far.
  func run(_ events: Int) -> UInt64
}

/// A model run by std::priority_queue.
final class ReferenceSide: Side {
  private let model: OpaquePointer

  init(_ model: OpaquePointer) { self.model = model }
  deinit { referenceDelete(model) }

  func run(_ events: Int) -> UInt64 { referenceRun(model, Int64(events)) }
}

/// SplitMix64; the reference draws the same numbers.
struct Generator {
  private var state: UInt64 = 1

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits >> 31)
  }

  mutating func increment() -> Int64 {
    let bits = next()
    return quantiles[Int(bits & 1023)] &+ Int64(bits >> 44)
  }

  mutating func exponential(mean: Double) -> Int64 {
    Int64(-mean * log((Double(next() >> 11) + 0.5) * 0x1p-53))
  }

  /// Quantiles of the exponential distribution with mean 1e9.
  let quantiles = exponentialQuantiles
}

/// Lives as long as the program.
nonisolated(unsafe) let exponentialQuantiles: UnsafePointer<Int64> = {
  let quantiles = UnsafeMutablePointer<Int64>.allocate(capacity: 1024)
  for index in 0..<1024 { quantiles[index] = Int64(-1e9 * log((Double(index) + 0.5) / 1024)) }
  return UnsafePointer(quantiles)
}()

/// What a model run by the pending-event set keeps.
struct Kernel {
  let events = PendingEventSet()
  var generator = Generator()
  var digest: UInt64 = 0

  mutating func note(_ time: Int64) { digest = digest &* 31 &+ UInt64(bitPattern: time) }
}

/// The first event is taken out and put back later.
final class HoldModel: Side {
  private var kernel = Kernel()

  init(pending: Int) {
    var kernel = kernel
    for index in 0..<pending {
      kernel.events.insert(Event(time: kernel.generator.increment(), kind: 0, handle: UInt32(index)))
    }
    self.kernel = kernel
  }

  func run(_ events: Int) -> UInt64 {
    var kernel = kernel
    for _ in 0..<events {
      guard let event = kernel.events.popFirst() else { break }
      kernel.note(event.time)
      kernel.events.insert(Event(time: event.time &+ kernel.generator.increment(), kind: 0, handle: event.handle))
    }
    self.kernel = kernel
    return kernel.digest
  }
}

/// 64 bytes.
struct Entity {
  var lastTime: Int64 = 0
  var busy: Int64 = 0
  var visits: UInt64 = 0
  var trace: UInt64 = 0
  var other: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  /// Memory for the entities of either side, in huge pages, which is never given back.
  static func allocate(_ count: Int) -> UnsafeMutablePointer<Entity> {
    let bytes = count * MemoryLayout<Entity>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 2 << 20)
    _ = madvise(memory, bytes, MADV_HUGEPAGE)
    let entities = memory.bindMemory(to: Entity.self, capacity: count)
    entities.initialize(repeating: Entity(), count: count)
    return entities
  }
}

/// An event changes its entity and plans one for any entity.
final class Phold: Side {
  private var kernel = Kernel()
  private let entities: UnsafeMutablePointer<Entity>
  private let count: UInt64

  init(entities count: Int) {
    self.count = UInt64(count)
    entities = Entity.allocate(count)
    for _ in 0..<count { plan(&kernel, now: 0) }
  }

  @inline(__always)
  private func plan(_ kernel: inout Kernel, now: Int64) {
    let target = UInt32(truncatingIfNeeded: kernel.generator.next().multipliedFullWidth(by: count).high)
    kernel.events.insert(Event(time: now &+ kernel.generator.increment(), kind: 0, handle: target))
  }

  func run(_ events: Int) -> UInt64 {
    var kernel = kernel
    for _ in 0..<events {
      guard let event = kernel.events.popFirst() else { break }
      if let upcoming = kernel.events.upcoming(6) { referencePrefetch(entities + Int(upcoming.handle)) }
      kernel.note(event.time)
      let entity = entities + Int(event.handle)
      entity.pointee.visits &+= 1
      entity.pointee.busy &+= event.time &- entity.pointee.lastTime
      entity.pointee.trace = entity.pointee.trace &* 31 &+ UInt64(bitPattern: event.time)
      entity.pointee.lastTime = event.time
      plan(&kernel, now: event.time)
    }
    self.kernel = kernel
    return kernel.digest
  }
}

/// The M/M/1 queue at 90 % utilization.
final class SingleServer: Side {
  private static let arrivalMean = 1e9
  private static let serviceMean = 0.9e9

  private var kernel = Kernel()
  private var isBusy = false
  /// Arrival times of those who wait, in a ring.
  private let waiting: UnsafeMutablePointer<Int64>
  private static let ring = 1 << 16
  private var head = 0
  private var tail = 0

  init() {
    waiting = .allocate(capacity: SingleServer.ring)
    waiting.initialize(repeating: 0, count: SingleServer.ring)
    kernel.events.insert(Event(time: kernel.generator.exponential(mean: SingleServer.arrivalMean), kind: 0, handle: 0))
  }

  deinit { waiting.deallocate() }

  @inline(__always)
  private func start(_ kernel: inout Kernel, now: Int64, arrival: Int64) {
    kernel.note(now &- arrival)
    let end = now &+ kernel.generator.exponential(mean: SingleServer.serviceMean)
    kernel.events.insert(Event(time: end, kind: 1, handle: 0))
  }

  func run(_ customers: Int) -> UInt64 {
    var kernel = kernel
    var remaining = customers
    while remaining > 0, let event = kernel.events.popFirst() {
      switch event.kind {
      case 0:
        let next = event.time &+ kernel.generator.exponential(mean: SingleServer.arrivalMean)
        kernel.events.insert(Event(time: next, kind: 0, handle: 0))
        if isBusy {
          precondition(tail &- head < SingleServer.ring, "a queue that long is not to be seen at this utilization")
          waiting[tail & (SingleServer.ring - 1)] = event.time
          tail &+= 1
        } else {
          isBusy = true
          start(&kernel, now: event.time, arrival: event.time)
        }
      default:
        remaining &-= 1
        if head == tail {
          isBusy = false
        } else {
          start(&kernel, now: event.time, arrival: waiting[head & (SingleServer.ring - 1)])
          head &+= 1
        }
      }
    }
    self.kernel = kernel
    return kernel.digest
  }
}
