import Model

/// The migrations under way, and what each host's interface gives them.
///
/// Interfaces are full duplex: what leaves a host and what comes to it do not take from each other. Moves keep their places
/// while they last; each host's moves are linked, so that what a change concerns is found without looking at the others.
final class Moves {
  enum Phase: UInt8 {
    /// Waits for its target to wake up.
    case waiting
    /// The VM runs and is copied.
    case copying
    /// The VM stands still for the last round.
    case stopped
    /// All is sent; state is set up on the target.
    case switching
  }

  struct Move {
    var vm: Int32
    var source: Int32
    var target: Int32
    /// Number in the report.
    var record: Int32
    var phase = Phase.waiting
    /// Told apart from earlier plans, and earlier users of the place.
    var generation: UInt32 = 0
    var nextOut: Int32 = -1
    var nextIn: Int32 = -1
    /// Index of the cost that the VM has while it is copied, and of that which accounts take.
    var cost: Int32
    var account: Int32
    var progress: PreCopy.Progress
    /// What the copying is: rates and limits.
    var copy: PreCopy
    /// Bytes that are left of the round, as of `settled`; bytes a second, and bytes a second that the guest writes.
    var left: Double
    var rate = 0.0
    var writing = 0.0
    var settled: Int64
    var stopped: Int64 = 0
    /// When the round began.
    var roundStart: Int64 = 0
    var isFresh = true
  }

  private(set) var all: [Move] = []
  private var free: [Int32] = []
  private var firstOut: [Int32]
  private var firstIn: [Int32]
  /// Number of the move of each VM, -1 without.
  private(set) var ofVM: [Int32]
  private(set) var count = 0
  /// Hosts whose moves changed since the bandwidth was last shared.
  private var changed: [Int32] = []
  private var stamp: UInt32 = 0
  private var hostStamp: [UInt32]
  private var moveStamp: [UInt32] = []
  private var component: [Int32] = []
  private var fixed: [Int32] = []
  private var out: [(left: Double, users: Int32)]
  private var into: [(left: Double, users: Int32)]
  private let capacities: [Double]
  private let limit: Double
  private let isShared: Bool

  /// - Parameters:
  ///   - capacities: bytes a second that each host's interface gives to migrations, in each direction.
  ///   - limit: bytes a second of one migration.
  ///   - isShared: whether interfaces are shared; else moves are only kept.
  init(capacities: [Double], vmCount: Int, limit: Double, isShared: Bool = true) {
    self.capacities = capacities
    self.limit = limit
    self.isShared = isShared
    firstOut = capacities.map { _ in -1 }
    firstIn = firstOut
    hostStamp = capacities.map { _ in 0 }
    out = capacities.map { ($0, 0) }
    into = out
    ofVM = [Int32](repeating: -1, count: vmCount)
  }

  subscript(_ index: Int) -> Move {
    get { all[index] }
    _modify { yield &all[index] }
  }

  /// Adds a move and gives its number.
  func add(_ move: Move) -> Int {
    var move = move
    let index: Int
    if let place = free.popLast() {
      index = Int(place)
      move.generation = all[index].generation &+ 1
    } else {
      index = all.count
      moveStamp.append(0)
    }
    move.nextOut = firstOut[Int(move.source)]
    move.nextIn = firstIn[Int(move.target)]
    firstOut[Int(move.source)] = Int32(index)
    firstIn[Int(move.target)] = Int32(index)
    ofVM[Int(move.vm)] = Int32(index)
    if index == all.count { all.append(move) } else { all[index] = move }
    count += 1
    return index
  }

  func remove(_ index: Int) {
    let move = all[index]
    unlink(Int32(index), from: &firstOut[Int(move.source)], next: \.nextOut)
    unlink(Int32(index), from: &firstIn[Int(move.target)], next: \.nextIn)
    ofVM[Int(move.vm)] = -1
    all[index].generation &+= 1
    free.append(Int32(index))
    count -= 1
    change(move)
  }

  private func unlink(_ index: Int32, from first: inout Int32, next: WritableKeyPath<Move, Int32>) {
    if first == index {
      first = all[Int(index)][keyPath: next]
      return
    }
    var before = first
    while all[Int(before)][keyPath: next] != index { before = all[Int(before)][keyPath: next] }
    all[Int(before)][keyPath: next] = all[Int(index)][keyPath: next]
  }

  /// Visits the moves away from a host.
  func forEach(from host: Int, _ body: (Int) -> Void) {
    var index = firstOut[host]
    while index >= 0 {
      let next = all[Int(index)].nextOut
      body(Int(index))
      index = next
    }
  }

  /// Visits the moves to a host.
  func forEach(to host: Int, _ body: (Int) -> Void) {
    var index = firstIn[host]
    while index >= 0 {
      let next = all[Int(index)].nextIn
      body(Int(index))
      index = next
    }
  }

  /// Notes that what the ends of a move give must be shared anew.
  func change(_ move: Move) {
    guard isShared else { return }
    changed.append(move.source)
    changed.append(move.target)
  }

  /// Books what was sent and written since the last time.
  func settle(_ index: Int, at now: Int64) {
    let span = Double(now - all[index].settled) * 1e-9
    all[index].settled = now
    guard span > 0 else { return }
    all[index].left = max(0, all[index].left - all[index].rate * span)
    all[index].written(span)
  }

  /// Whether interfaces must be shared anew.
  var needsSharing: Bool { !changed.isEmpty }

  /// Shares the interfaces anew among the moves that the changes concern, max-min: the shares of all grow alike until an
  /// interface is used up or a move has its limit.
  ///
  /// - Parameter changedRate: called with a move and its new rate where that is another.
  /// - Complexity: O(bottlenecks × moves) of the parts of the network that changed.
  func share(_ changedRate: (Int, Double) -> Void) {
    stamp &+= 1
    component.removeAll(keepingCapacity: true)
    while let host = changed.popLast() {
      guard hostStamp[Int(host)] != stamp else { continue }
      hostStamp[Int(host)] = stamp
      forEach(from: Int(host)) { gather($0) }
      forEach(to: Int(host)) { gather($0) }
    }
    component.heapSort(by: <)
    for index in component {
      let move = all[Int(index)]
      out[Int(move.source)] = (capacities[Int(move.source)], out[Int(move.source)].users + 1)
      into[Int(move.target)] = (capacities[Int(move.target)], into[Int(move.target)].users + 1)
    }
    while !component.isEmpty {
      var level = limit
      for index in component {
        let (source, target) = (out[Int(all[Int(index)].source)], into[Int(all[Int(index)].target)])
        let own = all[Int(index)].progress.limit
        level = min(level, own, source.left / Double(source.users), target.left / Double(target.users))
      }
      var kept = 0
      fixed.removeAll(keepingCapacity: true)
      for index in component {
        let (source, target) = (out[Int(all[Int(index)].source)], into[Int(all[Int(index)].target)])
        let most = min(limit, all[Int(index)].progress.limit)
        let own = min(most, source.left / Double(source.users), target.left / Double(target.users))
        if own <= level * (1 + 1e-12) {
          fixed.append(index)
        } else {
          component[kept] = index
          kept += 1
        }
      }
      component.removeLast(component.count - kept)
      for index in fixed {
        let move = all[Int(index)]
        out[Int(move.source)].left -= level
        out[Int(move.source)].users -= 1
        into[Int(move.target)].left -= level
        into[Int(move.target)].users -= 1
        if level != move.rate || move.isFresh { changedRate(Int(index), level) }
      }
    }
  }

  private func gather(_ index: Int) {
    guard moveStamp[index] != stamp, [.copying, .stopped].contains(all[index].phase) else { return }
    moveStamp[index] = stamp
    component.append(Int32(index))
    changed.append(all[index].source)
    changed.append(all[index].target)
  }
}

extension Moves.Move {
  /// Books what the guest wrote in a span of seconds.
  mutating func written(_ span: Double) {
    if phase == .copying { progress.written += writing * span }
  }
}
