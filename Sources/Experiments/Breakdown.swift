import Model
import Tables
import Virtualization

/// The overhead of designs by cause and by place, over all replications.
public struct Breakdown: Sendable {
  /// Overhead of one cause at one place.
  public struct Cell: Sendable {
    /// CPU time.
    public var nanoseconds: Int128 = 0
    /// The part of it whose price is assumed.
    public var assumed: Int128 = 0

    mutating func add(_ other: Cell) {
      nanoseconds += other.nanoseconds
      assumed += other.assumed
    }
  }

  /// One design.
  public struct Row: Sendable {
    /// The design's label.
    public let design: String
    /// The guests' own work.
    public let guest: Int128
    /// CPU time of what runs beside the guests, by where it runs.
    public let services: [HostService.Home: Int128]
    /// The cells that are not empty.
    public let cells: [Key: Cell]

    /// All of one cause; of all causes without one.
    public func cell(of cause: OverheadCause?) -> Cell { sum { cause == nil || $0.cause == cause } }

    /// All at one place.
    public func cell(at place: Place) -> Cell { sum { $0.place == place } }

    private func sum(_ isWanted: (Key) -> Bool) -> Cell {
      cells.reduce(into: Cell()) { if isWanted($1.key) { $0.add($1.value) } }
    }
  }

  /// A cause at a place.
  public struct Key: Sendable, Hashable {
    /// Why.
    public let cause: OverheadCause
    /// Where.
    public let place: Place
  }

  /// The designs in the order of the results.
  public let rows: [Row]

  /// Sums up results.
  public init(results: [RunResult]) {
    var designs: [String] = []
    for result in results where !designs.contains(result.design) { designs.append(result.design) }
    rows = designs.map { design in
      var guest: Int128 = 0
      var cells: [Key: Cell] = [:]
      var services: [HostService.Home: Int128] = [:]
      for result in results where result.design == design {
        guest += result.vms.reduce(Int128(0)) { $0 + Int128($1.guest) }
        for row in result.services { services[row.home, default: 0] += Int128(row.nanoseconds) }
        for row in result.exits {
          cells[Key(cause: row.operation.cause, place: row.place), default: Cell()].add(
            Cell(nanoseconds: Int128(row.nanoseconds), assumed: row.kind == .assumed ? Int128(row.nanoseconds) : 0))
        }
      }
      return Row(design: design, guest: guest, services: services, cells: cells)
    }
  }

  /// The schema of `breakdown.csv`.
  public static let schema = TableSchema(
    name: "breakdown",
    columns: [
      Column(name: "scenario", type: .text, meaning: "name of the scenario"),
      Column(name: "design", type: .text, meaning: "hypervisor design"),
      Column(
        name: "cause", type: .text,
        meaning: "exits, paging, io, scheduling or translation"),
      Column(
        name: "place", type: .text, meaning: "where the CPU time was spent"),
      Column(name: "cpu_seconds", type: .real, unit: "seconds", meaning: "overhead, all replications together"),
      Column(name: "overhead", type: .real, unit: "ratio", meaning: "overhead over the guests' own work"),
      Column(name: "assumed", type: .real, unit: "ratio", meaning: "share of it whose price is assumed"),
    ])

  /// `breakdown.csv`: designs, causes and places in their order, without empty cells.
  public func table(scenario: String) -> Table {
    var table = Table(schema: Self.schema)
    for row in rows {
      for cause in OverheadCause.allCases {
        for place in Place.allCases {
          guard let cell = row.cells[Key(cause: cause, place: place)], cell.nanoseconds != 0 else { continue }
          table.append([
            .text(scenario), .text(row.design), .text(cause.name), .text(place.name),
            .real(Double(cell.nanoseconds) * 1e-9),
            row.guest > 0 ? .real(Double(cell.nanoseconds) / Double(row.guest)) : .empty,
            .real(Double(cell.assumed) / Double(cell.nanoseconds)),
          ])
        }
      }
    }
    return table
  }
}
