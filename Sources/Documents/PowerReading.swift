import Model
import Quantities
import Virtualization

/// Reads power curves: documents of their own, and entries of a scenario's `power`.
enum PowerReader {
  static let keys = ["title", "watts", "sleep", "source"]

  /// Reads a document that begins with `power: NAME`.
  static func read(_ root: DocumentNode, _ reader: inout DocumentReader) -> PowerCurve? {
    guard let fields = reader.fields(of: root, in: "a power curve", known: ["power"] + keys, ignoring: "x-"),
      let name = reader.required("power", in: fields, .name)
    else { return nil }
    return curve(named: name, fields, &reader)
  }

  static func curve(named name: String, _ fields: Fields, _ reader: inout DocumentReader) -> PowerCurve? {
    _ = reader.optional("title", in: fields, .prose)
    let watts = reader.required(
      "watts", in: fields, .list(of: .power, "a list of at least two powers, from idle to full load", minimum: 2))
    let source = reader.required("source", in: fields, .prose)
    var sleep = (watts: 0.0, enter: TimeSpan.zero, wake: TimeSpan.zero)
    if let node = fields["sleep"],
      let parts = reader.fields(of: node, in: "a sleep state", known: ["power", "enter", "wake"])
    {
      if let value = reader.required("power", in: parts, .power) { sleep.watts = Double(value.microwatts) / 1e6 }
      if let value = reader.optional("enter", in: parts, .time) { sleep.enter = value }
      if let value = reader.optional("wake", in: parts, .time) { sleep.wake = value }
    }
    guard let watts, watts.count >= 2, let source else { return nil }
    return PowerCurve(
      name: name, watts: watts.map { Double($0.microwatts) / 1e6 }, sleepWatts: sleep.watts, sleepTime: sleep.enter,
      wakeTime: sleep.wake, source: source)
  }
}

extension Expectation where Value == Power {
  /// A power of 0 or more.
  static var power: Expectation { .scalar("a power such as 135 W", parse: Power.parse) }
}

extension Expectation where Value == [PowerCurve] {
  /// Power curves by name, as a scenario states them.
  static var powerCurves: Expectation {
    Expectation("a mapping from names to power curves") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      return entries.compactMap { entry in
        guard let fields = reader.fields(of: entry.value, in: "a power curve", known: PowerReader.keys) else {
          return nil
        }
        return PowerReader.curve(named: entry.key, fields, &reader)
      }
    }
  }
}
