import Virtualization

extension RunResult {
  /// One row for each host, VM, operation, step and place that has several: those of a VM's phases, or of a fleet's
  /// classes.
  /// Rows stay apart whose CPU time together is more than 64 bits of nanoseconds hold.
  ///
  /// - Complexity: O(rows).
  public static func joining(_ rows: [ExitRow]) -> [ExitRow] {
    struct Key: Hashable {
      let host: Int
      let vm: Int
      let operation: GuestOperation
      let step: String
      let place: Place
      let kind: CostKind
    }
    var positions: [Key: Int] = [:]
    var result: [ExitRow] = []
    for row in rows {
      let key = Key(
        host: row.host, vm: row.vm, operation: row.operation, step: row.step, place: row.place, kind: row.kind)
      guard let position = positions[key],
        case let (sum, isTooLong) = result[position].nanoseconds.addingReportingOverflow(row.nanoseconds), !isTooLong
      else {
        positions[key] = result.count
        result.append(row)
        continue
      }
      let other = result[position]
      result[position] = ExitRow(
        host: row.host, vm: row.vm, operation: row.operation, step: row.step, place: row.place,
        count: row.count + other.count, exits: row.exits + other.exits,
        nanoseconds: sum, kind: row.kind, reason: row.reason)
    }
    return result
  }
}
