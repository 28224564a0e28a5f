import Virtualization

extension Expectation where Value == NestedExits {
  /// Exits of a hypervisor in a VM for each exit of its guest.
  static var nestedExits: Expectation {
    Expectation("a mapping of accesses, own and source") { reader, node in
      guard let fields = reader.fields(of: node, in: "the nested exits", known: ["accesses", "own", "source"]) else {
        return nil
      }
      let accesses = reader.required("accesses", in: fields, .countsByReason)
      let own = reader.required("own", in: fields, .countsByReason)
      let source = reader.required("source", in: fields, .prose)
      guard let accesses, let own, let source else { return nil }
      return NestedExits(
        accesses: accesses, own: own, source: source)
    }
  }
}

extension Expectation where Value == NestedExits.Counts {
  /// Counts for exits to the device model, for all others, and for single reasons.
  fileprivate static var countsByReason: Expectation {
    Expectation("a mapping of default, device_model or exit reasons, and counts") { reader, node in
      guard let entries = reader.entries(of: node) else { return nil }
      var reasons: [ExitReason: Int] = [:]
      var named: [String: Int] = [:]
      for entry in entries {
        let count = reader.read(entry.value, Expectation<Int>.integer(in: 0...1000)) ?? 0
        if let reason = ExitReason(rawValue: entry.key) {
          reasons[reason] = count
        } else {
          let known = ["default", "device_model"] + ExitReason.allCases.map(\.rawValue)
          if !known.contains(entry.key) {
            reader.error(at: entry.keyLocation, Wording.unknown("exit reason", entry.key, among: known))
          }
          named[entry.key] = count
        }
      }
      let usual = named["default"] ?? 0
      return NestedExits.Counts(byReason: reasons, deviceModel: named["device_model"] ?? usual, usual: usual)
    }
  }
}
