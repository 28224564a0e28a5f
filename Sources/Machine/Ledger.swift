import EventKernel
import Quantities
import Virtualization

/// Exact counts and CPU times of virtualization's steps, one leaf per (VM, operation, step, place).
///
/// Times are fixed point (`FineTime`). Leaves of one group stand side by side, in path order.
struct Ledger {
  /// What a leaf stands for.
  struct Leaf {
    let vm: Int
    let operation: GuestOperation
    let charge: StepCharge
  }

  private(set) var leaves: [Leaf] = []
  private(set) var time: UnsafeMutablePointer<Int64>
  private(set) var count: UnsafeMutablePointer<Int64>
  /// The laws of the leaves' costs, for drawing in the event loop.
  private(set) var draws: UnsafeMutablePointer<CostDraw>
  private var capacity: Int

  init() {
    capacity = 64
    time = .allocate(capacity: capacity)
    count = .allocate(capacity: capacity)
    draws = .allocate(capacity: capacity)
  }

  func deallocate() {
    time.deallocate()
    count.deallocate()
    draws.deallocate()
  }

  /// Opens leaves for the charges of an operation of a VM and returns the index of the first.
  mutating func open(vm: Int, operation: GuestOperation, charges: [StepCharge]) -> Int {
    let first = leaves.count
    for charge in charges {
      if leaves.count == capacity { grow() }
      time[leaves.count] = 0
      count[leaves.count] = 0
      (draws + leaves.count).initialize(to: charge.draw)
      leaves.append(Leaf(vm: vm, operation: operation, charge: charge))
    }
    return first
  }

  /// Starts the measured window: forgets all that was booked.
  func reset() {
    for index in leaves.indices {
      time[index] = 0
      count[index] = 0
    }
  }

  private mutating func grow() {
    let newTime = UnsafeMutablePointer<Int64>.allocate(capacity: capacity * 2)
    let newCount = UnsafeMutablePointer<Int64>.allocate(capacity: capacity * 2)
    newTime.update(from: time, count: capacity)
    let newDraws = UnsafeMutablePointer<CostDraw>.allocate(capacity: capacity * 2)
    newCount.update(from: count, count: capacity)
    newDraws.update(from: draws, count: capacity)
    deallocate()
    time = newTime
    count = newCount
    draws = newDraws
    capacity *= 2
  }
}

/// The leaves that one activity books: a stall of a vCPU, or a backend's work.
struct LeafGroup {
  /// The first leaf.
  var first: Int32 = 0
  /// How many.
  var count: Int32 = 0
  /// Expected total of one operation in units of `FineTime`.
  var mean: Int64 = 0

  var isEmpty: Bool { count == 0 }
}
