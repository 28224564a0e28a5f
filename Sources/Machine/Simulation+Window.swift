/// The measured window, and accounts that are brought up to an instant.
extension Simulation {
  /// Books what has run so far, then forgets it: the measured window starts here.
  mutating func beginWindow() {
    bookEverything()
    ledger.reset()
    for index in 0..<threads.count {
      threads[index].blockedTime = 0
      // What has been waited before the window still counts for co-scheduling.
      shares[index].idleHindrance += threads[index].waitingTime
      threads[index].waitingTime = 0
      threads[index].runningTime = 0
    }
    for vm in 0..<vms.count {
      vms[vm].completed = 0
      vms[vm].done = 0
      spins[vm].spun = 0
      beginMemoryWindow(vm: vm)
    }
    for index in works.indices {
      works[index].time = 0
      works[index].wakeups = 0
    }
    isMeasuring = true
  }

  /// Brings every account up to the present instant without disturbing anything that runs.
  mutating func bookEverything() {
    for index in 0..<threads.count {
      enter(threads[index].state, thread: index)
      guard threads[index].state == .running else {
        bookCurrent(thread: index, elapsed: 0)
        continue
      }
      bookCurrent(thread: index, elapsed: elapsed(of: index))
    }
    for job in 0..<jobs.count where jobs[job].isAlive && jobs[job].executed > jobs[job].booked {
      book(job: job, upTo: jobs[job].executed, stretch: 1)
    }
  }

  /// Books the current activity of a thread, whose burst has run for `elapsed` units beyond `remaining`'s last update.
  mutating func bookCurrent(thread index: Int, elapsed: Int64) {
    switch threads[index].activity {
    case .job, .shadowHold, .lockHold:
      guard threads[index].current >= 0 else { return }
      let job = Int(threads[index].current)
      book(job: job, upTo: jobs[job].executed + elapsed, stretch: threads[index].stretch)
    case .none, .woken, .lockKicked: break
    case .lockSpin:
      bookSpinning(thread: index, upTo: threads[index].groupTotal - threads[index].remaining + elapsed)
    default:
      bookGroup(thread: index, upTo: threads[index].groupTotal - threads[index].remaining + elapsed)
    }
  }
}
