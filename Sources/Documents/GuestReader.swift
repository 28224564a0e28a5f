import Model
import Quantities
import Virtualization

/// Reads guest systems.
enum GuestReader {
  /// Reads a guest system; nil after faults.
  static func read(_ root: DocumentNode, _ reader: inout DocumentReader) -> GuestSystem? {
    let figures = ["tick_rate", "idle_wakeups", "idle_work"]
    guard
      let fields = reader.fields(
        of: root, in: "the guest", known: ["guest", "title"] + figures + ["expansions", "paging", "sources"],
        ignoring: "x-")
    else { return nil }
    let name = reader.required("guest", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    let tickRate = reader.required("tick_rate", in: fields, .rate)
    let idleWakeups = reader.required("idle_wakeups", in: fields, .rate)
    let idleWork = reader.required("idle_work", in: fields, .time)
    let expansions = reader.optional("expansions", in: fields, .expansions) ?? [:]
    let paging = reader.optional("paging", in: fields, .guestPaging)
    let known = figures + expansions.keys.map(\.name).sorted() + (fields["paging"] == nil ? [] : ["paging"])
    var sources: [String: String] = [:]
    if let node = fields["sources"], let stated = reader.fields(of: node, in: "the sources", known: known) {
      for key in known { sources[key] = reader.optional(key, in: stated, .prose) }
    }
    guard let name, let title, let tickRate, let idleWakeups, let idleWork else { return nil }
    return GuestSystem(
      name: name, title: title, tickRate: tickRate.perSecond, idleWakeups: idleWakeups.perSecond,
      idleWork: Double(idleWork.nanoseconds), expansions: expansions, paging: paging, sources: sources)
  }
}
