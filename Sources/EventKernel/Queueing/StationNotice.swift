/// What happened to a job in a station, and exactly when; 16 bytes.
public struct StationNotice: Sendable, Hashable, BitwiseCopyable {
  /// The kinds of happenings.
  public enum Kind: UInt8, Sendable, BitwiseCopyable {
    /// A server begins with the job. Stations whose jobs are all served at once do not report it.
    case started
    /// The job lost its server to one of a more urgent class; what was served of it is kept.
    case preempted
    /// A server goes on with a job that was preempted.
    case resumed
    /// The job's work is done, and it has left.
    case ended
  }

  /// The first whole nanosecond at or after the exact instant.
  public let time: Int64
  /// By how many units of `FineTime` the exact instant lies before `time`; below one nanosecond.
  public let lead: UInt16
  /// What happened.
  public let kind: Kind
  /// The job, as the caller named it.
  public let job: UInt32

  init(_ kind: Kind, job: UInt32, at instant: Int128) {
    time = FineInstant.ceiling(instant)
    lead = UInt16(truncatingIfNeeded: FineInstant.of(nanoseconds: time) &- instant)
    self.kind = kind
    self.job = job
  }
}

/// Points of simulated time in units of `FineTime`, wide enough for every time of the clock.
enum FineInstant {
  /// The binary logarithm of `FineTime.unitsPerNanosecond`, as a constant of this module: the other is a call away.
  static let fractionBits: Int128 = 16

  @inline(__always)
  static func of(nanoseconds time: Int64) -> Int128 { Int128(time) &<< fractionBits }

  /// The first whole nanosecond at or after an instant; `Int64.max` for all that lie beyond the clock.
  @inline(__always)
  static func ceiling(_ instant: Int128) -> Int64 {
    // An arithmetic shift rounds down, before time zero too.
    Int64(clamping: (instant &+ (1 &<< fractionBits &- 1)) &>> fractionBits)
  }
}
