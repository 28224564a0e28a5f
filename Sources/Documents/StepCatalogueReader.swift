import Virtualization

/// Reads the catalogue of transition steps.
enum StepCatalogueReader {
  /// Reads the catalogue.
  static func read(_ root: DocumentNode, _ reader: inout DocumentReader) -> StepCatalogue {
    var catalogue = StepCatalogue()
    guard
      let fields = reader.fields(of: root, in: "the step catalogue", known: ["steps"], ignoring: "x-"),
      let steps = reader.required("steps", in: fields, .node("a mapping of steps")),
      let entries = reader.entries(of: steps)
    else { return catalogue }
    for entry in entries {
      let name = reader.read(
        DocumentNode(content: .text(entry.key), location: entry.keyLocation), Expectation<String>.name)
      guard
        let parts = reader.fields(
          of: entry.value, in: "a step", known: ["meaning", "exits", "reason", "parts", "relative"])
      else { continue }
      let meaning = reader.required("meaning", in: parts, .prose)
      let exits = reader.optional("exits", in: parts, .integer(in: 0...1000))
      let reason = reader.optional("reason", in: parts, Expectation<ExitReason>.choice("exit reason"))
      let names = reader.optional("parts", in: parts, .list(of: .name, "a list of steps", minimum: 1))
      let isRelative = reader.optional("relative", in: parts, .flag) ?? false
      // A step with faults is kept, so that the documents that name it are not blamed.
      guard let name else { continue }
      catalogue.add(
        TransitionStep(
          name: name, meaning: meaning ?? "", exits: exits ?? 0, reason: reason, parts: names ?? [],
          isRelative: isRelative))
    }
    checkParts(entries, &reader)
    return catalogue
  }

  /// Checks that the parts of composites exist and that none is made of itself.
  private static func checkParts(_ entries: [DocumentNode.Entry], _ reader: inout DocumentReader) {
    let known = entries.map(\.key)
    let indices = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($1, $0) })
    var parts = [[Int]](repeating: [], count: entries.count)
    for (index, entry) in entries.enumerated() {
      guard case .list(let items)? = entry.value["parts"]?.content else { continue }
      for item in items {
        guard case .text(let name) = item.content else { continue }
        if let part = indices[name] {
          parts[index].append(part)
        } else {
          reader.error(at: item.location, Wording.unknown("step", name, among: known))
        }
      }
    }
    for index in entries.indices where isMadeOfItself(index, parts) {
      reader.error(at: entries[index].keyLocation, "step \(Wording.quoted(known[index])) is a part of itself")
    }
  }

  private static func isMadeOfItself(_ start: Int, _ parts: [[Int]]) -> Bool {
    var pending = parts[start]
    var seen: Set<Int> = []
    while let next = pending.popLast() {
      if next == start { return true }
      if seen.insert(next).inserted { pending += parts[next] }
    }
    return false
  }
}
