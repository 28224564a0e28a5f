import Virtualization

/// What a run of a fleet gives: totals, and arrays by host, VM and migration.
public struct FleetReport: Sendable {
  /// The fleet at one look of the consolidation, or at one sample of the demand.
  public struct Tick: Sendable, Hashable {
    /// Seconds.
    public let time: Double
    /// Hosts with running VMs.
    public let activeHosts: Int
    /// MHz in use.
    public let allocated: Double
    /// Joules so far.
    public let energy: Double
    /// Migrations started so far.
    public let migrations: Int

    /// Creates a tick.
    public init(time: Double, activeHosts: Int, allocated: Double, energy: Double, migrations: Int) {
      self.time = time
      self.activeHosts = activeHosts
      self.allocated = allocated
      self.energy = energy
      self.migrations = migrations
    }
  }

  /// How a migration ended.
  public enum Outcome: Int8, Sendable {
    /// Not over when the run ended.
    case underWay = 0
    /// The downtime stayed within its target.
    case completed = 1
    /// The rounds were used up: stopped and copied with a longer downtime.
    case capped = 2
    /// The VM ended before.
    case cancelled = 3
  }

  /// All migrations, as structure of arrays.
  public struct Migrations: Sendable {
    /// Indices of VMs, sources and targets.
    public private(set) var vm: [Int32] = []
    /// Host that the VM left.
    public private(set) var source: [Int32] = []
    /// Host that it went to.
    public private(set) var target: [Int32] = []
    /// Seconds at which it began.
    public private(set) var started: [Double] = []
    /// Seconds at which it ended; infinite while under way.
    public private(set) var ended: [Double] = []
    /// Bytes sent.
    public private(set) var bytes: [Double] = []
    /// Bytes of the last round, for which the VM stands still.
    public private(set) var lastRound: [Double] = []
    /// Rounds of copying, the last among them.
    public private(set) var rounds: [Int32] = []
    /// Seconds without a running VM.
    public private(set) var downtime: [Double] = []
    /// How it ended.
    public private(set) var outcome: [Outcome] = []

    /// How many began.
    public var count: Int { vm.count }

    /// None.
    public init() {}

    /// Records a start. Returns the migration's number.
    public mutating func start(vm: Int, source: Int, target: Int, at time: Double, bytes: Double) -> Int {
      self.vm.append(Int32(vm))
      self.source.append(Int32(source))
      self.target.append(Int32(target))
      started.append(time)
      ended.append(.infinity)
      self.bytes.append(bytes)
      rounds.append(1)
      lastRound.append(0)
      downtime.append(0)
      outcome.append(.underWay)
      return self.vm.count - 1
    }

    /// Records that copying begins later than planned, because the target had to wake up.
    public mutating func begin(_ number: Int, at time: Double) { started[number] = time }

    /// Records the end.
    public mutating func finish(
      _ number: Int, source: Int? = nil, at time: Double, rounds: Int = 1, downtime: Double = 0, bytes: Double? = nil,
      lastRound: Double = 0, outcome: Outcome = .completed
    ) {
      if let source { self.source[number] = Int32(source) }
      ended[number] = time
      self.rounds[number] = Int32(rounds)
      self.downtime[number] = downtime
      self.lastRound[number] = lastRound
      if let bytes { self.bytes[number] = bytes }
      self.outcome[number] = outcome
    }
  }

  /// How often all VMs of a class took a step on hosts of a class: what the cost model expects of the work that they did.
  public struct Step: Sendable {
    /// Index of the class of hosts.
    public let hostClass: Int
    /// Index of the class of VMs.
    public let vmClass: Int
    /// The operation that takes the step.
    public let operation: GuestOperation
    /// The step and its price.
    public let charge: StepCharge
    /// How often the operation happened.
    public let operations: Double

    /// Creates a step.
    public init(hostClass: Int, vmClass: Int, operation: GuestOperation, charge: StepCharge, operations: Double) {
      self.hostClass = hostClass
      self.vmClass = vmClass
      self.operation = operation
      self.charge = charge
      self.operations = operations
    }
  }

  /// Joules of all hosts.
  public var energy = 0.0
  /// Migrations.
  public var migrations = Migrations()
  /// Looks at the fleet over time.
  public var ticks: [Tick] = []
  /// Share of the requested work that was lost while VMs migrated (PDM of Beloglazov & Buyya).
  public var degradation = 0.0
  /// Share of the hosts' active time in which they gave less than was asked for (SLATAH).
  public var shortTime = 0.0
  /// Share of the requested work that was not done.
  public var overallViolation = 0.0
  /// Mean share that was missing, over the VMs' intervals in which something was.
  public var averageViolation = 0.0
  /// MHz × seconds that VMs asked for and did not get while they migrated.
  public var lostMoving = 0.0
  /// Seconds in which migrated VMs stood still, together.
  public var downtime = 0.0
  /// How often a host was woken up.
  public var wakeups = 0
  /// Seconds in which hosts fell asleep or woke up, together.
  public var transitionTime = 0.0
  /// How often a host fell out of use.
  public var shutdowns = 0
  /// MHz × seconds of work asked for and done.
  public var asked = 0.0
  /// See `asked`.
  public var done = 0.0
  /// VMs that run now, and the most at a time.
  public var runningVMs = 0
  /// See `runningVMs`.
  public var mostRunning = 0
  /// VMs that had to wait for a host, the seconds that they waited together, and the most at a time.
  public var waitedVMs = 0
  /// See `waitedVMs`.
  public var waitingTime = 0.0
  /// See `waitedVMs`.
  public var mostWaiting = 0
  /// VMs that found no host: those that still waited at the end, and those larger than any host.
  public var unplacedVMs = 0
  /// VMs that began and that no host could take even empty.
  public var oversizedVMs = 0
  /// VMs that ended: when their trace says, or, in CloudSim's semantics, because they asked for nothing.
  public var endedVMs = 0
  /// Byte-seconds of hosts' memory that merging saved, balloons took from guests, and lay in the hosts' swap.
  public var mergedMemory = 0.0
  /// See `mergedMemory`.
  public var balloonedMemory = 0.0
  /// See `mergedMemory`.
  public var swappedMemory = 0.0
  /// Events that the engine processed.
  public var events: Int64 = 0
  /// Changes of VMs' rates that the engine worked off.
  public var vmUpdates: Int64 = 0
  /// The host that each VM was placed on first.
  public var initialHosts: [Int32] = []
  /// By VM: CPU seconds that its guest asked for.
  public var vmRequested: [Double]
  /// CPU seconds of the guest's own work.
  public var vmGuest: [Double]
  /// CPU seconds of them in which it spun for locks.
  public var vmSpin: [Double]
  /// CPU seconds in which virtualization held its vCPUs.
  public var vmStall: [Double]
  /// CPU seconds in which its vCPUs could run but got no core.
  public var vmSteal: [Double]
  /// CPU seconds of its backends.
  public var vmBackend: [Double]
  /// Exits, and requests or idle wake-ups that ended: expected numbers.
  public var vmExits: [Double]
  /// See `vmExits`.
  public var vmCompleted: [Double]
  /// Virtualization's steps by class of hosts and VMs.
  public var steps: [Step] = []
  /// Times that it was moved.
  public var vmMigrations: [Int32]
  /// The host of each VM at the end, -1 for none.
  public var vmHost: [Int32]
  /// By host: joules.
  public var hostEnergy: [Double]
  /// CPU seconds of guests' own work.
  public var hostGuest: [Double]
  /// CPU seconds of virtualization by place.
  public var hostVirtualization: [[Double]]
  /// What ran beside the guests: by host, then in the order of its class's works, CPU seconds.
  public var hostWorks: [[Double]]
  /// Seconds in which it ran VMs.
  public var hostActive: [Double]
  /// Seconds in which it slept.
  public var hostAsleep: [Double]
  /// Seconds in which it gave less than was asked for.
  public var hostShort: [Double]

  /// PDM × SLATAH, the measure of Beloglazov & Buyya.
  public var violation: Double { degradation * shortTime }
  /// Energy in kWh.
  public var kilowattHours: Double { energy / (3600 * 1000) }

  /// An empty report for so many hosts and VMs.
  public init(hostCount: Int, vmCount: Int) {
    let perVM = [Double](repeating: 0, count: vmCount)
    let perHost = [Double](repeating: 0, count: hostCount)
    vmRequested = perVM
    vmGuest = perVM
    vmSpin = perVM
    vmStall = perVM
    vmSteal = perVM
    vmBackend = perVM
    vmExits = perVM
    vmCompleted = perVM
    vmMigrations = [Int32](repeating: 0, count: vmCount)
    vmHost = [Int32](repeating: -1, count: vmCount)
    hostEnergy = perHost
    hostGuest = perHost
    hostVirtualization = Place.allCases.map { _ in perHost }
    hostWorks = [[Double]](repeating: [], count: hostCount)
    hostActive = perHost
    hostAsleep = perHost
    hostShort = perHost
  }
}

/// A fleet that cannot be run.
public struct FleetError: Error, CustomStringConvertible {
  /// What is wrong and what was expected.
  public let description: String
  /// The group of VMs that it is about.
  public let location: SourceLocation?

  /// Creates an error.
  public init(_ description: String, location: SourceLocation?) {
    self.description = description
    self.location = location
  }
}
