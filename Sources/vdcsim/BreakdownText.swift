import Experiments
import TextTable
import Virtualization

/// The overhead of designs by cause and by place, at most 80 columns wide.
enum BreakdownText {
  static func text(_ breakdown: Breakdown) -> String {
    let causes = TextTable<Breakdown.Row> { row in
      [Column(title: "overhead by cause", value: shortened(row.design), align: .left)]
        + OverheadCause.allCases.map { cause in
          Column(title: cause.name, value: share(row.cell(of: cause), of: row), align: .right)
        } + [Column(title: "all", value: share(row.cell(of: nil), of: row), align: .right)]
    }
    let places: [(place: Place, title: String)] = [
      (.guest, "guest"), (.hypervisor, "hypervis."), (.hostKernel, "kernel"), (.vmm, "vmm"), (.worker, "worker"),
      (.privilegedDomain, "dom0"),
    ]
    let byPlace = TextTable<Breakdown.Row> { row in
      [Column(title: "overhead by place", value: shortened(row.design), align: .left)]
        + places.map { Column(title: $0.title, value: share(row.cell(at: $0.place), of: row), align: .right) }
    }
    return [
      causes.string(for: breakdown.rows, style: Style.simple), byPlace.string(for: breakdown.rows, style: Style.simple),
    ]
    .compactMap(\.self).joined(separator: "\n")
      + besideText(breakdown) + "\n* more than half of it rests on assumed prices (breakdown.csv has the shares)"
  }

  /// What ran beside the guests, which is no overhead of them.
  private static func besideText(_ breakdown: Breakdown) -> String {
    let parts = breakdown.rows.compactMap { row -> String? in
      let time = row.services.values.reduce(0, +)
      guard time > 0, row.guest > 0 else { return nil }
      return "\(row.design) \(SummaryText.decimal(Double(time) / Double(row.guest) * 100, digits: 1))%"
    }
    guard !parts.isEmpty else { return "" }
    return "\n"
      + Explanation.wrapped("beside the guests, in units of their work: \(parts.joined(separator: ", "))")
      .joined(separator: "\n")
  }

  private static func shortened(_ text: String) -> String {
    text.count <= 22 ? text : String(text.prefix(21)) + "…"
  }

  private static func share(_ cell: Breakdown.Cell, of row: Breakdown.Row) -> String {
    guard cell.nanoseconds != 0, row.guest > 0 else { return "- " }
    let percent = SummaryText.decimal(Double(cell.nanoseconds) / Double(row.guest) * 100, digits: 1) + "%"
    return percent + (2 * cell.assumed > cell.nanoseconds ? "*" : " ")
  }
}
