import Model
import Quantities
import Virtualization

/// How a host schedules.
struct SchedulingFields {
  let slice: TimeSpan?
  let skew: TimeSpan?
  let pauseWindow: Cost?
  let locations: [String: SourceLocation]
}

extension Expectation where Value == SchedulingFields {
  /// Slice and threshold of a host's scheduler.
  static var scheduling: Expectation {
    Expectation("a mapping of slice, skew and pause_window") { reader, node in
      guard let fields = reader.fields(of: node, in: "the scheduling", known: ["slice", "skew", "pause_window"]) else {
        return nil
      }
      return SchedulingFields(
        slice: reader.optional("slice", in: fields, .positiveTime),
        skew: reader.optional("skew", in: fields, .positiveTime),
        pauseWindow: reader.optional("pause_window", in: fields, .cost), locations: fields.locations)
    }
  }
}

extension DocumentReader {
  /// Cap and pinning of a VM; its weight stands with what fleets use.
  mutating func processorShare(_ fields: Fields) -> ProcessorShare {
    var share = ProcessorShare()
    guard let node = fields["cpu"], case .mapping = node.content,
      let parts = self.fields(of: node, in: "a vm's cpu", known: FleetKeys.cpu)
    else { return share }
    share.cap = optional(
      "cap", in: parts, .real("a number of processors from 0.001 to 1024") { (0.001...1024).contains($0) })
    if let period = optional("period", in: parts, .positiveTime) { share.period = period.nanoseconds }
    share.pinned = optional(
      "pinned", in: parts, .list(of: .integer(in: 0...32767), "a list of processors", minimum: 1))
    return share
  }
}
