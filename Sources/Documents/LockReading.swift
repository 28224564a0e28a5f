import EventKernel
import Model
import Quantities
import Virtualization

extension Expectation where Value == GuestLock {
  /// A spin lock that a workload takes.
  static var guestLock: Expectation {
    Expectation("a mapping with name, takings and hold") { reader, node in
      let takings = ["per_request", "per_cpu_second", "operations"]
      guard
        let fields = reader.fields(of: node, in: "a lock", known: ["name", "hold", "count", "kind", "exits"] + takings)
      else { return nil }
      let name = reader.required("name", in: fields, .label)
      let hold = reader.required("hold", in: fields, .holdTime)
      let perRequest = reader.optional("per_request", in: fields, .count)
      let perCPUSecond = reader.optional("per_cpu_second", in: fields, .countOrRate)
      let operations = reader.optional("operations", in: fields, .takingsPerOperation)
      let count = reader.optional("count", in: fields, .integer(in: 1...65536))
      let kind = reader.optional("kind", in: fields, Expectation<SpinLockKind>.choice("kind of lock"))
      let exits = reader.optional("exits", in: fields, .flag)
      if takings.allSatisfy({ fields[$0] == nil }) {
        reader.error(at: node.location, "missing key in a lock; expected one of \(Wording.alternatives(takings))")
      }
      guard let name, let hold else { return nil }
      var lock = GuestLock(name: name, hold: hold)
      lock.perRequest = perRequest ?? 0
      lock.perCPUSecond = perCPUSecond ?? 0
      lock.perOperation = operations ?? [:]
      lock.instances = count ?? Defaults.count
      lock.kind = kind
      lock.makesExits = exits ?? true
      return lock
    }
  }
}

extension Expectation where Value == Distribution {
  /// The length of a critical section: a time, or a distribution.
  fileprivate static var holdTime: Expectation {
    Expectation("a time such as 2 us, or a mapping with distribution and mean") { reader, node in
      guard case .mapping = node.content else {
        return reader.read(node, Expectation<TimeSpan>.positiveTime).map {
          .deterministic(mean: Double($0.nanoseconds))
        }
      }
      return reader.read(node, .serviceTime)
    }
  }
}

extension DocumentReader {
  /// The locks of a workload; `allowed` names what may say how often they are taken.
  mutating func locks(_ fields: Fields, among allowed: Set<GuestOperation>, perRequest: Bool) -> [GuestLock] {
    guard let node = fields["locks"] else { return [] }
    let locks = optional("locks", in: fields, .list(of: .guestLock, "a list of locks")) ?? []
    if case .list(let items) = node.content {
      checkNames(of: items, "lock")
      for item in items {
        if !perRequest, let stated = item["per_request"] {
          error(
            at: stated.location, "'per_request' needs a workload of requests; expected per_cpu_second or operations")
        }
        guard case .mapping(let entries)? = item["operations"]?.content else { continue }
        for entry in entries {
          guard let operation = GuestOperation(name: entry.key), !allowed.contains(operation) else { continue }
          error(at: entry.keyLocation, "the workload does not state '\(operation)', which takes the lock")
        }
      }
    }
    return locks
  }
}

extension Expectation where Value == SpinLockPolicy {
  /// The spin locks of a guest system.
  static var spinLocks: Expectation {
    Expectation("a mapping of kind, fallback and threshold") { reader, node in
      guard
        let fields = reader.fields(of: node, in: "the spin locks", known: ["kind", "fallback", "threshold"])
      else { return nil }
      let choice = Expectation<SpinLockKind>.choice("kind of lock")
      let kind = reader.required("kind", in: fields, choice)
      let fallback = reader.optional("fallback", in: fields, choice.located)
      let threshold = reader.optional("threshold", in: fields, .count)
      if let fallback, fallback.value == .paravirtual {
        reader.error(at: fallback.location, "the fallback of paravirtual locks is 'paravirtual'; expected another kind")
      }
      guard let kind else { return nil }
      var policy = SpinLockPolicy(kind: kind)
      if let fallback { policy.fallback = fallback.value }
      if let threshold { policy.threshold = threshold }
      return policy
    }
  }
}
