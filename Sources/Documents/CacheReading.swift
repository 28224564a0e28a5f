import Model
import Quantities
import Virtualization

extension Expectation where Value == PhysicalCache {
  /// The cache that the processes of a processor share, with its source.
  static var physicalCache: Expectation {
    Expectation("a mapping of size, ways, line, fill, walk, kind and source") { reader, node in
      guard
        let fields = reader.fields(
          of: node, in: "the cache",
          known: ["size", "ways", "line", "fill", "walk", "kind", "source", "reason"])
      else { return nil }
      let size = reader.required("size", in: fields, Expectation<ByteCount>.positiveSize.located)
      let ways = reader.required("ways", in: fields, Expectation<Int>.integer(in: 1...64))
      let line = reader.required("line", in: fields, Expectation<ByteCount>.positiveSize)
      let fill = reader.required("fill", in: fields, .cost)
      let walk = reader.required("walk", in: fields, .cost)
      let provenance = reader.provenance(fields)
      guard let size, let ways, let line, let fill, let walk, let provenance else { return nil }
      guard size.value.bytes.isMultiple(of: Int64(ways) * line.bytes) else {
        reader.error(
          at: size.location,
          "a cache of \(size.value) has no whole number of sets of \(ways) lines of \(line); expected a multiple")
        return nil
      }
      return PhysicalCache(
        size: size.value.bytes, ways: ways, line: line.bytes, fill: fill, walk: walk, kind: provenance.kind,
        source: provenance.source)
    }
  }
}

extension Expectation where Value == SwitchFootprint {
  /// What a switch brings into a cache beside the processes' data.
  static var switchFootprint: Expectation {
    Expectation("a mapping of process and shared") { reader, node in
      guard let fields = reader.fields(of: node, in: "the footprint", known: ["process", "shared"]) else { return nil }
      let process = reader.required("process", in: fields, Expectation<ByteCount>.size)
      let shared = reader.required("shared", in: fields, Expectation<ByteCount>.size)
      guard let process, let shared else { return nil }
      return SwitchFootprint(process: process.bytes, shared: shared.bytes)
    }
  }
}

extension DocumentReader {
  /// The processes that take turns at the switches in mappings of operations, where one says.
  mutating func switchedData(of nodes: [DocumentNode?]) -> SwitchedData? {
    var result: SwitchedData?
    for case .mapping(let entries)? in nodes.map({ $0?.content }) {
      for entry in entries where GuestOperation(name: entry.key) == .contextSwitch {
        guard case .mapping = entry.value.content else { continue }
        let processes = entry.value["processes"].flatMap { read($0, Expectation<Int>.integer(in: 2...100_000)) }
        let size = Expectation<ByteCount>.size.accepting("a size of at most 1 TiB") { $0.bytes <= 1 << 40 }
        let bytes = entry.value["data"].flatMap { read($0, size) }
        guard let processes, let bytes else { continue }
        let data = SwitchedData(processes: processes, bytes: bytes.bytes)
        if let other = result, other != data {
          error(at: entry.keyLocation, "'context_switch' has other data elsewhere in the workload; expected one")
        }
        result = data
      }
    }
    return result
  }
}
