import Virtualization

// What jobs of a VM leave to those that follow: pages that are dirty, code that is translated, buffers to invalidate.

/// The present round of a VM's dirty logging.
struct DirtyRound {
  var logging: DirtyLogging?
  var exitsPerCPUSecond = 0.0
  var number: Int64 = 0
  var dirty = 0.0
  /// Pages that the job in the making has dirtied, and its CPU time in seconds.
  var latest = 0.0
  var latestTime = 0.0

  /// Pages that a job which starts now dirties in `nanoseconds` of CPU time.
  mutating func advance(to now: Int64, nanoseconds: Double) -> Double {
    guard let logging else { return 0 }
    let round = Int64(Double(now) / logging.interval)
    if round != number {
      number = round
      dirty = 0
    }
    latestTime = nanoseconds * 1e-9
    latest = logging.newlyDirty(in: latestTime, after: dirty)
    dirty += latest
    return latest
  }

  /// Expected fillings of the log during the latest job.
  var fullLogs: Double {
    guard latestTime > 0 else { return 0 }
    return latestTime * DirtyLogging.fullExits(dirty: latest / latestTime, exits: exitsPerCPUSecond)
  }
}

/// How far a VM's translator has got.
struct CodeState {
  var translation: CodeTranslation?
  /// Work of the guest so far in nanoseconds, and the instructions translated for it.
  var work = 0.0
  var translated = 0.0

  /// Instructions that a job of `nanoseconds` of work brings.
  mutating func advance(nanoseconds: Double) -> Double {
    guard let translation else { return 0 }
    work += nanoseconds
    let before = translated
    translated = translation.translated(after: work)
    return translated - before
  }
}

/// Buffers of a VM whose translations wait to be invalidated together.
struct InvalidationQueue {
  var deferred: DeferredInvalidation?
  var waiting = 0.0
  var due: Int64 = .max

  /// Takes the buffers of a job in, and returns how many invalidations have come due since the job before.
  mutating func advance(to now: Int64) -> Int64 {
    guard let deferred else { return 0 }
    var invalidations: Int64 = 0
    if now >= due {
      invalidations = 1
      waiting = 0
    }
    if waiting == 0 { due = now + Int64(deferred.deferral) }
    waiting += deferred.perRequest
    while waiting >= deferred.capacity {
      invalidations += 1
      waiting -= deferred.capacity
      due = waiting > 0 ? now + Int64(deferred.deferral) : .max
    }
    return invalidations
  }
}
