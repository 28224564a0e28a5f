import Quantities
import Virtualization

extension Scenario {
  /// Whether first placement is all that makes the scenario a fleet, so that both engines can run it.
  public var isPlacedOnly: Bool {
    guard let policies, policies.semantics == .standard, policies.consolidation == nil,
      policies.placement.memoryAllocationRatio == 1, hosts.allSatisfy({ ($0.memoryRatio ?? 1) == 1 }),
      [.firstFit, .bestFit, .worstFit, .roundRobin].contains(policies.placement.rule),
      workloads.allSatisfy({ $0.utilization == nil })
    else { return false }
    return vms.allSatisfy {
      $0.fleet.trace == nil && $0.fleet.capabilities.isEmpty && $0.fleet.hypervisors.isEmpty && $0.fleet.affinity == nil
        && $0.fleet.antiAffinity == nil
    }
  }
}

/// First placement by policy at exit fidelity: as the fluid engine's, by looking at every host.
extension ModelAssembly {
  /// The host that takes the next VM of a group, which is promised room there; nil after a fault.
  ///
  /// - Complexity: O(hosts).
  mutating func placeByPolicy(_ group: VMGroup, name: String, among candidates: [Int]) -> Int? {
    guard let policies = scenario.policies else { return nil }
    func memory(_ slot: Int) -> Int64 { group.memory.bytes + hosts[slot].design.choice.design.memory.perVM }
    func freeMemory(_ slot: Int) -> Int64 { slots[slot].capacity - slots[slot].promisedMemory }
    /// Processors that the VM is promised: those of its nominal speed.
    func processors(_ slot: Int) -> Double {
      let speed = Double(scenario.hosts[slots[slot].group].cpu.frequency.hertz)
      return Double(group.vcpus) * min(1, (group.fleet.speed.map { Double($0.hertz) } ?? speed) / speed)
    }
    let fitting = candidates.filter { slot in
      let host = scenario.hosts[slots[slot].group]
      let ratio = host.processorRatio ?? policies.placement.cpuAllocationRatio
      return freeMemory(slot) >= memory(slot)
        && Double(host.cpu.cores) * ratio - slots[slot].promisedCPU >= processors(slot)
    }
    func least(_ rank: (Int) -> Int64) -> Int? { fitting.min { (rank($0), $0) < (rank($1), $1) } }
    let chosen: Int?
    switch policies.placement.rule {
    case .bestFit: chosen = least { freeMemory($0) - memory($0) }
    case .worstFit: chosen = least { memory($0) - freeMemory($0) }
    case .roundRobin: chosen = fitting.first { $0 >= nextSlot } ?? fitting.first
    case .firstFit, .random, .powerAware, .filterAndWeigh: chosen = fitting.first
    }
    guard let chosen else {
      fault(
        group.location,
        "vm '\(name)' finds no host; expected one with \(group.vcpus) cores, \(group.memory) of memory and CPU left")
      return nil
    }
    nextSlot = chosen + 1
    slots[chosen].promisedMemory += memory(chosen)
    slots[chosen].promisedCPU += processors(chosen)
    return chosen
  }
}
