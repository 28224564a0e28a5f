import Quantities
import Virtualization

/// What a scenario states and its kind of run does not use.
extension ModelAssembly {
  /// Warns of keys without effect: what fleets leave out, what only fleets use, nodes and images of VMs
  /// where no host has nodes or merges pages, caps above the vCPUs, bounds of shadow pages under other paging, workers
  /// without queues, and working sets that the VM's memory does not hold.
  mutating func remarkOnUnusedKeys() {
    let isPlaced = scenario.policies != nil
    let hasNodes = scenario.hosts.contains { $0.nodes != nil }
    let merges = scenario.hosts.contains { $0.overcommit.scannedPages != nil }
    for group in scenario.hosts {
      let leftOut = [
        ("numa", group.nodes != nil), ("boost", !group.cpu.boost.isEmpty),
        ("idle_states", group.cpu.idleStates.isOwn),
        ("threads_per_core", group.cpu.threadsPerCore > 1),
        ("scheduling", group.slice != nil || group.skew != nil || group.pauseWindow != nil),
        ("iommu", group.iommu != nil), ("privileged_domain: {weight}", group.design.privilegedWeight != nil),
      ]
      let only = [
        ("power", group.power != nil), ("capabilities", !group.capabilities.isEmpty),
        ("cpu_allocation_ratio", group.processorRatio != nil && !isPlaced),
        ("memory_allocation_ratio", group.memoryRatio != nil && !isPlaced),
      ]
      remark(isFleet ? leftOut : only, of: "host '\(group.name)'")
    }
    for group in scenario.vms {
      let leftOut = [("numa", group.nodes != NodeOptions()), ("cpu: {pinned}", group.share.pinned != nil)]
      let only = [
        ("trace", group.fleet.trace != nil), ("bandwidth", group.fleet.bandwidth != nil),
        ("requires", !(group.fleet.capabilities + group.fleet.hypervisors).isEmpty),
        ("affinity", group.fleet.affinity != nil), ("anti_affinity", group.fleet.antiAffinity != nil),
        ("cpu: {speed}", group.fleet.speed != nil),
      ]
      remark(isFleet ? leftOut : only, of: "vm group '\(group.name)'")
      if let image = group.image, !merges {
        warn("image '\(image.name)' of vm group '\(group.name)' has no effect: no host has memory: {merging}")
      }
      if let cap = group.share.cap, group.vcpus != VMGroup.tracedVCPUs, cap > Double(group.vcpus) {
        warn("'cpu: {cap}' of vm group '\(group.name)' has no effect: it is more than its vCPUs")
      }
      if group.shadowPages != nil, !hosts.contains(where: { $0.design.choice.axes[.paging] == "shadow" }) {
        warn("'shadow_pages' of vm group '\(group.name)' has no effect: no host has shadow paging", at: group.location)
      }
      for (device, options) in [("nic", group.nicOptions), ("disk", group.diskOptions)] {
        if let workers = options.workers, workers > options.queues {
          warn(
            "the \(device) of vm group '\(group.name)' has \(workers) workers, of which \(workers - options.queues) have no "
              + "queue", at: options.location ?? group.location)
        }
      }
      if let workload = scenario.workloads.first(where: { $0.name == group.workload }) {
        if !isFleet, let references = workload.memory, references.workingSet > group.memory.bytes {
          warn(
            "workload '\(workload.name)' works on \(ByteCount(bytes: references.workingSet)), more than the memory of vm group "
              + "'\(group.name)', \(group.memory): what does not fit is taken to be there unless the host or a balloon takes it",
            at: group.location)
        }
        if workload.switching != nil {
          let missing = Set(hosts.map(\.design.profile).filter { $0.effectiveCache == nil }.map(\.name))
          for profile in missing.sorted() {
            warn(
              "'data' of the switches of workload '\(workload.name)' has no effect: profile '\(profile)' has no cache")
          }
        }
        for operation in GuestOperation.allCases {
          let siblings = workload.extents[operation]?.siblings ?? 0
          if siblings > 0, group.vcpus != VMGroup.tracedVCPUs, siblings >= group.vcpus {
            warn(
              "'\(operation)' of workload '\(workload.name)' has \(siblings) siblings, more than the other vCPUs of vm "
                + "group '\(group.name)'")
          }
        }
      }
      if !isFleet, !hasNodes, group.nodes != NodeOptions() {
        warn("'numa' of vm group '\(group.name)' has no effect: no host has nodes")
      }
    }
  }

  private mutating func remark(_ keys: [(key: String, isStated: Bool)], of owner: String) {
    for (key, isStated) in keys where isStated {
      warn("'\(key)' of \(owner) has no effect: \(isFleet ? "fleets leave it out" : "only fleets use it")")
    }
  }
}
