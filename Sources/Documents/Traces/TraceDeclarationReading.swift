import Model
import Quantities
import Virtualization

extension DocumentReader {
  /// The traces that a scenario declares: entries of `traces`, and `trace`, the file of those that state none.
  mutating func traces(_ fields: Fields) -> [TraceReference] {
    let path = Expectation<String>.scalar("a path of a file or folder") { $0 }.located
    let shared = optional("trace", in: fields, path)
    guard let node = fields["traces"], let entries = entries(of: node) else {
      if let shared, fields["traces"] == nil {
        error(at: shared.location, "'trace' names the file of the entries of 'traces', of which there are none")
      }
      return []
    }
    return entries.compactMap { entry in
      guard
        let parts = self.fields(
          of: entry.value, in: "a trace", known: ["file", "format", "interval", "samples", "machine"])
      else { return nil }
      let file = optional("file", in: parts, path) ?? shared
      let format = optional("format", in: parts, Expectation<TraceReference.Format>.choice("format of traces"))
      return TraceReference(
        name: entry.key, format: format, path: file?.value,
        isFromCommandLine: file?.location.file.hasPrefix(DocumentEdit.locationPrefix) ?? false,
        interval: optional("interval", in: parts, .positiveTime),
        samples: optional("samples", in: parts, .integer(in: 1...1_000_000_000)),
        machine: optional("machine", in: parts, .traceMachine), location: file?.location ?? entry.keyLocation)
    }
  }
}

extension Expectation where Value == TraceReference.Machine {
  /// The machine that an Azure packing trace's shares refer to.
  static var traceMachine: Expectation {
    Expectation("a mapping with number, cores and memory") { reader, node in
      guard let fields = reader.fields(of: node, in: "a machine", known: ["number", "cores", "memory"]) else {
        return nil
      }
      let number = reader.required("number", in: fields, Expectation<Int>.integer(in: 0...1_000_000))
      let cores = reader.required("cores", in: fields, Expectation<Int>.integer(in: 1...4096))
      let memory = reader.required("memory", in: fields, .positiveSize)
      guard let number, let cores, let memory else { return nil }
      return TraceReference.Machine(number: number, cores: cores, memory: memory)
    }
  }
}
