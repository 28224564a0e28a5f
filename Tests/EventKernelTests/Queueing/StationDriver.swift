import EventKernel
import Quantities
import Statistics
import Testing

/// What all stations have in common, for the tests.
protocol QueueingStation: ~Copyable {
  func admit(_ job: UInt32, priority: Int, work: Int64, at time: Int64) -> Bool
  func advance(to time: Int64)
  func popNotice() -> StationNotice?
  func takePlan() -> StationPlan?
  func isCurrent(_ generation: UInt32) -> Bool
  func statistics(at time: Int64) -> StationStatistics
  func resetStatistics(at time: Int64)
  var number: Int { get }
}

extension FCFSStation: QueueingStation {
  func admit(_ job: UInt32, priority: Int, work: Int64, at time: Int64) -> Bool { arrive(job, work: work, at: time) }
}

extension ProcessorSharingStation: QueueingStation {
  func admit(_ job: UInt32, priority: Int, work: Int64, at time: Int64) -> Bool {
    arrive(job, work: work, at: time)
    return true
  }
}

extension PriorityStation: QueueingStation {
  func admit(_ job: UInt32, priority: Int, work: Int64, at time: Int64) -> Bool {
    arrive(job, priority: priority, work: work, at: time)
    return true
  }
}

extension StationNotice {
  /// The exact instant in units of `FineTime`.
  var instant: Int128 { Int128(time) * Int128(FineTime.unitsPerNanosecond) - Int128(lead) }
}

/// The unit of time of the models: a millisecond, in nanoseconds.
let millisecond = 1e6

/// Poisson arrivals of one class, and the work of its jobs; in milliseconds.
struct JobClass {
  var rate: Double
  var work: Distribution
}

/// What one replication gave; times in milliseconds.
struct Replication {
  var statistics: StationStatistics
  /// The mean time in the station of each class.
  var responses: [Double]
}

/// Runs a station with open classes for `warmUp` milliseconds that are not counted and `duration` that are.
func simulate<Station: QueueingStation & ~Copyable>(
  _ station: borrowing Station, _ classes: [JobClass], warmUp: Double = 100, duration: Double, replication: UInt32
) -> Replication {
  let events = PendingEventSet()
  let samplers = classes.map { Sampler($0.work) }
  let begin = Int64(warmUp * millisecond)
  let end = begin + Int64(duration * millisecond)
  var streams = classes.indices.map {
    RandomStream(seed: 77, replication: replication, entity: UInt32($0), purpose: 1)
  }
  var nextArrival = [Double](repeating: 0.0, count: classes.count)
  var jobs: [(arrival: Int64, priority: Int)] = []
  var responses = [Tally](repeating: Tally(), count: classes.count)
  func planArrival(_ index: Int) {
    nextArrival[index] += streams[index].nextExponential(mean: 1 / classes[index].rate)
    events.insert(Event(time: Int64(nextArrival[index] * millisecond), kind: 0, handle: UInt32(index)))
  }
  for index in classes.indices { planArrival(index) }
  events.insert(Event(time: begin, kind: 2, handle: 0))
  while let event = events.popFirst(notAfter: end) {
    switch event.kind {
    case 0:
      let index = Int(event.handle)
      let work = FineTime.units(nanoseconds: samplers[index].sample(using: &streams[index]) * millisecond)
      _ = station.admit(UInt32(jobs.count), priority: index, work: work, at: event.time)
      jobs.append((event.time, index))
      planArrival(index)
    case 1:
      if station.isCurrent(event.generation) { station.advance(to: event.time) }
    default:
      station.resetStatistics(at: event.time)
    }
    while let notice = station.popNotice() {
      let job = jobs[Int(notice.job)]
      guard notice.kind == .ended, job.arrival >= begin else { continue }
      let elapsed = notice.instant - Int128(job.arrival) * Int128(FineTime.unitsPerNanosecond)
      responses[job.priority].add(FineTime.nanoseconds(units: Int64(elapsed)) / millisecond)
    }
    if let plan = station.takePlan() {
      events.insert(Event(time: plan.time, kind: 1, handle: 0, generation: plan.generation))
    }
  }
  return Replication(statistics: station.statistics(at: end), responses: responses.map(\.mean))
}

/// Independent replications of a model, each of which gives some figures, and their 99 % intervals.
///
/// Of a hundred expectations with other seeds one would fail.
func expectMeans(
  replications: UInt32 = 10, _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation,
  _ figures: (UInt32) -> [Double]
) throws {
  let all = (0..<replications).map(figures)
  for (index, value) in expected.enumerated() {
    let interval = try meanInterval(of: all.map { $0[index] }, confidence: 0.99).interval
    #expect(
      interval.lower <= value && value <= interval.upper,
      "figure \(index): \(interval) does not cover \(value)", sourceLocation: sourceLocation)
  }
}
