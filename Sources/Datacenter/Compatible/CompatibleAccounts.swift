/// What a VM asked for and got, held from one update to the next, as CloudSim's state history has it.
struct VMAccount {
  private var time = -1.0
  private var lastAllocated = 0.0
  private var lastRequested = 0.0
  private var wasMigrating = false
  /// When the VM's history last took a sample.
  var sampledAt = 0.1
  /// MIPS × seconds.
  private(set) var allocated = 0.0
  private(set) var requested = 0.0
  private(set) var lostToMigration = 0.0
  /// Sum of the missing shares over intervals in which something was missing, and how many these are.
  private(set) var missingShares = 0.0
  private(set) var missingCount = 0

  /// Notes a state; one at the same time replaces the last.
  mutating func note(time now: Double, allocated: Double, requested: Double, isMigrating: Bool) {
    if time != now {
      if time >= 0 { close(at: now) }
      time = now
    }
    lastAllocated = allocated
    lastRequested = requested
    wasMigrating = isMigrating
  }

  private mutating func close(at now: Double) {
    let span = now - time
    allocated += lastAllocated * span
    requested += lastRequested * span
    guard lastAllocated < lastRequested else { return }
    missingShares += (lastRequested - lastAllocated) / lastRequested
    missingCount += 1
    if wasMigrating { lostToMigration += (lastRequested - lastAllocated) * span }
  }
}

/// When a host was active and when it gave less than was asked for.
struct HostAccount {
  private var time = -1.0
  private var isShort = false
  private var isActive = false
  /// The state before that of `time`, to tell a shutdown once it is final. CloudSim takes all hosts for active at first.
  private var wasActive = true
  /// Seconds.
  private(set) var active = 0.0
  /// MIPS × seconds in use.
  private(set) var used = 0.0
  private var lastUsed = 0.0
  private(set) var short = 0.0
  private(set) var shutdowns = 0

  /// Notes a state; one at the same time replaces the last.
  mutating func note(time now: Double, allocated: Double, requested: Double) {
    if time != now {
      if time >= 0 { close(at: now) }
      time = now
    }
    lastUsed = allocated
    isActive = allocated > 0
    isShort = allocated < requested
  }

  private mutating func close(at now: Double) {
    if isActive {
      active += now - time
      used += lastUsed * (now - time)
      if isShort { short += now - time }
    }
    finishState()
  }

  private mutating func finishState() {
    if wasActive, !isActive { shutdowns += 1 }
    wasActive = isActive
  }

  /// Counts the state that was noted last.
  mutating func finish() { finishState() }
}
