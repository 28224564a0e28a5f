/// The jobs of a station with classes: their data, and one line of waiting jobs a class.
struct PriorityJobs {
  struct Job: BitwiseCopyable {
    var name: UInt32
    var priority: UInt32
    var remaining: Int64
    var arrival: UInt64
    /// The slot of the next job in the line or in the list of free slots.
    var next: UInt32
    var hasStarted: Bool
  }

  private struct Line: BitwiseCopyable {
    var first = PriorityJobs.none
    var last = PriorityJobs.none
  }

  static let none = UInt32.max

  private var slots: UnsafeMutablePointer<Job>
  private var capacity = 8
  private var usedSlots = 0
  private var firstFree = PriorityJobs.none
  private var arrivals: UInt64 = 0
  private let lines: UnsafeMutablePointer<Line>
  let classes: Int
  /// The number of jobs in all lines.
  private(set) var waiting = 0

  init(classes: Int) {
    self.classes = classes
    slots = .allocate(capacity: capacity)
    lines = .allocate(capacity: classes)
    lines.initialize(repeating: Line(), count: classes)
  }

  func deallocate() {
    slots.deallocate()
    lines.deallocate()
  }

  subscript(slot: UInt32) -> Job {
    get { slots[Int(slot)] }
    nonmutating set { slots[Int(slot)] = newValue }
  }

  mutating func add(name: UInt32, priority: Int, work: Int64) -> UInt32 {
    let slot: UInt32
    if firstFree != PriorityJobs.none {
      slot = firstFree
      firstFree = slots[Int(slot)].next
    } else {
      if usedSlots == capacity { grow() }
      slot = UInt32(usedSlots)
      usedSlots += 1
    }
    slots[Int(slot)] = Job(
      name: name, priority: UInt32(priority), remaining: work, arrival: arrivals, next: PriorityJobs.none,
      hasStarted: false)
    arrivals &+= 1
    return slot
  }

  mutating func remove(_ slot: UInt32) {
    slots[Int(slot)].next = firstFree
    firstFree = slot
  }

  /// Puts a new job at the end of its class's line.
  mutating func append(_ slot: UInt32) {
    let line = lines + Int(slots[Int(slot)].priority)
    slots[Int(slot)].next = PriorityJobs.none
    if line.pointee.first == PriorityJobs.none {
      line.pointee.first = slot
    } else {
      slots[Int(line.pointee.last)].next = slot
    }
    line.pointee.last = slot
    waiting += 1
  }

  /// Puts a preempted job before all of its class, which came later.
  mutating func prepend(_ slot: UInt32) {
    let line = lines + Int(slots[Int(slot)].priority)
    slots[Int(slot)].next = line.pointee.first
    if line.pointee.first == PriorityJobs.none { line.pointee.last = slot }
    line.pointee.first = slot
    waiting += 1
  }

  /// Takes out the first job of the most urgent class that has one.
  mutating func popFirst() -> UInt32? {
    guard waiting > 0 else { return nil }
    var line = lines
    while line.pointee.first == PriorityJobs.none { line += 1 }
    let slot = line.pointee.first
    line.pointee.first = slots[Int(slot)].next
    waiting -= 1
    return slot
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Job>.allocate(capacity: 2 * capacity)
    larger.moveInitialize(from: slots, count: usedSlots)
    slots.deallocate()
    slots = larger
    capacity *= 2
  }
}
