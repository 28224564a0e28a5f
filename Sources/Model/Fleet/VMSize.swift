import Quantities

/// How large a VM is.
struct VMSize: Hashable {
  /// vCPUs.
  var vcpus: Int
  /// vCPUs' worth of work at full demand.
  var cpus: Double
  /// MHz of a vCPU, to which demand refers; 0 for that of the host's cores.
  var speed: Double
  /// Bytes of memory.
  var memory: Int64
}

/// The sizes of a group's VMs.
struct GroupSizes {
  /// Each once, in the order in which they come.
  var all: [VMSize]
  /// The size of each series of the group's trace, by index; empty where all VMs have the same.
  var ofSeries: [Int32] = []

  /// The most sizes that VMs of one group may have: each is a class of VMs of its own.
  static let most = 100_000
}

extension ModelAssembly {
  /// The sizes of a group's VMs: as the group states, and what it does not state as the trace tells.
  ///
  /// A trace's capacity in MHz is that of all vCPUs together, to which its samples refer. Parts of a vCPU are rounded up to
  /// whole ones, which then ask for less at full demand.
  ///
  /// - Complexity: O(series).
  mutating func sizes(of group: VMGroup, _ demand: GroupDemand) -> GroupSizes? {
    let speed = group.fleet.speed.map { Double($0.hertz) / 1e6 } ?? 0
    let (needsVCPUs, needsMemory) = (group.vcpus == VMGroup.tracedVCPUs, group.memory == VMGroup.tracedMemory)
    guard needsVCPUs || needsMemory else {
      return GroupSizes(
        all: [VMSize(vcpus: group.vcpus, cpus: Double(group.vcpus), speed: speed, memory: group.memory.bytes)])
    }
    guard let trace = group.fleet.trace, let set = library.demands[trace.name], !demand.series.isEmpty else {
      fault(
        group.location,
        "vm group '\(group.name)' states no \(needsVCPUs ? "vcpus" : "memory size"), and its workload follows no trace that "
          + "tells; expected \(needsVCPUs ? "vcpus" : "memory: {size: ...}")")
      return nil
    }
    var sizes = GroupSizes(all: [])
    var numbers: [VMSize: Int32] = [:]
    var (withoutVCPUs, withoutMemory) = (0, 0)
    sizes.ofSeries.reserveCapacity(demand.series.count)
    for series in demand.series {
      let entity = set.entities[series]
      var size = VMSize(vcpus: group.vcpus, cpus: Double(group.vcpus), speed: speed, memory: group.memory.bytes)
      if needsVCPUs {
        if entity.vcpus <= 0 { withoutVCPUs += 1 }
        size.vcpus = Int(min(1e6, max(1, entity.vcpus.rounded(.up))))
        size.cpus = entity.vcpus
        if speed == 0, entity.capacity > 0, entity.vcpus > 0 { size.speed = entity.capacity / entity.vcpus }
      }
      if needsMemory {
        if entity.memory <= 0 { withoutMemory += 1 }
        size.memory = entity.memory
      }
      let number = numbers[size] ?? Int32(sizes.all.count)
      if number == sizes.all.count {
        numbers[size] = number
        sizes.all.append(size)
      }
      sizes.ofSeries.append(number)
    }
    let count = demand.series.count
    for (missing, what, expected) in [
      (withoutVCPUs, "vCPUs", "vcpus"), (withoutMemory, "memory", "memory: {size: ...}"),
    ] where missing > 0 {
      fault(
        group.location,
        "trace '\(trace.name)' does not tell the \(what) of \(missing) of \(count) VMs; expected \(expected) in vm group "
          + "'\(group.name)'")
    }
    if sizes.all.count > GroupSizes.most {
      fault(
        group.location,
        "the VMs of trace '\(trace.name)' have \(sizes.all.count) sizes; expected at most \(GroupSizes.most), or vcpus and "
          + "memory in vm group '\(group.name)'")
      return nil
    }
    if sizes.all.count == 1 { sizes.ofSeries = [] }
    return sizes
  }
}
