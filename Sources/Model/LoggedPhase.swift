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

extension RunResult {
  /// One row for each operation, step and place of a VM whose phases have rows of their own.
  public static func joining(_ rows: [ExitRow]) -> [ExitRow] {
    struct Key: Hashable {
      let vm: Int
      let operation: GuestOperation
      let step: String
      let place: Place
      let kind: CostKind
    }
    var positions: [Key: Int] = [:]
    var result: [ExitRow] = []
    for row in rows {
      let key = Key(vm: row.vm, operation: row.operation, step: row.step, place: row.place, kind: row.kind)
      guard let position = positions[key] else {
        positions[key] = result.count
        result.append(row)
        continue
      }
      let other = result[position]
      result[position] = ExitRow(
        host: row.host, vm: row.vm, operation: row.operation, step: row.step, place: row.place,
        count: row.count + other.count, exits: row.exits + other.exits,
        nanoseconds: row.nanoseconds + other.nanoseconds, kind: row.kind, reason: row.reason)
    }
    return result
  }
}
