import Virtualization

/// Virtualization's steps in fleets: rows by groups of hosts and VMs.
extension RunResult {
  /// The longest CPU time of one row: half of what 64 bits of nanoseconds hold, 146 years. More takes several rows.
  private static let longestRow = Int128(Int64.max / 2)

  /// Virtualization's CPU time by class of hosts and place.
  private static func virtualization(of hosts: [HostRow], in fleet: Fleet) -> [[Int128]] {
    var sums = [[Int128]](
      repeating: [Int128](repeating: 0, count: Place.allCases.count), count: fleet.model.hostClasses.count)
    for (host, row) in hosts.enumerated() {
      for place in row.virtualization.indices {
        sums[Int(fleet.model.hostClass[host])][place] += Int128(row.virtualization[place])
      }
    }
    return sums
  }

  /// Rows of all steps, whose CPU times add up, by group of hosts and place, to those of the hosts.
  ///
  /// - Complexity: O(hosts + steps).
  static func exitRows(of fleet: Fleet, hosts: [HostRow]) -> [ExitRow] {
    let totals = virtualization(of: hosts, in: fleet)
    func seconds(_ step: FleetReport.Step) -> Double { step.operations * step.charge.mean * 1e-9 }
    var sums = totals.map { $0.map { _ in 0.0 } }
    var last = totals.map { $0.map { _ in -1 } }
    for (index, step) in fleet.report.steps.enumerated() {
      sums[step.hostClass][Int(step.charge.place.rawValue)] += seconds(step)
      if seconds(step) > 0 { last[step.hostClass][Int(step.charge.place.rawValue)] = index }
    }
    var done = totals.map { $0.map { _ in 0.0 } }
    var given = totals.map { $0.map { _ in Int128(0) } }
    var rows: [ExitRow] = []
    for (index, step) in fleet.report.steps.enumerated() {
      let (host, place) = (step.hostClass, Int(step.charge.place.rawValue))
      done[host][place] += seconds(step)
      // In proportion, rounded down as a running sum; the last row has the rest.
      let total = totals[host][place]
      let until =
        index == last[host][place]
        ? total
        : min(
          total,
          max(given[host][place], Int128((Double(total) * (done[host][place] / sums[host][place])).rounded(.down))))
      var nanoseconds = seconds(step) > 0 ? until - given[host][place] : 0
      given[host][place] += nanoseconds
      var count = Int64((step.operations * Double(step.charge.count)).rounded())
      var exits = Int64((step.operations * Double(step.charge.exits)).rounded())
      repeat {
        let part = min(nanoseconds, longestRow)
        rows.append(
          ExitRow(
            host: host, vm: step.vmClass, operation: step.operation, step: step.charge.step, place: step.charge.place,
            count: count, exits: exits, nanoseconds: Int64(part), kind: step.charge.kind, reason: step.charge.reason))
        nanoseconds -= part
        (count, exits) = (0, 0)
      } while nanoseconds > 0
    }
    // Rows of VMs while they are copied away belong to the others.
    return joining(rows)
  }

  /// Checks that the steps add up to what hosts spent by place.
  func checkSteps(_ fleet: Fleet) throws(ConservationError) {
    var left = Self.virtualization(of: hosts, in: fleet)
    for row in exits {
      guard row.nanoseconds >= 0, row.count >= 0 else {
        throw ConservationError(description: "step \(row.step) of \(fleet.model.vmClasses[row.vm].name) is negative")
      }
      left[row.host][Int(row.place.rawValue)] -= Int128(row.nanoseconds)
    }
    for (index, group) in fleet.model.hostClasses.enumerated() where left[index].contains(where: { $0 != 0 }) {
      throw ConservationError(description: "hosts \(group.name): the steps add up to other times by place")
    }
  }
}
