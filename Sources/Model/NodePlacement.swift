import Virtualization

/// Memory nodes of a host.
public struct HostNodes: Sendable, Hashable {
  /// Who runs on which node.
  public enum Scheduling: String, CaseIterable, Sendable, Hashable {
    /// VMs have home nodes, on whose processors their vCPUs run.
    case aware
    /// vCPUs run on any processor.
    case blind
  }

  /// How many; each has the same part of processors and memory.
  public var count: Int
  /// Whether vCPUs keep to their home nodes.
  public var scheduling = Scheduling.aware

  /// Creates nodes.
  public init(count: Int, scheduling: Scheduling = .aware) {
    self.count = count
    self.scheduling = scheduling
  }
}

/// Where a VM's memory lies.
public struct NodeOptions: Sendable, Hashable {
  /// Rules.
  public enum Placement: String, CaseIterable, Sendable, Hashable {
    /// On the home nodes, as first touch by vCPUs there leaves it; what does not fit there elsewhere.
    case local
    /// Page by page in turn over all nodes.
    case interleaved
    /// In equal parts of consecutive addresses, one for each node.
    case striped
  }

  /// The rule.
  public var placement = Placement.local
  /// Whether it is an error if memory does not fit on the home nodes.
  public var isStrict = false
  /// Whether the guest sees the nodes, and keeps its threads' memory beside them.
  public var isExposed = false
  /// Share of references to memory that threads share, which even a guest that sees the nodes cannot keep beside them.
  public var sharedShare = 0.0

  /// Local, not strict, not exposed.
  public init() {}
}

/// Where a VM runs and has its memory.
public struct NodeHome: Sendable, Hashable {
  /// Numbers of the nodes on which its vCPUs run.
  public var nodes: [Int]
  /// Share of its references to memory that go to a node other than the vCPU's.
  public var remoteShare: Double
}

/// Places VMs on the nodes of one host, in their order.
struct NodePlacement {
  let nodes: HostNodes
  /// Processors of a node.
  let processors: Int
  /// Bytes left of each node, and vCPUs that run there.
  private(set) var free: [Double]
  private(set) var vcpus: [Double]

  init(nodes: HostNodes, processors: Int, capacity: Double) {
    self.nodes = nodes
    self.processors = processors / nodes.count
    free = [Double](repeating: capacity / Double(nodes.count), count: nodes.count)
    vcpus = [Double](repeating: 0, count: nodes.count)
  }

  /// A VM's home, or nil where its memory has to and does not fit there.
  ///
  /// Home nodes are as few consecutive ones as have enough processors: of those with room for the memory the least loaded
  /// by vCPUs, then those with the most memory left. A VM that is pinned has its home where it is pinned to.
  ///
  /// - Complexity: O(nodes²).
  mutating func place(
    vcpus count: Int, memory: Double, pinned: [Int]?, options: NodeOptions, references: MemoryReferences?
  ) -> NodeHome? {
    let all = nodes.count
    let width = min(all, max(1, (count + processors - 1) / processors))
    var home: [Int]
    if let pinned {
      home = Set(pinned.map { $0 / processors }).sorted()
    } else {
      func isBetter(_ first: Int, _ second: Int) -> Bool {
        func sum(_ values: [Double], _ start: Int) -> Double { values[start..<start + width].reduce(0, +) }
        let fits = (sum(free, first) >= memory, sum(free, second) >= memory)
        if fits.0 != fits.1 { return fits.0 }
        if sum(vcpus, first) != sum(vcpus, second) { return sum(vcpus, first) < sum(vcpus, second) }
        return sum(free, first) > sum(free, second)
      }
      let start = (1...max(1, all - width)).reduce(0) { $1 + width <= all && isBetter($1, $0) ? $1 : $0 }
      home = Array(start..<start + width)
    }
    var shares = [Double](repeating: 0, count: all)
    switch options.placement {
    case .local:
      guard let local = localShares(memory: memory, home: home, isStrict: options.isStrict) else { return nil }
      shares = local
    case .interleaved, .striped:
      for node in 0..<all { shares[node] = 1 / Double(all) }
      for node in 0..<all { free[node] -= memory / Double(all) }
      if options.placement == .striped, let references { shares = Self.stripes(of: references, count: all) }
    }
    let runs = pinned == nil && nodes.scheduling == .blind ? Array(0..<all) : home
    for node in runs { vcpus[node] += Double(count) / Double(runs.count) }
    var remote = runs.reduce(0) { $0 + (1 - shares[$1]) / Double(runs.count) }
    if options.isExposed, options.placement == .local, runs == home {
      // A thread's own memory is beside it as far as it lies on the home nodes at all.
      let away = 1 - home.reduce(0) { $0 + shares[$1] }
      remote = options.sharedShare * remote + (1 - options.sharedShare) * away
    }
    return NodeHome(nodes: runs, remoteShare: max(0, remote))
  }

  /// Memory on the home nodes in equal parts, as far as there is room; the rest where most is left.
  private mutating func localShares(memory: Double, home: [Int], isStrict: Bool) -> [Double]? {
    var shares = [Double](repeating: 0, count: nodes.count)
    var left = memory
    func take(_ bytes: Double, from node: Int) {
      shares[node] += bytes / memory
      free[node] -= bytes
      left -= bytes
    }
    for (position, node) in home.enumerated() {
      take(max(0, min(free[node], left / Double(home.count - position))), from: node)
    }
    // Parts that did not fit on one of several home nodes.
    for node in home where left > 0.5 { take(max(0, min(free[node], left)), from: node) }
    if left > 0.5 && isStrict { return nil }
    while left > 0.5 {
      let node = free.indices.max { free[$0] < free[$1] } ?? 0
      // The last one takes what overcommitted hosts promise beyond their memory.
      take(free[node] > 0.5 ? min(free[node], left) : left, from: node)
    }
    return shares
  }

  /// References by node when regions stand one after another and each node has an equal part of the addresses.
  private static func stripes(of references: MemoryReferences, count: Int) -> [Double] {
    let stripe = Double(references.workingSet) / Double(count)
    var shares = [Double](repeating: 0, count: count)
    var start = 0.0
    for region in references.regions {
      let end = start + Double(region.bytes)
      for node in 0..<count {
        let overlap = max(0, min(end, stripe * Double(node + 1)) - max(start, stripe * Double(node)))
        shares[node] += region.share * overlap / Double(region.bytes)
      }
      start = end
    }
    return shares
  }
}

extension ModelAssembly {
  /// Gives VMs of hosts with nodes their homes, and charges them for memory of other nodes.
  mutating func placeOnNodes() {
    guard faults.isEmpty else { return }
    for slot in slots.indices {
      let group = scenario.hosts[slots[slot].group]
      guard let nodes = group.nodes else { continue }
      guard hosts[slot].cores % nodes.count == 0 else {
        fault(
          group.location,
          "host '\(group.name)' has \(hosts[slot].cores) hardware threads, which \(nodes.count) nodes cannot share; expected "
            + "a number of nodes that divides the cores")
        continue
      }
      hosts[slot].nodes = nodes
      var placement = NodePlacement(
        nodes: nodes, processors: hosts[slot].cores, capacity: Double(slots[slot].capacity))
      for member in slots[slot].members {
        let vm = scenario.vms[member.group]
        let home = placement.place(
          vcpus: vm.vcpus, memory: Double(vm.memory.bytes), pinned: vm.share.pinned, options: vm.nodes,
          references: scenario.workloads[vms[member.vm].workload].memory)
        guard let home else {
          fault(
            vm.location,
            "vm '\(vms[member.vm].name)' needs \(vm.memory) on its home nodes of host '\(hosts[slot].name)', which have less "
              + "left; expected less memory, or 'strict: false'")
          continue
        }
        vms[member.vm].home = home
        if vm.share.pinned == nil, nodes.scheduling == .aware, home.nodes.count < nodes.count {
          let each = hosts[slot].cores / nodes.count
          vms[member.vm].share.pinned = home.nodes.flatMap { Array($0 * each..<($0 + 1) * each) }
        }
      }
      guard faults.isEmpty else { return }
      chargeRemoteMemory(of: slot)
    }
  }

  /// Adds references to other nodes' memory to the loads of a host's VMs. What the links into a node carry slows them: the
  /// wait at which the traffic of all VMs and the load of the links agree.
  private mutating func chargeRemoteMemory(of slot: Int) {
    let members = slots[slot].members.map(\.vm).filter { vms[$0].home?.remoteShare ?? 0 > 0 }
    guard !members.isEmpty else { return }
    guard let (data, owner) = hosts[slot].design.profile.effectiveNodes else {
      warn(
        "host '\(hosts[slot].name)' has nodes, but profile '\(hosts[slot].design.profile.name)' has no 'memory_nodes': "
          + "memory of other nodes costs nothing more")
      return
    }
    let added = data.added(at: owner.frequency)
    var flows: [(vm: Int, traffic: MemoryTraffic, busy: Double)] = []
    for vm in members {
      let workload = scenario.workloads[vms[vm].workload]
      guard let memory = workload.memory,
        let traffic = MemoryTraffic(
          memory: memory, translation: vms[vm].load.translation, profile: hosts[slot].design.profile)
      else { continue }
      flows.append((vm, traffic, workload.nominalBusy(vcpus: vms[vm].vcpus)))
    }
    let count = Double(hosts[slot].nodes?.count ?? 1)
    /// Load of the links into a node when all VMs wait so long for a line.
    func load(_ wait: Double) -> Double {
      flows.reduce(0) { sum, flow in
        let share = vms[flow.vm].home?.remoteShare ?? 0
        let slowdown = 1 + flow.traffic.waited * share * (added + wait) * 1e-9
        return sum + flow.busy * flow.traffic.lines * share / slowdown
      } / count * data.lineTime * 1e-9
    }
    var lower = 0.0
    var upper = 1e6
    for _ in 0..<100 {
      let middle = (lower + upper) / 2
      if data.wait(load: load(middle)) > middle { lower = middle } else { upper = middle }
    }
    let wait = (lower + upper) / 2 < 1e-3 ? 0 : (lower + upper) / 2
    for flow in flows {
      let rate = flow.traffic.waited * (vms[flow.vm].home?.remoteShare ?? 0)
      let entries = rate > 0 ? [OperationLoad.Entry(operation: .remoteAccess, rate: rate)] : []
      vms[flow.vm].changeLoads {
        $0.adding(
          entries, design: $0.design.reaching(remote: added, wait: wait, document: owner.name, nodes: data))
      }
    }
  }
}
