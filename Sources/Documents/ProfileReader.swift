import Model
import Quantities
import Virtualization

/// Reads cost profiles.
enum ProfileReader {
  /// Reads a profile.
  ///
  /// - Parameters:
  ///   - root: the document.
  ///   - base: the profile that prices what this one does not, already read.
  ///   - catalogue: the steps that may be priced.
  ///   - digest: the digest of the documents that make the profile.
  ///   - reader: takes the faults.
  /// - Returns: the profile, or nil after faults.
  static func read(
    _ root: DocumentNode, base: CostProfile?, catalogue: StepCatalogue, digest: String,
    _ reader: inout DocumentReader
  ) -> CostProfile? {
    guard
      let fields = reader.fields(
        of: root, in: "the profile",
        known: [
          "profile", "base", "scaling", "title", "backend", "frequency", "processors", "provenance", "tlb", "walks",
          "memory_nodes", "idle_states", "cache", "steps", "other_backends",
        ], ignoring: "x-")
    else { return nil }
    let name = reader.required("profile", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    let backend = reader.required("backend", in: fields, .word("backend", among: DesignReader.backends))
    let frequency = reader.required("frequency", in: fields, .frequency)
    let processors = reader.optional("processors", in: fields, .list(of: .name, "a list of processor models"))
    let tlb = reader.optional("tlb", in: fields, .tlb)
    let walks = reader.optional("walks", in: fields, .walkHardware)
    let nodes = reader.optional("memory_nodes", in: fields, .memoryNodes)
    let idle = reader.optional("idle_states", in: fields, .idleStates(catalogue))
    let cache = reader.optional("cache", in: fields, .physicalCache)
    let steps = reader.required("steps", in: fields, .node("a mapping of steps and costs"))
    let provenance = reader.optional("provenance", in: fields, .facts)
    let costs = reader.stepCosts(steps, at: frequency, catalogue)
    var others: [String: [String: StepCost]] = [:]
    for entry in fields["other_backends"].flatMap({ reader.entries(of: $0) }) ?? [] {
      let key = DocumentNode(content: .text(entry.key), location: entry.keyLocation)
      let other = reader.read(key, .word("backend", among: DesignReader.backends))
      if let other, other == backend {
        reader.error(at: entry.keyLocation, "'\(other)' is the profile's own backend; expected another one")
      }
      others[entry.key] = reader.stepCosts(entry.value, at: frequency, catalogue)
    }
    let scaling = reader.optional("scaling", in: fields, .costScaling)
    if base == nil, let node = fields["scaling"] {
      reader.error(at: node.location, "'scaling' says how prices of a base are taken over; expected 'base' beside it")
    }
    let ratios = Set(catalogue.steps.lazy.filter(\.isRelative).map(\.name))
    let taken = base.map { base in scaling.map { base.scaled(by: $0, leaving: ratios) } ?? base }
    guard let name, let title, let backend, let frequency else { return nil }
    return CostProfile(
      name: name, title: title, backend: backend, frequency: frequency, processors: processors ?? [], tlb: tlb,
      walks: walks, memoryNodes: nodes, idleStates: idle, cache: cache, costs: costs, otherBackends: others,
      provenance: provenance ?? [],
      bases: taken.map { [$0] + $0.bases } ?? [],
      digest: digest)
  }
}

extension DocumentReader {
  /// Prices by step, which must be of the catalogue.
  fileprivate mutating func stepCosts(
    _ node: DocumentNode?, at frequency: Frequency?, _ catalogue: StepCatalogue
  ) -> [String: StepCost] {
    var costs: [String: StepCost] = [:]
    for entry in node.flatMap({ entries(of: $0) }) ?? [] {
      if catalogue[entry.key] == nil {
        error(at: entry.keyLocation, Wording.unknown("step", entry.key, among: catalogue.steps.map(\.name)))
      }
      costs[entry.key] = stepCost(entry, at: frequency)
    }
    return costs
  }

  /// Where a figure comes from: a source, or for an assumption a reason.
  mutating func provenance(_ fields: Fields) -> (kind: CostKind, source: String)? {
    guard let kind = required("kind", in: fields, Expectation<CostKind>.choice("kind")) else { return nil }
    let (wanted, unwanted) = kind == .assumed ? ("reason", "source") : ("source", "reason")
    if let node = fields[unwanted] {
      error(at: node.location, "a cost of kind '\(kind.rawValue)' has no '\(unwanted)'; expected '\(wanted)'")
    }
    let text = Expectation<String>.prose.accepting("text") { !$0.isEmpty }
    return required(wanted, in: fields, text).map { (kind, $0) }
  }

  fileprivate mutating func stepCost(_ entry: DocumentNode.Entry, at frequency: Frequency?) -> StepCost? {
    let subject = "the cost of '\(entry.key)'"
    guard
      let fields = fields(
        of: entry.value, in: subject,
        known: ["mean", "distribution", "kind", "source", "reason", "range", "rows"])
    else { return nil }
    let mean = required("mean", in: fields, Expectation<Cost>.cost.located)
    let distribution = optional("distribution", in: fields, .costDistribution)
    let provenance = provenance(fields)
    let ends = optional("range", in: fields, .list(of: .cost, "a list of two costs"))
    let rows = optional("rows", in: fields, .publishedRows)
    if provenance?.kind == .assumed && fields["range"] == nil {
      error(at: fields.location, "missing key 'range' in \(subject); expected the range of an assumed mean")
    }
    var range: ClosedRange<Double>?
    if let node = fields["range"], let ends, let frequency {
      range = self.range(ends, mean: mean, frequency: frequency, node)
    }
    guard let mean, let provenance else { return nil }
    return StepCost(
      mean: mean.value, distribution: distribution ?? .deterministic, kind: provenance.kind,
      source: provenance.source, range: range, rows: rows ?? [], location: entry.keyLocation)
  }

  /// A range in nanoseconds, which must hold the mean.
  private mutating func range(
    _ ends: [Cost], mean: Located<Cost>?, frequency: Frequency, _ node: DocumentNode
  ) -> ClosedRange<Double>? {
    guard case .list(let items) = node.content, items.count == ends.count else { return nil }
    let bounds = ends.map { $0.nanoseconds(at: frequency) }
    guard bounds.count == 2, bounds[0] <= bounds[1] else {
      error(at: node.location, "expected a range [low, high] of two costs, the lower first")
      return nil
    }
    let range = bounds[0]...bounds[1]
    if let mean, !range.contains(mean.value.nanoseconds(at: frequency)) {
      error(at: mean.location, "the mean \(mean.value) lies outside its range from \(ends[0]) to \(ends[1])")
    }
    return range
  }
}

extension Expectation where Value == CostScaling {
  /// How the prices of a base are taken over.
  static var costScaling: Expectation {
    Expectation("a mapping of factor, range and reason") { reader, node in
      guard let fields = reader.fields(of: node, in: "the scaling", known: ["factor", "range", "reason"]) else {
        return nil
      }
      let number = Expectation<Double>.real("a number above 0, at most 1000") { $0 > 0 && $0 <= 1000 }
      let factor = reader.required("factor", in: fields, number)
      let ends = reader.required("range", in: fields, .list(of: number, "a list of two numbers", minimum: 2))
      let reason = reader.required("reason", in: fields, .prose)
      guard let factor, let ends, let reason else { return nil }
      guard ends.count == 2, ends[0] <= factor, factor <= ends[1] else {
        reader.error(at: node.location, "expected a range [low, high] around the factor, the lower first")
        return nil
      }
      return CostScaling(factor: factor, range: ends[0]...ends[1], reason: reason)
    }
  }
}

extension Expectation where Value == CostDistribution {
  /// How single costs scatter.
  static var costDistribution: Expectation {
    Expectation("deterministic or {gamma: {cv: 0.5}}") { reader, node in
      guard case .mapping = node.content else {
        return reader.read(node, .word("distribution", among: ["deterministic"])).map { _ in .deterministic }
      }
      guard
        let fields = reader.fields(of: node, in: "a distribution", known: ["gamma"]),
        let gamma = reader.required("gamma", in: fields, .node("a mapping with cv")),
        let parameters = reader.fields(of: gamma, in: "a gamma distribution", known: ["cv"]),
        let variation = reader.required(
          "cv", in: parameters, .real("a number above 0, at most 1000") { $0 > 0 && $0 <= 1000 })
      else { return nil }
      return .gamma(coefficientOfVariation: variation)
    }
  }
}

extension Expectation where Value == [StepCost.PublishedRow] {
  /// Rows of the published table with their coefficients.
  static var publishedRows: Expectation {
    Expectation("a mapping of row ids and coefficients") { reader, node in
      reader.entries(of: node)?.compactMap { entry in
        reader.read(entry.value, .real("a number") { _ in true })
          .map { StepCost.PublishedRow(id: entry.key, coefficient: $0) }
      }
    }
  }
}

extension Expectation where Value == [CostProfile.Fact] {
  /// Facts on a measurement: names with texts, or with further names and texts.
  static var facts: Expectation {
    Expectation("a mapping of facts on the measurement") { reader, node in
      var facts: [CostProfile.Fact] = []
      for entry in reader.entries(of: node) ?? [] {
        guard case .mapping(let parts) = entry.value.content else {
          if let text = reader.read(entry.value, .prose) { facts.append(CostProfile.Fact(name: entry.key, text: text)) }
          continue
        }
        for part in parts {
          guard let text = reader.read(part.value, .prose) else { continue }
          facts.append(CostProfile.Fact(name: "\(entry.key).\(part.key)", text: text))
        }
      }
      return facts
    }
  }
}

extension Expectation where Value == ProcessorTLB {
  /// The TLB's entries by page size, with their source.
  static var tlb: Expectation {
    Expectation("a mapping of entries, kind and source") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "the tlb", known: ["entries", "first_level", "shared", "kind", "source", "reason"])
      else { return nil }
      let provenance = reader.provenance(fields)
      let entries = reader.required("entries", in: fields, .tlbEntries)
      let firstLevel = reader.optional("first_level", in: fields, .tlbEntries)
      let shared = reader.optional("shared", in: fields, .list(of: Expectation<ByteCount>.page, "a list of page sizes"))
      guard let provenance, let entries else { return nil }
      return ProcessorTLB(
        entries: entries, firstLevel: firstLevel ?? [:], shared: (shared ?? []).map(\.bytes).sorted(),
        kind: provenance.kind, source: provenance.source)
    }
  }
}

extension Expectation where Value == [Int64: Int] {
  /// Numbers of entries by page size in bytes.
  fileprivate static var tlbEntries: Expectation {
    Expectation("a mapping of page sizes and numbers") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      if entries.isEmpty { reader.error(at: node.location, "expected at least one page size, found an empty mapping") }
      var result: [Int64: Int] = [:]
      for entry in entries {
        let page = reader.read(
          DocumentNode(content: .text(entry.key), location: entry.keyLocation), Expectation<ByteCount>.page)
        let number = reader.read(entry.value, Expectation<Int>.integer(in: 1...1_000_000))
        if let page, let number { result[page.bytes] = number }
      }
      return result
    }
  }
}
