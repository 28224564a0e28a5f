import ArgumentParser
import Model
import Quantities
import Virtualization

/// A design's paths as text, at most 80 columns wide.
struct Explanation {
  let design: CompiledDesign
  /// The page walks of an example memory, and what memory that is.
  var translation: TranslationLoad?
  var memory = ""
  /// What memory operations do to the page tables of a guest, and whose they are.
  var expansion: PagingExpansion?
  var guest = ""
  /// What the guest's drivers see of its interface and its disk.
  var devices: [Device] = []

  private static let width = 80

  /// The design, its axes and profile, and the paths of some operations.
  func text(of operations: [GuestOperation]) -> String {
    let axes = DesignAxis.allCases.map { "\($0.name) \(design.choice.axes[$0])" }.joined(separator: ", ")
    var lines = Self.wrapped("\(design.choice.label): \(design.choice.design.title)")
    // A single operation is asked for by those who know the design.
    if operations.count > 1, !design.choice.design.description.isEmpty {
      lines += Self.wrapped(design.choice.design.description, indent: "  ")
    }
    lines += Self.wrapped("axes: \(axes)", indent: "  ")
    let limits = DesignTable.limits(of: design.choice.design)
    if !limits.isEmpty { lines += Self.wrapped("limits: \(limits.joined(separator: "; "))", indent: "  ") }
    if operations.count > 1 { lines += serviceLines() }
    lines += Self.wrapped("profile \(design.profile.name): \(design.profile.title)", indent: "  ")
    for operation in operations {
      lines.append("")
      lines += self.lines(of: operation)
      lines += deviceLines(of: operation)
      let parts = parts(of: operation)
      guard !parts.isEmpty else { continue }
      let counts = parts.map { "\($0.operation.name) \(SummaryText.decimal($0.count))" }.joined(separator: ", ")
      lines += Self.wrapped("with it come, on the page tables of \(guest): \(counts)", indent: "  ")
      // Alone, an operation is shown with all that it makes.
      for part in parts where operations.count == 1 {
        lines.append("")
        lines += self.lines(of: part.operation)
      }
    }
    return lines.joined(separator: "\n")
  }

  /// What runs beside the guests.
  private func serviceLines() -> [String] {
    design.choice.design.services.flatMap { service in
      let each = service.multiplicity == .vm ? " for each VM" : ""
      let range =
        service.range.map {
          "; \(SummaryText.decimal($0.lowerBound * 100)) to \(SummaryText.decimal($0.upperBound * 100)) %"
        } ?? ""
      return Self.wrapped(
        "beside the guests: \(service.name)\(each), in \(service.home.rawValue), "
          + "\(SummaryText.decimal(service.load * 100)) % of a processor (\(service.kind.rawValue)\(range)): "
          + service.source, indent: "  ")
    }
  }

  /// The operations that a memory operation makes, with how often each happens.
  private func parts(of operation: GuestOperation) -> [(operation: GuestOperation, count: Double)] {
    guard let expansion, expansion.events(of: operation) != nil else { return [] }
    let rates = expansion.expand([operation: 1])
    return GuestOperation.allCases.compactMap { part in
      guard part != operation, let count = rates[part], count > 0 else { return nil }
      return (part, count)
    }
  }

  private func lines(of operation: GuestOperation) -> [String] {
    var lines = Self.wrapped("\(operation.name): \(operation.meaning) (\(operation.origin.rawValue))")
    guard let running = design.cost(of: operation, target: .running),
      let halted = design.cost(of: operation, target: .halted)
    else {
      return lines + ["  the design has no path for it"]
    }
    if running == halted {
      lines += self.lines(of: running)
      return operation == .tlbMiss ? lines + walkLines() : lines
    }
    lines += ["  to a running vCPU:"] + self.lines(of: running)
    return lines + ["  to a halted vCPU:"] + self.lines(of: halted)
  }

  private func lines(of cost: OperationCost) -> [String] {
    if cost.steps.isEmpty { return ["  no steps: it costs nothing"] }
    var lines = [
      "  " + Self.padded("step", 26) + Self.padded("place", 18) + Self.padded("times", 6) + Self.padded("cost", 11)
        + "kind"
    ]
    for step in cost.steps {
      let charge = step.charge
      lines.append(
        "  " + Self.padded(charge.step, 26) + Self.padded(charge.place.name, 18) + Self.padded("\(charge.count)", 6)
          + Self.padded(Self.time(charge.mean), 11) + charge.kind.rawValue)
      lines += source(of: step)
    }
    let total =
      "total: \(Self.time(cost.nativeMean)) native, \(Self.time(cost.synchronousMean)) added on the vCPU, "
      + "\(Self.time(cost.asynchronousMean)) elsewhere, exits: \(cost.exits); bare host \(Self.time(cost.bareHostMean))"
    return lines + Self.wrapped(total, indent: "  ")
  }

  /// The references of the walk by dimension and level, with what serves them.
  private func walkLines() -> [String] {
    guard let translation, let (hardware, owner) = design.profile.effectiveWalks else { return [] }
    let ratio = translation.design.misses / 1e6
    var lines = Self.wrapped(
      "walk of \(memory): \(SummaryText.decimal(ratio * 100)) % of page references miss the TLB", indent: "  ")
    guard let walk = translation.design.walk else { return lines }
    let names = hardware.hierarchy.map(\.name) + ["memory"]
    lines.append(
      "  " + Self.padded("tables", 16) + Self.padded("level", 6) + Self.padded("references", 11)
        + names.map { Self.padded($0, 9) }.joined() + "cycles")
    for reference in walk.references where reference.count >= 0.005 {
      let cycles = reference.nanoseconds * Double(owner.frequency.hertz) * 1e-9
      let tables: String =
        switch reference.dimension {
        case .only: "only"
        case .guest: "guest"
        case .hostOfTables: "host, of tables"
        case .hostOfData: "host, of data"
        }
      lines.append(
        "  " + Self.padded(tables, 16) + Self.padded("\(reference.level)", 6)
          + Self.padded(SummaryText.decimal(reference.count), 11)
          + zip(names, reference.shares).map { name, share in
            Self.padded("\(SummaryText.decimal(share * 100)) %", max(9, name.count + 1))
          }.joined()
          + SummaryText.decimal(cycles))
    }
    let total = walk.nanoseconds * Double(owner.frequency.hertz) * 1e-9
    return lines
      + Self.wrapped(
        "total: \(SummaryText.decimal(walk.count)) references, \(SummaryText.decimal(walk.cacheHits)) walk-cache hits, "
          + "\(SummaryText.decimal(total)) cycles", indent: "  ")
  }

  private func source(of step: OperationCost.PathStep) -> [String] {
    if let origin = step.charge.origin {
      return Self.wrapped((step.role == .native ? "native; " : "") + origin.source, indent: "      ")
    }
    guard let price = design.profile.price(of: step.charge.step, backends: design.choice.design.backends) else {
      return []
    }
    var text = step.role == .native ? "native; " : ""
    text += price.cost.source
    if let range = price.cost.range {
      text += " [\(Self.time(range.lowerBound)) to \(Self.time(range.upperBound))]"
    }
    if price.profile != design.profile.name { text += " (from profile \(price.profile))" }
    return Self.wrapped(text, indent: "      ")
  }

  static func time(_ nanoseconds: Double) -> String {
    nanoseconds >= 1000 ? "\(SummaryText.decimal(nanoseconds / 1000)) us" : "\(SummaryText.decimal(nanoseconds)) ns"
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text.count >= width ? text + " " : text + String(repeating: " ", count: width - text.count)
  }

  /// Text broken at spaces to at most 80 columns; every line starts with the indent.
  static func wrapped(_ text: String, indent: String = "") -> [String] {
    var lines: [String] = []
    var line = indent
    for word in text.split(separator: " ") {
      if line.count > indent.count, line.count + 1 + word.count > width {
        lines.append(line)
        line = indent
      }
      line += (line.count > indent.count ? " " : "") + word
    }
    return lines + [line]
  }
}

/// What to say of an unknown name, with the nearest known one.
func unknown(_ what: String, _ name: String, among names: [String]) -> String {
  if let nearest = NearestName.nearest(to: name, among: names) {
    return "unknown \(what) '\(name)' (did you mean '\(nearest)'?)"
  }
  return "unknown \(what) '\(name)'; expected one of: \(names.joined(separator: ", "))"
}

/// The path of a document that is named by its file, or by its name among those of the library.
///
/// - Throws: `ValidationError` with the nearest name, if there is none of that name.
func libraryPath(of name: String, _ what: String, among paths: [String]) throws -> String {
  if name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml") { return name }
  if let path = paths.first(where: { $0.hasSuffix("/\(name).yaml") }) { return path }
  let names = paths.map { String($0.split(separator: "/").last?.dropLast(5) ?? "") }
  throw ValidationError(unknown(what, name, among: names))
}
