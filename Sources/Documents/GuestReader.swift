import Model
import Quantities
import Virtualization

/// Reads guest systems.
enum GuestReader {
  /// Reads a guest system, which takes what it does not state from its base; nil after faults.
  static func read(_ root: DocumentNode, base: GuestSystem? = nil, _ reader: inout DocumentReader) -> GuestSystem? {
    let figures = ["tick_rate", "idle_wakeups", "idle_work"]
    guard
      let fields = reader.fields(
        of: root, in: "the guest",
        known: ["guest", "base", "title"] + figures + [
          "interrupts_off", "inactive_share", "write_cluster", "interfaces", "expansions", "paging", "spin_locks",
          "switch_footprint", "code", "sources",
        ],
        ignoring: "x-")
    else { return nil }
    let name = reader.required("guest", in: fields, .name)
    let title = reader.required("title", in: fields, .prose)
    let tickRate = reader.inherited("tick_rate", in: fields, .rate, base: base)
    let idleWakeups = reader.inherited("idle_wakeups", in: fields, .rate, base: base)
    let idleWork = reader.inherited("idle_work", in: fields, .time, base: base)
    let expansions = reader.optional("expansions", in: fields, .expansions) ?? base?.expansions ?? [:]
    let paging = reader.optional("paging", in: fields, .guestPaging) ?? base?.paging
    let code = reader.optional("code", in: fields, .kernelCode) ?? base?.code
    let interruptsOff = reader.optional("interrupts_off", in: fields, .share)
    let inactiveShare = reader.optional("inactive_share", in: fields, .positiveShare)
    let writeCluster = reader.optional("write_cluster", in: fields, .integer(in: 1...512))
    let interfaces = reader.optional("interfaces", in: fields, .interfaces)
    let spinLocks = reader.optional("spin_locks", in: fields, .spinLocks)
    let footprint = reader.optional("switch_footprint", in: fields, .switchFootprint)
    let known =
      figures + expansions.keys.map(\.name).sorted()
      + [
        "paging", "code", "interfaces", "spin_locks", "switch_footprint", "interrupts_off", "inactive_share",
        "write_cluster",
      ].filter { fields[$0] != nil }
    var sources = base?.sources ?? [:]
    if let node = fields["sources"], let stated = reader.fields(of: node, in: "the sources", known: known) {
      for key in known { sources[key] = reader.optional(key, in: stated, .prose) ?? sources[key] }
    }
    guard let name, let title else { return nil }
    guard let tickRate = tickRate?.perSecond ?? base?.tickRate,
      let wakeups = idleWakeups?.perSecond ?? base?.idleWakeups,
      let work = idleWork.map({ Double($0.nanoseconds) }) ?? base?.idleWork
    else { return nil }
    var guest = GuestSystem(
      name: name, title: title, tickRate: tickRate, idleWakeups: wakeups, idleWork: work, expansions: expansions,
      paging: paging, code: code, sources: sources)
    guest.switchFootprint = footprint ?? base?.switchFootprint ?? SwitchFootprint()
    guest.spinLocks = spinLocks ?? base?.spinLocks ?? SpinLockPolicy()
    guest.inactiveShare = inactiveShare ?? base?.inactiveShare ?? GuestSystem.usualInactiveShare
    guest.writeCluster = writeCluster ?? base?.writeCluster ?? GuestSystem.usualWriteCluster
    guest.interruptsOff = interruptsOff ?? base?.interruptsOff ?? 0
    guest.interfaces = interfaces.map { Set($0) } ?? base?.interfaces
    return guest
  }
}

extension DocumentReader {
  /// The value of a key that must be there unless a base has it.
  fileprivate mutating func inherited<Value>(
    _ key: String, in fields: Fields, _ expectation: Expectation<Value>, base: GuestSystem?
  ) -> Value? {
    base == nil ? required(key, in: fields, expectation) : optional(key, in: fields, expectation)
  }
}
