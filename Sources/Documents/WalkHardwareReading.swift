import Quantities
import Virtualization

extension Expectation where Value == WalkHardware {
  /// Walk caches and memory hierarchy, with their source.
  static var walkHardware: Expectation {
    Expectation("a mapping of walk caches, hierarchy, kind and source") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "the walks",
          known: [
            "caches", "entries", "host_entries", "host_caches", "nested_entries", "hit", "hierarchy", "memory", "kind",
            "source",
            "reason",
          ])
      else { return nil }
      let kind = reader.required(
        "caches", in: fields, Expectation<WalkHardware.CacheKind>.choice("kind of walk caches"))
      let entries = reader.optional("entries", in: fields, .walkCacheEntries)
      let hostEntries = reader.optional("host_entries", in: fields, .walkCacheEntries)
      let use = reader.optional(
        "host_caches", in: fields, Expectation<WalkHardware.HostCacheUse>.choice("use of the host's walk caches"))
      let nested = reader.optional("nested_entries", in: fields, Expectation<Int>.integer(in: 0...1_000_000))
      let hit = reader.required("hit", in: fields, .cost)
      let hierarchy = reader.required(
        "hierarchy", in: fields, .list(of: .cacheLevel, "a list of at least one cache", minimum: 1))
      let memory = reader.required("memory", in: fields, .cost)
      let provenance = reader.provenance(fields)
      if let hierarchy {
        for (smaller, larger) in zip(hierarchy, hierarchy.dropFirst()) where smaller.size >= larger.size {
          reader.error(
            at: node.location,
            "cache '\(larger.name)' is not larger than '\(smaller.name)'; expected the smallest first")
        }
      }
      guard let kind, let hit, let hierarchy, let memory, let provenance else { return nil }
      return WalkHardware(
        kind: kind, entries: entries ?? [:], hostEntries: hostEntries ?? [:], hostCacheUse: use ?? .all,
        nestedEntries: nested ?? 0, hit: hit, hierarchy: hierarchy, memory: memory, provenance: provenance.kind,
        source: provenance.source)
    }
  }
}

extension Expectation where Value == WalkHardware.CacheLevel {
  /// A level of the memory hierarchy.
  static var cacheLevel: Expectation {
    Expectation("a mapping of name, size and latency") { reader, node in
      guard let fields = reader.fields(of: node, in: "a cache", known: ["name", "size", "latency"]) else { return nil }
      let name = reader.required("name", in: fields, .name)
      let size = reader.required("size", in: fields, .positiveSize)
      let latency = reader.required("latency", in: fields, .cost)
      guard let name, let size, let latency else { return nil }
      return WalkHardware.CacheLevel(name: name, size: size.bytes, latency: latency)
    }
  }
}

extension Expectation where Value == [Int: Int] {
  /// Entries of walk caches by the level of the page-table entry that they hold.
  fileprivate static var walkCacheEntries: Expectation {
    Expectation("a mapping of levels from 2 to 5 and numbers") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      var result: [Int: Int] = [:]
      for entry in entries {
        let key = DocumentNode(content: .text(entry.key), location: entry.keyLocation)
        let level = reader.read(key, Expectation<Int>.integer(in: 2...5))
        let number = reader.read(entry.value, Expectation<Int>.integer(in: 0...1_000_000))
        if let level, let number { result[level] = number }
      }
      return result
    }
  }
}
