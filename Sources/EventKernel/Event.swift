/// Something that will happen: a point in simulated time and a plain payload, 16 bytes together.
public struct Event: Sendable, Hashable {
  /// When it happens, in nanoseconds.
  public let time: Int64
  /// From the high bits down: kind (8 bits), generation (24 bits), handle (32 bits).
  @usableFromInline let payload: UInt64

  /// The bits of a generation that an event keeps: the low 24.
  @inlinable public static var generationMask: UInt32 { 0xff_ffff }

  /// Creates an event.
  ///
  /// - Parameters:
  ///   - time: when it happens, in nanoseconds.
  ///   - kind: what happens; the meaning is the model's.
  ///   - handle: the entity it happens to.
  ///   - generation: the entity's generation, of which the low 24 bits are kept. An entity that counts its generation up
  ///     when it changes its plans knows an outdated event by the difference, unless exactly 2^24 changes lie between.
  @inlinable
  public init(time: Int64, kind: UInt8, handle: UInt32, generation: UInt32 = 0) {
    self.time = time
    payload = UInt64(kind) << 56 | UInt64(generation & Event.generationMask) << 32 | UInt64(handle)
  }

  init(time: Int64, payload: UInt64) {
    self.time = time
    self.payload = payload
  }

  /// What happens.
  @inlinable public var kind: UInt8 { UInt8(truncatingIfNeeded: payload >> 56) }
  /// The entity it happens to.
  @inlinable public var handle: UInt32 { UInt32(truncatingIfNeeded: payload) }
  /// The low 24 bits of the entity's generation when the event was planned.
  @inlinable public var generation: UInt32 { UInt32(truncatingIfNeeded: payload >> 32) & Event.generationMask }
}
