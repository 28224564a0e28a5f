/// Equal servers that serve the most urgent jobs, such as a processor with interrupts: G/G/c with preemptive-resume
/// priorities.
///
/// The c most urgent jobs are in service at any time; within a class those that came first. A job of a more urgent
/// class takes the server of the least urgent job in service, of those the one that came last; that job keeps what was
/// served of it, and waits at the head of its class. Jobs of one class never preempt each other.
///
/// The station is used like `FCFSStation`: after every operation read the notices and take the plan. Inside, it
/// computes in units of `FineTime`. At an instant, jobs end, waiting jobs start, and then the operation of the caller
/// takes effect.
///
/// Operations and each job that ends take O(c + k) for c servers and k classes; a job takes 32 bytes.
public struct PriorityStation: ~Copyable {
  private let state: UnsafeMutablePointer<PriorityState>

  /// Creates an empty station.
  ///
  /// - Parameters:
  ///   - classes: number of classes, at least 1.
  ///   - servers: number of servers, at least 1.
  ///   - start: begin of the observation, in nanoseconds.
  public init(classes: Int, servers: Int = 1, start: Int64 = 0) {
    precondition(classes >= 1, "a station needs a class of jobs")
    precondition(servers >= 1, "a station needs a server")
    state = .allocate(capacity: 1)
    state.initialize(to: PriorityState(servers: servers, classes: classes, start: start))
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
  ///   - priority: its class, from 0, the most urgent.
  ///   - work: service time in units of `FineTime`, at least 0.
  ///   - time: now, in nanoseconds.
  public func arrive(_ job: UInt32, priority: Int, work: Int64, at time: Int64) {
    state.pointee.arrive(job, priority: priority, work: work, at: state.pointee.account.instant(of: time))
  }

  /// Lets the time pass until `time` nanoseconds, that one included.
  public func advance(to time: Int64) {
    state.pointee.advance(to: state.pointee.account.instant(of: time))
  }

  /// The oldest notice not yet read, of any kind; nil when there is none.
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
