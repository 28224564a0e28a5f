import Virtualization

/// The part of a run during which a VM's dirty logging is on.
public struct LoggedPhase: Sendable {
  /// The VM's operations while it is on.
  public internal(set) var load: OperationLoad
  /// The logging.
  public let logging: DirtyLogging
  /// Large mappings of the writable set, which the first write after the beginning splits and the first after the end
  /// puts together.
  public let regions: Double

  /// The beginning in nanoseconds of simulated time.
  public var from: Int64 { Int64(logging.start) }
  /// The end; `Int64.max` for the end of the run.
  public var until: Int64 { logging.stop.isFinite ? Int64(logging.stop) : .max }

  init(load: OperationLoad, logging: DirtyLogging, host: PageMix) {
    self.load = load
    self.logging = logging
    regions = host.share(from: 2 << 20) * (logging.pages / 512).rounded(.up)
  }
}

extension VirtualMachine {
  /// Changes what the VM does, while its dirty logging is on as well.
  mutating func changeLoads(_ change: (OperationLoad) -> OperationLoad) {
    load = change(load)
    if let other = logged?.load { logged?.load = change(other) }
  }

  /// The VM with more operations per second of CPU time.
  public func adding(_ entries: [OperationLoad.Entry]) -> VirtualMachine {
    var other = self
    other.load = load.adding(entries)
    return other
  }

  /// The VM with another time for a page that its host has swapped out, in nanoseconds.
  public func waitingForSwap(_ time: Double) -> VirtualMachine {
    var other = self
    other.changeLoads { $0.adding([], design: $0.design.waitingForSwap(time)) }
    return other
  }

  /// The VM as it is while its dirty logging is on, and as it is before and after; nil without a window.
  public var phases: (plain: VirtualMachine, logged: VirtualMachine)? {
    guard let logged else { return nil }
    var plain = self
    plain.logged = nil
    var other = plain
    other.load = logged.load
    return (plain, other)
  }
}
