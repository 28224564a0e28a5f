/// Hosts of one class in the order of a key, to be found by what they have left.
///
/// A treap whose nodes know the greatest memory and CPU below them. Priorities come from the hosts' numbers, so that its
/// shape is the same in every run.
///
/// | operation | expected time |
/// |---|---|
/// | insert, remove | O(log hosts) |
/// | first or last that fits | O(log hosts) mostly; more when memory and CPU run out on different hosts |
final class HostIndex {
  /// A host in the index: what a step down the tree reads lies in one line of the cache.
  private struct Node {
    var left: Int32 = -1
    var right: Int32 = -1
    var key = 0.0
    var memory = 0.0
    var cpu = 0.0
    var mostMemory = 0.0
    var mostCPU = 0.0
    var priority: UInt32 = 0
  }

  private let nodes: UnsafeMutablePointer<Node>
  private var root: Int32 = -1
  private let equalsDescend: Bool

  /// An empty index for hosts numbered below `capacity`.
  ///
  /// - Parameter equalsDescend: whether hosts of equal keys stand in descending order of their numbers.
  init(capacity: Int, equalsDescend: Bool = false) {
    nodes = .allocate(capacity: max(1, capacity))
    nodes.initialize(repeating: Node(), count: max(1, capacity))
    self.equalsDescend = equalsDescend
  }

  deinit { nodes.deallocate() }

  private static func priority(_ host: Int32) -> UInt32 {
    // Finalizer of MurmurHash3, a bijection of 32 bits [A. Appleby].
    var hash = UInt32(bitPattern: host)
    hash ^= hash >> 16
    hash = hash &* 0x85eb_ca6b
    hash ^= hash >> 13
    hash = hash &* 0xc2b2_ae35
    return hash ^ hash >> 16
  }

  private func precedes(_ host: Int32, _ key: Double, _ other: Int32) -> Bool {
    let own = nodes[Int(other)].key
    if key != own { return key < own }
    return equalsDescend ? host > other : host < other
  }

  private func refresh(_ node: Int32) {
    let own = nodes + Int(node)
    var memory = own.pointee.memory
    var cpu = own.pointee.cpu
    let low = own.pointee.left
    let high = own.pointee.right
    if low >= 0 {
      memory = max(memory, nodes[Int(low)].mostMemory)
      cpu = max(cpu, nodes[Int(low)].mostCPU)
    }
    if high >= 0 {
      memory = max(memory, nodes[Int(high)].mostMemory)
      cpu = max(cpu, nodes[Int(high)].mostCPU)
    }
    own.pointee.mostMemory = memory
    own.pointee.mostCPU = cpu
  }

  /// Adds a host that is not in.
  func insert(_ host: Int, key: Double, memory: Double, cpu: Double) {
    nodes[host] = Node(key: key, memory: memory, cpu: cpu, priority: Self.priority(Int32(host)))
    root = insert(Int32(host), key, at: root)
  }

  private func insert(_ host: Int32, _ key: Double, at node: Int32) -> Int32 {
    guard node >= 0 else {
      refresh(host)
      return host
    }
    if nodes[Int(host)].priority > nodes[Int(node)].priority {
      let (low, high) = split(node, host, key)
      nodes[Int(host)].left = low
      nodes[Int(host)].right = high
      refresh(host)
      return host
    }
    if precedes(host, key, node) {
      nodes[Int(node)].left = insert(host, key, at: nodes[Int(node)].left)
    } else {
      nodes[Int(node)].right = insert(host, key, at: nodes[Int(node)].right)
    }
    refresh(node)
    return node
  }

  private func split(_ node: Int32, _ host: Int32, _ key: Double) -> (low: Int32, high: Int32) {
    guard node >= 0 else { return (-1, -1) }
    if precedes(host, key, node) {
      let (low, high) = split(nodes[Int(node)].left, host, key)
      nodes[Int(node)].left = high
      refresh(node)
      return (low, node)
    }
    let (low, high) = split(nodes[Int(node)].right, host, key)
    nodes[Int(node)].right = low
    refresh(node)
    return (node, high)
  }

  /// Takes a host out that is in.
  func remove(_ host: Int) { root = remove(Int32(host), nodes[host].key, at: root) }

  private func remove(_ host: Int32, _ key: Double, at node: Int32) -> Int32 {
    guard node >= 0 else { preconditionFailure("the host is not in the index") }
    if node == host { return merge(nodes[Int(node)].left, nodes[Int(node)].right) }
    if precedes(host, key, node) {
      nodes[Int(node)].left = remove(host, key, at: nodes[Int(node)].left)
    } else {
      nodes[Int(node)].right = remove(host, key, at: nodes[Int(node)].right)
    }
    refresh(node)
    return node
  }

  private func merge(_ low: Int32, _ high: Int32) -> Int32 {
    if low < 0 { return high }
    if high < 0 { return low }
    if nodes[Int(low)].priority > nodes[Int(high)].priority {
      nodes[Int(low)].right = merge(nodes[Int(low)].right, high)
      refresh(low)
      return low
    }
    nodes[Int(high)].left = merge(low, nodes[Int(high)].left)
    refresh(high)
    return high
  }

  /// The first host with a key of at least `lowest` that has so much memory and CPU left.
  func first(from lowest: Double = -.infinity, memory: Double, cpu: Double) -> Int? {
    let found = first(root, lowest, memory, cpu)
    return found < 0 ? nil : Int(found)
  }

  private func first(_ node: Int32, _ lowest: Double, _ memory: Double, _ cpu: Double) -> Int32 {
    guard node >= 0 else { return -1 }
    let own = nodes + Int(node)
    guard own.pointee.mostMemory >= memory, own.pointee.mostCPU >= cpu else { return -1 }
    if own.pointee.key >= lowest {
      let found = first(own.pointee.left, lowest, memory, cpu)
      if found >= 0 { return found }
      if own.pointee.memory >= memory, own.pointee.cpu >= cpu { return node }
    }
    return first(own.pointee.right, lowest, memory, cpu)
  }

  /// The first of them that is `accepted`.
  func first(
    from lowest: Double = -.infinity, memory: Double, cpu: Double, accepted: (Int) -> Bool
  ) -> Int? {
    let found = first(root, lowest, memory, cpu, accepted)
    return found < 0 ? nil : Int(found)
  }

  private func first(
    _ node: Int32, _ lowest: Double, _ memory: Double, _ cpu: Double, _ accepted: (Int) -> Bool
  ) -> Int32 {
    guard node >= 0 else { return -1 }
    let own = nodes + Int(node)
    guard own.pointee.mostMemory >= memory, own.pointee.mostCPU >= cpu else { return -1 }
    if own.pointee.key >= lowest {
      let found = first(own.pointee.left, lowest, memory, cpu, accepted)
      if found >= 0 { return found }
      if own.pointee.memory >= memory, own.pointee.cpu >= cpu, accepted(Int(node)) { return node }
    }
    return first(own.pointee.right, lowest, memory, cpu, accepted)
  }

  /// The last host with a key of at most `highest` that has so much memory and CPU left.
  func last(to highest: Double = .infinity, memory: Double, cpu: Double) -> Int? {
    let found = last(root, highest, memory, cpu)
    return found < 0 ? nil : Int(found)
  }

  private func last(_ node: Int32, _ highest: Double, _ memory: Double, _ cpu: Double) -> Int32 {
    guard node >= 0 else { return -1 }
    let own = nodes + Int(node)
    guard own.pointee.mostMemory >= memory, own.pointee.mostCPU >= cpu else { return -1 }
    if own.pointee.key <= highest {
      let found = last(own.pointee.right, highest, memory, cpu)
      if found >= 0 { return found }
      if own.pointee.memory >= memory, own.pointee.cpu >= cpu { return node }
    }
    return last(own.pointee.left, highest, memory, cpu)
  }

  /// The last of them that is `accepted`.
  func last(
    to highest: Double = .infinity, memory: Double, cpu: Double, accepted: (Int) -> Bool
  ) -> Int? {
    let found = last(root, highest, memory, cpu, accepted)
    return found < 0 ? nil : Int(found)
  }

  private func last(
    _ node: Int32, _ highest: Double, _ memory: Double, _ cpu: Double, _ accepted: (Int) -> Bool
  ) -> Int32 {
    guard node >= 0 else { return -1 }
    let own = nodes + Int(node)
    guard own.pointee.mostMemory >= memory, own.pointee.mostCPU >= cpu else { return -1 }
    if own.pointee.key <= highest {
      let found = last(own.pointee.right, highest, memory, cpu, accepted)
      if found >= 0 { return found }
      if own.pointee.memory >= memory, own.pointee.cpu >= cpu, accepted(Int(node)) { return node }
    }
    return last(own.pointee.left, highest, memory, cpu, accepted)
  }

  /// The key of a host.
  func key(of host: Int) -> Double { nodes[host].key }

  /// Where hosts must be looked for to find the least increase of power by a share `added` of utilization, the keys being
  /// utilizations: the increase is linear between the points where the host, or host and VM, cross one of the power
  /// curve's points, so that its least value lies at the first or last host of such a piece.
  func edges(added: Double, segments: Int, _ visit: (_ from: Double, _ to: Double) -> Void) {
    for point in 0...segments {
      let edge = Double(point) / Double(segments)
      if edge >= 0 { visit(edge, edge) }
      if edge - added >= 0 { visit(edge - added, edge - added) }
    }
  }
}
