import Virtualization

extension Expectation where Value == [String: ReverseMappings] {
  /// How lists of shadow entries are kept, by the value of the axis that chooses one.
  static var reverseMappings: Expectation {
    let values = DesignAxis.reverseMappings.knownValues.filter { $0 != "none" }
    return Expectation("a mapping of \(Wording.alternatives(values)) to entries, lines, added and source") {
      reader, node in
      guard let fields = reader.fields(of: node, in: "the reverse mappings", known: values) else { return nil }
      var result: [String: ReverseMappings] = [:]
      let stated = values.filter { fields[$0] != nil }
      for value in stated { result[value] = reader.optional(value, in: fields, .reverseMappingForm) }
      return result.count == stated.count ? result : nil
    }
  }
}

extension Expectation where Value == ReverseMappings {
  /// One way to keep them.
  static var reverseMappingForm: Expectation {
    Expectation("a mapping of entries, lines, added and source") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "the records", known: ["entries", "lines", "added", "source"])
      else { return nil }
      let entries = reader.required("entries", in: fields, .integer(in: 1...512))
      let lines = reader.required("lines", in: fields, .integer(in: 1...64))
      let places = ReverseMappings.Addition.allCases.map(\.rawValue)
      let added = reader.required("added", in: fields, .word("place", among: places))
      let source = reader.required("source", in: fields, .prose)
      guard let entries, let lines, let source, let added, let addition = ReverseMappings.Addition(rawValue: added)
      else { return nil }
      return ReverseMappings(entries: entries, lines: lines, addition: addition, source: source)
    }
  }
}
