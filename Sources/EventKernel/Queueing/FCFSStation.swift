/// Equal servers that serve jobs in the order of arrival, such as the queue of a device: G/G/c, or G/G/c/K when finite.
///
/// The station knows no event set. After every operation its caller does three things:
/// 1. read the notices with `popNotice()` until there are none;
/// 2. take the plan with `takePlan()`; when there is one, insert an event with its time and generation;
/// 3. when such an event comes and `isCurrent(_:)` accepts its generation, `advance(to:)` its time.
///
/// Inside, the station computes in units of `FineTime`: a job starts at the exact instant at which its server becomes
/// free, even between two nanoseconds, so that long queues do not drift. What happens at an instant happens in this
/// order: jobs end, waiting jobs start, and then the operation of the caller takes effect.
///
/// Operations take O(log c) for c servers and each job that ends; memory grows with the longest queue.
public struct FCFSStation: ~Copyable {
  private let state: UnsafeMutablePointer<FCFSState>

  /// Creates an empty station.
  ///
  /// - Parameters:
  ///   - servers: number of servers, at least 1.
  ///   - capacity: the most jobs in the station, those in service included; at least `servers`. Without it no job is
  ///     refused.
  ///   - start: begin of the observation, in nanoseconds.
  public init(servers: Int, capacity: Int = .max, start: Int64 = 0) {
    precondition(servers >= 1, "a station needs a server")
    precondition(capacity >= servers, "a station holds at least the jobs that it serves")
    state = .allocate(capacity: 1)
    state.initialize(to: FCFSState(servers: servers, capacity: capacity, start: start))
  }

  deinit {
    state.pointee.deallocate()
    state.deallocate()
  }

  /// The number of jobs in the station, those in service included.
  public var number: Int { state.pointee.number }

  /// A job comes.
  ///
  /// - Parameters:
  ///   - job: the caller's name for it, which comes back in the notices.
  ///   - work: service time in units of `FineTime`, at least 0.
  ///   - time: now, in nanoseconds.
  /// - Returns: whether it was admitted; false when the station is full.
  public func arrive(_ job: UInt32, work: Int64, at time: Int64) -> Bool {
    state.pointee.arrive(job, work: work, at: state.pointee.account.instant(of: time))
  }

  /// Lets the time pass until `time` nanoseconds, that one included.
  public func advance(to time: Int64) {
    state.pointee.advance(to: state.pointee.account.instant(of: time))
  }

  /// The oldest notice not yet read, of kind `started` or `ended`; nil when there is none.
  public func popNotice() -> StationNotice? { state.pointee.output.popNotice() }

  /// The next time at which a job ends, if it differs from that of the plan taken last; nil when there is nothing to
  /// insert. Plans taken before are then outdated.
  public func takePlan() -> StationPlan? { state.pointee.output.takePlan(next: state.pointee.nextTime) }

  /// Whether a generation, of which 24 bits count, is that of the plan taken last. Advancing for an outdated one does
  /// no harm but is needless.
  public func isCurrent(_ generation: UInt32) -> Bool { state.pointee.output.isCurrent(generation) }

  /// What was counted from the start or the last reset until `time` nanoseconds. Advances to that time.
  public func statistics(at time: Int64) -> StationStatistics {
    advance(to: time)
    return state.pointee.account.statistics(at: time)
  }

  /// Forgets what was counted before `time` nanoseconds, as after a warm-up; the jobs stay. Advances to that time.
  public func resetStatistics(at time: Int64) {
    advance(to: time)
    state.pointee.account.resetStatistics(at: time)
  }
}
