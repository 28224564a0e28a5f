import EventKernel
import Virtualization

/// Spin locks of a guest's kernel that a workload takes: critical sections, which are part of its CPU time.
public struct GuestLock: Sendable, Hashable {
  /// The name.
  public var name: String
  /// Takings of a request.
  public var perRequest = 0.0
  /// Takings per second of CPU time on the bare host.
  public var perCPUSecond = 0.0
  /// Takings of each of some operations.
  public var perOperation: [GuestOperation: Double] = [:]
  /// CPU time of a critical section on the bare host, in nanoseconds.
  public var hold: Distribution
  /// Independent locks, of which each taking chooses one at random.
  public var instances = 1
  /// Kind of lock; nil for the guest system's own.
  public var kind: SpinLockKind?
  /// Whether what virtualization adds to the work falls into critical sections too, which grow with the work; else they
  /// keep their length.
  public var makesExits = true

  /// Creates a lock that nothing takes yet.
  public init(name: String, hold: Distribution) {
    self.name = name
    self.hold = hold
  }

  /// Takings of a request, and per second of CPU time, of a workload of that shape.
  public func takings(of shape: Workload.Shape) -> (perRequest: Double, perCPUSecond: Double) {
    func sum(_ rates: [GuestOperation: Double]) -> Double {
      perOperation.reduce(0) { $0 + $1.value * (rates[$1.key] ?? 0) }
    }
    switch shape {
    case .requests(let requests):
      return (perRequest + sum(requests.perRequest), perCPUSecond + sum(requests.perCPUSecond))
    case .batch(let batch): return (0, perCPUSecond + sum(batch.perCPUSecond))
    case .program, .idle: return (0, 0)
    }
  }
}

/// How a VM uses spin locks under its design.
public struct GuestLockUse: Sendable, Hashable {
  /// The locks as the guest has them under the design, with takings of a request and per second of CPU time.
  public struct Entry: Sendable, Hashable {
    /// The lock.
    public let lock: GuestLock
    /// What it is under the design.
    public let kind: SpinLockKind
    /// Takings of a request.
    public let perRequest: Double
    /// Takings per second of CPU time on the bare host.
    public let perCPUSecond: Double
  }

  /// The locks that are taken.
  public let entries: [Entry]
  /// Time of a pass of the loop in nanoseconds.
  public let pass: Double
  /// Passes after which a waiter of a paravirtual lock halts.
  public let threshold: Double
  /// Expected spinning of a request in nanoseconds, while no vCPU has to wait for a processor.
  public internal(set) var spinPerRequest = 0.0
  /// How often a request then finds a lock held.
  public internal(set) var waitsPerRequest = 0.0
  /// The same per nanosecond of CPU time on the bare host.
  public internal(set) var spinPerWork = 0.0

  /// A PAUSE of processors since Skylake, where the profile does not say: 140 cycles at 2.5 GHz.
  public static let usualPass = 56.0

  /// Finds the locks of a workload under a design; nil where it takes none.
  public init?(workload: Workload, guest: GuestSystem, design: CompiledDesign) {
    entries = workload.locks.compactMap { lock in
      let takings = lock.takings(of: workload.shape)
      guard takings.perRequest + takings.perCPUSecond > 0 else { return nil }
      return Entry(
        lock: lock, kind: guest.spinLocks.effective(lock.kind, under: design), perRequest: takings.perRequest,
        perCPUSecond: takings.perCPUSecond)
    }
    guard !entries.isEmpty else { return nil }
    pass = design.cost(of: .lockSpin).map { $0.nativeMean + $0.synchronousMean } ?? Self.usualPass
    threshold = guest.spinLocks.threshold
  }

  /// Share of some CPU time on the bare host, in nanoseconds, in which locks are held.
  public func held(inRequestsOf service: Double) -> Double {
    entries.reduce(0) { $0 + $1.lock.hold.mean * ($1.perRequest / service + $1.perCPUSecond * 1e-9) }
  }
}
