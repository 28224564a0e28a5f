/// Servers that share their time equally among all jobs, such as the processors of a host: G/G/c-PS.
///
/// Of n jobs each is served at the rate min(1, c/n) of a server. With Poisson arrivals and one server at load ρ a job
/// of work x stays x/(1 - ρ) on average, whatever the distribution of the work.
///
/// The station is used like `FCFSStation`: after every operation read the notices, all of kind `ended`, and take the
/// plan. Inside, it computes in units of `FineTime` and virtual time: a job ends at the exact unit, even between two
/// nanoseconds, and those that stay share what it leaves from then on. The work served is exactly the capacity used. At
/// an instant, jobs end before the operation of the caller takes effect.
///
/// | operation | time for n jobs |
/// |---|---|
/// | arrival | O(log n), O(1) on average for random work |
/// | cancellation, a job that ends | O(log n) |
/// | change of the number of servers, anything else | O(1) |
///
/// Each of them also advances, which costs O(log n) for every job that ends until then. A job takes 36 bytes.
public struct ProcessorSharingStation: ~Copyable {
  private let state: UnsafeMutablePointer<ProcessorSharingState>

  /// Creates an empty station.
  ///
  /// - Parameters:
  ///   - servers: number of servers, at least 0.
  ///   - start: begin of the observation, in nanoseconds.
  public init(servers: Int, start: Int64 = 0) {
    precondition(servers >= 0, "a number of servers is not negative")
    state = .allocate(capacity: 1)
    state.initialize(to: ProcessorSharingState(servers: servers, start: start))
  }

  deinit {
    state.pointee.deallocate()
    state.deallocate()
  }

  /// The number of jobs in the station.
  public var number: Int { state.pointee.number }
  /// The number of servers.
  public var servers: Int { state.pointee.servers }

  /// A job comes. One without work ends at once.
  ///
  /// - Parameters:
  ///   - job: the caller's name for it, which comes back in the notices.
  ///   - work: service time on a server of its own in units of `FineTime`, at least 0.
  ///   - time: now, in nanoseconds.
  /// - Returns: what names the job in this station until it leaves.
  @discardableResult
  public func arrive(_ job: UInt32, work: Int64, at time: Int64) -> JobTicket {
    state.pointee.arrive(job, work: work, at: state.pointee.account.instant(of: time))
  }

  /// Takes a job away at `time` nanoseconds.
  ///
  /// - Returns: the work that was left of it, in units of `FineTime`; nil when it ended at that time or before.
  public func cancel(_ ticket: JobTicket, at time: Int64) -> Int64? {
    state.pointee.cancel(ticket, at: state.pointee.account.instant(of: time))
  }

  /// The work left of a job at `time` nanoseconds, in units of `FineTime`; nil when it ended at that time or before.
  /// Advances to that time.
  public func remainingWork(of ticket: JobTicket, at time: Int64) -> Int64? {
    state.pointee.remainingWork(of: ticket, at: state.pointee.account.instant(of: time))
  }

  /// Changes the number of servers, at least 0, at `time` nanoseconds.
  public func setServers(_ servers: Int, at time: Int64) {
    state.pointee.setServers(servers, at: state.pointee.account.instant(of: time))
  }

  /// Lets the time pass until `time` nanoseconds, that one included.
  public func advance(to time: Int64) {
    state.pointee.advance(to: state.pointee.account.instant(of: time))
  }

  /// The oldest notice not yet read, of kind `ended`; nil when there is none.
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
