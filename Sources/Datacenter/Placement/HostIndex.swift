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
  private let left: UnsafeMutablePointer<Int32>
  private let right: UnsafeMutablePointer<Int32>
  private let keys: UnsafeMutablePointer<Double>
  private let memory: UnsafeMutablePointer<Double>
  private let cpu: UnsafeMutablePointer<Double>
  private let mostMemory: UnsafeMutablePointer<Double>
  private let mostCPU: UnsafeMutablePointer<Double>
  private var root: Int32 = -1
  private let equalsDescend: Bool

  /// An empty index for hosts numbered below `capacity`.
  ///
  /// - Parameter equalsDescend: whether hosts of equal keys stand in descending order of their numbers.
  init(capacity: Int, equalsDescend: Bool = false) {
    left = .allocate(capacity: capacity)
    right = .allocate(capacity: capacity)
    keys = .allocate(capacity: capacity)
    memory = .allocate(capacity: capacity)
    cpu = .allocate(capacity: capacity)
    mostMemory = .allocate(capacity: capacity)
    mostCPU = .allocate(capacity: capacity)
    self.equalsDescend = equalsDescend
  }

  deinit {
    left.deallocate()
    right.deallocate()
    keys.deallocate()
    memory.deallocate()
    cpu.deallocate()
    mostMemory.deallocate()
    mostCPU.deallocate()
  }

  private func priority(_ host: Int32) -> UInt32 {
    // Finalizer of MurmurHash3, a bijection of 32 bits [A. Appleby].
    var hash = UInt32(bitPattern: host)
    hash ^= hash >> 16
    hash = hash &* 0x85eb_ca6b
    hash ^= hash >> 13
    hash = hash &* 0xc2b2_ae35
    return hash ^ hash >> 16
  }

  private func precedes(_ host: Int32, _ key: Double, _ other: Int32) -> Bool {
    if key != keys[Int(other)] { return key < keys[Int(other)] }
    return equalsDescend ? host > other : host < other
  }

  private func refresh(_ node: Int32) {
    let index = Int(node)
    var most = memory[index]
    var mostLeft = cpu[index]
    let low = Int(left[index])
    let high = Int(right[index])
    if low >= 0 {
      most = max(most, mostMemory[low])
      mostLeft = max(mostLeft, mostCPU[low])
    }
    if high >= 0 {
      most = max(most, mostMemory[high])
      mostLeft = max(mostLeft, mostCPU[high])
    }
    mostMemory[index] = most
    mostCPU[index] = mostLeft
  }

  /// Adds a host that is not in.
  func insert(_ host: Int, key: Double, memory: Double, cpu: Double) {
    keys[host] = key
    self.memory[host] = memory
    self.cpu[host] = cpu
    left[host] = -1
    right[host] = -1
    root = insert(Int32(host), key, at: root)
  }

  private func insert(_ host: Int32, _ key: Double, at node: Int32) -> Int32 {
    guard node >= 0 else {
      refresh(host)
      return host
    }
    if priority(host) > priority(node) {
      let (low, high) = split(node, host, key)
      left[Int(host)] = low
      right[Int(host)] = high
      refresh(host)
      return host
    }
    if precedes(host, key, node) {
      left[Int(node)] = insert(host, key, at: left[Int(node)])
    } else {
      right[Int(node)] = insert(host, key, at: right[Int(node)])
    }
    refresh(node)
    return node
  }

  private func split(_ node: Int32, _ host: Int32, _ key: Double) -> (low: Int32, high: Int32) {
    guard node >= 0 else { return (-1, -1) }
    if precedes(host, key, node) {
      let (low, high) = split(left[Int(node)], host, key)
      left[Int(node)] = high
      refresh(node)
      return (low, node)
    }
    let (low, high) = split(right[Int(node)], host, key)
    right[Int(node)] = low
    refresh(node)
    return (node, high)
  }

  /// Takes a host out that is in.
  func remove(_ host: Int) { root = remove(Int32(host), keys[host], at: root) }

  private func remove(_ host: Int32, _ key: Double, at node: Int32) -> Int32 {
    guard node >= 0 else { preconditionFailure("the host is not in the index") }
    if node == host { return merge(left[Int(node)], right[Int(node)]) }
    if precedes(host, key, node) {
      left[Int(node)] = remove(host, key, at: left[Int(node)])
    } else {
      right[Int(node)] = remove(host, key, at: right[Int(node)])
    }
    refresh(node)
    return node
  }

  private func merge(_ low: Int32, _ high: Int32) -> Int32 {
    if low < 0 { return high }
    if high < 0 { return low }
    if priority(low) > priority(high) {
      right[Int(low)] = merge(right[Int(low)], high)
      refresh(low)
      return low
    }
    left[Int(high)] = merge(low, left[Int(high)])
    refresh(high)
    return high
  }

  /// The first host with a key of at least `lowest` that has so much memory and CPU left and is `accepted`.
  func first(
    from lowest: Double = -.infinity, memory: Double, cpu: Double, accepted: (Int) -> Bool = { _ in true }
  ) -> Int? {
    let found = first(root, lowest, memory, cpu, accepted)
    return found < 0 ? nil : Int(found)
  }

  private func first(
    _ node: Int32, _ lowest: Double, _ memory: Double, _ cpu: Double, _ accepted: (Int) -> Bool
  ) -> Int32 {
    guard node >= 0 else { return -1 }
    let index = Int(node)
    guard mostMemory[index] >= memory, mostCPU[index] >= cpu else { return -1 }
    if keys[index] >= lowest {
      let found = first(left[index], lowest, memory, cpu, accepted)
      if found >= 0 { return found }
      if self.memory[index] >= memory, self.cpu[index] >= cpu, accepted(index) { return node }
    }
    return first(right[index], lowest, memory, cpu, accepted)
  }

  /// The last host with a key of at most `highest` that has so much left and is `accepted`.
  func last(
    to highest: Double = .infinity, memory: Double, cpu: Double, accepted: (Int) -> Bool = { _ in true }
  ) -> Int? {
    let found = last(root, highest, memory, cpu, accepted)
    return found < 0 ? nil : Int(found)
  }

  private func last(
    _ node: Int32, _ highest: Double, _ memory: Double, _ cpu: Double, _ accepted: (Int) -> Bool
  ) -> Int32 {
    guard node >= 0 else { return -1 }
    let index = Int(node)
    guard mostMemory[index] >= memory, mostCPU[index] >= cpu else { return -1 }
    if keys[index] <= highest {
      let found = last(right[index], highest, memory, cpu, accepted)
      if found >= 0 { return found }
      if self.memory[index] >= memory, self.cpu[index] >= cpu, accepted(index) { return node }
    }
    return last(left[index], highest, memory, cpu, accepted)
  }

  /// The key of a host.
  func key(of host: Int) -> Double { keys[host] }
}
