import TextTable
import Virtualization

/// Designs as tables of their axes, at most 80 columns wide.
enum DesignTable {
  /// Axes that tell designs apart; the others (isolation, mitigations, dirty logging) are much the same for all.
  private static let axes: [[DesignAxis]] = [[.cpu, .paging], [.interrupts, .structure], [.network, .disk]]

  /// A row per design, sorted by name, then what else can be said of each.
  static func text(of designs: [HypervisorDesign]) -> String {
    let sorted = designs.sorted { $0.name < $1.name }
    let tables = axes.map { axes in
      let table = TextTable<HypervisorDesign> { design in
        [Column(title: "design", value: design.name, align: .left)]
          + axes.map { Column(title: $0.name, value: choice(of: $0, in: design), align: .left) }
      }
      let text = table.string(for: sorted, style: Style.simple) ?? ""
      return text.split(separator: "\n").map { line in
        line.reversed().drop { $0 == " " }.reversed().map(String.init).joined()
      }.joined(separator: "\n")
    }
    let note =
      "The first value of an axis is the default, the others may be chosen in a scenario. `vdcsim explain DESIGN` shows "
      + "all axes of a design."
    let lines = sorted.flatMap {
      Explanation.wrapped("\($0.name): \(([$0.title] + limits(of: $0)).joined(separator: "; "))", indent: "  ")
    }
    return (tables + [Explanation.wrapped(note).joined(separator: "\n"), lines.joined(separator: "\n")])
      .joined(separator: "\n\n")
  }

  private static func choice(of axis: DesignAxis, in design: HypervisorDesign) -> String {
    let usual = design.defaults[axis]
    return ([usual] + (design.allowed[axis] ?? []).filter { $0 != usual }).joined(separator: "|")
  }

  /// What a design needs and cannot do, a phrase each.
  static func limits(of design: HypervisorDesign) -> [String] {
    let capabilities = design.capabilities
    var parts: [String] = []
    if !capabilities.guestInterfaces.isEmpty {
      parts.append("needs a guest with \(capabilities.guestInterfaces.joined(separator: " and "))")
    }
    if !capabilities.canMigrate { parts.append("cannot migrate") }
    if !capabilities.canOvercommitMemory { parts.append("cannot overcommit memory") }
    return parts
  }
}
